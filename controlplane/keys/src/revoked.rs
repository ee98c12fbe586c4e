//! Tokens that ended before their time, until that time.
//!
//! A token is named by its `jti`. That the secret of a client was revoked is not noted here: its credential says it. Who
//! introspects is told; gateways, which check tokens by themselves, are not yet. Entries go when no token they speak of can
//! be alive.

use crate::issuer::Ended;
use std::collections::BTreeMap;

/// What is revoked: identifiers of tokens, with when they would have ended, in Unix seconds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Revoked(BTreeMap<String, u64>);

impl Revoked {
    /// Notes that a token has ended.
    pub fn add(&mut self, ended: Ended) {
        self.0.insert(ended.jti, ended.expires_s);
    }

    /// Whether a token has ended.
    #[must_use]
    pub fn has(&self, jti: &str) -> bool {
        self.0.contains_key(jti)
    }

    /// Forgets what no living token is meant by.
    pub fn forget(&mut self, now_s: u64) {
        self.0.retain(|_, expires_s| *expires_s > now_s);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn until_they_would_have_ended() {
        let mut revoked = Revoked::default();
        revoked.add(Ended { jti: "a".to_owned(), expires_s: 200 });
        assert_eq!(["a", "b"].map(|jti| revoked.has(jti)), [true, false]);
        revoked.forget(199);
        assert!(revoked.has("a"));
        revoked.forget(200);
        assert_eq!(revoked, Revoked::default());
    }
}
