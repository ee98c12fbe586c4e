//! What the node says of itself, page by page. Pure but for the figures and the flags it reads.
//!
//! `/livez` is 200 as long as somebody answers; `/readyz` is 503 until every worker runs its first snapshot, and again from
//! the moment a drain begins; `/metrics` is the scrape. `/config`, `/quotas` and `/debug` are left to others. Anything else is a problem
//! document.

use super::config;
use crate::{figures::Figures, publish::Publisher};
use std::sync::Arc;
use tollgate_http::{Method, PROBLEM_CONTENT_TYPE, Problem, Reason, write_problem};
use tollgate_telemetry::{CONTENT_TYPE, Registry};

const TEXT: &str = "text/plain; charset=utf-8";
pub(super) const JSON: &str = "application/json";
/// What is true now may not be a moment later.
const NOT_STORED: &[(&str, &[u8])] = &[("Cache-Control", b"no-store")];
const ALLOWED: &[(&str, &[u8])] = &[("Allow", b"GET, HEAD"), ("Cache-Control", b"no-store")];
const ALLOWED_QUOTAS: &[(&str, &[u8])] = &[("Allow", b"GET, HEAD, POST"), ("Cache-Control", b"no-store")];
const ALLOWED_DEBUG: &[(&str, &[u8])] = &[("Allow", b"POST"), ("Cache-Control", b"no-store")];
const ALLOWED_CONFIG: &[(&str, &[u8])] = &[("Allow", b"GET, HEAD, PUT, PATCH"), ("Cache-Control", b"no-store")];

/// Where the pages get what they say.
pub(super) struct Pages {
    pub(super) registry: Arc<Registry>,
    pub(super) publisher: Arc<Publisher>,
    pub(super) figures: Figures,
}

/// What a request asks for.
pub(super) enum Asked {
    /// A page that is there at once.
    Page(Page),
    /// What the node runs.
    Report,
    /// A whole configuration in place of the one that runs.
    Put,
    /// A change of some of its items.
    Patch,
    /// What keys of quotas have used.
    Quotas,
    /// A change of that.
    Operate,
    /// A test request.
    Debug,
}

/// An answer without what depends on the connection.
#[derive(Debug)]
pub(crate) struct Page {
    pub(super) status: u16,
    pub(super) content_type: &'static str,
    pub(super) fields: &'static [(&'static str, &'static [u8])],
    /// Value of ETag; none if empty.
    pub(super) etag: String,
    pub(super) content: Vec<u8>,
}

impl Pages {
    /// What a request is for.
    pub(super) fn asked(&self, method: Method, path: &[u8]) -> Asked {
        let page: fn(&Self) -> Page = match path {
            b"/livez" => |_| Page::text(200, "ok\n"),
            b"/readyz" => Self::readiness,
            b"/metrics" => Self::metrics,
            b"/config" => return asked_of_config(method, path),
            b"/quotas" => return asked_of_quotas(method, path),
            b"/debug" if method == Method::Post => return Asked::Debug,
            b"/debug" => {
                let refused = Page::problem(Reason::MethodNotAllowed, Some(path));
                return Asked::Page(Page { fields: ALLOWED_DEBUG, ..refused });
            }
            _ => return Asked::Page(config::no_page()),
        };
        Asked::Page(match method {
            Method::Get | Method::Head => page(self),
            _ => Page { fields: ALLOWED, ..Page::problem(Reason::MethodNotAllowed, Some(path)) },
        })
    }

    fn readiness(&self) -> Page {
        // Who asks on an old connection means the node, and that is the other process now.
        let is_draining = self.publisher.is_draining() && !self.publisher.has_handed_over();
        match (is_draining, self.publisher.is_ready()) {
            (true, _) => Page::text(503, "draining\n"),
            (false, false) => Page::text(503, "starting\n"),
            (false, true) => Page::text(200, "ready\n"),
        }
    }

    fn metrics(&self) -> Page {
        let mut text = String::new();
        self.registry.render(&self.figures.look(), &mut text);
        Page { content_type: CONTENT_TYPE, content: text.into_bytes(), ..Page::text(200, "") }
    }
}

fn asked_of_config(method: Method, path: &[u8]) -> Asked {
    match method {
        Method::Get | Method::Head => Asked::Report,
        Method::Put => Asked::Put,
        Method::Patch => Asked::Patch,
        _ => Asked::Page(Page { fields: ALLOWED_CONFIG, ..Page::problem(Reason::MethodNotAllowed, Some(path)) }),
    }
}

fn asked_of_quotas(method: Method, path: &[u8]) -> Asked {
    match method {
        Method::Get | Method::Head => Asked::Quotas,
        Method::Post => Asked::Operate,
        _ => Asked::Page(Page { fields: ALLOWED_QUOTAS, ..Page::problem(Reason::MethodNotAllowed, Some(path)) }),
    }
}

impl Page {
    fn text(status: u16, text: &str) -> Self {
        Self { status, content_type: TEXT, fields: NOT_STORED, etag: String::new(), content: text.into() }
    }

    /// A page of JSON, with a line break at its end.
    pub(super) fn json(status: u16, content_type: &'static str, value: &serde_json::Value) -> Self {
        Self { content_type, ..Self::text(status, &format!("{value:#}\n")) }
    }

    /// A problem document; `path` is the request's, if it had one that can be told.
    pub(super) fn problem(reason: Reason, path: Option<&[u8]>) -> Self {
        let mut content = Vec::new();
        let problem = Problem { reason, status: reason.status(), request_id: b"", instance: path, violated: &[] };
        write_problem(&mut content, &problem);
        Self { content_type: PROBLEM_CONTENT_TYPE, content, ..Self::text(reason.status(), "") }
    }
}
