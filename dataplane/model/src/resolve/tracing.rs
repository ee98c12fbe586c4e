//! `tracing`: what becomes of the trace context of requests.

use super::report::Report;
use crate::{
    limits as bounds,
    raw::{self, Spanned},
    tracing::{TraceAccept, Tracing},
};
use tollgate_document::Count;

pub(super) fn tracing(report: &mut Report<'_>, raw: Option<&Spanned<raw::Tracing>>) -> Tracing {
    let Spanned { value: raw, .. } = raw.cloned().unwrap_or_default();
    let default = Tracing::DEFAULT;
    let accepts = [("all", TraceAccept::All), ("trusted", TraceAccept::Trusted), ("none", TraceAccept::None)];
    let accept = report.word(raw.accept.as_ref(), "accept", &accepts, default.accept);
    let generate =
        report.word(raw.generate.as_ref(), "generate", &[("true", true), ("false", false)], default.generate);
    let percent = Count(default.sampled_percent.into());
    let sampled = report.quantity_or(raw.sampled_percent.as_ref(), &bounds::PERCENT, percent);
    if let Some(raw) = raw.sampled_percent.as_ref().filter(|_| !generate) {
        let help = "add `generate: true`: a `traceparent` that goes on keeps the flag it came with".to_owned();
        report.error(raw.referenced, "`sampled_percent` without `generate` changes nothing".to_owned(), Some(help));
    }
    // At most 100, by its range.
    Tracing { accept, generate, sampled_percent: sampled.0 as u8 }
}
