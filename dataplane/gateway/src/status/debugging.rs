//! `POST /debug`: sends a test request through the node and says what each phase made of it.
//!
//! ```text
//! POST /debug {"method": "GET", "path": "/orders/17", "headers": ["X-API-Key: .."], "body": "..", "client": "10.0.0.1"}
//! ```
//!
//! For whoever may change the configuration. A request takes up to 30 s and blocks the thread it is made on, so each has
//! one of its own; no more than a few are made at one time.

use super::{
    config::{busy, problem},
    offload::Answering,
    pages::{JSON, Page},
};
use crate::{
    debug::{self, DebugError, DebugRequest},
    publish::Publisher,
};
use serde_json::Value;
use std::{sync::Arc, thread::Builder};

/// Answers with what became of the request that `body` describes.
pub(super) fn begin(publisher: Arc<Publisher>, body: &[u8], answering: Answering) {
    let request = match understood(body) {
        Ok(request) => request,
        Err(page) => return answering.answer(*page),
    };
    let work = move || answering.answer(answer(debug::send(&publisher, &request)));
    // Without a thread the client is answered too: what was to answer it is dropped.
    let _ = Builder::new().name("tollgate-debug".to_owned()).spawn(work);
}

fn answer(debugged: Result<debug::Debugged, DebugError>) -> Page {
    match debugged {
        Ok(debugged) => Page::json(200, JSON, &debugged.to_json()),
        Err(DebugError::Busy) => busy(),
        Err(error @ DebugError::Failed(_)) => problem(502, "debug_failed", "No answer", &error.to_string()),
        Err(error) => problem(400, "bad_request", "Not understood", &error.to_string()),
    }
}

fn understood(body: &[u8]) -> Result<DebugRequest, Box<Page>> {
    const SHAPE: &str =
        "Send `{\"method\": \"GET\", \"path\": \"/..\"}`, and `listener`, `headers`, `body`, `client` at will.";
    let wrong = || Box::new(problem(400, "bad_request", "Not understood", SHAPE));
    let known = ["listener", "method", "path", "headers", "body", "client"];
    let body: Value = serde_json::from_slice(body).map_err(|_| wrong())?;
    let fields = body.as_object().ok_or_else(wrong)?;
    if fields.keys().any(|name| !known.contains(&name.as_str())) {
        return Err(wrong());
    }
    let text = |name: &str| match &body[name] {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text.clone())),
        _ => Err(wrong()),
    };
    let headers = match &body["headers"] {
        Value::Null => Vec::new(),
        Value::Array(lines) => {
            let lines = lines.iter().map(|line| line.as_str().map(str::to_owned));
            lines.collect::<Option<_>>().ok_or_else(wrong)?
        }
        _ => return Err(wrong()),
    };
    Ok(DebugRequest {
        listener: text("listener")?,
        method: text("method")?.unwrap_or_else(|| "GET".to_owned()),
        target: text("path")?.ok_or_else(wrong)?,
        headers,
        body: text("body")?.unwrap_or_default().into_bytes(),
        client: text("client")?.map(|client| client.parse()).transpose().map_err(|_| wrong())?,
        scope: String::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_to_be_sent_is_understood_or_told_why_not() {
        let request = understood(br#"{"path": "/a", "headers": ["A: b"], "client": "10.0.0.1"}"#).unwrap();
        assert_eq!((&*request.method, &*request.target, request.headers.len()), ("GET", "/a", 1));
        assert_eq!(request.client, Some([10, 0, 0, 1].into()));
        for body in [
            "",
            "[]",
            "{}",
            r#"{"path": 1}"#,
            r#"{"path": "/", "headers": {"A": "b"}}"#,
            r#"{"path": "/", "client": "me"}"#,
            r#"{"path": "/", "url": "/"}"#,
        ] {
            assert_eq!(understood(body.as_bytes()).err().unwrap().status, 400, "{body}");
        }
    }
}
