//! An application as one packed record.
//!
//! ```text
//! name  tenant  credentials:u8 { flags:u8 proof:32 [expires:u64] id scopes:u8 { scope } [issuer client_id]
//!                                [revoked_bytes:u32 { jti }] }
//!               subscriptions:u16 { api plan:u32 }
//! ```
//!
//! Texts have one byte of length before them, numbers are little-endian. As structs of their own the same would need three
//! times the memory and be spread over it; a request reads a record from its front once, without allocating. Records are
//! made by [`Application::new`] only, so that reading one finds what is written; it ends early and never fails.

use std::{fmt, hash::Hash};

use triomphe::ThinArc;

use crate::Proof;

/// An application. Copies share the record.
#[derive(Clone)]
pub struct Application(ThinArc<(), u8>);

/// What an application calls with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Credential<'a> {
    /// What it is called; unique in its application, 1 to 255 bytes.
    pub id: &'a str,
    /// What it is found by.
    pub proof: Proof,
    /// Whose tokens, if it is no key.
    pub who: Option<Who<'a>>,
    /// Seconds since 1970 from which on it is void.
    pub expires_s: Option<u64>,
    /// What it may do.
    pub scopes: Texts<'a>,
    /// The identifiers (`jti`) of its tokens that have ended before their time. Empty for a key.
    pub revoked: Texts<'a>,
}

/// What a credential has any number of, before it is packed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lists<'a> {
    /// Up to 255.
    pub scopes: Vec<&'a str>,
    /// Up to 1,000: whoever asks compares with each.
    pub revoked: Vec<&'a str>,
}

/// The client of an issuer of tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Who<'a> {
    /// `iss`; up to 255 bytes.
    pub issuer: &'a str,
    /// What the issuer calls the application; up to 255 bytes.
    pub client_id: &'a str,
}

/// An API that an application may call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Subscription<'a> {
    /// Up to 255 bytes.
    pub api: &'a str,
    /// The slot of a plan.
    pub plan: Option<u32>,
}

/// Texts that stand one behind the other in a record.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Texts<'a>(&'a [u8]);

const HAS_EXPIRY: u8 = 1;
const IS_CLIENT: u8 = 2;
const HAS_REVOKED: u8 = 4;
const NO_PLAN: u32 = u32::MAX;

impl Application {
    /// Packs an application. What a credential has lists of stands beside it, and not in it. Texts are cut at 255 bytes,
    /// lists at 255 credentials and scopes and 65,535 subscriptions: more than `model` lets through.
    #[must_use]
    pub fn new(
        name: &str,
        tenant: &str,
        credentials: &[(Credential<'_>, Lists<'_>)],
        subscriptions: &[Subscription<'_>],
    ) -> Self {
        let mut packed = Vec::with_capacity(256);
        put(&mut packed, name);
        put(&mut packed, tenant);
        let credentials = &credentials[..credentials.len().min(usize::from(u8::MAX))];
        packed.push(credentials.len() as u8);
        credentials.iter().for_each(|(credential, lists)| put_credential(&mut packed, credential, lists));
        let subscriptions = &subscriptions[..subscriptions.len().min(usize::from(u16::MAX))];
        packed.extend((subscriptions.len() as u16).to_le_bytes());
        for subscription in subscriptions {
            put(&mut packed, subscription.api);
            packed.extend(subscription.plan.unwrap_or(NO_PLAN).to_le_bytes());
        }
        Self(ThinArc::from_header_and_slice((), &packed))
    }

    fn reader(&self) -> Reader<'_> {
        Reader(&self.0.slice)
    }

    fn behind_tenant(&self) -> Reader<'_> {
        let mut reader = self.reader();
        reader.text();
        reader.text();
        reader
    }

    /// Unique among the applications.
    #[must_use]
    pub fn name(&self) -> &str {
        self.reader().text()
    }

    /// Whose it is; empty for nobody's.
    #[must_use]
    pub fn tenant(&self) -> &str {
        let mut reader = self.reader();
        reader.text();
        reader.text()
    }

    /// What it calls with.
    pub fn credentials(&self) -> impl Iterator<Item = Credential<'_>> {
        let mut reader = self.behind_tenant();
        let count = reader.byte();
        (0..count).map(move |_| reader.credential())
    }

    /// The credential with this proof.
    #[must_use]
    pub fn credential(&self, proof: &Proof) -> Option<Credential<'_>> {
        self.credentials().find(|credential| credential.proof == *proof)
    }

    /// Which APIs it may call.
    pub fn subscriptions(&self) -> impl Iterator<Item = Subscription<'_>> {
        let mut reader = self.behind_tenant();
        for _ in 0..reader.byte() {
            reader.credential();
        }
        let count = u16::from_le_bytes(reader.array());
        (0..count).map(move |_| reader.subscription())
    }

    /// The subscription to this API.
    #[must_use]
    pub fn subscription(&self, api: &str) -> Option<Subscription<'_>> {
        self.subscriptions().find(|subscription| subscription.api == api)
    }

    /// Bytes of memory, without what the allocator adds.
    #[must_use]
    pub fn bytes(&self) -> usize {
        // The count of its owners and its length stand before it.
        self.0.slice.len() + 2 * size_of::<usize>()
    }
}

/// The same content.
impl PartialEq for Application {
    fn eq(&self, other: &Self) -> bool {
        self.0.slice == other.0.slice
    }
}

impl Eq for Application {}

impl fmt::Debug for Application {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Application").field("name", &self.name()).finish_non_exhaustive()
    }
}

impl<'a> Texts<'a> {
    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// One after the other.
    pub fn iter(self) -> impl Iterator<Item = &'a str> {
        let mut reader = Reader(self.0);
        std::iter::from_fn(move || (!reader.0.is_empty()).then(|| reader.text()))
    }
}

impl fmt::Debug for Texts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

fn put_credential(packed: &mut Vec<u8>, credential: &Credential<'_>, Lists { scopes, revoked }: &Lists<'_>) {
    let (expiry, client, ended) = (credential.expires_s.is_some(), credential.who.is_some(), !revoked.is_empty());
    let flag = |is_set: bool, flag: u8| if is_set { flag } else { 0 };
    packed.push(flag(expiry, HAS_EXPIRY) | flag(client, IS_CLIENT) | flag(ended, HAS_REVOKED));
    packed.extend(credential.proof);
    packed.extend(credential.expires_s.iter().flat_map(|expires_s| expires_s.to_le_bytes()));
    put(packed, credential.id);
    let scopes = &scopes[..scopes.len().min(usize::from(u8::MAX))];
    packed.push(scopes.len() as u8);
    scopes.iter().for_each(|scope| put(packed, scope));
    for text in credential.who.iter().flat_map(|who| [who.issuer, who.client_id]) {
        put(packed, text);
    }
    if ended {
        let mut texts = Vec::new();
        revoked.iter().for_each(|jti| put(&mut texts, jti));
        packed.extend((texts.len() as u32).to_le_bytes());
        packed.extend(texts);
    }
}

fn put(packed: &mut Vec<u8>, text: &str) {
    let text = &text[..text.floor_char_boundary(usize::from(u8::MAX))];
    packed.push(text.len() as u8);
    packed.extend(text.as_bytes());
}

/// What is left of a record.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn bytes(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at_checked(count).unwrap_or((&[], &[]));
        self.0 = rest;
        taken
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        self.bytes(N).try_into().unwrap_or([0; N])
    }

    fn byte(&mut self) -> u8 {
        let [byte] = self.array();
        byte
    }

    fn text(&mut self) -> &'a str {
        let length = self.byte();
        std::str::from_utf8(self.bytes(usize::from(length))).unwrap_or_default()
    }

    fn credential(&mut self) -> Credential<'a> {
        let flags = self.byte();
        let proof = self.array();
        let expires_s = (flags & HAS_EXPIRY != 0).then(|| u64::from_le_bytes(self.array()));
        let id = self.text();
        let count = self.byte();
        let begin = self.0;
        for _ in 0..count {
            self.text();
        }
        let scopes = Texts(&begin[..begin.len() - self.0.len()]);
        let who = (flags & IS_CLIENT != 0).then(|| Who { issuer: self.text(), client_id: self.text() });
        let revoked = (flags & HAS_REVOKED != 0).then(|| {
            let bytes = u32::from_le_bytes(self.array());
            Texts(self.bytes(bytes as usize))
        });
        Credential { id, proof, who, expires_s, scopes, revoked: revoked.unwrap_or_default() }
    }

    fn subscription(&mut self) -> Subscription<'a> {
        let api = self.text();
        let plan = u32::from_le_bytes(self.array());
        Subscription { api, plan: (plan != NO_PLAN).then_some(plan) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_is_read_again() {
        let (scopes, revoked) = (Texts::default(), Texts::default());
        let key = Credential { id: "k1", proof: [7; 32], who: None, expires_s: Some(1 << 40), scopes, revoked };
        let who = Who { issuer: "https://id.test", client_id: "ö" };
        let client = Credential { id: "c", proof: [9; 32], who: Some(who), expires_s: None, ..key };
        let subscriptions = [Subscription { api: "a@v1", plan: Some(0) }, Subscription { api: "b", plan: None }];
        let lists = Lists { scopes: vec!["read", "write"], revoked: vec!["ended", "ö"] };
        let credentials = [(client, lists), (key, Lists::default())];
        let application = Application::new("mobile", "acme", &credentials, &subscriptions);
        assert_eq!((application.name(), application.tenant()), ("mobile", "acme"));
        let read: Vec<_> = application.credentials().collect();
        assert_eq!((read[1], read[0].who, read[0].expires_s), (key, Some(who), None));
        assert_eq!(read[0].scopes.iter().collect::<Vec<_>>(), ["read", "write"]);
        assert_eq!(read[0].revoked.iter().collect::<Vec<_>>(), ["ended", "ö"]);
        assert!(read[1].revoked.is_empty());
        assert_eq!(application.subscriptions().collect::<Vec<_>>(), subscriptions);
        assert_eq!(application.subscription("b"), Some(subscriptions[1]));
        assert_eq!(application.subscription("c"), None);
        assert_eq!(application.credential(&[9; 32]).map(|found| found.id), Some("c"));
        let bare = Application::new("x", "", &[], &[]);
        assert_eq!((bare.tenant(), bare.credentials().count(), bare.subscriptions().count()), ("", 0, 0));
    }

    #[test]
    fn a_text_that_is_too_long_is_cut_between_characters() {
        let application = Application::new(&"ö".repeat(200), "t", &[], &[]);
        assert_eq!((application.name().chars().count(), application.tenant()), (127, "t"));
    }
}
