//! Tokens that ended before their time, until that time: what every gateway is told within a second.
//!
//! A token is named by its `jti`. All tokens of a client end together when its secret is revoked: `before` says since when
//! those it has are good. Entries go when no token they speak of can be alive.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What is revoked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revoked {
    /// Identifiers of tokens, with when they would have ended, in Unix seconds.
    pub tokens: BTreeMap<String, u64>,
    /// Identifiers of clients: no token is good that was issued up to that second, and when the last of those would have
    /// ended.
    pub clients: BTreeMap<String, (u64, u64)>,
}

impl Revoked {
    /// Ends a token.
    pub fn token(&mut self, jti: &str, expires_s: u64) {
        self.tokens.insert(jti.to_owned(), expires_s);
    }

    /// Ends all tokens a client has, which live until `last_s` at the longest.
    pub fn client(&mut self, id: &str, now_s: u64, last_s: u64) {
        let (since, last) = self.clients.entry(id.to_owned()).or_default();
        (*since, *last) = ((*since).max(now_s), (*last).max(last_s));
    }

    /// Whether a token has ended.
    #[must_use]
    pub fn has(&self, jti: &str, client: &str, issued_s: u64) -> bool {
        self.tokens.contains_key(jti) || self.clients.get(client).is_some_and(|(since, _)| issued_s <= *since)
    }

    /// Forgets what no living token is meant by.
    pub fn forget(&mut self, now_s: u64) {
        self.tokens.retain(|_, expires_s| *expires_s > now_s);
        self.clients.retain(|_, (_, last_s)| *last_s > now_s);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn until_they_would_have_ended() {
        let mut revoked = Revoked::default();
        revoked.token("a", 200);
        revoked.client("c", 100, 300);
        revoked.client("c", 90, 100);
        let has = |revoked: &Revoked| {
            [("a", "x", 150), ("b", "c", 100), ("b", "c", 101)].map(|(j, c, s)| revoked.has(j, c, s))
        };
        assert_eq!(has(&revoked), [true, true, false]);
        revoked.forget(200);
        assert_eq!(has(&revoked), [false, true, false]);
        revoked.forget(300);
        assert_eq!(revoked, Revoked::default());
    }
}
