//! The conditions of a route or a rule on named values, judged against a request.
//!
//! A condition is met when one of the values of its name fits. Query parameters are compared decoded (`%41` and `+`
//! included), in a buffer on the stack; of a name or value longer than the buffer only the beginning is known, so it
//! equals nothing and no expression takes it. Cookies are compared as they are (RFC 6265, section 5.4). Nothing allocates.

use tollgate_model::{Condition, Match, VALUE_BYTES_MAX, ValueMatch};

use crate::Request;

/// What a request must have.
pub struct Conditions {
    headers: Box<[Condition]>,
    query: Box<[Condition]>,
    cookies: Box<[Condition]>,
}

impl Conditions {
    /// Those of a match; `None` if it has none, as most have.
    pub(crate) fn of(matcher: &Match) -> Option<Box<Self>> {
        Self::new(&matcher.headers, &matcher.query, &matcher.cookies)
    }

    /// All of these; `None` if there are none.
    #[must_use]
    pub fn new(headers: &[Condition], query: &[Condition], cookies: &[Condition]) -> Option<Box<Self>> {
        let is_plain = headers.is_empty() && query.is_empty() && cookies.is_empty();
        (!is_plain).then(|| Box::new(Self { headers: headers.into(), query: query.into(), cookies: cookies.into() }))
    }

    /// Whether all are met.
    #[must_use]
    pub fn are_met(&self, request: &Request<'_>) -> bool {
        let header =
            |condition: &Condition| request.fields.any(&condition.name, &mut |value| condition.value.takes(value));
        let cookie = |condition: &Condition| request.fields.any("cookie", &mut |value| has_cookie(value, condition));
        self.headers.iter().all(header)
            && self.query.iter().all(|condition| has_parameter(request.query, condition))
            && self.cookies.iter().all(cookie)
    }
}

/// Whether a Cookie field (`a=b; c=d`) has a cookie that meets the condition.
fn has_cookie(field: &[u8], condition: &Condition) -> bool {
    field.split(|&byte| byte == b';').any(|pair| {
        let (name, value) = split(pair.trim_ascii());
        name == condition.name.as_bytes() && condition.value.takes(value)
    })
}

/// Whether a query (`a=b&c=d`) has a parameter that meets the condition.
fn has_parameter(query: &[u8], condition: &Condition) -> bool {
    let mut decoded = [0; VALUE_BYTES_MAX];
    let mut pairs = pairs(query);
    pairs.any(|(name, value)| {
        is_named(name, &condition.name, &mut decoded) && value_fits(value, &condition.value, &mut decoded)
    })
}

/// The first value of a query parameter, decoded into `room`: of a longer one the beginning. Empty if there is none.
#[must_use]
pub fn query_value<'r>(query: &[u8], name: &str, room: &'r mut [u8; VALUE_BYTES_MAX]) -> &'r [u8] {
    let found = pairs(query).find(|(found, _)| is_named(found, name, room));
    found.map_or(&[], |(_, value)| decode(value, room).0)
}

fn pairs(query: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    query.split(|&byte| byte == b'&').filter(|pair| !pair.is_empty()).map(split)
}

fn is_named(found: &[u8], name: &str, room: &mut [u8; VALUE_BYTES_MAX]) -> bool {
    decode(found, room) == (name.as_bytes(), true)
}

fn value_fits(value: &[u8], wanted: &ValueMatch, room: &mut [u8; VALUE_BYTES_MAX]) -> bool {
    let (value, is_whole) = decode(value, room);
    match wanted {
        ValueMatch::Present | ValueMatch::Prefix(_) => wanted.takes(value),
        ValueMatch::Exact(_) | ValueMatch::Expression(_) => is_whole && wanted.takes(value),
    }
}

/// `name=value` in two; a missing value is an empty one.
fn split(pair: &[u8]) -> (&[u8], &[u8]) {
    match pair.iter().position(|&byte| byte == b'=') {
        Some(at) => (&pair[..at], &pair[at + 1..]),
        None => (pair, &[]),
    }
}

/// The text with its escapes decoded, and whether that is all of it.
fn decode<'r>(text: &[u8], room: &'r mut [u8; VALUE_BYTES_MAX]) -> (&'r [u8], bool) {
    let (mut read, mut len) = (0, 0);
    while read < text.len() && len < room.len() {
        (room[len], read) = match text[read] {
            b'+' => (b' ', read + 1),
            b'%' => match text.get(read + 1..read + 3).and_then(hex) {
                Some(byte) => (byte, read + 3),
                None => (b'%', read + 1),
            },
            byte => (byte, read + 1),
        };
        len += 1;
    }
    (&room[..len], read == text.len())
}

/// The byte that two hexadecimal digits stand for.
fn hex(digits: &[u8]) -> Option<u8> {
    let value = |digit: u8| (digit as char).to_digit(16);
    let byte = value(*digits.first()?)? << 4 | value(*digits.get(1)?)?;
    u8::try_from(byte).ok()
}
