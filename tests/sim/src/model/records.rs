//! Access records, as far as the judge reads them.
//!
//! The log is JSON; a record's text values here are names and numbers that need no escapes, so they are cut out of the line.

use tollgate_http::Reason;

/// What a record says of an exchange.
#[derive(Clone, Debug)]
pub(super) struct Record {
    /// The request's identifier.
    pub(super) id: String,
    /// The last segment of its path, if that is a number; `None` for a head that was refused.
    pub(super) token: Option<u64>,
    pub(super) method: String,
    pub(super) status: u16,
    /// Tries, connects among them.
    pub(super) attempts: usize,
    pub(super) reason: Option<Reason>,
    /// From its first byte on, rounded up.
    pub(super) duration_ns: u64,
    /// Names of rules, with commas between.
    pub(super) throttled_by: String,
    pub(super) shadowed_by: String,
    /// Whether it was answered with a copy of an earlier answer.
    pub(super) is_copy: bool,
    /// Who called, if that is known.
    pub(super) application: Option<String>,
}

impl Record {
    pub(super) fn parse(line: &str) -> Self {
        let number = |name| value(line, name).and_then(|text| text.parse().ok());
        assert!(!line.contains(super::credentials::SECRET), "a credential is in the log: {line}");
        let path = value(line, "path").unwrap_or_default();
        Self {
            id: value(line, "request_id").unwrap_or_default().to_owned(),
            token: path.rsplit('/').next().and_then(|token| token.parse().ok()),
            method: value(line, "method").unwrap_or_default().to_owned(),
            status: number("status").unwrap_or_else(|| panic!("no status: {line}")),
            attempts: number("attempts").unwrap_or(1).into(),
            reason: value(line, "reason").map(reason),
            duration_ns: duration_ns(line),
            throttled_by: value(line, "throttled_by").unwrap_or_default().to_owned(),
            is_copy: value(line, "cache") == Some("hit"),
            application: value(line, "application").map(str::to_owned),
            shadowed_by: value(line, "shadowed_by").unwrap_or_default().to_owned(),
        }
    }
}

/// The duration, which is told in milliseconds with three decimals.
fn duration_ns(line: &str) -> u64 {
    let text = value(line, "duration_ms").unwrap_or_else(|| panic!("no duration: {line}"));
    let millis: f64 = text.parse().unwrap_or_else(|_| panic!("`{text}` is no duration"));
    (millis * 1e6) as u64 + 1_000
}

/// The reason of this code.
pub(super) fn reason(code: &str) -> Reason {
    let found = Reason::ALL.iter().find(|reason| reason.code() == code);
    *found.unwrap_or_else(|| panic!("`{code}` is no reason"))
}

fn value<'l>(line: &'l str, name: &str) -> Option<&'l str> {
    let (_, value) = line.split_once(&format!("\"{name}\":"))?;
    match value.strip_prefix('"') {
        Some(text) => text.split('"').next(),
        None => value.split([',', '}']).next(),
    }
}
