//! An answer on its way to the client, while a copy of it is made.
//!
//! Begun with the head, which decides whether there may be a copy at all (RFC 9111, section 3); given up when the body is
//! larger than it may be. Whoever fills it answers for the body being whole: a body that only the end of its connection
//! delimits is never copied, since nobody can tell whether it was cut off.

use httpdate::parse_http_date;
use std::time::{Duration, SystemTime};
use tollgate_http::{BodyLength, Name, NameSet, ResponseHead, http_date};
use tollgate_model::Cache;

use crate::{
    Kept, Now, Request,
    directives::{Directives, seconds},
    fields::elements,
    kept::Facts,
    limits::VARY_NAMES_MAX,
};

/// Statuses that are answers and no trouble: those a cache may keep unasked (RFC 9110, section 15.1) but for parts of
/// content and refusals.
const STATUSES: [u16; 7] = [200, 203, 204, 301, 308, 404, 410];

/// What of a head is not of the answer itself (RFC 9111, section 3.1), or is said anew when a copy is given.
const LEFT_OUT: NameSet = NameSet::of(&[
    Name::Age,
    Name::Connection,
    Name::ContentLength,
    Name::KeepAlive,
    Name::ProxyAuthenticate,
    Name::ProxyAuthorization,
    Name::ProxyConnection,
    Name::Te,
    Name::Trailer,
    Name::TransferEncoding,
    Name::Upgrade,
    Name::XRequestId,
]);

/// A copy in the making.
#[derive(Debug)]
pub struct Draft {
    facts: Facts,
    /// Names of the fields it varies by, in lower case, each once and in order.
    names: Vec<Box<[u8]>>,
    lines: Vec<u8>,
    body: Vec<u8>,
    /// As the head says; 0 if it does not.
    body_bytes: usize,
    body_bytes_max: usize,
}

/// What an answer means for the copies of its request's URI.
#[derive(Debug)]
pub enum Ruling {
    /// A copy of it may be kept.
    Copy(Box<Draft>),
    /// It may not, and whatever copy its request would get is no longer what the upstream says.
    ForgetCopy,
    /// What was there has been changed, for everybody (RFC 9111, section 4.4).
    ForgetUri,
    /// Nothing.
    Nothing,
}

impl Ruling {
    /// The ruling on the answer to `request`; `now` is when its head came.
    #[must_use]
    pub fn on(request: &Request, head: &ResponseHead<'_>, rules: &Cache, now: Now) -> Self {
        match head.status() {
            200..400 if request.is_unsafe() => return Self::ForgetUri,
            // A part, or the word that what the client has still holds; trouble is what copies are for.
            206 | 304 | 500.. => return Self::Nothing,
            _ if !request.lets_keep() => return Self::Nothing,
            _ => {}
        }
        match Draft::begin(request, head, rules, now) {
            Some(draft) => Self::Copy(Box::new(draft)),
            None if request.is_personal() => Self::Nothing,
            None => Self::ForgetCopy,
        }
    }
}

impl Draft {
    /// A draft of the answer to `request`, which lets it be kept, if the answer does so too.
    fn begin(request: &Request, head: &ResponseHead<'_>, rules: &Cache, now: Now) -> Option<Self> {
        let said = Directives::read(head.field_values(Name::CacheControl));
        let is_public = said.public || said.s_maxage.is_some();
        let body_bytes = match head.body() {
            BodyLength::None => 0,
            BodyLength::Length(length) => length,
            BodyLength::Chunked => 0,
            BodyLength::UntilClose => return None,
        };
        let may_be_kept = STATUSES.contains(&head.status())
            && !(said.no_store || said.private || said.no_cache)
            && (is_public || !request.is_personal())
            && head.field(Name::SetCookie).is_none()
            && body_bytes <= rules.answer_bytes_max;
        if !may_be_kept {
            return None;
        }
        let facts = Facts {
            status: head.status(),
            is_public,
            received_ns: now.monotonic_ns,
            age_s: initial_age_s(head, now),
            fresh_s: fresh_s(&said, head, now),
            is_fresh_only: said.must_revalidate || said.s_maxage.is_some(),
            stale_s_max: said.stale_if_error,
        };
        facts.may_be_given(now.monotonic_ns, rules.age_max).then_some(())?;
        Some(Self {
            facts,
            names: varies_by(head)?,
            lines: kept_lines(head, now),
            body: Vec::new(),
            body_bytes: usize::try_from(body_bytes).ok()?,
            body_bytes_max: usize::try_from(rules.answer_bytes_max).unwrap_or(usize::MAX),
        })
    }

    /// Bytes of memory it needs besides those it has to take another part of so many bytes; `None` if the body is larger
    /// than it may be.
    #[must_use]
    pub fn wants(&self, part: usize) -> Option<usize> {
        let len = self.body.len().checked_add(part).filter(|&len| len <= self.body_bytes_max)?;
        if len <= self.body.capacity() {
            return Some(0);
        }
        // Twice as much each time, where nobody has said how long it will be.
        let room = len.max(self.body_bytes).max(2 * self.body.capacity()).min(self.body_bytes_max);
        Some(room - self.body.capacity())
    }

    /// Takes a part of the body for which there is room, as [`Draft::wants`] has said.
    pub fn push(&mut self, part: &[u8]) {
        let room = self.body.capacity() + self.wants(part.len()).unwrap_or(0);
        self.body.reserve_exact(room - self.body.len());
        self.body.extend_from_slice(part);
    }

    pub(crate) fn finish(self) -> (Vec<Box<[u8]>>, Kept) {
        (self.names, Kept::new(self.facts, self.lines.into(), self.body.into()))
    }
}

/// How old the answer was when it came, in seconds (RFC 9111, section 4.2.3).
fn initial_age_s(head: &ResponseHead<'_>, now: Now) -> u64 {
    let apparent = head.field(Name::Date).and_then(date_s).map_or(0, |date| now.unix_s.saturating_sub(date));
    head.field(Name::Age).map_or(0, seconds).max(apparent)
}

/// How long the answer is fresh, in seconds (RFC 9111, section 4.2.1). One that does not say is stale at once: it is given
/// when nothing better can be had, and so there is nothing to guess.
fn fresh_s(said: &Directives, head: &ResponseHead<'_>, now: Now) -> u64 {
    said.s_maxage.or(said.max_age).unwrap_or_else(|| {
        let begun = head.field(Name::Date).and_then(date_s).unwrap_or(now.unix_s);
        head.field(Name::Expires).and_then(date_s).map_or(0, |end| end.saturating_sub(begun))
    })
}

fn date_s(value: &[u8]) -> Option<u64> {
    let time = parse_http_date(std::str::from_utf8(value).ok()?).ok()?;
    time.duration_since(SystemTime::UNIX_EPOCH).as_ref().map(Duration::as_secs).ok()
}

/// Names of the fields the answer varies by; `None` if it is by more than fields, or by too many.
fn varies_by(head: &ResponseHead<'_>) -> Option<Vec<Box<[u8]>>> {
    let mut names: Vec<Box<[u8]>> =
        head.field_values(Name::Vary).flat_map(elements).map(|name| name.to_ascii_lowercase().into()).collect();
    names.sort_unstable();
    names.dedup();
    (names.len() <= VARY_NAMES_MAX && names.iter().all(|name| **name != *b"*")).then_some(names)
}

/// The lines of the head that a copy has, with a Date (RFC 9110, section 6.6.1).
fn kept_lines(head: &ResponseHead<'_>, now: Now) -> Vec<u8> {
    let mut lines = Vec::with_capacity(head.head_len());
    let is_nominated = |name: &[u8]| {
        head.field_values(Name::Connection).flat_map(elements).any(|option| option.eq_ignore_ascii_case(name))
    };
    for (name, value) in head.fields() {
        if LEFT_OUT.contains(Name::from_bytes(name)) || is_nominated(name) {
            continue;
        }
        for part in [name, b": ", value, b"\r\n"] {
            lines.extend_from_slice(part);
        }
    }
    if head.field(Name::Date).is_none() {
        for part in [&b"Date: "[..], &http_date(now.unix_s), b"\r\n"] {
            lines.extend_from_slice(part);
        }
    }
    lines
}
