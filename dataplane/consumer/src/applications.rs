//! The applications of a snapshot: found by name and by what they call with.
//!
//! Persistent as the items of a configuration are, and smaller: an application has no slot and no place, and what is written
//! of it is told by its record. The order in which a file has them means nothing.

use std::fmt;

use xxhash_rust::xxh3::xxh3_64;

use crate::{Application, Credential, Proof, index::Index};

/// Applications with names and proofs that are unique.
#[derive(Clone, Default)]
pub struct Applications {
    by_name: Index,
    by_proof: Index,
    len: usize,
}

/// A proof is a hash already.
fn hash_of(proof: &Proof) -> u64 {
    proof.first_chunk().map_or(0, |first| u64::from_be_bytes(*first))
}

impl Applications {
    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The one of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Application> {
        self.by_name.get(xxh3_64(name.as_bytes())).find(|application| application.name() == name)
    }

    /// Whose credential this is.
    #[must_use]
    #[inline]
    pub fn find(&self, proof: &Proof) -> Option<(&Application, Credential<'_>)> {
        let mut found = self.by_proof.get(hash_of(proof));
        found.find_map(|application| Some((application, application.credential(proof)?)))
    }

    /// All of them, in the order of a hash.
    pub fn iter(&self) -> impl Iterator<Item = &Application> {
        self.by_name.iter()
    }

    /// Puts one in whose name and proofs are not there.
    pub fn insert(&mut self, application: &Application) {
        self.by_name.insert(xxh3_64(application.name().as_bytes()), application);
        for credential in application.credentials() {
            self.by_proof.insert(hash_of(&credential.proof), application);
        }
        self.len += 1;
    }

    /// Takes one away.
    pub fn remove(&mut self, name: &str) -> Option<Application> {
        let removed = self.by_name.remove(xxh3_64(name.as_bytes()), |application| application.name() == name)?;
        for credential in removed.credentials() {
            self.by_proof.remove(hash_of(&credential.proof), |application| application.name() == name);
        }
        self.len -= 1;
        Some(removed)
    }

    /// Bytes of memory, without what the allocator adds.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.iter().map(Application::bytes).sum::<usize>() + self.by_name.bytes() + self.by_proof.bytes()
    }
}

impl fmt::Debug for Applications {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Applications").field("len", &self.len).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Lists, Texts};

    fn with_key(name: &str, proof: Proof) -> Application {
        let (scopes, revoked) = (Texts::default(), Texts::default());
        let key = Credential { id: "k", proof, who: None, expires_s: None, scopes, revoked };
        Application::new(name, "", &[(key, Lists::default())], &[])
    }

    fn application(number: u32) -> Application {
        let mut proof = [3; 32];
        proof[..4].copy_from_slice(&number.wrapping_mul(0x9e37_79b9).to_be_bytes());
        with_key(&format!("a{number}"), proof)
    }

    #[test]
    fn one_is_found_by_name_and_by_proof_until_it_is_gone() {
        let mut all = Applications::default();
        for number in 0..10_000 {
            all.insert(&application(number));
        }
        let before = all.clone();
        for number in (0..10_000).step_by(3) {
            assert_eq!(all.remove(&format!("a{number}")), Some(application(number)));
        }
        for number in 0..10_000 {
            let (it, is_there) = (application(number), number % 3 != 0);
            let proof = it.credentials().next().unwrap().proof;
            assert_eq!(all.get(it.name()), is_there.then_some(&it));
            assert_eq!(all.find(&proof).map(|(found, _)| found), is_there.then_some(&it));
            assert_eq!(before.find(&proof).map(|(found, _)| found), Some(&it), "a copy stays as it was");
        }
        assert_eq!((all.len(), all.iter().count(), before.len()), (6666, 6666, 10_000));
        assert_eq!(all.remove("a0"), None);
        assert_eq!(all.find(&[3; 32]), None);
    }

    #[test]
    fn proofs_that_begin_alike_are_told_apart() {
        let with = |name, last| {
            let mut proof = [3; 32];
            proof[31] = last;
            (with_key(name, proof), proof)
        };
        let mut all = Applications::default();
        let ((one, first), (other, second)) = (with("one", 1), with("other", 2));
        all.insert(&one);
        all.insert(&other);
        assert_eq!(all.find(&first).map(|(found, _)| found.name()), Some("one"));
        all.remove("one");
        assert_eq!(all.find(&first), None);
        assert_eq!(all.find(&second).map(|(found, _)| found.name()), Some("other"));
    }
}
