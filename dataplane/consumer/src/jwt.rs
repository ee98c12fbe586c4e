//! What a route asks of a token (JWT, RFC 7519): who issued it, for whom, signed by which key, and what its claims mean.
//!
//! Keys are those of a JWK Set (RFC 7517), as far as they sign. Each has the algorithms that its own kind allows, so that a
//! token cannot have a public key taken for a shared secret, and shared secrets are refused. Nothing is fetched here.

use std::{
    fmt,
    hash::{Hash, Hasher},
    sync::Arc,
    time::Duration,
};

use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, PublicKeyUse},
};

/// Keys of a set.
const KEYS_MAX: usize = 64;

/// Keys that are tried for one token: each costs the verification of a signature.
const CANDIDATES_MAX: usize = 4;

/// What a token must be, and what is read out of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Jwt {
    /// Its `iss`.
    pub issuer: String,
    /// Its `aud` has one of these; at least one.
    pub audience: Vec<String>,
    /// Who signs.
    pub keys: Keys,
    /// By how much clocks may differ.
    pub clock_skew: Duration,
    /// The claim that has scopes: a text with spaces between, or a list.
    pub scopes: String,
    /// The claim that names the client; by default `client_id`, or else `azp`.
    pub application: Option<String>,
    /// Whether the client has to be a credential of an application: a token of another is refused.
    pub needs_credential: bool,
}

/// Where the keys of an issuer are.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Keys {
    /// In the configuration.
    Written(Arc<KeySet>),
    /// At the issuer.
    Fetched(KeySource),
}

/// Where a JWK Set is fetched from.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct KeySource {
    /// `https`, or `http` to this machine.
    pub url: String,
    /// PEM of the authorities to trust; `None`: those that browsers trust.
    pub authorities: Option<Arc<str>>,
    /// Those that keys are for; none for all.
    pub algorithms: Vec<Algorithm>,
}

/// A URL is told, whom to trust is not.
impl fmt::Debug for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KeySource").field(&self.url).finish()
    }
}

/// The keys of an issuer, and which algorithms each is for.
#[derive(Clone)]
pub struct KeySet {
    keys: Vec<Key>,
    /// What tells two sets apart: the set as it is written, and the algorithms.
    text: String,
}

/// A key.
#[derive(Clone)]
pub struct Key {
    /// What tokens call it.
    pub kid: Option<String>,
    /// For verifying.
    pub key: DecodingKey,
    /// What it may verify; at least one, all of its own family.
    pub algorithms: Vec<Algorithm>,
}

/// Every algorithm that can be asked for: none with a shared secret.
pub const ALGORITHMS: [(&str, Algorithm); 9] = [
    ("RS256", Algorithm::RS256),
    ("RS384", Algorithm::RS384),
    ("RS512", Algorithm::RS512),
    ("PS256", Algorithm::PS256),
    ("PS384", Algorithm::PS384),
    ("PS512", Algorithm::PS512),
    ("ES256", Algorithm::ES256),
    ("ES384", Algorithm::ES384),
    ("EdDSA", Algorithm::EdDSA),
];

impl KeySet {
    /// Reads a JWK Set; of `algorithms` only, which are all when there are none.
    ///
    /// # Errors
    /// What is wrong with it. Keys that do not sign, or by none of the algorithms, are left out, but one must stay.
    pub fn parse(text: &str, algorithms: &[Algorithm]) -> Result<Self, String> {
        let set: JwkSet = serde_json::from_str(text).map_err(|error| format!("not a JWK Set: {error}"))?;
        if set.keys.len() > KEYS_MAX {
            return Err(format!("a JWK Set has up to {KEYS_MAX} keys here"));
        }
        let mut keys = Vec::with_capacity(set.keys.len());
        for (index, jwk) in set.keys.iter().enumerate() {
            if let Some(key) = Key::of(jwk, algorithms).map_err(|error| format!("key {}: {error}", index + 1))? {
                keys.push(key);
            }
        }
        if keys.is_empty() {
            return Err("no key of the JWK Set can verify a signature".to_owned());
        }
        Ok(Self { keys, text: format!("{algorithms:?} {text}") })
    }

    /// Whether there is a key of this name.
    #[must_use]
    pub fn has(&self, kid: &str) -> bool {
        self.keys.iter().any(|key| key.kid.as_deref() == Some(kid))
    }

    /// Those that may have signed a token with this `kid` by this algorithm, the first four of them: without a `kid` that is
    /// any key, and somebody who makes such tokens up shall not have all of them tried.
    pub fn candidates(&self, kid: Option<&str>, algorithm: Algorithm) -> impl Iterator<Item = &Key> {
        let is_named = move |key: &&Key| kid.is_none() || key.kid.as_deref() == kid;
        let may_sign = self.keys.iter().filter(is_named).filter(move |key| key.algorithms.contains(&algorithm));
        may_sign.take(CANDIDATES_MAX)
    }
}

impl Key {
    fn of(jwk: &Jwk, asked: &[Algorithm]) -> Result<Option<Self>, String> {
        let of_kind: &[Algorithm] = match &jwk.algorithm {
            AlgorithmParameters::RSA(_) => {
                use Algorithm::{PS256, PS384, PS512, RS256, RS384, RS512};
                &[RS256, RS384, RS512, PS256, PS384, PS512]
            }
            AlgorithmParameters::EllipticCurve(key) => match key.curve {
                EllipticCurve::P256 => &[Algorithm::ES256],
                EllipticCurve::P384 => &[Algorithm::ES384],
                _ => &[],
            },
            AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => &[Algorithm::EdDSA],
            AlgorithmParameters::OctetKey(_) => return Err("a shared secret is no key of an issuer".to_owned()),
            _ => &[],
        };
        let own = jwk.common.key_algorithm.map(|own| own.to_string());
        let is_own = |algorithm: &Algorithm| own.as_ref().is_none_or(|own| *own == format!("{algorithm:?}"));
        let is_asked = |algorithm: &Algorithm| asked.is_empty() || asked.contains(algorithm);
        let algorithms: Vec<_> = of_kind.iter().copied().filter(is_own).filter(is_asked).collect();
        let signs = !matches!(jwk.common.public_key_use, Some(PublicKeyUse::Encryption));
        if algorithms.is_empty() || !signs {
            return Ok(None);
        }
        let key = DecodingKey::from_jwk(jwk).map_err(|error| error.to_string())?;
        Ok(Some(Self { kid: jwk.common.key_id.clone(), key, algorithms }))
    }
}

impl PartialEq for KeySet {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for KeySet {}

impl Hash for KeySet {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys.iter().map(|key| &key.kid)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RSA: &str = r#"{"kty":"RSA","kid":"r","n":"sXch","e":"AQAB"}"#;
    const EC: &str = r#"{"kty":"EC","crv":"P-256","kid":"e","alg":"ES256","x":"f83O","y":"x_FE"}"#;

    fn parse(keys: &[&str], algorithms: &[Algorithm]) -> Result<KeySet, String> {
        KeySet::parse(&format!("{{\"keys\":[{}]}}", keys.join(",")), algorithms)
    }

    #[test]
    fn a_key_is_for_the_algorithms_of_its_kind_only() {
        let set = parse(&[RSA, EC], &[]).unwrap();
        let found = |kid, algorithm| set.candidates(kid, algorithm).count();
        assert_eq!((found(Some("r"), Algorithm::RS256), found(Some("r"), Algorithm::PS512)), (1, 1));
        for wrong in [Algorithm::ES256, Algorithm::EdDSA, Algorithm::HS256] {
            assert_eq!(found(Some("r"), wrong), 0, "{wrong:?}");
        }
        assert_eq!((found(Some("e"), Algorithm::ES256), found(Some("e"), Algorithm::ES384)), (1, 0));
        assert_eq!((found(None, Algorithm::ES256), found(Some("x"), Algorithm::ES256)), (1, 0));
        let narrow = parse(&[RSA, EC], &[Algorithm::RS256]).unwrap();
        assert_eq!(narrow.candidates(None, Algorithm::ES256).count(), 0);
        assert_eq!(narrow.candidates(None, Algorithm::RS512).count(), 0);
        assert_ne!(set, narrow);
    }

    #[test]
    fn few_keys_are_tried_for_a_token_that_names_none() {
        let keys: Vec<_> = (0..6).map(|number| EC.replace("\"e\"", &format!("\"e{number}\""))).collect();
        let set = parse(&keys.iter().map(String::as_str).collect::<Vec<_>>(), &[]).unwrap();
        assert_eq!(set.candidates(None, Algorithm::ES256).count(), 4);
        assert_eq!(
            set.candidates(Some("e5"), Algorithm::ES256).count(),
            1,
            "those that are named are found behind them"
        );
    }

    #[test]
    fn a_set_that_cannot_verify_is_refused() {
        let secret = r#"{"kty":"oct","k":"c2VjcmV0"}"#;
        let for_encryption = RSA.replace("\"kid\"", "\"use\":\"enc\",\"kid\"");
        for (keys, expected) in [
            (&[secret][..], "key 1: a shared secret"),
            (&[RSA, secret], "key 2: a shared secret"),
            (&[], "no key"),
            (&[for_encryption.as_str()], "no key"),
            (&["{}"], "no key"),
            (&["1"], "not a JWK Set"),
        ] {
            let error = parse(keys, &[]).unwrap_err();
            assert!(error.starts_with(expected), "{error}");
        }
        assert!(KeySet::parse("x", &[]).is_err());
    }
}
