//! Changes of fields and of the query: which names may be changed, and how layers of changes come to one.
//!
//! Fields that frame a message or concern one connection, and those the gateway writes itself, are refused with the
//! reason. Part of `resolve`; bounded by `EDITS_MAX` entries and, over all layers, `EDIT_BYTES_MAX` bytes.

use crate::{
    limits,
    policies::{Edit, Policies},
    raw::{self, Location, Spanned, Text},
    resolve::{
        actions::field_value_within,
        matches::{any_name, token, value},
        report::Report,
    },
};
use tollgate_pattern::{HostPattern, Refusal};

/// Fields that say where a message ends, or concern the connection it comes by.
pub(super) const FRAMING: [&str; 12] = [
    "connection",
    "content-length",
    "expect",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Fields that the gateway writes.
const WRITTEN: [&str; 4] = ["date", "max-forwards", "via", "x-request-id"];

/// Fields that tell an upstream about the client.
const FORWARDING: [&str; 4] = ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"];

/// Fields that go on with the trace of a request.
const TRACING: [&str; 2] = ["traceparent", "tracestate"];

/// What is changed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Query,
    Request,
    Response,
}

/// What is done to a name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Act {
    Remove,
    Set,
    Add,
}

impl Kind {
    pub(super) const ALL: [Self; 3] = [Self::Query, Self::Request, Self::Response];

    /// The key in the file.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Query => "request_query",
            Self::Request => "request_headers",
            Self::Response => "response_headers",
        }
    }

    pub(super) const fn of(self, policies: &mut Policies) -> &mut Vec<Edit> {
        match self {
            Self::Query => &mut policies.request_query,
            Self::Request => &mut policies.request_headers,
            Self::Response => &mut policies.response_headers,
        }
    }

    /// Equal for names that mean the same.
    pub(super) fn key(self, name: &str) -> String {
        if self == Self::Query { name.to_owned() } else { name.to_ascii_lowercase() }
    }

    fn is_same(self, one: &str, other: &str) -> bool {
        if self == Self::Query { one == other } else { one.eq_ignore_ascii_case(other) }
    }

    /// Puts a layer's changes behind those of the layers before.
    pub(super) fn append(self, before: &mut Vec<Edit>, layer: &[Edit]) {
        for edit in layer {
            match before.iter_mut().find(|known| self.is_same(&known.name, &edit.name)) {
                None => before.push(edit.clone()),
                Some(known) if edit.replaces => *known = edit.clone(),
                Some(known) => known.values.extend_from_slice(&edit.values),
            }
        }
    }
}

/// Bytes that changes add to a message, with what separates them.
pub(super) fn bytes(edits: &[Edit]) -> usize {
    let of_edit = |edit: &Edit| edit.values.iter().map(|value| edit.name.len() + value.len() + 4).sum::<usize>();
    edits.iter().map(of_edit).sum()
}

/// The changes of one layer: first `remove`, then `set`, then `add`.
pub(super) fn edits(report: &mut Report<'_>, raw: &raw::Edits, at: Location, kind: Kind) -> Option<Vec<Edit>> {
    let mut edits: Vec<Edit> = Vec::new();
    if raw.remove.is_none() && raw.set.is_none() && raw.add.is_none() {
        report.error(at, format!("one of `remove`, `set` and `add` is missing in `{}`", kind.as_str()), None);
    }
    let lens = [raw.remove.as_ref().map(len), raw.set.as_ref().map(len), raw.add.as_ref().map(len)];
    for (at, len) in lens.into_iter().flatten() {
        if !(1..=limits::EDITS_MAX).contains(&len) {
            report.error(at, format!("there must be 1 to {} entries", limits::EDITS_MAX), None);
        }
    }
    for text in raw.remove.iter().flat_map(|raw| &raw.value) {
        let Some(name) = name(report, text, kind, Act::Remove) else { continue };
        take(report, &mut edits, text, kind, Edit { name, replaces: true, values: Vec::new() });
    }
    for entry in raw.set.iter().flat_map(|raw| &raw.value) {
        let Some((text, name, value)) = pair(report, entry, kind, Act::Set) else { continue };
        take(report, &mut edits, text, kind, Edit { name, replaces: true, values: vec![value] });
    }
    for entry in raw.add.iter().flat_map(|raw| &raw.value) {
        let Some((_, name, value)) = pair(report, entry, kind, Act::Add) else { continue };
        kind.append(&mut edits, &[Edit { name, replaces: false, values: vec![value] }]);
    }
    Some(edits)
}

fn len<T>(raw: &Spanned<Vec<T>>) -> (Location, usize) {
    (raw.referenced, raw.value.len())
}

/// Adds a change of a name that has none yet.
fn take(report: &mut Report<'_>, edits: &mut Vec<Edit>, text: &Text, kind: Kind, edit: Edit) {
    if edits.iter().any(|known| kind.is_same(&known.name, &edit.name)) {
        let help = "`set` takes away what there is of that name; `add` gives it several values".to_owned();
        report.error(text.referenced, format!("`{}` is removed or set twice", text.value), Some(help));
        return;
    }
    edits.push(edit);
}

/// The name's text, the name and the value of an entry of `set` or `add`.
fn pair<'r>(
    report: &mut Report<'_>,
    entry: &'r Spanned<raw::Header>,
    kind: Kind,
    act: Act,
) -> Option<(&'r Text, String, String)> {
    let raw = report.required(entry.value.name.as_ref(), "name", entry.referenced);
    let name = raw.and_then(|raw| name(report, raw, kind, act));
    let text = report.required(entry.value.value.as_ref(), "value", entry.referenced);
    let is_host = kind == Kind::Request && name.as_ref().is_some_and(|name| name.eq_ignore_ascii_case("host"));
    let value = text.and_then(|text| match kind {
        Kind::Query => report.parse(text, "a value of a parameter", value),
        Kind::Request if is_host => report.parse(text, "a host", authority),
        Kind::Request | Kind::Response => {
            report.parse(text, "a value of a header field", |text| field_value_within(text, limits::EDIT_BYTES_MAX))
        }
    });
    Some((raw?, name?, value?))
}

fn name(report: &mut Report<'_>, raw: &Text, kind: Kind, act: Act) -> Option<String> {
    match kind {
        Kind::Query => report.parse(raw, "a name of a parameter", any_name),
        _ => report.parse(raw, "a name of a header field", |text| field_name(text, kind, act)),
    }
}

/// The name of a field in an answer of the gateway's own.
pub(in crate::resolve) fn answer_field(text: &str) -> Result<String, Refusal> {
    if text.eq_ignore_ascii_case("content-type") {
        return Err(("the content type has a key of its own".to_owned(), Some("write `content_type`".to_owned())));
    }
    field_name(text, Kind::Response, Act::Remove)
}

fn field_name(text: &str, kind: Kind, act: Act) -> Result<String, Refusal> {
    token(text, "a header field", "X-Tenant")?;
    // Many servers take both spellings for one.
    let name = text.to_ascii_lowercase().replace('_', "-");
    let leave_out = Some("leave it out".to_owned());
    if FRAMING.contains(&name.as_str()) {
        let message = format!("`{text}` frames the message or concerns one connection, so it cannot be changed");
        return Err((message, leave_out));
    }
    if WRITTEN.contains(&name.as_str()) && !(kind == Kind::Request && name == "date") {
        return Err((format!("`{text}` is written by the gateway itself"), leave_out));
    }
    if kind == Kind::Request && FORWARDING.contains(&name.as_str()) {
        let help = "what it says is a matter of `forwarded` and `trusted_proxies`".to_owned();
        return Err((format!("`{text}` tells the upstream about the client"), Some(help)));
    }
    if kind == Kind::Request && name.starts_with("x-consumer-") {
        let help = "what it says is a matter of `identify`".to_owned();
        return Err((format!("`{text}` tells the upstream who calls"), Some(help)));
    }
    if kind == Kind::Request && TRACING.contains(&name.as_str()) {
        let help = "what it says is a matter of `tracing`".to_owned();
        return Err((format!("`{text}` belongs to the trace of a request"), Some(help)));
    }
    if kind == Kind::Request && name == "host" && act != Act::Set {
        return Err(("a request has one `Host`".to_owned(), Some("write it into `set`".to_owned())));
    }
    if kind == Kind::Response && name.starts_with("access-control-") && act != Act::Remove {
        return Err((format!("`{text}` is a matter of `cors`"), Some("write a policy `cors` instead".to_owned())));
    }
    Ok(text.to_owned())
}

/// `host[:port]`
fn authority(text: &str) -> Result<String, Refusal> {
    match tollgate_pattern::authority(text) {
        Ok((HostPattern::Exact(_), _)) => Ok(text.to_owned()),
        _ => Err((format!("`{text}` is not a host"), Some("write it like `api.example.com:8443`".to_owned()))),
    }
}
