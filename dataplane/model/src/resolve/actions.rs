//! What a route does: forward (to one upstream or a split), redirect or answer. Exactly one of them.
//!
//! Part of `resolve`, after the match, whose parameters templates refer to.

use std::{ops::RangeInclusive, sync::Arc};

use super::{names::Names, policies::answer_field, report::Report};
use crate::{
    action::{Action, FixedAnswer, Forwarding, Redirect, Share},
    limits,
    raw::{self, Location, Spanned, Text},
};
use tollgate_document::Count;
use tollgate_pattern::{PathMatch, Refusal, Template};

const REDIRECT_STATUS: u16 = 307;
const ANSWER_STATUS: RangeInclusive<Count> = Count(200)..=Count(599);
const CONTENT_TYPE: &str = "text/plain; charset=utf-8";

/// Resolves what a route does. `path` is `None` when it has a mistake, which leaves the templates unjudged.
pub(super) fn action(
    report: &mut Report<'_>,
    item: &Spanned<raw::Route>,
    path: Option<&PathMatch>,
    upstreams: &Names<'_>,
) -> Option<Action> {
    let raw = &item.value;
    let given: Vec<(&str, Location)> = [
        raw.upstream.as_ref().map(|raw| ("upstream", raw.referenced)),
        raw.upstreams.as_ref().map(|raw| ("upstreams", raw.referenced)),
        raw.redirect.as_ref().map(|raw| ("redirect", raw.referenced)),
        raw.answer.as_ref().map(|raw| ("answer", raw.referenced)),
    ]
    .into_iter()
    .flatten()
    .collect();
    if let [(first, _), (second, at), ..] = given[..] {
        let help = "a route has one of `upstream`, `upstreams`, `redirect` and `answer`".to_owned();
        report.error(at, format!("`{second}` cannot stand beside `{first}`"), Some(help));
        return None;
    }
    if let Some(raw) = &raw.redirect {
        refuse_rewrite(report, item, "redirect");
        return redirect(report, raw, path).map(Action::Redirect);
    }
    if let Some(raw) = &raw.answer {
        refuse_rewrite(report, item, "answer");
        return answer(report, &raw.value, raw.referenced).map(Arc::new).map(Action::Answer);
    }
    let shares = shares(report, item, upstreams);
    let rewrite = match &raw.rewrite {
        None => Some(None),
        Some(raw) => rewrite(report, raw, path).map(Some),
    };
    Some(Action::Forward(Forwarding { shares: shares?, rewrite: rewrite? }))
}

fn refuse_rewrite(report: &mut Report<'_>, item: &Spanned<raw::Route>, key: &str) {
    if let Some(raw) = &item.value.rewrite {
        let help = "rewriting changes what an upstream is asked for".to_owned();
        report.error(raw.referenced, format!("`rewrite` cannot stand beside `{key}`"), Some(help));
    }
}

fn shares(report: &mut Report<'_>, item: &Spanned<raw::Route>, upstreams: &Names<'_>) -> Option<Vec<Share>> {
    if let Some(raw) = &item.value.upstream {
        return upstreams.find(report, raw).map(|upstream| vec![Share { upstream, weight: 1 }]);
    }
    let Some(raw) = &item.value.upstreams else {
        let help = "or one of `upstreams`, `redirect` and `answer`".to_owned();
        report.error(item.referenced, "`upstream` is missing".to_owned(), Some(help));
        return None;
    };
    if raw.value.is_empty() || raw.value.len() > limits::SHARES_MAX {
        report.error(raw.referenced, format!("there must be 1 to {} upstreams", limits::SHARES_MAX), None);
        return None;
    }
    let mut shares: Vec<Share> = Vec::with_capacity(raw.value.len());
    for entry in &raw.value {
        let weight = report.quantity_or(entry.value.weight.as_ref(), &limits::SHARE_WEIGHT, Count(1)).0;
        let Some(name) = report.required(entry.value.name.as_ref(), "name", entry.referenced) else { continue };
        let Some(upstream) = upstreams.find(report, name) else { continue };
        if shares.iter().any(|share| share.upstream == upstream) {
            let help = "give it a larger `weight` for a larger share".to_owned();
            report.error(name.referenced, format!("`{}` is in `upstreams` twice", name.value), Some(help));
            continue;
        }
        shares.push(Share { upstream, weight: u32::try_from(weight).expect("a weight is at most 1000") });
    }
    let is_whole = shares.len() == raw.value.len();
    if is_whole && shares.iter().all(|share| share.weight == 0) {
        let help = "give one of them a `weight` of at least 1".to_owned();
        report.error(raw.referenced, "all weights are 0, so no upstream would be taken".to_owned(), Some(help));
        return None;
    }
    is_whole.then_some(shares)
}

fn rewrite(report: &mut Report<'_>, raw: &Spanned<raw::Rewrite>, path: Option<&PathMatch>) -> Option<Template> {
    let raw = report.required(raw.value.path.as_ref(), "path", raw.referenced)?;
    let path = path?;
    report.parse(raw, "a path to rewrite to", |text| Template::path(text, path))
}

fn redirect(report: &mut Report<'_>, raw: &Spanned<raw::Redirect>, path: Option<&PathMatch>) -> Option<Redirect> {
    let status = raw.value.status.as_ref().map_or(Some(REDIRECT_STATUS), |raw| {
        report.parse(raw, "a status of a redirect", |text| match text.parse() {
            Ok(status @ (301 | 302 | 303 | 307 | 308)) => Ok(status),
            _ => Err((
                format!("`{text}` is not a status of a redirect"),
                Some("307 or 308 keep the method, 302, 303 or 301 do not; 308 and 301 are remembered".to_owned()),
            )),
        })
    });
    let to = report.required(raw.value.to.as_ref(), "to", raw.referenced);
    let to = path.and_then(|path| report.parse(to?, "a place to go to", |text| Template::target(text, path)));
    let (to, has_query) = to?;
    Some(Redirect { to, keeps_query: !has_query, status: status? })
}

/// Resolves an answer that is written at `at`.
pub(super) fn answer(report: &mut Report<'_>, raw: &raw::Answer, at: Location) -> Option<FixedAnswer> {
    let raw::Answer { status, headers, content_type, body } = raw;
    let status = report.required(status.as_ref(), "status", at).and_then(|raw| answer_status(report, raw));
    let mut fields = Vec::new();
    for entry in headers.iter().flat_map(|headers| &headers.value) {
        fields.extend(field(report, entry));
    }
    if let Some(raw) = headers.as_ref().filter(|headers| headers.value.len() > limits::ANSWER_FIELDS_MAX) {
        report.error(raw.referenced, format!("an answer has at most {} headers", limits::ANSWER_FIELDS_MAX), None);
    }
    let text = body.as_ref().and_then(|raw| report.parse(raw, "a body", self::body)).unwrap_or_default();
    let default = if text.is_empty() { "" } else { CONTENT_TYPE };
    let media = content_type.as_ref().map(|raw| report.parse(raw, "a content type", media));
    if let (Some(raw), Some(status @ (204 | 205))) = (body.as_ref().filter(|_| !text.is_empty()), status) {
        report.error(raw.referenced, format!("an answer of status {status} has no body"), None);
    }
    let content_type = media.unwrap_or_else(|| Some(default.to_owned()))?;
    Some(FixedAnswer { status: status?, headers: fields, content_type, body: text })
}

fn answer_status(report: &mut Report<'_>, raw: &Text) -> Option<u16> {
    let status = report.quantity(raw, &ANSWER_STATUS)?.0;
    if status == 304 {
        let help = "it answers a condition of the request, which a fixed answer does not look at".to_owned();
        report.error(raw.referenced, "304 cannot be a fixed answer".to_owned(), Some(help));
        return None;
    }
    u16::try_from(status).ok()
}

fn field(report: &mut Report<'_>, entry: &Spanned<raw::Header>) -> Option<(String, String)> {
    let name = report.required(entry.value.name.as_ref(), "name", entry.referenced);
    let name = name.and_then(|raw| report.parse(raw, "a name of a header field", answer_field));
    let value = report.required(entry.value.value.as_ref(), "value", entry.referenced);
    let value = value.and_then(|raw| report.parse(raw, "a value of a header field", field_value));
    Some((name?, value?))
}

fn field_value(text: &str) -> Result<String, Refusal> {
    field_value_within(text, limits::VALUE_BYTES_MAX)
}

/// RFC 9110, section 5.5, without bytes outside ASCII.
pub(super) fn field_value_within(text: &str, most: usize) -> Result<String, Refusal> {
    let fits = text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') && text.trim() == text;
    match fits && text.len() <= most {
        true => Ok(text.to_owned()),
        false => Err((
            format!("a value has at most {most} printable ASCII characters, none of them a space at an end"),
            None,
        )),
    }
}

fn media(text: &str) -> Result<String, Refusal> {
    let is_media = text.split_once('/').is_some_and(|(kind, rest)| !kind.is_empty() && !rest.is_empty());
    let refusal = || (format!("`{text}` is not a content type"), Some("write it like `application/json`".to_owned()));
    if is_media { field_value(text).map_err(|_| refusal()) } else { Err(refusal()) }
}

fn body(text: &str) -> Result<String, Refusal> {
    match text.len() <= limits::ANSWER_BYTES_MAX {
        true => Ok(text.to_owned()),
        false => Err((
            format!("a body has at most {} KiB", limits::ANSWER_BYTES_MAX >> 10),
            Some("serve larger ones from an upstream".to_owned()),
        )),
    }
}
