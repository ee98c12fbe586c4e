//! Answers of our own: problem documents with the status, the Proxy-Status and the Allow field they owe, and what routes
//! answer instead of an upstream.
//! A small body in one piece; nothing is sent on but what is written here.

use crate::{
    exchange::{Machine, ResponseSink},
    forward::Forwarded,
    record::Facts,
};
use std::borrow::Cow;
use tollgate_http::{
    Answer, ConnectionOption, FieldEdits, Method, PROBLEM_CONTENT_TYPE, Problem, Reason, write_problem,
};
use tollgate_io::Io;
use tollgate_model::FixedAnswer;
use tollgate_probe::{Note, Verdict};

/// What an answer says besides its reason.
pub(crate) struct Refusal<'a> {
    pub(crate) reason: Reason,
    /// That of the reason, most often.
    pub(crate) status: u16,
    /// Seconds; 0 for none.
    pub(crate) retry_after_s: u32,
    pub(crate) request_id: &'a [u8],
    /// The methods that would be taken, for 405.
    pub(crate) allow: Option<&'a str>,
    pub(crate) date: &'a [u8],
    /// Whether the connection closes behind it.
    pub(crate) closes: bool,
    /// What the policies of its route do to its fields ...
    pub(crate) edits: Option<&'a FieldEdits>,
    /// ... and the field lines they add.
    pub(crate) lines: &'a [u8],
    /// The names of the rules that refuse the request.
    pub(crate) violated: &'a [&'a str],
    /// Field lines that say which credentials would be taken.
    pub(crate) challenge: &'a [u8],
}

impl Refusal<'_> {
    /// Sends it. `facts` are those of the request, if it was understood so far.
    pub(crate) async fn send(&self, sink: &mut impl ResponseSink, facts: Option<&Facts>) -> Result<(), Reason> {
        let mut body = Vec::new();
        let Self { reason, status, request_id, violated, .. } = *self;
        write_problem(&mut body, &Problem { reason, status, request_id, instance: None, violated });
        let proxy_status = self.reason.proxy_error().map(|error| format!("tollgate; error={error}"));
        let retry_after = (self.retry_after_s > 0).then(|| self.retry_after_s.to_string());
        let mut fields: Vec<(&str, &[u8])> = Vec::with_capacity(4);
        if !self.request_id.is_empty() {
            fields.push(("X-Request-Id", self.request_id));
        }
        if let Some(value) = &proxy_status {
            fields.push(("Proxy-Status", value.as_bytes()));
        }
        if let Some(methods) = self.allow {
            fields.push(("Allow", methods.as_bytes()));
        }
        if let Some(seconds) = &retry_after {
            fields.push(("Retry-After", seconds.as_bytes()));
        }
        let lines = match self.challenge {
            [] => Cow::Borrowed(self.lines),
            challenge => Cow::Owned([self.lines, challenge].concat()),
        };
        let answer = Answer {
            status: self.status,
            fields: &fields,
            body_len: body.len() as u64,
            content_type: PROBLEM_CONTENT_TYPE,
            date: self.date,
            connection: connection_option(facts, self.closes),
            edits: self.edits,
            lines: &lines,
        };
        let is_head = facts.is_some_and(|facts| facts.method == Method::Head);
        sink.answer(&answer, if is_head { &[] } else { &body })?;
        sink.flush().await
    }
}

impl<I: Io> Machine<'_, '_, I> {
    /// Sends the client elsewhere.
    pub(crate) async fn answer_redirect(
        &self,
        status: u16,
        location: &[u8],
        reply: &mut impl ResponseSink,
    ) -> Result<Forwarded, Reason> {
        let fields: [(&str, &[u8]); 2] = [("X-Request-Id", self.request_id), ("Location", location)];
        let answer = Answer { status, fields: &fields, lines: self.lines(), ..Answer::default() };
        self.answer_own(answer, b"", reply).await
    }

    /// Answers what the route says.
    pub(crate) async fn answer_fixed(
        &self,
        fixed: &FixedAnswer,
        reply: &mut impl ResponseSink,
    ) -> Result<Forwarded, Reason> {
        let mut fields: Vec<(&str, &[u8])> = vec![("X-Request-Id", self.request_id)];
        fields.extend(fixed.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())));
        let answer = Answer {
            status: fixed.status,
            fields: &fields,
            content_type: &fixed.content_type,
            body_len: fixed.body.len() as u64,
            lines: self.lines(),
            ..Answer::default()
        };
        self.answer_own(answer, fixed.body.as_bytes(), reply).await
    }

    /// Sends an answer of our own, with what every one of them has: the date, what becomes of the connection, and what the
    /// policies of the route do to fields. `answer` says the rest.
    pub(crate) async fn answer_own(
        &self,
        answer: Answer<'_>,
        content: &[u8],
        reply: &mut impl ResponseSink,
    ) -> Result<Forwarded, Reason> {
        self.trace(|| Note::new("answer", "", Verdict::Answered));
        let closes = self.closes();
        self.outcome.closes.set(closes);
        self.outcome.status.set(answer.status);
        self.charge_answer(content);
        let date = self.connection.worker.date();
        let connection = connection_option(Some(&self.facts), closes);
        let is_head = self.facts.method == Method::Head;
        reply.answer(
            &Answer { date: &date, connection, edits: self.edits(), ..answer },
            if is_head { &[] } else { content },
        )?;
        reply.flush().await.map(|()| Forwarded::Answered)
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
