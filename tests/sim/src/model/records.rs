//! Access records, as far as the judge reads them.
//!
//! The log is JSON; what is read of a record are names and numbers that need no escapes, so they are cut out of the line.

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
        assert!(!line.contains(super::credentials::SECRET), "a credential is in the log: {line}");
        let mut record = Self {
            id: String::new(),
            token: None,
            method: String::new(),
            status: 0,
            attempts: 1,
            reason: None,
            duration_ns: 0,
            throttled_by: String::new(),
            shadowed_by: String::new(),
            is_copy: false,
            application: None,
        };
        let number = |text: &str| text.parse().unwrap_or_else(|_| panic!("`{text}` is no number: {line}"));
        for (name, value) in Members(line.trim_start_matches('{')) {
            match name {
                "request_id" => value.clone_into(&mut record.id),
                "path" => record.token = value.rsplit('/').next().and_then(|token| token.parse().ok()),
                "method" => value.clone_into(&mut record.method),
                "status" => record.status = number(value),
                "attempts" => record.attempts = number(value).into(),
                "reason" => record.reason = Some(reason(value)),
                "duration_ms" => record.duration_ns = duration_ns(value),
                "throttled_by" => value.clone_into(&mut record.throttled_by),
                "shadowed_by" => value.clone_into(&mut record.shadowed_by),
                "cache" => record.is_copy = value == "hit",
                "application" => record.application = Some(value.to_owned()),
                _ => {}
            }
        }
        assert!(record.status > 0 && record.duration_ns > 0, "no status or no duration: {line}");
        record
    }
}

/// The duration, which is told in milliseconds with three decimals.
fn duration_ns(text: &str) -> u64 {
    let millis: f64 = text.parse().unwrap_or_else(|_| panic!("`{text}` is no duration"));
    (millis * 1e6) as u64 + 1_000
}

/// The reason of this code.
pub(super) fn reason(code: &str) -> Reason {
    let found = Reason::ALL.iter().find(|reason| reason.code() == code);
    *found.unwrap_or_else(|| panic!("`{code}` is no reason"))
}

/// The members of an object without others in it: name and value, texts as they are written.
struct Members<'l>(&'l str);

impl<'l> Iterator for Members<'l> {
    type Item = (&'l str, &'l str);

    fn next(&mut self) -> Option<Self::Item> {
        let (name, rest) = self.0.split_once('"')?.1.split_once("\":")?;
        let (value, rest) = match rest.strip_prefix('"') {
            Some(text) => {
                let is_end = |at: &(usize, &str)| !text[..at.0].ends_with('\\');
                text.split_at(text.match_indices('"').find(is_end)?.0)
            }
            None => rest.split_at(rest.find([',', '}'])?),
        };
        self.0 = rest.strip_prefix('"').unwrap_or(rest);
        Some((name, value))
    }
}
