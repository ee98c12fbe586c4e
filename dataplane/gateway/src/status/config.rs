//! `/config`: what a request asks of it, and what is answered to a change.
//!
//! Pure: the change itself is made on the updating thread. A refusal is a problem document (RFC 9457) that says what to
//! do; that of a bad configuration lists its mistakes with their places. No value that came out of a reference is in any
//! of them, and no token.

use super::{
    body::Body,
    pages::{JSON, Page},
};
use crate::changes::{Outcome, Refusal, Tag, Text};
use serde_json::{Value, json};
use tollgate_http::{PROBLEM_CONTENT_TYPE, Reason, RequestHead};
use tollgate_model::{ConfigError, ConfigErrors};

/// How a change is to be made.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Terms {
    /// An If-Match field.
    pub(super) if_match: Option<String>,
    /// `?dry_run=true`
    pub(super) is_dry_run: bool,
}

impl Terms {
    /// What the head says, or which of its query parameters is not understood.
    pub(super) fn of(head: &RequestHead<'_>) -> Result<Self, Page> {
        let if_match = head.field_named(b"if-match").map(|tags| String::from_utf8_lossy(tags).into_owned());
        let mut terms = Self { if_match, is_dry_run: false };
        let parameters = head.query().unwrap_or_default().split(|byte| *byte == b'&');
        for parameter in parameters.filter(|parameter| !parameter.is_empty()) {
            match parameter {
                b"dry_run" | b"dry_run=true" => terms.is_dry_run = true,
                b"dry_run=false" => terms.is_dry_run = false,
                // A misspelt dry run must not be a change.
                _ => {
                    return Err(problem(
                        400,
                        "bad_query",
                        "Unknown query parameter",
                        "`dry_run=true` is the only one.",
                    ));
                }
            }
        }
        Ok(terms)
    }
}

impl Text for Body {
    fn bytes(&self) -> &[u8] {
        self.bytes()
    }
}

/// Who asks may neither change anything nor see quotas.
pub(super) fn forbidden() -> Page {
    let detail = "Changes of the configuration, `/quotas` and `/debug` are for who comes through the Unix socket of \
                  `status.socket` (`curl --unix-socket PATH ..`), or with `Authorization: Bearer TOKEN` and the token of \
                  `status.token`.";
    problem(403, "forbidden", "Not allowed", detail)
}

/// Nothing of that path is served.
pub(super) fn no_page() -> Page {
    problem(
        404,
        Reason::NoRoute.code(),
        "No such page",
        "Served here: /livez, /readyz, /metrics, /config, /quotas and /debug.",
    )
}

/// Too many reports are being written.
pub(super) fn busy() -> Page {
    problem(503, "busy", "Busy", "Others are asking the same; try again in a moment.")
}

/// What is answered to a change.
pub(super) fn answer(outcome: Outcome) -> Page {
    match outcome {
        Outcome::Published { tag, behind } if behind.is_empty() => {
            outcome_page(200, tag, json!({ "result": "applied" }))
        }
        Outcome::Published { tag, behind } => {
            let detail = "These workers have not acknowledged it yet; `GET /config` says when they have.";
            outcome_page(202, tag, json!({ "result": "applied", "workers_behind": behind, "detail": detail }))
        }
        Outcome::Unchanged { tag } => outcome_page(200, tag, json!({ "result": "unchanged" })),
        Outcome::Valid { tag, digest } => {
            outcome_page(200, tag, json!({ "result": "valid", "would_be_digest": format!("{digest:016x}") }))
        }
        Outcome::Refused(refusal) => refused(&refusal),
    }
}

/// What runs now, and what else there is to say.
fn outcome_page(status: u16, tag: Tag, mut content: Value) -> Page {
    content["generation"] = tag.generation.into();
    content["digest"] = format!("{:016x}", tag.digest).into();
    Page { etag: tag.to_string(), ..Page::json(status, JSON, &content) }
}

fn refused(refusal: &Refusal) -> Page {
    let detail = refusal.to_string();
    match refusal {
        Refusal::Invalid(errors) => invalid(errors),
        Refusal::Unfit(_) => problem(422, "config_unfit", "Configuration cannot be run", &detail),
        Refusal::Conflict { tag, .. } => {
            let page = problem(409, "config_conflict", "Configuration has changed", &detail);
            Page { etag: tag.to_string(), ..page }
        }
        Refusal::Mismatch { tag } => {
            let page = problem(412, "config_mismatch", "Configuration has changed", &detail);
            Page { etag: tag.to_string(), ..page }
        }
        Refusal::Busy => problem(503, "busy", "Busy", &detail),
        Refusal::Draining => problem(503, "draining", "Shutting down", &detail),
    }
}

fn invalid(errors: &ConfigErrors) -> Page {
    let mut document = document(422, "config_invalid", "Configuration is not valid", "Nothing has changed.");
    document["errors"] = errors_json(errors);
    Page::json(422, PROBLEM_CONTENT_TYPE, &document)
}

/// Every mistake with its place.
pub(super) fn errors_json(errors: &ConfigErrors) -> Value {
    let error = |error: &ConfigError| {
        json!({
            "file": error.file, "line": error.line, "column": error.column,
            "message": error.message, "help": error.help,
        })
    };
    errors.into_iter().map(error).collect()
}

pub(super) fn problem(status: u16, code: &str, title: &str, detail: &str) -> Page {
    Page::json(status, PROBLEM_CONTENT_TYPE, &document(status, code, title, detail))
}

fn document(status: u16, code: &str, title: &str, detail: &str) -> Value {
    json!({
        "type": format!("urn:tollgate:problem:{code}"), "title": title, "status": status, "code": code, "detail": detail,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        changes::{Cause, Change, Job, Live, Updater},
        publish::Publisher,
    };
    use std::sync::{Arc, mpsc};
    use tollgate_model::{Configuration, NoSource};
    use tollgate_worker::Command;

    #[derive(Debug)]
    struct Given(&'static str);

    impl Text for Given {
        fn bytes(&self) -> &[u8] {
            self.0.as_bytes()
        }
    }

    /// What is answered to a patch, by a node with one worker whose thread does not get to look into its mailbox.
    #[test]
    fn a_worker_that_is_behind_is_told_of() {
        let text = "version: 1\nlisteners: [ { name: l, bind: 127.0.0.1:0 } ]\n";
        let configuration = Configuration::parse("gateway.yaml", text, &NoSource).unwrap();
        let (publisher, inbox) = Publisher::of_one_mailbox(configuration.snapshot());
        let publisher = Arc::new(publisher);
        let live = Arc::new(Live::new(configuration, Cause::Start));
        let mut updater = Updater {
            publisher: publisher.clone(),
            live,
            file: None,
            read: None,
            last_good: None,
            overlay: None,
            metrics: publisher.figures().config(),
        };
        let (done, outcome) = mpsc::channel();
        let patch = "base: 1\nchanged: { routes: [ { name: r, match: { path: / }, answer: { status: 200 } } ] }\n";
        updater.take(Job {
            change: Change::Patch(Box::new(Given(patch))),
            if_match: None,
            is_dry_run: false,
            done: Box::new(move |outcome| done.send(outcome).unwrap()),
        });
        let page = answer(outcome.recv().unwrap());
        let content: Value = serde_json::from_slice(&page.content).unwrap();
        assert_eq!((page.status, &content["result"]), (202, &"applied".into()), "{content}");
        assert_eq!((&content["workers_behind"], &content["generation"]), (&json!([0]), &2.into()));
        assert!(page.etag.starts_with("\"2-"), "{}", page.etag);
        assert_eq!(publisher.running(), [1], "the report says so too");
        // It comes to it at last.
        let message = inbox.take().expect("the program waits in the mailbox");
        let Command::Publish(publication) = message else { panic!("something else waits") };
        (publication.taken)();
        assert_eq!(publisher.running(), [2]);
    }
}
