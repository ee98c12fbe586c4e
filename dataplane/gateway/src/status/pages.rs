//! What the node says of itself, page by page. Pure but for the figures and the flag it reads.
//!
//! `/livez` is 200 as long as somebody answers; `/readyz` is 503 from the moment a drain begins; `/metrics` is the scrape.
//! Anything else is a problem document.

use crate::figures::Figures;
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};
use tollgate_http::{Method, PROBLEM_CONTENT_TYPE, Reason, write_problem};
use tollgate_telemetry::{CONTENT_TYPE, Registry};

const TEXT: &str = "text/plain; charset=utf-8";
/// What is true now may not be a moment later.
const NOT_STORED: &[(&str, &[u8])] = &[("Cache-Control", b"no-store")];
const ALLOWED: &[(&str, &[u8])] = &[("Allow", b"GET, HEAD"), ("Cache-Control", b"no-store")];

/// Where the pages get what they say.
pub(super) struct Pages {
    pub(super) registry: Arc<Registry>,
    pub(super) figures: Figures,
    pub(super) draining: Arc<AtomicBool>,
}

/// An answer without what depends on the connection.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) status: u16,
    pub(super) content_type: &'static str,
    pub(super) fields: &'static [(&'static str, &'static [u8])],
    pub(super) content: Vec<u8>,
}

impl Pages {
    /// The answer to a request.
    pub(super) fn page(&self, method: Method, path: &[u8]) -> Page {
        let page: fn(&Self) -> Page = match path {
            b"/livez" => |_| Page::text(200, "ok\n"),
            b"/readyz" => Self::readiness,
            b"/metrics" => Self::metrics,
            _ => return Page::problem(Reason::NoRoute, Some(path)),
        };
        match method {
            Method::Get | Method::Head => page(self),
            _ => Page { fields: ALLOWED, ..Page::problem(Reason::MethodNotAllowed, Some(path)) },
        }
    }

    fn readiness(&self) -> Page {
        match self.draining.load(Ordering::Relaxed) {
            false => Page::text(200, "ready\n"),
            true => Page::text(503, "draining\n"),
        }
    }

    fn metrics(&self) -> Page {
        let mut text = String::new();
        let is_ready = !self.draining.load(Ordering::Relaxed);
        self.registry.render(&self.figures.look(is_ready), &mut text);
        Page { content_type: CONTENT_TYPE, content: text.into_bytes(), ..Page::text(200, "") }
    }
}

impl Page {
    fn text(status: u16, text: &str) -> Self {
        Self { status, content_type: TEXT, fields: NOT_STORED, content: text.into() }
    }

    /// A problem document; `path` is the request's, if it had one that can be told.
    pub(super) fn problem(reason: Reason, path: Option<&[u8]>) -> Self {
        let mut content = Vec::new();
        write_problem(&mut content, reason, b"", path);
        Self { status: reason.status(), content_type: PROBLEM_CONTENT_TYPE, fields: NOT_STORED, content }
    }
}
