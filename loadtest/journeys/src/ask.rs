//! Requests of a journey: timed to the last byte of the answer, and judged by what the journey expects.
//!
//! What is expected is a success, whatever HTTP calls it: 429 past a plan, 401 for a key that has ended. Anything else is a
//! failure, whose reason is in goose's report. Goose itself would count every answer above 399 as an error first, so it is
//! given the verdict and sends nothing.

use crate::admin::because;
use goose::prelude::*;
use reqwest::{RequestBuilder, header::HeaderMap};
use serde_json::Value;
use std::time::{Duration, Instant};

/// How long a change may take to reach the gateway.
const ARRIVES_WITHIN: Duration = Duration::from_secs(10);
/// Between two looks at whether it has.
const LOOK: Duration = Duration::from_millis(10);

/// Why a step of a journey ended early.
pub(crate) type Failed = Box<TransactionError>;
/// Method and name of a request in the report.
pub(crate) type Named = (&'static str, &'static str);

/// An answer, whole.
pub(crate) struct Answer {
    pub(crate) status: u16,
    fields: HeaderMap,
    body: String,
}

/// Sends a request. `expect` gets what is needed of its answer, or says what is wrong with it.
pub(crate) async fn ask<T>(
    user: &mut GooseUser,
    (method, name): Named,
    request: RequestBuilder,
    expect: impl Fn(&Answer) -> Result<T, String>,
) -> Result<T, Failed> {
    let start = Instant::now();
    let answer = receive(request).await;
    let took = start.elapsed();
    let status = answer.as_ref().ok().map(|answer| answer.status);
    let found = answer.and_then(|answer| expect(&answer)).map_err(|what| format!("{method} {name}: {what}"));
    let error = found.as_ref().err().map(String::as_str);
    user.record_custom_request_duration(method, name, took, found.is_ok(), status, error).await?;
    found.map_err(failed)
}

/// Sends it again and again, as long as `expect` finds that it is not so far yet: `None`.
pub(crate) async fn until<T>(
    user: &mut GooseUser,
    named: Named,
    request: impl Fn(&GooseUser) -> RequestBuilder,
    expect: impl Fn(&Answer) -> Result<Option<T>, String>,
) -> Result<T, Failed> {
    let end = Instant::now() + ARRIVES_WITHIN;
    let in_time = |answer: &Answer| match expect(answer)? {
        None if Instant::now() > end => Err(format!("still {} after {} s", answer.status, ARRIVES_WITHIN.as_secs())),
        found => Ok(found),
    };
    loop {
        let sent = request(user);
        if let Some(found) = ask(user, named, sent, &in_time).await? {
            return Ok(found);
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// The failure of a step for which no request is to blame.
pub(crate) fn failed(what: impl Into<String>) -> Failed {
    Box::new(TransactionError::Custom(what.into()))
}

async fn receive(request: RequestBuilder) -> Result<Answer, String> {
    let response = request.send().await.map_err(|error| because(&error))?;
    let (status, fields) = (response.status().as_u16(), response.headers().clone());
    let body = response.text().await.map_err(|error| because(&error))?;
    Ok(Answer { status, fields, body })
}

impl Answer {
    /// Its status is one of these.
    pub(crate) fn is(&self, expected: &[u16]) -> Result<(), String> {
        let status = self.status;
        if expected.contains(&status) { Ok(()) } else { Err(format!("{status} and not {expected:?}")) }
    }

    /// Its status has changed from one of `before` to one of `wanted`, or not yet.
    pub(crate) fn turned(&self, before: &[u16], wanted: &[u16]) -> Result<Option<u16>, String> {
        if before.contains(&self.status) {
            return Ok(None);
        }
        self.is(wanted).map(|()| Some(self.status))
    }

    /// A field that is a number.
    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        self.fields.get(name)?.to_str().ok()?.parse().ok()
    }

    pub(crate) fn has_field(&self, name: &str) -> bool {
        self.fields.contains_key(name)
    }

    /// A text of a JSON body, under `pointer` (RFC 6901).
    pub(crate) fn text(&self, pointer: &str) -> Result<String, String> {
        let body: Value = serde_json::from_str(&self.body).unwrap_or_default();
        let text = body.pointer(pointer).and_then(Value::as_str);
        text.map(str::to_owned).ok_or_else(|| format!("an answer without {pointer}"))
    }

    /// Whether `text` is somewhere in the body.
    pub(crate) fn has(&self, text: &str) -> bool {
        self.body.contains(text)
    }
}

/// The expectation of nothing but a change that was made.
pub(crate) fn made(answer: &Answer) -> Result<(), String> {
    answer.is(&[200, 201])
}

/// The expectation of a credential that was issued: its id and its text.
pub(crate) fn issued(answer: &Answer) -> Result<(String, String), String> {
    made(answer)?;
    Ok((answer.text("/credential/id")?, answer.text("/secret")?))
}
