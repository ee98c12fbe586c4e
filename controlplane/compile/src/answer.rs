//! What the gateway says itself: mocks, refusals of a blocked API, and the fields of a deprecated one.

use crate::{lines::Line, route::Around};
use serde_json::{Value, json};
use std::time::{Duration, UNIX_EPOCH};
use tollgate_domain::{ApiName, Deprecation, Mock};

/// RFC 9457.
const PROBLEM: &str = "application/problem+json";
/// The last second that an HTTP-date has (RFC 9110, section 5.6.7).
const DATE_S_MAX: u64 = 253_402_300_799;

/// The answer of an operation of a prototype; 501 without a mock.
pub(crate) fn of_mock(mock: Option<&Mock>) -> Value {
    let Some(mock) = mock else {
        return problem(501, "Not Implemented", "not_mocked", "This operation of a prototype has no answer yet.");
    };
    let mut answer = json!({ "status": mock.status });
    let is_media = |name: &str| name.eq_ignore_ascii_case("content-type");
    let (media, others): (Vec<_>, Vec<_>) = mock.headers.iter().partition(|(name, _)| is_media(name));
    if !others.is_empty() {
        answer["headers"] = others.into_iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
    }
    if let Some((_, media)) = media.first() {
        answer["content_type"] = json!(media);
    }
    if !mock.body.is_empty() {
        answer["body"] = json!(mock.body);
    }
    answer
}

/// The answer of a blocked API.
pub(crate) fn blocked() -> Value {
    problem(503, "Service Unavailable", "api_blocked", "The API is blocked by its publisher.")
}

fn problem(status: u16, title: &str, code: &str, detail: &str) -> Value {
    let body = json!({ "type": "about:blank", "title": title, "status": status, "code": code, "detail": detail });
    json!({ "status": status, "content_type": PROBLEM, "body": body.to_string() })
}

/// `Deprecation` (RFC 9745), `Sunset` (RFC 8594) and `Link` as edits of the fields that a client gets.
pub(crate) fn deprecation(deprecation: &Deprecation, line: &Line<'_>, around: &Around<'_>) -> Value {
    let field = |name: &str, value: String| json!({ "name": name, "value": value });
    let mut set = vec![field("Deprecation", format!("@{}", deprecation.since_s))];
    if let Some(sunset_s) = deprecation.sunset_s {
        let end = UNIX_EPOCH + Duration::from_secs(sunset_s.min(DATE_S_MAX));
        set.push(field("Sunset", httpdate::fmt_http_date(end)));
    }
    let page = deprecation.link.as_ref().map(|page| format!("<{page}>; rel=\"deprecation\""));
    let successor = deprecation.successor.as_ref().and_then(|name| path_of(name, line, around));
    let successor = successor.map(|path| format!("<{path}>; rel=\"successor-version\""));
    let links: Vec<_> = page.into_iter().chain(successor).map(|link| field("Link", link)).collect();
    let mut edits = json!({ "set": set });
    if !links.is_empty() {
        edits["add"] = links.into();
    }
    edits
}

/// Where a version of the same API is served (RFC 5829), if a path tells it from this one.
fn path_of(name: &ApiName, line: &Line<'_>, around: &Around<'_>) -> Option<String> {
    let successor = around.versions.iter().find(|one| one.spec.api_name() == *name)?;
    let spec = &successor.spec;
    let path = spec.versioning.places(&spec.base_path, &spec.version, &[]).into_iter().next()?.path;
    (!path.is_empty() && !line.path.starts_with(&path)).then_some(path)
}
