//! Tokens (JWT) of an issuer that tests play: signed by a key that is always the same, so that a seed is one run.

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, jwk::Jwk};
use serde_json::{Value, json};

/// Who signs.
pub const ISSUER: &str = "https://issuer.test";

/// An Ed25519 key by PKCS #8 (RFC 8410, section 7), but for its 32 bytes.
const PREFIX: [u8; 16] = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];

/// The key of this number.
fn key(number: u8) -> EncodingKey {
    EncodingKey::from_ed_der(&[&PREFIX[..], &[number; 32]].concat())
}

/// The issuer's keys: a JWK Set with that of number 1.
///
/// # Panics
/// Never: the key is one.
#[must_use]
pub fn jwks() -> String {
    let jwk = Jwk::from_encoding_key(&key(1), Algorithm::EdDSA).expect("it is an Ed25519 key");
    json!({ "keys": [ jwk ] }).to_string()
}

/// A token with these claims, and `iss`, signed by the key of this number.
///
/// # Panics
/// With claims that are no mapping.
#[must_use]
pub fn token(number: u8, mut claims: Value) -> String {
    claims["iss"] = ISSUER.into();
    encode(&Header::new(Algorithm::EdDSA), &claims, &key(number)).expect("it is an Ed25519 key")
}

/// A JWK Set with the keys of these numbers, each with what tokens call it.
///
/// # Panics
/// Never: the keys are some.
#[must_use]
pub fn named_jwks(keys: &[(u8, &str)]) -> String {
    let jwk = |&(number, kid): &(u8, &str)| {
        let mut jwk = Jwk::from_encoding_key(&key(number), Algorithm::EdDSA).expect("it is an Ed25519 key");
        jwk.common.key_id = Some(kid.to_owned());
        jwk
    };
    json!({ "keys": keys.iter().map(jwk).collect::<Vec<_>>() }).to_string()
}

/// As [`token`], of which the header says what the key is called.
///
/// # Panics
/// With claims that are no mapping.
#[must_use]
pub fn named_token(number: u8, kid: &str, mut claims: Value) -> String {
    claims["iss"] = ISSUER.into();
    let header = Header { kid: Some(kid.to_owned()), ..Header::new(Algorithm::EdDSA) };
    encode(&header, &claims, &key(number)).expect("it is an Ed25519 key")
}
