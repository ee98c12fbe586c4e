//! What the Connection field says (RFC 9110, section 7.6.1), persistence (RFC 9112, section 9.3) and upgrades (RFC 9110,
//! section 7.8).

use crate::{
    Defect, Field,
    field::values,
    grammar::{elements, is_same},
    limits::CONNECTION_OPTIONS_MAX,
};

/// The connection options, in lower case.
#[must_use]
pub fn options(fields: &[Field]) -> Vec<Vec<u8>> {
    values(fields, "connection").flat_map(elements).map(<[u8]>::to_ascii_lowercase).collect()
}

/// Strict: so many options and no more.
pub(crate) fn judge_count(fields: &[Field], defects: &mut Vec<Defect>) {
    if options(fields).len() > CONNECTION_OPTIONS_MAX {
        defects.push(Defect::TooLarge);
    }
}

fn has_option(fields: &[Field], option: &str) -> bool {
    options(fields).iter().any(|found| found == option.as_bytes())
}

/// RFC 9112, section 9.3: whether the connection stays open behind a message of HTTP/1.`minor`.
#[must_use]
pub fn persists(fields: &[Field], minor: u8) -> bool {
    !has_option(fields, "close") && (minor == 1 || has_option(fields, "keep-alive"))
}

/// The protocols offered. Strict: none in several fields, and none with `h2c` among them.
#[must_use]
pub fn upgrade(fields: &[Field]) -> Option<Vec<u8>> {
    let all: Vec<&[u8]> = values(fields, "upgrade").collect();
    let [protocols] = all[..] else { return None };
    let offers_h2c = elements(protocols).into_iter().any(|protocol| is_same(protocol, b"h2c"));
    (has_option(fields, "upgrade") && !protocols.is_empty() && !offers_h2c).then(|| protocols.to_vec())
}
