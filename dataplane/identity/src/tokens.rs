//! What came of tokens, for one worker: most requests have one that was verified before.
//!
//! Two generations of at most [`GENERATION_MAX`] tokens: what is asked for moves into the younger, and when that is full the
//! older is forgotten. So a token that is used stays, at the price of a lookup, and memory has a bound. A token that was
//! refused is remembered as well. A token is found by a hash with keys of the worker's own and then compared as a whole.

use std::{mem, rc::Rc};

use ahash::{AHashMap, RandomState};
use tollgate_http::Reason;

use crate::Token;

/// Tokens of a generation; with claims and all one takes up to 4 KiB, most often 2.
const GENERATION_MAX: usize = 4096;

/// Verdicts by token.
#[derive(Default)]
pub struct Tokens {
    young: AHashMap<u64, Entry>,
    old: AHashMap<u64, Entry>,
    hasher: RandomState,
}

struct Entry {
    token: Box<[u8]>,
    /// Of whose judgement it is.
    asked: u64,
    verdict: Result<Rc<Token>, Reason>,
}

impl Tokens {
    /// What came of a token; `asked` tells what a route asks of tokens from what others do.
    pub fn get(&mut self, asked: u64, token: &[u8]) -> Option<Result<Rc<Token>, Reason>> {
        let hash = self.hasher.hash_one((asked, token));
        let is_it = |entry: &&Entry| entry.asked == asked && *entry.token == *token;
        if let Some(entry) = self.young.get(&hash).filter(is_it) {
            return Some(entry.verdict.clone());
        }
        self.old.get(&hash).filter(is_it)?;
        let entry = self.old.remove(&hash)?;
        let verdict = entry.verdict.clone();
        self.keep(hash, entry);
        Some(verdict)
    }

    /// Remembers what came of a token.
    pub fn put(&mut self, asked: u64, token: Box<[u8]>, verdict: Result<Token, Reason>) {
        let hash = self.hasher.hash_one((asked, &*token));
        self.keep(hash, Entry { token, asked, verdict: verdict.map(Rc::new) });
    }

    fn keep(&mut self, hash: u64, entry: Entry) {
        if self.young.len() >= GENERATION_MAX {
            self.old = mem::take(&mut self.young);
        }
        self.young.insert(hash, entry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused() -> Result<Token, Reason> {
        Err(Reason::CredentialInvalid)
    }

    fn name(number: usize) -> Box<[u8]> {
        number.to_string().into_bytes().into()
    }

    #[test]
    fn what_is_used_stays_and_the_rest_is_forgotten() {
        let mut tokens = Tokens::default();
        for number in 0..3 * GENERATION_MAX {
            tokens.put(1, name(number), refused());
            assert!(tokens.get(1, b"0").is_some(), "{number}");
            assert!(tokens.young.len() <= GENERATION_MAX && tokens.old.len() <= GENERATION_MAX);
        }
        assert!(tokens.get(1, b"1").is_none());
        assert!(tokens.get(1, &name(3 * GENERATION_MAX - 1)).is_some());
    }

    #[test]
    fn a_token_is_judged_for_each_who_asks() {
        let mut tokens = Tokens::default();
        tokens.put(1, name(7), refused());
        assert!(tokens.get(1, b"7").is_some() && tokens.get(2, b"7").is_none() && tokens.get(1, b"8").is_none());
    }
}
