//! Random tokens, and the proof that a form was made by us for the browser that sends it.
//!
//! A form has `csrf`: an HMAC, by a key of this process, over the cookie the browser has, that of the session or, before there
//! is one, that of the visit. Another site can make a browser send a form but neither read nor compute that. Nothing is kept.

use aws_lc_rs::{hmac, rand};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};

/// 32 random bytes as text, for a cookie. `None` if the system has none.
pub(crate) fn token() -> Option<String> {
    let mut bytes = [0; 32];
    rand::fill(&mut bytes).ok()?;
    Some(BASE64_URL_SAFE_NO_PAD.encode(bytes))
}

/// Whether `text` can be one of ours: anything else in a cookie is as if it were not there.
pub(crate) fn is_token(text: &str) -> bool {
    text.len() == 43 && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

/// The key of proofs.
pub(crate) struct Proofs(hmac::Key);

impl Proofs {
    /// With a new key. `None` if the system has no random bytes.
    pub(crate) fn new() -> Option<Self> {
        let mut key = [0; 32];
        rand::fill(&mut key).ok()?;
        Some(Self(hmac::Key::new(hmac::HMAC_SHA256, &key)))
    }

    /// The proof for who has `cookie`.
    pub(crate) fn of(&self, cookie: &str) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(hmac::sign(&self.0, cookie.as_bytes()).as_ref())
    }

    pub(crate) fn holds(&self, cookie: &str, proof: &str) -> bool {
        let proof = BASE64_URL_SAFE_NO_PAD.decode(proof).unwrap_or_default();
        hmac::verify(&self.0, cookie.as_bytes(), &proof).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_is_for_one_cookie_of_one_process() {
        let (proofs, others) = (Proofs::new().unwrap(), Proofs::new().unwrap());
        let (a, b) = (token().unwrap(), token().unwrap());
        let proof = proofs.of(&a);
        assert!(is_token(&a) && a != b && !is_token("x") && !is_token(&format!("{}\"", &a[1..])));
        assert!(proofs.holds(&a, &proof));
        for (proofs, cookie, proof) in
            [(&proofs, &b, &proof), (&others, &a, &proof), (&proofs, &a, &String::new()), (&proofs, &a, &b)]
        {
            assert!(!proofs.holds(cookie, proof));
        }
    }
}
