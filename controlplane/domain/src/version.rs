//! Versions of an API, where a request says which one it wants, and what `v1` means.
//!
//! `VersionScheme::places` gives the compiler what the routes of one version match on, with the short forms (`aliases`)
//! that lead to it. Which short form leads where is decided over all versions that are published in an environment,
//! so it changes only with a publication.

use crate::{
    limits::VERSION_CHARS_MAX,
    name::as_text,
    refusal::{Code, Refusal},
};
use serde::{Deserialize, Serialize};
use std::{cmp::Ordering, collections::BTreeMap, fmt, str::FromStr};
use utoipa::ToSchema;

/// Letters, digits, `.`, `-` and `_`, the first a letter or digit. Ordered by their numbers where they have some: `1.9`
/// before `1.10`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
pub struct Version(String);

/// Where a request says which version it wants.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VersionScheme {
    /// The place. Left out: `path`.
    #[serde(default)]
    pub r#in: VersionPlace,
    /// Name of the header field or query parameter. Left out: `API-Version` and `api-version`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `true`: `1` (or `v1`, as the version is spelled) means the highest published 1.x, `1.2` the highest 1.2.x.
    #[serde(default)]
    pub latest: bool,
    /// `true`: a request without a version means this one. One version of an API and environment at most.
    #[serde(default)]
    pub unversioned: bool,
}

/// `in` of a version scheme.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum VersionPlace {
    /// In the place of `{version}` in the base path, or after it if there is none.
    #[default]
    Path,
    /// In a header field.
    Header,
    /// In a query parameter.
    Query,
    /// Nowhere: the API is where its base path says.
    None,
}

/// What the requests for a version have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    /// The base path with the version in it, if it belongs there. No slash at the end; `/` alone is empty.
    pub path: String,
    /// Name and value of a header field they have.
    pub header: Option<(String, String)>,
    /// Name and value of a query parameter they have.
    pub query: Option<(String, String)>,
}

impl Version {
    /// The version itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The letter `v` it may begin with, and its numbers. `None` if it is not made of numbers alone.
    fn numbers(&self) -> Option<(&str, Vec<u64>)> {
        let digits = self.0.trim_start_matches(['v', 'V']);
        let prefix = &self.0[..self.0.len() - digits.len()];
        let numbers = digits.split('.').map(|part| part.parse().ok()).collect::<Option<_>>()?;
        (prefix.len() <= 1).then_some((prefix, numbers))
    }
}

/// The short forms that lead to a version of `published`: each to the highest whose numbers begin with it. None of them
/// is itself a version, and versions that are not made of numbers have none.
#[must_use]
pub fn aliases(published: &[Version]) -> BTreeMap<String, Version> {
    let mut found: BTreeMap<String, Version> = BTreeMap::new();
    for version in published {
        let Some((prefix, numbers)) = version.numbers() else { continue };
        for length in 1..numbers.len() {
            let short: Vec<_> = numbers[..length].iter().map(u64::to_string).collect();
            let short = format!("{prefix}{}", short.join("."));
            if published.iter().any(|other| other.as_str() == short) {
                continue;
            }
            let best = found.entry(short).or_insert_with(|| version.clone());
            if *best < *version {
                *best = version.clone();
            }
        }
    }
    found
}

impl VersionScheme {
    /// Name of the header field or query parameter.
    #[must_use]
    pub fn name(&self) -> &str {
        let default = if self.r#in == VersionPlace::Query { "api-version" } else { "API-Version" };
        self.name.as_deref().unwrap_or(default)
    }

    /// What requests for `version` match on: the version itself, then its `short` forms if the scheme wants them, then
    /// no version at all if it wants that.
    #[must_use]
    pub fn places(&self, base_path: &str, version: &Version, short: &[String]) -> Vec<Placement> {
        let short = if self.latest { short } else { &[] };
        let mut places: Vec<_> = std::iter::once(version.as_str())
            .chain(short.iter().map(String::as_str))
            .map(|text| self.place(base_path, text))
            .collect();
        if self.unversioned && self.r#in != VersionPlace::None {
            places.push(Placement { path: without_version(base_path), header: None, query: None });
        }
        places.truncate(if self.r#in == VersionPlace::None { 1 } else { usize::MAX });
        places
    }

    fn place(&self, base_path: &str, version: &str) -> Placement {
        let named = || Some((self.name().to_owned(), version.to_owned()));
        let path = match self.r#in {
            VersionPlace::Path if base_path.contains(SEGMENT) => trimmed(&base_path.replace(SEGMENT, version)),
            VersionPlace::Path => format!("{}/{version}", trimmed(base_path)),
            _ => without_version(base_path),
        };
        let header = if self.r#in == VersionPlace::Header { named() } else { None };
        let query = if self.r#in == VersionPlace::Query { named() } else { None };
        Placement { path, header, query }
    }

    pub(crate) fn review(&self, base_path: &str, found: &mut Vec<Refusal>) {
        if base_path.contains(SEGMENT) && self.r#in != VersionPlace::Path {
            let what = "the base path has a `{version}`, but the version is not in the path";
            found.push(Refusal::new(
                Code::InvalidValue,
                "base_path",
                what,
                "take it out, or write `versioning: { in: path }`",
            ));
        }
        let Some(name) = &self.name else { return };
        let valid = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        if name.is_empty() || name.len() > 64 || !name.bytes().all(valid) {
            let what = format!("`{name}` cannot name a header field or parameter");
            let remedy = "write 1 to 64 letters, digits, `-`, `_` or `.`";
            found.push(Refusal::new(Code::InvalidValue, "versioning.name", what, remedy));
        }
    }
}

/// The place of the version in a base path.
const SEGMENT: &str = "{version}";

fn trimmed(path: &str) -> String {
    path.trim_end_matches('/').to_owned()
}

fn without_version(base_path: &str) -> String {
    trimmed(&base_path.replace(&format!("/{SEGMENT}"), ""))
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        let numbers = |version: &Self| version.numbers().map(|(_, numbers)| numbers);
        numbers(self).cmp(&numbers(other)).then_with(|| self.0.cmp(&other.0))
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl FromStr for Version {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let valid = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
        let fits = (1..=VERSION_CHARS_MAX).contains(&text.len());
        if fits && text.bytes().all(valid) && text.as_bytes()[0].is_ascii_alphanumeric() {
            return Ok(Self(text.to_owned()));
        }
        let remedy = format!("write 1 to {VERSION_CHARS_MAX} letters, digits, `.`, `-`, `_`, like `1.0`");
        Err(Refusal::new(Code::InvalidVersion, "", format!("`{text}` is no version"), remedy))
    }
}

as_text!(Version);

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn versions(texts: &[&str]) -> Vec<Version> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn numbers_count_as_numbers() {
        let mut sorted = versions(&["1.10", "beta", "1.9", "v2", "1.9.1", "1"]);
        sorted.sort();
        assert_eq!(sorted, versions(&["beta", "1", "1.9", "1.9.1", "1.10", "v2"]));
        for text in ["", ".1", "1/2", "1 2", &"1".repeat(33)] {
            assert_eq!(text.parse::<Version>().unwrap_err().code, Code::InvalidVersion);
        }
    }

    #[test]
    fn a_short_form_leads_to_the_highest() {
        let cases = [
            (vec!["1.2", "1.10", "2.0"], vec![("1", "1.10"), ("2", "2.0")]),
            (vec!["v1.2", "v1.3"], vec![("v1", "v1.3")]),
            (vec!["1.2.3", "1.2.10"], vec![("1", "1.2.10"), ("1.2", "1.2.10")]),
            // What is a version of its own is no short form.
            (vec!["1", "1.2"], vec![]),
            (vec!["2024-01-01", "beta"], vec![]),
        ];
        for (published, wanted) in cases {
            let wanted = wanted.into_iter().map(|(short, to)| (short.to_owned(), to.parse().unwrap())).collect();
            assert_eq!(aliases(&versions(&published)), wanted, "{published:?}");
        }
    }

    #[test]
    fn a_scheme_says_what_requests_match_on() {
        let place = |path: &str| Placement { path: path.to_owned(), header: None, query: None };
        let named = |name: &str, value: &str| Some((name.to_owned(), value.to_owned()));
        let header = |value: &str| Placement { header: named("API-Version", value), ..place("/orders") };
        let query = Placement { query: named("v", "1.2"), ..place("/orders") };
        let cases = [
            (r#"{}"#, "/orders", vec![place("/orders/1.2")]),
            (r#"{"latest": true}"#, "/", vec![place("/1.2"), place("/1")]),
            (r#"{"unversioned": true}"#, "/{version}/orders/", vec![place("/1.2/orders"), place("/orders")]),
            (r#"{"in": "header", "latest": true}"#, "/orders", vec![header("1.2"), header("1")]),
            (r#"{"in": "query", "name": "v"}"#, "/orders", vec![query]),
            (r#"{"in": "none", "latest": true, "unversioned": true}"#, "/orders", vec![place("/orders")]),
        ];
        for (scheme, base_path, places) in cases {
            let scheme: VersionScheme = serde_json::from_str(scheme).unwrap();
            assert_eq!(scheme.places(base_path, &"1.2".parse().unwrap(), &["1".to_owned()]), places);
        }
    }
}
