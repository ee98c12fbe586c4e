//! `match` of a route: what a request must have to belong to it.
//!
//! Part of `resolve`. Lists are sorted, so that files that differ in their order mean the same. Which of two routes comes
//! first, and which cannot stand beside each other, is not judged here.

use super::{names::Names, report::Report};
use crate::{
    limits,
    raw::{self, Spanned, Text},
    snapshot::Match,
};
use tollgate_pattern::{Condition, Expression, HostPattern, PathMatch, PathPattern, Refusal, ValueMatch};

pub(super) fn matcher(report: &mut Report<'_>, item: &Spanned<raw::Route>, listeners: &Names<'_>) -> Option<Match> {
    let raw = report.required(item.value.r#match.as_ref(), "match", item.referenced)?;
    let path = path(report, raw);
    let listeners = list(report, "listeners", raw.value.listeners.as_ref(), |report, raw| listeners.find(report, raw));
    let hosts = list(report, "hosts", raw.value.hosts.as_ref(), |report, raw| {
        report.parse(raw, "a host pattern", HostPattern::parse)
    });
    let methods = methods(report, raw.value.methods.as_ref());
    let raw::Match { headers, query, cookies, .. } = &raw.value;
    let [headers, query, cookies] = values(report, [headers, query, cookies]);
    Some(Match {
        listeners: listeners?,
        hosts: hosts?,
        path: path?,
        methods: methods?,
        headers: headers?,
        query: query?,
        cookies: cookies?,
    })
}

fn path(report: &mut Report<'_>, raw: &Spanned<raw::Match>) -> Option<PathMatch> {
    let raw::Match { path, path_regex, .. } = &raw.value;
    if let (Some(_), Some(regex)) = (path, path_regex) {
        let help = "keep the one you need".to_owned();
        report.error(regex.referenced, "a route has `path` or `path_regex`, not both".to_owned(), Some(help));
        return None;
    }
    if let Some(regex) = path_regex {
        return report.parse(regex, "a regular expression", Expression::parse).map(PathMatch::Expression);
    }
    let path = report.required(path.as_ref(), "path", raw.referenced)?;
    report.parse(path, "a path pattern", PathPattern::parse).map(PathMatch::Pattern)
}

/// The methods of a route or a rule, sorted.
pub(super) fn methods(report: &mut Report<'_>, raw: Option<&Spanned<Vec<Text>>>) -> Option<Vec<String>> {
    if let Some(raw) = raw.filter(|raw| raw.value.len() > limits::METHODS_MAX) {
        report.error(raw.referenced, format!("there are at most {} methods", limits::METHODS_MAX), None);
    }
    list(report, "methods", raw, |report, raw| report.parse(raw, "a method", method))
}

/// Conditions as they are written.
type Written = Option<Spanned<Vec<Spanned<raw::Condition>>>>;

/// The conditions on header fields, query parameters and cookies.
pub(super) fn values(report: &mut Report<'_>, [headers, query, cookies]: [&Written; 3]) -> [Option<Vec<Condition>>; 3] {
    [
        conditions(report, "headers", headers.as_ref(), header_name),
        conditions(report, "query", query.as_ref(), any_name),
        conditions(report, "cookies", cookies.as_ref(), cookie_name),
    ]
}

/// The conditions of one kind, sorted. As with [`list`], one that is written has an entry and none twice.
fn conditions(
    report: &mut Report<'_>,
    key: &str,
    raw: Option<&Spanned<Vec<Spanned<raw::Condition>>>>,
    name: fn(&str) -> Result<String, Refusal>,
) -> Option<Vec<Condition>> {
    let Some(raw) = raw else { return Some(Vec::new()) };
    if raw.value.is_empty() {
        report.error(raw.referenced, format!("`{key}` is empty"), Some(format!("leave `{key}` out to match any")));
        return None;
    }
    if raw.value.len() > limits::CONDITIONS_MAX {
        report.error(raw.referenced, format!("`{key}` has at most {} entries", limits::CONDITIONS_MAX), None);
        return None;
    }
    let mut conditions = Vec::with_capacity(raw.value.len());
    for entry in &raw.value {
        let Some(condition) = condition(report, entry, name) else { continue };
        if conditions.contains(&condition) {
            report.error(entry.referenced, format!("this condition is in `{key}` twice"), None);
        }
        conditions.push(condition);
    }
    conditions.sort_unstable();
    (conditions.len() == raw.value.len()).then_some(conditions)
}

fn condition(
    report: &mut Report<'_>,
    entry: &Spanned<raw::Condition>,
    name: fn(&str) -> Result<String, Refusal>,
) -> Option<Condition> {
    let raw::Condition { exact, prefix, regex, .. } = &entry.value;
    let raw = report.required(entry.value.name.as_ref(), "name", entry.referenced);
    let name = raw.and_then(|raw| report.parse(raw, "a name to match", name));
    let value = match (exact, prefix, regex) {
        (None, None, None) => Some(ValueMatch::Present),
        (Some(raw), None, None) => report.parse(raw, "a value", value).map(ValueMatch::Exact),
        (None, Some(raw), None) => report.parse(raw, "a value", value).map(ValueMatch::Prefix),
        (None, None, Some(raw)) => {
            report.parse(raw, "a regular expression", Expression::parse).map(ValueMatch::Expression)
        }
        _ => {
            let help = "write two entries when both must hold".to_owned();
            let message = "a condition has one of `exact`, `prefix` and `regex`".to_owned();
            report.error(entry.referenced, message, Some(help));
            None
        }
    };
    Some(Condition { name: name?, value: value? })
}

pub(super) fn value(text: &str) -> Result<String, Refusal> {
    match text.len() <= limits::VALUE_BYTES_MAX {
        true => Ok(text.to_owned()),
        false => Err((format!("a value to match has at most {} bytes", limits::VALUE_BYTES_MAX), None)),
    }
}

pub(super) fn any_name(text: &str) -> Result<String, Refusal> {
    match text {
        "" => Err(("a name is not empty".to_owned(), None)),
        _ => value(text),
    }
}

/// The name of a header field, in lower case.
pub(super) fn header_name(text: &str) -> Result<String, Refusal> {
    token(text, "a header field", "X-Tenant")?;
    match text.to_ascii_lowercase().as_str() {
        "host" => Err(("the host is matched by `hosts`".to_owned(), Some("write it into `hosts`".to_owned()))),
        "cookie" => Err(("cookies are matched by `cookies`".to_owned(), Some("name it in `cookies`".to_owned()))),
        name => Ok(name.to_owned()),
    }
}

/// RFC 6265, section 4.1.1.
pub(super) fn cookie_name(text: &str) -> Result<String, Refusal> {
    token(text, "a cookie", "session")?;
    Ok(text.to_owned())
}

/// RFC 9110, section 5.6.2.
pub(super) fn token(text: &str, what: &str, example: &str) -> Result<(), Refusal> {
    let valid = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if text.is_empty() || text.len() > limits::FIELD_NAME_BYTES_MAX || !text.bytes().all(valid) {
        return Err((format!("`{text}` cannot name {what}"), Some(format!("write it like `{example}`"))));
    }
    Ok(())
}

/// The values of a list, sorted. One that is written must have an entry (else a list that loses its last would match
/// everything) and none twice.
pub(super) fn list<'a, T: Ord>(
    report: &mut Report<'a>,
    key: &str,
    raw: Option<&Spanned<Vec<Text>>>,
    mut read: impl FnMut(&mut Report<'a>, &Text) -> Option<T>,
) -> Option<Vec<T>> {
    let Some(raw) = raw else { return Some(Vec::new()) };
    if raw.value.is_empty() {
        report.error(raw.referenced, format!("`{key}` is empty"), Some(format!("leave `{key}` out to match any")));
        return None;
    }
    let mut entries: Vec<(T, &Text)> = raw.value.iter().filter_map(|text| Some((read(report, text)?, text))).collect();
    let mut complete = entries.len() == raw.value.len();
    // Stable, so that of two equal entries the later one is told.
    entries.sort_by(|(one, _), (other, _)| one.cmp(other));
    for pair in entries.windows(2) {
        if pair[0].0 == pair[1].0 {
            complete = false;
            let text = pair[1].1;
            report.error(text.referenced, format!("`{}` is in `{key}` twice", text.value), None);
        }
    }
    complete.then(|| entries.into_iter().map(|(value, _)| value).collect())
}

/// A method as a token (RFC 9110, 5.6.2). Methods are case-sensitive, and all known ones are in upper case.
pub(super) fn method(text: &str) -> Result<String, Refusal> {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if text.is_empty() || text.len() > limits::METHOD_BYTES_MAX || !text.bytes().all(token) {
        return Err((format!("`{text}` is not a method"), Some("write it like `GET`".to_owned())));
    }
    if text.bytes().any(|byte| byte.is_ascii_lowercase()) {
        let help = format!("write `{}`", text.to_ascii_uppercase());
        return Err((format!("`{text}` is not a method: they are written in upper case"), Some(help)));
    }
    Ok(text.to_owned())
}
