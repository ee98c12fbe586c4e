//! A key that tokens are signed with: its private half, kept in the store, and its public half, told to everybody.
//!
//! Ed25519 (RFC 8037) is the default: it is the fastest to sign with. P-256 (RFC 7518, section 3.4) is for those whose
//! libraries know nothing else. The name of a key is its thumbprint (RFC 7638), so that two nodes name it alike.

use aws_lc_rs::{
    digest::{SHA256, digest},
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _},
};
use base64::{Engine as _, prelude::BASE64_STANDARD, prelude::BASE64_URL_SAFE_NO_PAD as URL};
use jsonwebtoken::EncodingKey;
use serde::{Deserialize, Serialize};
use std::fmt;
use zeroize::Zeroizing;

use crate::ring::RingError;

/// How tokens are signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Algorithm {
    /// Ed25519.
    #[default]
    EdDSA,
    /// P-256 with SHA-256.
    ES256,
}

/// A public key as it is told (RFC 7517).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jwk {
    /// `OKP` or `EC`.
    pub kty: String,
    /// `Ed25519` or `P-256`.
    pub crv: String,
    /// The point, or its first half.
    pub x: String,
    /// Its second half.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub y: Option<String>,
    /// `EdDSA` or `ES256`.
    pub alg: Algorithm,
    /// `sig`.
    pub r#use: String,
    /// Its thumbprint.
    pub kid: String,
}

/// A key of the issuer.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SigningKey {
    /// The public half.
    pub jwk: Jwk,
    /// PKCS #8, in base64. To be sealed where it is kept.
    private: Zeroizing<String>,
    /// When it was made, in Unix seconds.
    pub made_s: u64,
    /// When it signs no more: another has taken its place. In Unix seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retired_s: Option<u64>,
}

impl SigningKey {
    /// A new one.
    ///
    /// # Errors
    /// The system gives no entropy.
    pub fn generate(algorithm: Algorithm, made_s: u64) -> Result<Self, RingError> {
        let random = SystemRandom::new();
        let pkcs8 = match algorithm {
            Algorithm::EdDSA => Ed25519KeyPair::generate_pkcs8(&random),
            Algorithm::ES256 => EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random),
        };
        let pkcs8 = pkcs8.map_err(|_| RingError::NoEntropy)?;
        let jwk = jwk(algorithm, pkcs8.as_ref()).ok_or(RingError::NoEntropy)?;
        Ok(Self { jwk, private: Zeroizing::new(BASE64_STANDARD.encode(pkcs8.as_ref())), made_s, retired_s: None })
    }

    /// What signs with it.
    ///
    /// # Errors
    /// What was kept is no key, or not the one whose public half stands beside it.
    pub(crate) fn encoding(&self) -> Result<EncodingKey, RingError> {
        let damaged = || RingError::Damaged(self.jwk.kid.clone());
        let pkcs8 = Zeroizing::new(BASE64_STANDARD.decode(self.private.as_bytes()).map_err(|_| damaged())?);
        let known = jwk(self.jwk.alg, &pkcs8).filter(|jwk| *jwk == self.jwk);
        known.ok_or_else(damaged)?;
        Ok(match self.jwk.alg {
            Algorithm::EdDSA => EncodingKey::from_ed_der(&pkcs8),
            Algorithm::ES256 => EncodingKey::from_ec_der(&pkcs8),
        })
    }
}

/// Says nothing of the private half.
impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("jwk", &self.jwk).field("retired_s", &self.retired_s).finish_non_exhaustive()
    }
}

/// The public half of a private key.
fn jwk(algorithm: Algorithm, pkcs8: &[u8]) -> Option<Jwk> {
    let (kty, crv, x, y) = match algorithm {
        Algorithm::EdDSA => {
            let pair = Ed25519KeyPair::from_pkcs8(pkcs8).ok()?;
            ("OKP", "Ed25519", URL.encode(pair.public_key().as_ref()), None)
        }
        Algorithm::ES256 => {
            let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8).ok()?;
            // SEC 1, section 2.3.3: 4, then both coordinates.
            let (x, y) = pair.public_key().as_ref().get(1..65)?.split_at(32);
            ("EC", "P-256", URL.encode(x), Some(URL.encode(y)))
        }
    };
    // RFC 7638, section 3: the members that make the key, in the order of their names.
    let members = match &y {
        None => format!(r#"{{"crv":"{crv}","kty":"{kty}","x":"{x}"}}"#),
        Some(y) => format!(r#"{{"crv":"{crv}","kty":"{kty}","x":"{x}","y":"{y}"}}"#),
    };
    let kid = URL.encode(digest(&SHA256, members.as_bytes()).as_ref());
    Some(Jwk { kty: kty.to_owned(), crv: crv.to_owned(), x, y, alg: algorithm, r#use: "sig".to_owned(), kid })
}
