//! Answers of our own: problem documents with the status, the Proxy-Status and the Allow field they owe.

use crate::{exchange::ResponseSink, record::Facts};
use tollgate_http::{Answer, ConnectionOption, Method, PROBLEM_CONTENT_TYPE, Reason, write_problem};

/// What an answer says besides its reason.
pub(crate) struct Refusal<'a> {
    pub(crate) reason: Reason,
    pub(crate) request_id: &'a [u8],
    /// The methods that would be taken, for 405.
    pub(crate) allow: Option<&'a str>,
    pub(crate) date: &'a [u8],
    /// Whether the connection closes behind it.
    pub(crate) closes: bool,
}

impl Refusal<'_> {
    /// Sends it. `facts` are those of the request, if it was understood so far.
    pub(crate) async fn send(&self, sink: &mut impl ResponseSink, facts: Option<&Facts>) -> Result<(), Reason> {
        let mut body = Vec::new();
        write_problem(&mut body, self.reason, self.request_id, None);
        let proxy_status = self.reason.proxy_error().map(|error| format!("tollgate; error={error}"));
        let mut fields: Vec<(&str, &[u8])> = Vec::with_capacity(3);
        if !self.request_id.is_empty() {
            fields.push(("X-Request-Id", self.request_id));
        }
        if let Some(value) = &proxy_status {
            fields.push(("Proxy-Status", value.as_bytes()));
        }
        if let Some(methods) = self.allow {
            fields.push(("Allow", methods.as_bytes()));
        }
        let answer = Answer {
            status: self.reason.status(),
            fields: &fields,
            body_len: body.len() as u64,
            content_type: PROBLEM_CONTENT_TYPE,
            date: self.date,
            connection: connection_option(facts, self.closes),
        };
        let is_head = facts.is_some_and(|facts| facts.method == Method::Head);
        sink.answer(&answer, if is_head { &[] } else { &body })?;
        sink.flush().await
    }
}

/// What the Connection field of an answer says to this client.
pub(crate) fn connection_option(facts: Option<&Facts>, closes: bool) -> ConnectionOption {
    match facts {
        _ if closes => ConnectionOption::Close,
        Some(facts) if facts.version == tollgate_http::Version::Http10 => ConnectionOption::KeepAlive,
        _ => ConnectionOption::Default,
    }
}
