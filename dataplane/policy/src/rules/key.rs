//! Whom a request is counted for: the parts of a rule's key as one number.
//!
//! The number is a hash with keys of the node's own, of the rule and the value of each part with its length, so that no
//! two lists of values are the same text, and nobody outside can choose values that meet. It is SipHash-1-3 (Aumasson and
//! Bernstein, 2012), the same in every build and on every machine, since it is kept and shared. A header field, cookie or
//! parameter that comes several times counts with its first value, one that is missing as an empty one. Nothing allocates
//! but the parameters of a path that is a regular expression.

use siphasher::sip::SipHasher13;
use std::{
    hash::{BuildHasher, Hasher, RandomState},
    net::IpAddr,
};
use tollgate_model::{KeyPart, PathMatch, Piece, Route, RuleId, VALUE_BYTES_MAX, parameter};
use tollgate_route::{path_value, query_value};

use crate::{Caller, Request};

/// Room for a decoded value: of longer ones the beginning counts.
pub(crate) type Room = [u8; VALUE_BYTES_MAX];

/// The keys that keys of limits are hashed with.
#[derive(Clone, Debug)]
pub struct HashKeys(SipHasher13);

impl HashKeys {
    /// New ones, by chance.
    #[must_use]
    pub fn random() -> Self {
        let chance = RandomState::new();
        Self::new([chance.hash_one(0), chance.hash_one(1)])
    }

    /// These: a secret of the node, or of several.
    #[must_use]
    pub fn new([one, two]: [u64; 2]) -> Self {
        Self(SipHasher13::new_with_keys(one, two))
    }

    /// The hash of something that never changes: whoever keeps hashes tells by it that they still mean the same.
    #[must_use]
    pub fn probe(&self) -> u64 {
        let (scope, name) = ("tollgate".into(), "probe".into());
        let mut hasher = self.begin(&RuleId { scope, policy: "quota", name });
        put(&mut hasher, b"value");
        hasher.finish()
    }

    fn begin(&self, rule: &RuleId) -> SipHasher13 {
        let mut hasher = self.0;
        for text in [&*rule.scope, rule.policy, &*rule.name] {
            put(&mut hasher, text.as_bytes());
        }
        hasher
    }
}

/// Why values are not a key of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyError {
    /// The rule's key has so many parts.
    Parts(usize),
    /// The value at this place is no address.
    Address(usize),
}

/// The key that requests with these values are counted for: one for each part, empty for `node`.
pub(super) fn of_values(keys: &HashKeys, id: &RuleId, parts: &[KeyPart], values: &[String]) -> Result<u64, KeyError> {
    if parts.len() != values.len() {
        return Err(KeyError::Parts(parts.len()));
    }
    let (mut hasher, mut room) = (keys.begin(id), [0; VALUE_BYTES_MAX]);
    for (at, (part, value)) in parts.iter().zip(values).enumerate() {
        let value = match part {
            KeyPart::ClientIp { ipv4, ipv6 } => {
                let address = value.parse().map_err(|_| KeyError::Address(at))?;
                network(address, *ipv4, *ipv6, &mut room)
            }
            KeyPart::Node => &[],
            KeyPart::Query(_) => &value.as_bytes()[..value.len().min(VALUE_BYTES_MAX)],
            KeyPart::Route
            | KeyPart::Header(_)
            | KeyPart::Cookie(_)
            | KeyPart::Path(_)
            | KeyPart::Application
            | KeyPart::Credential
            | KeyPart::Subscription
            | KeyPart::Tenant
            | KeyPart::Api
            | KeyPart::Claim(_) => value.as_bytes(),
        };
        put(&mut hasher, value);
    }
    Ok(hasher.finish())
}

/// Adds the value of a part.
fn put(hasher: &mut SipHasher13, value: &[u8]) {
    hasher.write(&(value.len() as u64).to_le_bytes());
    hasher.write(value);
}

/// The key of a rule, compiled for a route.
pub(crate) struct Key {
    /// What the rule itself comes to, and the parts that are the same for all requests before others.
    begun: SipHasher13,
    parts: Box<[Part]>,
    /// How many of them.
    fixed: usize,
}

enum Part {
    ClientIp { ipv4: u8, ipv6: u8 },
    Fixed(Box<[u8]>),
    Header(Box<[u8]>),
    Cookie(Box<[u8]>),
    Query(Box<str>),
    Path(Piece, PathMatch),
    Caller(CallerPart),
    Claim(Box<str>),
}

/// What of a caller tells requests apart.
#[derive(Clone, Copy)]
enum CallerPart {
    Application,
    Credential,
    Subscription,
    Tenant,
    Api,
}

impl Key {
    pub(crate) fn compile(rule: &tollgate_model::Rule, route: Option<&Route>, keys: &HashKeys) -> Self {
        let parts: Box<[Part]> = rule.key.iter().map(|part| Part::compile(part, route)).collect();
        let mut begun = keys.begin(&rule.id);
        let fixed = parts.iter().map_while(|part| if let Part::Fixed(value) = part { Some(value) } else { None });
        let fixed = fixed.map(|value| put(&mut begun, value)).count();
        Self { begun, parts, fixed }
    }

    /// The key of a request.
    pub(crate) fn of(&self, request: &Request<'_>, room: &mut Room) -> u64 {
        let mut hasher = self.begun;
        for part in &self.parts[self.fixed..] {
            put(&mut hasher, part.value(request, room));
        }
        hasher.finish()
    }

    /// What a request has for a part; empty for a part there is not.
    pub(crate) fn value<'r>(&'r self, part: usize, request: &Request<'r>, room: &'r mut Room) -> &'r [u8] {
        self.parts.get(part).map_or(&[], |part| part.value(request, room))
    }
}

impl Part {
    /// `resolve` takes no part of a route in a plan, which has none.
    fn compile(part: &KeyPart, route: Option<&Route>) -> Self {
        match part {
            KeyPart::ClientIp { ipv4, ipv6 } => Self::ClientIp { ipv4: *ipv4, ipv6: *ipv6 },
            KeyPart::Application => Self::Caller(CallerPart::Application),
            KeyPart::Credential => Self::Caller(CallerPart::Credential),
            KeyPart::Subscription => Self::Caller(CallerPart::Subscription),
            KeyPart::Tenant => Self::Caller(CallerPart::Tenant),
            KeyPart::Api => Self::Caller(CallerPart::Api),
            KeyPart::Claim(name) => Self::Claim(name.as_str().into()),
            KeyPart::Route => Self::Fixed(route.map_or(&[][..], |route| route.name.as_bytes()).into()),
            KeyPart::Node => Self::Fixed(Box::default()),
            KeyPart::Header(name) => Self::Header(name.as_bytes().into()),
            KeyPart::Cookie(name) => Self::Cookie(name.as_bytes().into()),
            KeyPart::Query(name) => Self::Query(name.as_str().into()),
            KeyPart::Path(name) => {
                let path = route.map(|route| &route.matcher.path);
                let found = path.and_then(|path| Some((parameter(path, name).ok()?, path.clone())));
                // Else a rule of several routes, of which this one has no such parameter.
                found.map_or(Self::Fixed(Box::default()), |(piece, path)| Self::Path(piece, path))
            }
        }
    }

    fn value<'r>(&'r self, request: &Request<'r>, room: &'r mut Room) -> &'r [u8] {
        let head = request.head;
        match self {
            Self::ClientIp { ipv4, ipv6 } => network(request.client, *ipv4, *ipv6, room),
            Self::Fixed(value) => value,
            Self::Header(name) => head.field_named(name).unwrap_or_default(),
            Self::Cookie(name) => head.cookie(name).unwrap_or_default(),
            Self::Query(name) => query_value(head.query().unwrap_or_default(), name, room),
            Self::Path(parameter, pattern) => path_value(parameter, pattern, head.path()),
            Self::Claim(name) => {
                let token = request.caller.and_then(|caller| caller.token.as_deref());
                token.map_or(&[], |token| token.claim(name).as_bytes())
            }
            Self::Caller(part) => request.caller.map_or(&[], |caller| part.value(caller, room)),
        }
    }
}

impl CallerPart {
    fn value<'r>(self, caller: &'r Caller<'r>, room: &'r mut Room) -> &'r [u8] {
        match self {
            Self::Application => caller.name().as_bytes(),
            Self::Credential => pair(caller.name(), caller.credential, room),
            Self::Subscription => pair(caller.name(), caller.access.api, room),
            Self::Tenant => caller.tenant().as_bytes(),
            Self::Api => caller.access.api.as_bytes(),
        }
    }
}

/// Two names with a space between, which neither has.
fn pair<'r>(one: &str, other: &str, room: &'r mut Room) -> &'r [u8] {
    let length = one.len() + 1 + other.len();
    let Some(text) = room.get_mut(..length) else { return &[] };
    text[..one.len()].copy_from_slice(one.as_bytes());
    text[one.len()] = b' ';
    text[one.len() + 1..].copy_from_slice(other.as_bytes());
    text
}

/// The bytes of an address without what is behind the prefix. An IPv4 address in the form of IPv6 is an IPv4 address.
fn network(address: IpAddr, ipv4: u8, ipv6: u8, room: &mut Room) -> &[u8] {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let kept = u32::MAX.checked_shl(32 - u32::from(ipv4)).unwrap_or(0);
            room[..4].copy_from_slice(&(address.to_bits() & kept).to_be_bytes());
            &room[..4]
        }
        IpAddr::V6(address) => {
            let kept = u128::MAX.checked_shl(128 - u32::from(ipv6)).unwrap_or(0);
            room[..16].copy_from_slice(&(address.to_bits() & kept).to_be_bytes());
            &room[..16]
        }
    }
}
