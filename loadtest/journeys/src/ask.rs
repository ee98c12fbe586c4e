//! Requests of a journey: sent through goose, so that they are counted, and judged by the status that the journey expects.
//!
//! What the journey expects is a success, whatever HTTP calls it: 429 past a plan, 401 for a key that has ended. Anything
//! else is a failure of the request, with its status in the report.

use goose::{goose::GooseMethod, goose::GooseRequest, prelude::*};
use reqwest::{RequestBuilder, header::HeaderMap};
use serde_json::Value;
use std::time::{Duration, Instant};

/// How long a change may take to reach the gateway.
const ARRIVES_WITHIN: Duration = Duration::from_secs(10);
/// Between two looks at whether it has.
const LOOK: Duration = Duration::from_millis(10);

pub(crate) type Failed = Box<TransactionError>;

/// An answer as the journey expected it.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) fields: HeaderMap,
    body: String,
    metric: goose::metrics::GooseRequestMetric,
}

/// Sends a request, named for the reports; its answer has one of the `expected` statuses.
pub(crate) async fn ask(
    user: &mut GooseUser,
    (method, name): (GooseMethod, &str),
    request: RequestBuilder,
    expected: &[u16],
) -> Result<Answer, Failed> {
    let request = GooseRequest::builder().method(method).name(name).set_request_builder(request).build();
    let goose = user.request(request).await?;
    let mut metric = goose.request;
    // Goose has counted it as failed already.
    let Ok(response) = goose.response else {
        return Err(Box::new(TransactionError::RequestFailed { raw_request: Box::new(metric) }));
    };
    let (status, fields) = (response.status().as_u16(), response.headers().clone());
    let body = response.text().await.unwrap_or_default();
    if expected.contains(&status) {
        user.set_success(&mut metric)?;
        return Ok(Answer { status, fields, body, metric });
    }
    let what = format!("{status} and not {expected:?}");
    Err(failed(user, Answer { status, fields, body, metric }, &what))
}

/// Sends it again and again until the answer is one of the `wanted`; until then it is one of those `before`.
pub(crate) async fn until(
    user: &mut GooseUser,
    named: (GooseMethod, &str),
    request: impl Fn(&GooseUser) -> RequestBuilder,
    (before, wanted): (&[u16], &[u16]),
) -> Result<Answer, Failed> {
    let expected = [before, wanted].concat();
    let end = Instant::now() + ARRIVES_WITHIN;
    loop {
        let sent = request(user);
        let answer = ask(user, named, sent, &expected).await?;
        if wanted.contains(&answer.status) {
            return Ok(answer);
        }
        if Instant::now() > end {
            let what = format!("still {} after {} s", answer.status, ARRIVES_WITHIN.as_secs());
            return Err(failed(user, answer, &what));
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Makes a failure of an answer.
pub(crate) fn failed(user: &mut GooseUser, mut answer: Answer, what: &str) -> Failed {
    match user.set_failure(what, &mut answer.metric, Some(&answer.fields), Some(&answer.body)) {
        Err(failed) => failed,
        Ok(()) => Box::new(TransactionError::Custom(what.to_owned())),
    }
}

impl Answer {
    /// A text of a JSON body, under `pointer` (RFC 6901).
    pub(crate) fn text(self, user: &mut GooseUser, pointer: &str) -> Result<String, Failed> {
        let body: Value = serde_json::from_str(&self.body).unwrap_or_default();
        match body.pointer(pointer).and_then(Value::as_str) {
            Some(text) => Ok(text.to_owned()),
            None => Err(failed(user, self, &format!("an answer without {pointer}"))),
        }
    }

    /// Id and text of a credential that was issued.
    pub(crate) fn issued(self, user: &mut GooseUser) -> Result<(String, String), Failed> {
        let body: Value = serde_json::from_str(&self.body).unwrap_or_default();
        match (body["credential"]["id"].as_str(), body["secret"].as_str()) {
            (Some(id), Some(secret)) => Ok((id.to_owned(), secret.to_owned())),
            _ => Err(failed(user, self, "an answer without a credential")),
        }
    }

    /// Whether `text` is somewhere in the body.
    pub(crate) fn has(&self, text: &str) -> bool {
        self.body.contains(text)
    }
}
