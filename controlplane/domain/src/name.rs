//! Names: the identity of everything a tenant has, in addresses, files, the CLI and the compiled contract.
//!
//! A `Name` is a slug, so that it can stand in a host, a path and a file name without being quoted. An API is named by
//! name and version. Whoever holds one of these checks nothing again.

use crate::{
    limits::NAME_CHARS_MAX,
    refusal::{Code, Refusal},
    version::Version,
};
use serde::{Deserialize, Serialize};
use std::{borrow::Borrow, fmt, str::FromStr};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{RefOr, schema::Schema},
};

/// `[a-z0-9][a-z0-9-]{0,62}`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

/// An API: `orders@1.2`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ApiName {
    /// What all versions of it have in common.
    pub name: Name,
    /// Which of them.
    pub version: Version,
}

/// A name that JSON has as one text, the one it is parsed from.
macro_rules! as_text {
    ($($name:ty),*) => {$(
        impl TryFrom<String> for $name {
            type Error = $crate::refusal::Refusal;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.to_string()
            }
        }
    )*};
}

pub(crate) use as_text;

as_text!(Name, ApiName);

/// Written as one text.
impl PartialSchema for ApiName {
    fn schema() -> RefOr<Schema> {
        String::schema()
    }
}

impl ToSchema for ApiName {}

impl Name {
    /// The name itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name that is nearest to `text`, for imports: lower case, what is no letter or digit becomes `-`. `None` if
    /// nothing is left.
    #[must_use]
    pub fn slug(text: &str) -> Option<Self> {
        let mut slug = String::new();
        for c in text.chars().map(|c| c.to_ascii_lowercase()) {
            if c.is_ascii_alphanumeric() {
                slug.push(c);
            } else if !slug.is_empty() && !slug.ends_with('-') {
                slug.push('-');
            }
        }
        slug.truncate(NAME_CHARS_MAX);
        slug.truncate(slug.trim_end_matches('-').len());
        is_slug(&slug).then_some(Self(slug))
    }
}

fn is_slug(text: &str) -> bool {
    let byte = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=NAME_CHARS_MAX).contains(&text.len()) && text.bytes().all(byte) && !text.starts_with('-')
}

impl FromStr for Name {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        if is_slug(text) {
            return Ok(Self(text.to_owned()));
        }
        let near = Self::slug(text).map_or_else(String::new, |near| format!(", like `{near}`"));
        let remedy = format!("write 1 to {NAME_CHARS_MAX} of `a` to `z`, `0` to `9` and `-`{near}");
        Err(Refusal::new(Code::InvalidName, "", format!("`{text}` is no name"), remedy))
    }
}

impl FromStr for ApiName {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let Some((name, version)) = text.split_once('@') else {
            let what = format!("`{text}` names no version of an API");
            return Err(Refusal::new(Code::InvalidName, "", what, "write `name@version`, like `orders@1.0`"));
        };
        Ok(Self { name: name.parse()?, version: version.parse()? })
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for ApiName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name, self.version)
    }
}

impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_slugs() {
        for text in ["a", "orders", "0-9", &"a".repeat(63)] {
            assert_eq!(text.parse::<Name>().unwrap().as_str(), text);
        }
        for text in ["", "-a", "A", "a_b", "a.b", "a/b", "é", &"a".repeat(64)] {
            assert_eq!(text.parse::<Name>().unwrap_err().code, Code::InvalidName, "{text}");
        }
    }

    #[test]
    fn the_nearest_slug_is_a_name_or_nothing() {
        let cases = [("Pet Store (v2)", Some("pet-store-v2")), ("--x--", Some("x")), ("äöü", None), ("", None)];
        for (text, slug) in cases {
            assert_eq!(Name::slug(text).as_ref().map(Name::as_str), slug, "{text}");
        }
        let error = "Pet Store".parse::<Name>().unwrap_err();
        assert!(error.remedy.contains("`pet-store`"), "{error}");
    }

    #[test]
    fn an_api_is_named_with_its_version() {
        let name: ApiName = serde_json::from_str("\"orders@1.2\"").unwrap();
        assert_eq!((name.name.as_str(), name.version.as_str()), ("orders", "1.2"));
        assert_eq!(serde_json::to_string(&name).unwrap(), "\"orders@1.2\"");
        for text in ["orders", "@1", "orders@", "orders@1@2"] {
            text.parse::<ApiName>().unwrap_err();
        }
    }
}
