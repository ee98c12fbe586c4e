//! The `cors` policy: origins in the form browsers send them, lists that fit a head, and no credentials for everybody.
//!
//! Part of `resolve`. Combinations that a browser would ignore, or that would open cookies to any page, are refused.

use std::time::Duration;

use crate::{
    limits,
    policies::{Cors, CorsHeaders, OriginPattern},
    raw::{self, Location, Spanned, Text},
    resolve::{
        matches::{method, token},
        report::Report,
    },
};
use tollgate_pattern::{Expression, HostPattern, Refusal, authority};

/// What a page may ask for without a preflight.
const METHODS: [&str; 3] = ["GET", "HEAD", "POST"];

/// Resolves a `cors` policy written at `at`.
pub(super) fn cors(report: &mut Report<'_>, raw: &raw::Cors, at: Location) -> Option<Cors> {
    let origins = origins(report, raw, at);
    let methods = raw.methods.as_ref().map(|raw| names(report, "methods", raw, method));
    let headers = raw.headers.as_ref().map(|raw| names(report, "headers", raw, field_or_any));
    let expose = raw.expose.as_ref().map(|raw| names(report, "expose", raw, field_or_any));
    let credentials = report.word(raw.credentials.as_ref(), "credentials", &[("true", true), ("false", false)], false);
    if let Some(raw) = raw.credentials.as_ref().filter(|_| credentials) {
        refuse_any(report, raw, &origins, expose.as_deref());
    }
    let range = limits::MAX_AGE;
    let max_age: Option<Duration> = raw.max_age.as_ref().and_then(|raw| report.quantity(raw, &range));
    let headers = match headers {
        Some(headers) if headers == ["*"] => CorsHeaders::Any,
        headers => CorsHeaders::Listed(headers.unwrap_or_default()),
    };
    Some(Cors {
        origins,
        methods: methods.unwrap_or_else(|| METHODS.map(str::to_owned).to_vec()),
        headers,
        expose: expose.unwrap_or_default(),
        credentials,
        max_age,
    })
}

/// With credentials every `*` would have to be meant literally, and one of origins would open them to every page.
fn refuse_any(report: &mut Report<'_>, credentials: &Text, origins: &[OriginPattern], expose: Option<&[String]>) {
    if origins.contains(&OriginPattern::Any) {
        let help = "name the origins, with a pattern like `https://*.example.com` if there are many".to_owned();
        let message = "`credentials` cannot be sent from every origin".to_owned();
        report.error(credentials.referenced, message, Some(help));
    }
    if expose.is_some_and(|expose| expose == ["*"]) {
        let help = "name the header fields in `expose`".to_owned();
        report.error(credentials.referenced, "with `credentials`, `expose` cannot be `*`".to_owned(), Some(help));
    }
}

fn origins(report: &mut Report<'_>, raw: &raw::Cors, at: Location) -> Vec<OriginPattern> {
    let raw::Cors { origins: listed, origins_regex: regexes, .. } = raw;
    if listed.is_none() && regexes.is_none() {
        report.error(at, "`origins` is missing".to_owned(), Some("or `origins_regex`".to_owned()));
    }
    let bounds = [("origins", listed, limits::ORIGINS_MAX), ("origins_regex", regexes, limits::ORIGIN_EXPRESSIONS_MAX)];
    for (key, raw, most) in bounds {
        if let Some(raw) = raw.as_ref().filter(|raw| raw.value.is_empty() || raw.value.len() > most) {
            report.error(raw.referenced, format!("`{key}` has 1 to {most} entries"), None);
        }
    }
    let mut origins = Vec::new();
    for text in listed.iter().flat_map(|raw| &raw.value) {
        let Some(origin) = report.parse(text, "an origin", origin) else { continue };
        if origins.contains(&origin) {
            report.error(text.referenced, format!("`{}` is in `origins` twice", text.value), None);
        }
        origins.push(origin);
    }
    for text in regexes.iter().flat_map(|raw| &raw.value) {
        origins.extend(report.parse(text, "a regular expression", Expression::parse).map(OriginPattern::Expression));
    }
    if let Some(raw) = listed.as_ref().filter(|_| origins.len() > 1 && origins.contains(&OriginPattern::Any)) {
        let help = "write `origins: [\"*\"]` alone".to_owned();
        report.error(raw.referenced, "`*` stands for every origin".to_owned(), Some(help));
    }
    origins
}

/// An origin as a browser writes it (RFC 6454, section 6.2), or a pattern of some.
fn origin(text: &str) -> Result<OriginPattern, Refusal> {
    let refusal = |help: &str| (format!("`{text}` is not an origin"), Some(help.to_owned()));
    let like = "write it like `https://app.example.com` or `https://*.example.com`";
    if text == "*" {
        return Ok(OriginPattern::Any);
    }
    if text == "null" {
        let help = "every sandboxed page and local file has it, whoever wrote them; leave it out";
        return Err(("`null` is nobody's origin".to_owned(), Some(help.to_owned())));
    }
    let (scheme, rest) = text.split_once("://").ok_or_else(|| refusal(like))?;
    let is_scheme = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    if scheme.is_empty() || !scheme.bytes().all(is_scheme) {
        return Err(refusal(like));
    }
    if let Some(at) = rest.find(['/', '?', '#']) {
        return Err(refusal(&format!("an origin has no path: write `{scheme}://{}`", &rest[..at])));
    }
    let lower = text.to_ascii_lowercase();
    if lower != text {
        return Err(refusal(&format!("write `{lower}`")));
    }
    let (host, port) = authority(rest).map_err(|(reason, _)| refusal(&format!("{reason}; {like}")))?;
    if matches!((scheme, port), ("http", Some(80)) | ("https", Some(443))) {
        let host = rest.rsplit_once(':').map_or(rest, |(host, _)| host);
        return Err(refusal(&format!("browsers leave the usual port out: write `{scheme}://{host}`")));
    }
    let port = port.map(|port| format!(":{port}")).unwrap_or_default();
    match host {
        HostPattern::Exact(_) => Ok(OriginPattern::Exact(lower)),
        HostPattern::Suffix(suffix) => {
            Ok(OriginPattern::Below { scheme: format!("{scheme}://"), suffix: format!("{suffix}{port}") })
        }
    }
}

/// The names of a list, sorted.
fn names(
    report: &mut Report<'_>,
    key: &str,
    raw: &Spanned<Vec<Text>>,
    read: fn(&str) -> Result<String, Refusal>,
) -> Vec<String> {
    if raw.value.is_empty() {
        report.error(raw.referenced, format!("`{key}` is empty"), Some(format!("leave `{key}` out")));
    }
    let mut names: Vec<String> = Vec::with_capacity(raw.value.len());
    for text in &raw.value {
        let Some(name) = report.parse(text, "a name", read) else { continue };
        if names.contains(&name) {
            report.error(text.referenced, format!("`{}` is in `{key}` twice", text.value), None);
        }
        names.push(name);
    }
    if names.len() > 1 && names.iter().any(|name| name == "*") {
        report.error(raw.referenced, "`*` stands for every name".to_owned(), Some("write it alone".to_owned()));
    }
    if names.iter().map(|name| name.len() + 2).sum::<usize>() > limits::CORS_LIST_BYTES_MAX {
        report.error(raw.referenced, format!("`{key}` has more than {} bytes", limits::CORS_LIST_BYTES_MAX), None);
    }
    names.sort_unstable();
    names
}

fn field_or_any(text: &str) -> Result<String, Refusal> {
    // `*` is a token too, and means what it means in the field.
    token(text, "a header field", "X-Tenant")?;
    Ok(text.to_ascii_lowercase())
}
