//! The conditions of a route, judged slowly (docs/users/routing.md): every value of a name is written out, decoded where that
//! is due, and compared.

use crate::{Lookup, expression::takes};
use tollgate_model::{Condition, Match, ValueMatch};

/// Bytes of a decoded query parameter that are known; of a longer one only the beginning is compared.
const KNOWN_BYTES: usize = 1024;

/// Whether a request meets all conditions.
pub(crate) fn are_met(matcher: &Match, lookup: &Lookup<'_>) -> bool {
    let header = |condition: &Condition| fields(lookup, &condition.name).any(|value| fits(value, &condition.value));
    let cookie = |condition: &Condition| cookies(lookup, &condition.name).any(|value| fits(value, &condition.value));
    let parameter = |condition: &Condition| {
        parameters(lookup.query, &condition.name).any(|value| parameter_fits(&value, &condition.value))
    };
    matcher.headers.iter().all(header) && matcher.query.iter().all(parameter) && matcher.cookies.iter().all(cookie)
}

/// The values of a header field.
fn fields<'r>(lookup: &Lookup<'r>, name: &str) -> impl Iterator<Item = &'r [u8]> {
    lookup.fields.iter().filter(move |(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
}

/// The values of a cookie, in all `Cookie` fields.
fn cookies<'r>(lookup: &Lookup<'r>, name: &str) -> impl Iterator<Item = &'r [u8]> {
    let pairs = fields(lookup, "cookie").flat_map(|field| field.split(|&byte| byte == b';')).map(<[u8]>::trim_ascii);
    pairs.map(in_two).filter(move |(cookie, _)| *cookie == name.as_bytes()).map(|(_, value)| value)
}

/// The values of a query parameter, decoded. An empty query has none.
fn parameters(query: &[u8], name: &str) -> impl Iterator<Item = Vec<u8>> {
    let pairs = query.split(|&byte| byte == b'&').filter(|_| !query.is_empty()).map(in_two);
    pairs.filter(move |(parameter, _)| decoded(parameter) == name.as_bytes()).map(|(_, value)| decoded(value))
}

/// Name and value of a pair; nothing stands for a value that is missing.
fn in_two(pair: &[u8]) -> (&[u8], &[u8]) {
    let mut parts = pair.splitn(2, |&byte| byte == b'=');
    (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
}

/// With `+` for a space and two hexadecimal digits behind `%` for a byte; any other `%` stands for itself.
fn decoded(text: &[u8]) -> Vec<u8> {
    let digits = |text: &[u8]| {
        let digits = text.get(1..3).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))?;
        u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    };
    let (mut rest, mut all) = (text, Vec::new());
    while let Some(&first) = rest.first() {
        let escaped = if first == b'%' { digits(rest) } else { None };
        all.push(escaped.unwrap_or(if first == b'+' { b' ' } else { first }));
        rest = &rest[if escaped.is_some() { 3 } else { 1 }..];
    }
    all
}

fn parameter_fits(value: &[u8], wanted: &ValueMatch) -> bool {
    match wanted {
        ValueMatch::Exact(_) | ValueMatch::Expression(_) => value.len() <= KNOWN_BYTES && fits(value, wanted),
        ValueMatch::Present | ValueMatch::Prefix(_) => fits(value, wanted),
    }
}

fn fits(value: &[u8], wanted: &ValueMatch) -> bool {
    match wanted {
        ValueMatch::Present => true,
        ValueMatch::Exact(text) => value == text.as_bytes(),
        ValueMatch::Prefix(text) => value.starts_with(text.as_bytes()),
        ValueMatch::Expression(expression) => takes(expression.text(), value),
    }
}
