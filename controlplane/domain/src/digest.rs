//! Digests: SHA-256 of the canonical JSON of a value, so that what means the same has the same digest.
//!
//! Canonical is: no white space, the keys of every object in the order of their bytes. The digest of a revision is
//! shown and compared; the one of a document is also its name.

use crate::refusal::{Code, Refusal};
use aws_lc_rs::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;
use utoipa::ToSchema;

/// 64 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
pub struct Digest(String);

impl Digest {
    /// Of bytes as they are.
    #[must_use]
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Self(hex(digest(&SHA256, bytes).as_ref()))
    }

    /// Of the canonical JSON of `value`.
    #[must_use]
    pub fn of(value: &impl Serialize) -> Self {
        // What has no JSON (a map with keys that are no strings) is no record of this crate.
        let value = serde_json::to_value(value).unwrap_or_default();
        let mut text = String::new();
        canonical(&value, &mut text);
        Self::of_bytes(text.as_bytes())
    }

    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// `bytes` as lower-case hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |value: u8| char::from(DIGITS[usize::from(value)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

fn canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_unstable_by_key(|(key, _)| *key);
            out.push('{');
            for (at, (key, value)) in entries.into_iter().enumerate() {
                out.push_str(if at > 0 { "," } else { "" });
                out.push_str(&Value::from(key.as_str()).to_string());
                out.push(':');
                canonical(value, out);
            }
            out.push('}');
        }
        Value::Array(values) => {
            out.push('[');
            for (at, value) in values.iter().enumerate() {
                out.push_str(if at > 0 { "," } else { "" });
                canonical(value, out);
            }
            out.push(']');
        }
        scalar => out.push_str(&scalar.to_string()),
    }
}

impl TryFrom<String> for Digest {
    type Error = Refusal;

    fn try_from(text: String) -> Result<Self, Refusal> {
        let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if text.len() == 64 && text.bytes().all(digit) {
            return Ok(Self(text));
        }
        Err(Refusal::new(Code::InvalidValue, "", "this is no digest", "write 64 lower-case hexadecimal digits"))
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_known_value() {
        // FIPS 180-4, example of one block.
        let wanted = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(Digest::of_bytes(b"abc").as_str(), wanted);
        Digest::try_from(wanted.to_owned()).unwrap();
        Digest::try_from(wanted.to_uppercase()).unwrap_err();
    }

    #[test]
    fn order_and_white_space_do_not_count() {
        let read = |text: &str| Digest::of(&serde_json::from_str::<Value>(text).unwrap());
        assert_eq!(read(r#"{"a": [1, {"c": 2, "b": 3}], "b\"": null}"#), read(r#"{"b\"":null,"a":[1,{"b":3,"c":2}]}"#));
        assert_ne!(read("[1, 2]"), read("[2, 1]"));
        assert_ne!(read(r#"{"a": 1}"#), read(r#"{"a": "1"}"#));
    }
}
