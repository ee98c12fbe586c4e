//! A mix file: a YAML list of requests with weights.
//!
//! ```yaml
//! - { path: /orders, weight: 8 }
//! - { path: "/orders/{1..1000}", weight: 4 }
//! - { method: POST, path: /orders, headers: { Content-Type: application/json }, body: '{"item": 7}' }
//! - { method: PUT, path: /avatar, body_file: avatar.png }
//! ```
//!
//! A range `{FROM..TO}` stands for one request for each number; they share the weight. The same range several times in one
//! request is the same number.

use super::{
    SourceError, Sourced, checked,
    limits::{DOCUMENT_BYTES_MAX, MIX_BYTES_MAX, REQUESTS_MAX, WEIGHT_MAX},
};
use crate::load::Request;
use serde::Deserialize;
use serde_saphyr::Spanned;
use std::{collections::BTreeMap, fs, ops::RangeInclusive, path::Path};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    #[serde(default = "one")]
    weight: u32,
    #[serde(default = "get")]
    method: String,
    path: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: Option<String>,
    /// Beside the mix file.
    body_file: Option<String>,
}

const fn one() -> u32 {
    1
}

fn get() -> String {
    "GET".to_owned()
}

/// Reads the text of the mix file at `path`.
///
/// # Errors
/// The first mistake.
pub fn read(path: &Path, text: &str) -> Result<Sourced, SourceError> {
    let name = path.display();
    if text.len() > DOCUMENT_BYTES_MAX {
        return Err(SourceError::new(name.to_string(), "the file is larger than 16 MiB"));
    }
    let options = serde_saphyr::options! { with_snippet: false };
    let entries: Vec<Spanned<Entry>> = serde_saphyr::from_str_with_options(text, options)
        .map_err(|error| SourceError::new(name.to_string(), format!("{error}; wanted is a list of requests")))?;
    let mut requests = Vec::new();
    let mut weights = Vec::new();
    let mut bytes = 0;
    for Spanned { value: entry, referenced, .. } in entries {
        let wrong = |what: String| SourceError::new(format!("{name}:{}", referenced.line()), what);
        let folder = path.parent().unwrap_or(Path::new("."));
        let (weight, of_entry) = (entry.weight, entry.requests(folder).map_err(wrong)?);
        bytes += of_entry.iter().map(|request| request.path.len() + request.body.len()).sum::<usize>();
        weights.push((weight, of_entry.len()));
        requests.extend(of_entry);
        if requests.len() > REQUESTS_MAX || bytes > MIX_BYTES_MAX {
            return Err(wrong(
                "more than 10,000 requests or 256 MiB with what stands before: narrow the ranges".into(),
            ));
        }
    }
    if requests.is_empty() {
        return Err(SourceError::new(name.to_string(), "no requests: write a list like `- { path: /orders }`"));
    }
    share(&mut requests, &weights);
    Ok(Sourced { requests, notes: Vec::new() })
}

impl Entry {
    fn requests(self, folder: &Path) -> Result<Vec<Request>, String> {
        let body = match (self.body, &self.body_file) {
            (Some(_), Some(_)) => return Err("`body` and `body_file` exclude each other".to_owned()),
            (Some(body), None) => Body::Text(body),
            (None, Some(file)) => {
                Body::Bytes(fs::read(folder.join(file)).map_err(|error| format!("`body_file: {file}`: {error}"))?)
            }
            (None, None) => Body::Bytes(Vec::new()),
        };
        let range = match range_in(&self.path)? {
            Some(range) => Some(range),
            None => body.text().map_or(Ok(None), range_in)?,
        };
        if !(1..=WEIGHT_MAX).contains(&self.weight) {
            return Err(format!("a weight is 1 to {WEIGHT_MAX}; leave out what is never to be sent"));
        }
        let (method, headers, weight) = (self.method, self.headers.into_iter().collect::<Vec<_>>(), self.weight);
        let request = |path: String, body| {
            if path.contains(['{', '}']) {
                return Err(format!("the path `{path}` has braces: write a value, or a range like {{1..1000}}"));
            }
            checked(Request { method: method.clone(), path, headers: headers.clone(), body, weight, at: None })
        };
        let Some((pattern, numbers)) = range else { return Ok(vec![request(self.path, body.bytes())?]) };
        let made = numbers.map(|number| {
            let number = number.to_string();
            request(self.path.replace(&pattern, &number), body.with(&pattern, &number))
        });
        made.collect()
    }
}

enum Body {
    Text(String),
    Bytes(Vec<u8>),
}

impl Body {
    fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    fn bytes(self) -> Vec<u8> {
        match self {
            Self::Text(text) => text.into_bytes(),
            Self::Bytes(bytes) => bytes,
        }
    }

    fn with(&self, pattern: &str, number: &str) -> Vec<u8> {
        match self {
            Self::Text(text) => text.replace(pattern, number).into_bytes(),
            Self::Bytes(bytes) => bytes.clone(),
        }
    }
}

/// The first `{FROM..TO}` in a text, as it is written and as numbers. Other braces are nothing special.
fn range_in(text: &str) -> Result<Option<(String, RangeInclusive<u64>)>, String> {
    for (at, _) in text.match_indices('{') {
        let Some(end) = text[at..].find('}') else { break };
        let pattern = &text[at..=at + end];
        let Some((from, to)) = pattern[1..end].split_once("..") else { continue };
        let (Ok(from), Ok(to)) = (from.parse::<u64>(), to.parse::<u64>()) else { continue };
        if from > to || to - from >= REQUESTS_MAX as u64 {
            return Err(format!("the range `{pattern}` is empty or has more than 10,000 numbers"));
        }
        return Ok(Some((pattern.to_owned(), from..=to)));
    }
    Ok(None)
}

/// Spreads the weight of each entry over the requests it became: all are multiplied, so that each share is a whole number. Where
/// that number would not fit, shares are rounded, to one part in a million of the largest.
fn share(requests: &mut [Request], entries: &[(u32, usize)]) {
    let largest = entries.iter().map(|(weight, count)| f64::from(*weight) / *count as f64).fold(0.0, f64::max);
    let common = entries.iter().try_fold(1, |common, (_, count)| least_common_multiple(common, *count as u64));
    let factor = common.map_or(1e6 / largest, |common| common as f64);
    let shares = entries.iter().flat_map(|(weight, count)| {
        let share = (f64::from(*weight) / *count as f64 * factor).round();
        std::iter::repeat_n((share as u32).max(1), *count)
    });
    requests.iter_mut().zip(shares).for_each(|(request, share)| request.weight = share);
}

/// `None` above 1,000: the largest weight times that still fits.
fn least_common_multiple(one: u64, other: u64) -> Option<u64> {
    let (mut a, mut b) = (one, other);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    Some(one / a * other).filter(|multiple| *multiple <= 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<Vec<Request>, String> {
        read(Path::new("mix.yaml"), text).map(|sourced| sourced.requests).map_err(|error| error.to_string())
    }

    #[test]
    fn a_list_of_requests_with_weights() {
        let requests = of("- { path: /orders, weight: 8 }\n\
                           - method: POST\n  path: /orders\n  headers: { X-A: b }\n  body: '{\"item\": 7}'\n")
        .unwrap();
        assert_eq!((requests[0].method.as_str(), requests[0].path.as_str(), requests[0].weight), ("GET", "/orders", 8));
        assert_eq!((requests[1].method.as_str(), requests[1].weight), ("POST", 1));
        assert_eq!(requests[1].headers, [("X-A".to_owned(), "b".to_owned())]);
        assert_eq!(requests[1].body, b"{\"item\": 7}");
    }

    #[test]
    fn a_range_is_a_request_for_each_number_and_shares_the_weight() {
        let requests = of("- { path: /list, weight: 2 }\n\
                           - { path: '/orders/{7..10}?again={7..10}', weight: 2, body: 'n={7..10}' }\n\
                           - { method: POST, path: /orders, body: '{\"item\": {1..2}}' }\n")
        .unwrap();
        let seen: Vec<_> = requests.iter().map(|request| (request.path.as_str(), request.weight)).collect();
        assert_eq!(seen[..3], [("/list", 8), ("/orders/7?again=7", 2), ("/orders/8?again=8", 2)]);
        assert_eq!(requests[4].body, b"n=10");
        assert_eq!((&requests[6].body[..], requests[6].weight), (&b"{\"item\": 2}"[..], 2));
        assert_eq!(requests.len(), 7);
    }

    #[test]
    fn weights_that_do_not_divide_are_rounded_but_never_lost() {
        let requests = of("- { path: '/{1..997}', weight: 3 }\n- { path: '/{1..991}', weight: 1 }\n").unwrap();
        let ratio = f64::from(requests[0].weight) / f64::from(requests[1000].weight);
        assert!((ratio - 3.0 * 991.0 / 997.0).abs() < 1e-4, "{ratio}");
    }

    #[test]
    fn a_mistake_names_the_line_and_the_remedy() {
        for (text, expected) in [
            ("- { path: /a }\n- { path: /b, wieght: 2 }\n", "line 2"),
            ("- { path: /a }\n- { path: b }\n", "mix.yaml:2: "),
            ("- { path: '/{5..1}' }\n", "mix.yaml:1: the range `{5..1}` is empty"),
            ("- { path: '/{1..20000}' }\n", "more than 10,000"),
            ("- { path: '/{1..9000}' }\n- { path: '/{1..9000}' }\n", "mix.yaml:2: more than 10,000"),
            ("- { path: '/{id}' }\n", "{1..1000}"),
            ("- { path: /a, weight: 0 }\n", "a weight is 1 to"),
            ("- { path: /a, body: a, body_file: b }\n", "exclude each other"),
            ("- { path: /a, body_file: not-there }\n", "`body_file: not-there`"),
            ("requests: []\n", "wanted is a list of requests"),
            ("[]\n", "no requests"),
        ] {
            let error = of(text).unwrap_err();
            assert!(error.starts_with("mix.yaml") && error.contains(expected), "{text}{error}");
        }
    }
}
