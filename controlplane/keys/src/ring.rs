//! The issuer's keys: one that signs, one that is told for what comes, and those that signed before.
//!
//! A rotation has an overlap at both ends. The next key is in the set of public keys before it signs anything, so that
//! whoever keeps the set for a while knows it; the last one stays there until no token it signed can be alive.

use crate::{
    limits::{KEYS_MAX, OVERLAP_S},
    signing::{Algorithm, Jwk, SigningKey},
};
use jsonwebtoken::{DecodingKey, EncodingKey};
use serde_json::{Value, json};
use std::{error::Error, fmt};

/// Why there are no keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RingError {
    /// The system gives no random bytes.
    NoEntropy,
    /// What was kept of this key is none.
    Damaged(String),
    /// There is no key, or more than 16.
    Count(usize),
    /// What was kept was written by something else.
    Unreadable,
    /// The store.
    Store(String),
}

/// The keys of an issuer, the one that signs first among those in use.
pub struct KeyRing {
    keys: Vec<SigningKey>,
    /// Index of the key that signs, and what signs with it.
    current: (usize, EncodingKey),
}

impl KeyRing {
    /// Of keys as they were kept. The oldest that is not retired signs.
    ///
    /// # Errors
    /// One of them is damaged, or there are none or too many.
    pub fn new(mut keys: Vec<SigningKey>) -> Result<Self, RingError> {
        if keys.len() > KEYS_MAX {
            return Err(RingError::Count(keys.len()));
        }
        keys.sort_by_key(|key| key.made_s);
        let current = keys.iter().position(|key| key.retired_s.is_none()).ok_or(RingError::Count(0))?;
        let encoding = keys[current].encoding()?;
        Ok(Self { keys, current: (current, encoding) })
    }

    /// A new key and the one that will take its place.
    ///
    /// # Errors
    /// `NoEntropy`.
    pub fn generate(algorithm: Algorithm, now_s: u64) -> Result<Self, RingError> {
        let keys = [now_s, now_s + 1].map(|made_s| SigningKey::generate(algorithm, made_s));
        Self::new(keys.into_iter().collect::<Result<_, _>>()?)
    }

    /// Retires the key that signs in favour of the one that was told for it, and makes the one after that. Keys that no
    /// living token can be signed with go.
    ///
    /// # Errors
    /// `NoEntropy`; `Count`, if it is rotated more often than keys go.
    pub fn rotate(&mut self, algorithm: Algorithm, now_s: u64) -> Result<(), RingError> {
        let mut keys = self.keys.clone();
        keys[self.current.0].retired_s = Some(now_s);
        // Later than any other, so that the order is that of their making.
        let made_s = keys.iter().map(|key| key.made_s + 1).max().unwrap_or(0).max(now_s);
        keys.push(SigningKey::generate(algorithm, made_s)?);
        keys.retain(|key| key.retired_s.is_none_or(|retired_s| retired_s + OVERLAP_S >= now_s));
        *self = Self::new(keys)?;
        Ok(())
    }

    /// How the key signs that was made last.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.keys.last().map(|key| key.jwk.alg).unwrap_or_default()
    }

    /// As they are to be kept.
    #[must_use]
    pub(crate) fn keys(&self) -> &[SigningKey] {
        &self.keys
    }

    /// The key that signs.
    pub(crate) fn signing(&self) -> (&Jwk, &EncodingKey) {
        (&self.keys[self.current.0].jwk, &self.current.1)
    }

    /// What checks a token that says it is signed with this key.
    pub(crate) fn verifying(&self, kid: &str) -> Option<(Algorithm, DecodingKey)> {
        let jwk = &self.keys.iter().find(|key| key.jwk.kid == kid)?.jwk;
        let key = match &jwk.y {
            None => DecodingKey::from_ed_components(&jwk.x),
            Some(y) => DecodingKey::from_ec_components(&jwk.x, y),
        };
        Some((jwk.alg, key.ok()?))
    }

    /// The set of public keys (RFC 7517, section 5).
    #[must_use]
    pub fn jwks(&self) -> Value {
        json!({ "keys": self.keys.iter().map(|key| &key.jwk).collect::<Vec<_>>() })
    }
}

impl fmt::Display for RingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoEntropy => f.write_str("the system gives no random bytes for a key"),
            Self::Damaged(kid) => write!(f, "what is kept of the signing key `{kid}` is no key: restore a backup"),
            Self::Count(0) => f.write_str("there is no signing key"),
            Self::Unreadable => f.write_str("the signing keys were written by something else: restore a backup"),
            Self::Store(cause) => f.write_str(cause),
            Self::Count(count) => write!(f, "{count} signing keys, and {KEYS_MAX} are the most there may be"),
        }
    }
}

impl Error for RingError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_told_before_it_signs_and_after() {
        let mut ring = KeyRing::generate(Algorithm::EdDSA, 100).unwrap();
        let first = ring.signing().0.kid.clone();
        let told: Vec<_> = ring.keys().iter().map(|key| key.jwk.kid.clone()).collect();
        ring.rotate(Algorithm::ES256, 200).unwrap();
        assert_eq!((&ring.signing().0.kid, ring.keys().len()), (&told[1], 3));
        ring.rotate(Algorithm::EdDSA, 300).unwrap();
        assert_eq!((ring.signing().0.alg, ring.keys().len()), (Algorithm::ES256, 4));
        assert!(ring.verifying(&first).is_some());
        ring.rotate(Algorithm::EdDSA, 201 + OVERLAP_S).unwrap();
        assert!(ring.verifying(&first).is_none() && ring.verifying(&told[1]).is_some());
    }

    #[test]
    fn rotating_too_often_is_refused_and_changes_nothing() {
        let mut ring = KeyRing::generate(Algorithm::EdDSA, 100).unwrap();
        for now_s in 0..KEYS_MAX as u64 - 2 {
            ring.rotate(Algorithm::EdDSA, 200 + now_s).unwrap();
        }
        let before = ring.jwks();
        assert_eq!(ring.rotate(Algorithm::EdDSA, 300), Err(RingError::Count(KEYS_MAX + 1)));
        assert_eq!(ring.jwks(), before);
    }

    #[test]
    fn kept_and_read_again_it_is_the_same() {
        for algorithm in [Algorithm::EdDSA, Algorithm::ES256] {
            let ring = KeyRing::generate(algorithm, 1).unwrap();
            let text = serde_json::to_string(ring.keys()).unwrap();
            let again = KeyRing::new(serde_json::from_str(&text).unwrap()).unwrap();
            assert_eq!(again.jwks(), ring.jwks());
            let (private, debug) = (text.split("\"private\":\"").nth(1).unwrap(), format!("{:?}", ring.keys()));
            assert!(!debug.contains(&private[..20]));
            let damaged = text.replacen(&private[30..40], "AAAAAAAAAA", 1);
            let keys = serde_json::from_str(&damaged).unwrap();
            assert!(matches!(KeyRing::new(keys).err(), Some(RingError::Damaged(_))));
        }
        assert_eq!(KeyRing::new(Vec::new()).err(), Some(RingError::Count(0)));
    }
}
