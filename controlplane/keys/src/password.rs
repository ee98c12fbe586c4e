//! Passwords of members, as they are kept: Argon2id (RFC 9106) with a salt of its own for each.
//!
//! 19 MiB of memory, two passes and one lane: the least that OWASP's cheat sheet for password storage names, since the gateway
//! shares its machine with whoever signs in. About 20 ms on one core. The text is kept with its parameters, so that stronger
//! ones can come later; random bytes are arguments. Which thread hashes, and how many at one time, is the caller's.

use crate::limits::{PASSWORD_BYTES_MAX, PASSWORD_CHARS_MIN};
use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{CustomizedPasswordHasher as _, PasswordVerifier as _, phc},
};
use std::fmt;
use tollgate_domain::{Code, Refusal};

/// What a hash takes of chance.
pub const PASSWORD_SALT_BYTES: usize = 16;

/// KiB.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// A password as it is kept: `$argon2id$v=19$m=19456,t=2,p=1$salt$hash`.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

/// # Errors
/// `InvalidValue` at `password`, if it is too short, too long, or one character over and over. It is never told.
pub fn review_password(password: &str) -> Result<(), Refusal> {
    let refuse = |what: String, remedy: &str| Err(Refusal::new(Code::InvalidValue, "password", what, remedy));
    let remedy = "a few words that only you would put together are a good one";
    if password.chars().count() < PASSWORD_CHARS_MIN {
        return refuse(format!("the password has less than {PASSWORD_CHARS_MIN} characters"), remedy);
    }
    if password.len() > PASSWORD_BYTES_MAX {
        return refuse(format!("the password has more than {PASSWORD_BYTES_MAX} bytes"), "shorten it");
    }
    let mut chars = password.chars();
    let first = chars.next();
    if chars.all(|other| Some(other) == first) {
        return refuse("the password is one character over and over".to_owned(), remedy);
    }
    Ok(())
}

impl PasswordHash {
    /// Hashes a password. `None` if it is longer than a password may be.
    #[must_use]
    pub fn of(password: &str, salt: [u8; PASSWORD_SALT_BYTES]) -> Option<Self> {
        if password.len() > PASSWORD_BYTES_MAX {
            return None;
        }
        let params = Params::new(MEMORY_KIB, PASSES, LANES, None).ok()?;
        let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone());
        let hash: phc::PasswordHash =
            argon.hash_password_customized(password.as_bytes(), &salt, None, None, params).ok()?;
        Some(Self(hash.to_string()))
    }

    /// A hash as it was kept.
    #[must_use]
    pub fn kept(text: String) -> Self {
        Self(text)
    }

    /// A hash of nobody's: to verify against it takes as long as against one of somebody.
    #[must_use]
    pub fn of_nobody() -> Self {
        let salt = "bm9ib2R5IGF0IGFsbCE";
        let hash = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        Self(format!("$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}${salt}${hash}"))
    }

    /// Whether it is the hash of `password`. Takes as long as hashing it.
    #[must_use]
    pub fn is_of(&self, password: &str) -> bool {
        let Ok(hash) = phc::PasswordHash::new(&self.0) else { return false };
        password.len() <= PASSWORD_BYTES_MAX && Argon2::default().verify_password(password.as_bytes(), &hash).is_ok()
    }

    /// As it is kept.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Tells nothing of it.
impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_of_its_password_alone() {
        let hash = PasswordHash::of("a walrus in the attic", [7; 16]).unwrap();
        assert!(hash.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", hash.as_str());
        let kept = PasswordHash::kept(hash.as_str().to_owned());
        assert!(kept.is_of("a walrus in the attic") && !kept.is_of("a walrus in the attic "));
        assert_ne!(PasswordHash::of("a walrus in the attic", [8; 16]), Some(hash.clone()));
        assert!(!format!("{hash:?}").contains("argon2"));
        assert_eq!(PasswordHash::of(&"x".repeat(1025), [7; 16]), None);
    }

    /// As long means with the same parameters: both are read as hashes, and both are hashed for.
    #[test]
    fn nobody_has_a_hash_that_is_read_and_fits_nothing() {
        let nobody = PasswordHash::of_nobody();
        let read = phc::PasswordHash::new(nobody.as_str()).unwrap();
        let ours = PasswordHash::of("a walrus in the attic", [7; 16]).unwrap();
        let ours = phc::PasswordHash::new(ours.as_str()).unwrap();
        assert_eq!((read.algorithm, read.version, &read.params), (ours.algorithm, ours.version, &ours.params));
        let bytes = |hash: &phc::PasswordHash| (hash.salt.unwrap().len(), hash.hash.unwrap().len());
        assert_eq!(bytes(&read).1, bytes(&ours).1);
        assert!(!nobody.is_of("") && !nobody.is_of("a walrus in the attic"));
    }

    #[test]
    fn what_is_too_weak_is_told_with_what_to_do() {
        for (password, valid) in [
            ("a walrus in the attic", true),
            ("elevenchars", false),
            ("äöüäöüäöüäöü", true),
            (&"x".repeat(40), false),
            (&"ab".repeat(600), false),
        ] {
            let found = review_password(password);
            assert_eq!(found.is_ok(), valid, "{password}");
            let told = found.err().map(|refusal| refusal.place);
            assert!(told.is_none_or(|place| place == "password"));
        }
    }
}
