//! Credentials: how an application shows who it is.
//!
//! ```text
//! tg_ 8 characters  43 characters          tgs_ ... of an OAuth client
//!     the public id 32 random bytes
//! ```
//!
//! The text is shown once, when it is issued, and kept as SHA-256: it is random, so nothing is gained by a slow hash. The
//! public id finds it in lists and logs. Random bytes and the time are arguments.

use crate::{
    digest::hex,
    limits::CREDENTIALS_MAX,
    member::{Made, check_title},
    name::Name,
    refusal::{Code, Refusal},
};
use aws_lc_rs::{
    constant_time::verify_slices_are_equal,
    digest::{SHA256, digest},
};
use serde::{Deserialize, Serialize};
use std::fmt;
use utoipa::ToSchema;

/// What an issue takes of chance: 6 bytes for the id, 32 for the secret.
pub const ENTROPY_BYTES: usize = 38;
const ID_BYTES: usize = 6;
const ID_CHARS: usize = 8;
const SECRET_CHARS: usize = 43;

/// How an application shows who it is, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Credential {
    /// 8 letters and digits, unique in the installation.
    pub id: String,
    /// Whose.
    pub application: Name,
    /// What it is for.
    pub kind: CredentialKind,
    /// What its owners call it. Up to 256 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// SHA-256 of the text, in hexadecimal digits.
    pub hash: String,
    /// When it ends by itself, in Unix seconds. `None`: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_s: Option<u64>,
    /// When it was revoked, in Unix seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_s: Option<u64>,
    /// The id of the one it took the place of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<String>,
    /// Who issued it.
    pub made: Made,
}

/// What a credential is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CredentialKind {
    /// Shown with every request.
    ApiKey,
    /// Shown at the token endpoint: the id is the `client_id`, the text the `client_secret`.
    OauthClient,
}

/// The text of a credential. Shown once; neither `Debug` nor a log tells it.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretText(String);

/// What is asked for with a credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Whose.
    pub application: Name,
    /// What it is for.
    pub kind: CredentialKind,
    /// What its owners call it. Up to 256 characters.
    pub title: Option<String>,
    /// When it ends by itself, in Unix seconds; later than now. `None`: never.
    pub expires_s: Option<u64>,
}

impl CredentialKind {
    const fn prefix(self) -> &'static str {
        match self {
            Self::ApiKey => "tg_",
            Self::OauthClient => "tgs_",
        }
    }
}

impl SecretText {
    /// The text, to be shown to who asked for it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText(..)")
    }
}

/// SHA-256 of the text of a credential, as `Credential::hash` has it.
#[must_use]
pub fn hash(text: &str) -> String {
    hex(digest(&SHA256, text.as_bytes()).as_ref())
}

impl Credential {
    /// A new one, and its text, which is nowhere else.
    ///
    /// # Errors
    /// `InvalidValue`, if it would have ended already; `TooMany`, if its title is too long.
    pub fn issue(wanted: Wanted, entropy: &[u8; ENTROPY_BYTES], made: Made) -> Result<(Self, SecretText), Refusal> {
        check_title("title", wanted.title.as_deref())?;
        if wanted.expires_s.is_some_and(|expires_s| expires_s <= made.at_s) {
            let what = "it would have expired already";
            return Err(Refusal::new(Code::InvalidValue, "expires_s", what, "write a time to come, or none"));
        }
        let (id, secret) = entropy.split_at(ID_BYTES);
        let id = base62(id, ID_CHARS);
        let text = format!("{}{id}{}", wanted.kind.prefix(), base62(secret, SECRET_CHARS));
        let Wanted { application, kind, title, expires_s } = wanted;
        let hash = hash(&text);
        let credential = Self { id, application, kind, title, hash, expires_s, revoked_s: None, replaces: None, made };
        Ok((credential, SecretText(text)))
    }

    /// One that takes its place: this one ends `overlap_s` seconds from now, if it does not end before.
    ///
    /// # Errors
    /// `CredentialEnded`, if it is not valid any more.
    pub fn rotate(
        &mut self,
        overlap_s: u64,
        expires_s: Option<u64>,
        entropy: &[u8; ENTROPY_BYTES],
        made: Made,
    ) -> Result<(Self, SecretText), Refusal> {
        let now_s = made.at_s;
        if !self.is_valid(now_s) {
            let what = format!("the credential `{}` has ended", self.id);
            return Err(Refusal::new(Code::CredentialEnded, "id", what, "issue a new one"));
        }
        let (application, title) = (self.application.clone(), self.title.clone());
        let (mut next, text) = Self::issue(Wanted { application, kind: self.kind, title, expires_s }, entropy, made)?;
        next.replaces = Some(self.id.clone());
        let end_s = now_s.saturating_add(overlap_s);
        self.expires_s = Some(self.expires_s.map_or(end_s, |expires_s| expires_s.min(end_s)));
        Ok((next, text))
    }

    /// Ends it now. A second time changes nothing.
    pub fn revoke(&mut self, now_s: u64) {
        self.revoked_s.get_or_insert(now_s);
    }

    /// Whether it is accepted at `now_s`.
    #[must_use]
    pub fn is_valid(&self, now_s: u64) -> bool {
        self.revoked_s.is_none() && self.expires_s.is_none_or(|expires_s| now_s < expires_s)
    }

    /// Whether `text` is its text, in a time that does not tell.
    #[must_use]
    pub fn is(&self, text: &str) -> bool {
        verify_slices_are_equal(hash(text).as_bytes(), self.hash.as_bytes()).is_ok()
    }
}

/// Whether an application that has `credentials` may be issued another.
///
/// # Errors
/// `TooMany`, if it has `CREDENTIALS_MAX` that are valid.
pub fn admit_another<'c>(credentials: impl IntoIterator<Item = &'c Credential>, now_s: u64) -> Result<(), Refusal> {
    let valid = credentials.into_iter().filter(|credential| credential.is_valid(now_s)).count();
    if valid < CREDENTIALS_MAX {
        return Ok(());
    }
    let what = format!("the application has {valid} credentials that are valid");
    Err(Refusal::new(Code::TooMany, "", what, "revoke those that nobody uses"))
}

/// `bytes` as a number of exactly `chars` digits to the base 62; those in front that do not fit fall off.
fn base62(bytes: &[u8], chars: usize) -> String {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut number = bytes.to_vec();
    let mut digits = vec![b'0'; chars];
    for digit in digits.iter_mut().rev() {
        let mut rest = 0_u32;
        for byte in &mut number {
            let value = rest << 8 | u32::from(*byte);
            (*byte, rest) = ((value / 62) as u8, value % 62);
        }
        *digit = DIGITS[rest as usize];
    }
    digits.into_iter().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn made(at_s: u64) -> Made {
        Made { by: "ann".parse().unwrap(), at_s, note: None }
    }

    fn wanted(kind: CredentialKind, expires_s: Option<u64>) -> Wanted {
        Wanted { application: "shop".parse().unwrap(), kind, title: None, expires_s }
    }

    #[test]
    fn the_text_is_known_by_its_hash_alone() {
        let (credential, text) = Credential::issue(wanted(CredentialKind::ApiKey, None), &[7; 38], made(1)).unwrap();
        assert_eq!(text.reveal().len(), 3 + 8 + 43);
        assert!(text.reveal()[3..].starts_with(&credential.id));
        assert!(credential.is(text.reveal()) && !credential.is(&text.reveal().to_lowercase()));
        let kept = serde_json::to_string(&credential).unwrap();
        assert!(!kept.contains(&text.reveal()[11..]) && !format!("{text:?}").contains(&credential.id));
        let long = Wanted { title: Some("é".repeat(257)), ..wanted(CredentialKind::ApiKey, None) };
        assert_eq!(Credential::issue(long, &[7; 38], made(1)).unwrap_err().code, Code::TooMany);
    }

    #[test]
    fn it_is_valid_until_it_ends() {
        let issue = |expires_s| Credential::issue(wanted(CredentialKind::OauthClient, expires_s), &[1; 38], made(10));
        issue(Some(10)).unwrap_err();
        let (mut credential, text) = issue(Some(20)).unwrap();
        assert!(text.reveal().starts_with("tgs_"));
        assert_eq!([10, 19, 20].map(|now_s| credential.is_valid(now_s)), [true, true, false]);
        credential.revoke(15);
        credential.revoke(16);
        assert_eq!((credential.revoked_s, credential.is_valid(11)), (Some(15), false));
    }

    #[test]
    fn a_rotation_overlaps_and_never_prolongs() {
        for (expires_s, overlap_s, ends_s) in
            [(None, 60, 160), (Some(120), 60, 120), (None, 0, 100), (None, u64::MAX, u64::MAX)]
        {
            let (mut old, _) =
                Credential::issue(wanted(CredentialKind::ApiKey, expires_s), &[1; 38], made(10)).unwrap();
            let (new, _) = old.rotate(overlap_s, None, &[2; 38], made(100)).unwrap();
            assert_eq!((old.expires_s, new.replaces.as_ref()), (Some(ends_s), Some(&old.id)));
            assert!(new.is_valid(u64::MAX) && new.hash != old.hash);
        }
        let (mut old, _) = Credential::issue(wanted(CredentialKind::ApiKey, None), &[1; 38], made(10)).unwrap();
        old.revoke(11);
        assert_eq!(old.rotate(5, None, &[2; 38], made(12)).unwrap_err().code, Code::CredentialEnded);
    }

    #[test]
    fn there_is_room_while_enough_have_ended() {
        let issue =
            |expires_s| Credential::issue(wanted(CredentialKind::ApiKey, expires_s), &[1; 38], made(10)).unwrap().0;
        let mut all = vec![issue(None); CREDENTIALS_MAX - 1];
        all.push(issue(Some(20)));
        assert_eq!(admit_another(&all, 19).unwrap_err().code, Code::TooMany);
        admit_another(&all, 20).unwrap();
    }

    #[test]
    fn numbers_to_the_base_62() {
        assert_eq!(base62(&[0, 61], 3), "00z");
        assert_eq!(base62(&[0, 62], 3), "010");
        // 2^256 - 1 has 43 digits: nothing of a secret falls off.
        assert_eq!(base62(&[255; 32], 44).as_bytes()[0], b'0');
        assert_ne!(base62(&[255; 32], 43).as_bytes()[0], b'0');
    }

    proptest! {
        #[test]
        fn other_chance_is_another_text(a in prop::array::uniform32(0..=255_u8), b in prop::array::uniform32(0..=255_u8)) {
            prop_assert_eq!(base62(&a, SECRET_CHARS) == base62(&b, SECRET_CHARS), a == b);
        }
    }
}
