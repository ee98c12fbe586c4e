//! An answer that is kept, and the head it is given again with.
//!
//! Immutable, so that one can be on its way to several clients and be forgotten meanwhile. A client that has it already is
//! told so (304); everybody else gets all of it, ranges of it are not made. Age and Cache-Status say that it is a copy.

use std::{io::Write, time::Duration};
use tollgate_http::{Name, reason_phrase};

use crate::{Request, fields::lines, limits::ENTRY_BYTES};

/// What decides for how long a copy is given, and to whom.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts {
    pub(crate) status: u16,
    /// Whether the answer is for everybody by its own words, whatever the request shows.
    pub(crate) is_public: bool,
    /// When its head came, monotonic.
    pub(crate) received_ns: u64,
    /// How old it was then.
    pub(crate) age_s: u64,
    /// Younger than this it is fresh.
    pub(crate) fresh_s: u64,
    /// Whether it may be given while it is fresh only.
    pub(crate) is_fresh_only: bool,
    /// For how long it may be given past that, if it says so.
    pub(crate) stale_s_max: Option<u64>,
}

/// A copy of an answer.
#[derive(Debug)]
pub struct Kept {
    facts: Facts,
    lines: Box<[u8]>,
    body: Box<[u8]>,
}

impl Facts {
    fn age_s(&self, now_ns: u64) -> u64 {
        self.age_s.saturating_add(now_ns.saturating_sub(self.received_ns) / 1_000_000_000)
    }

    /// Whether it is not too old to be given (RFC 9111, section 4.2.4, and RFC 5861, section 4).
    pub(crate) fn may_be_given(&self, now_ns: u64, age_max: Duration) -> bool {
        let age_s = self.age_s(now_ns);
        let stale_s_max = if self.is_fresh_only { Some(0) } else { self.stale_s_max };
        let is_allowed = stale_s_max.is_none_or(|stale| age_s < self.fresh_s.saturating_add(stale));
        is_allowed && age_s <= age_max.as_secs()
    }
}

impl Kept {
    pub(crate) const fn new(facts: Facts, lines: Box<[u8]>, body: Box<[u8]>) -> Self {
        Self { facts, lines, body }
    }

    pub(crate) const fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Bytes of memory.
    pub(crate) fn bytes(&self) -> usize {
        self.lines.len() + self.body.len() + size_of::<Self>() + ENTRY_BYTES
    }

    /// All of the body.
    #[must_use]
    pub const fn body(&self) -> &[u8] {
        &self.body
    }

    /// The head of the answer to `request`, whole and in HTTP/1.1. It is a 304 if the client has the copy already.
    #[must_use]
    pub fn head(&self, request: &Request, now_ns: u64) -> Vec<u8> {
        let (etag, modified) = (self.value(Name::ETag), self.value(Name::LastModified));
        let is_with_client = self.facts.status == 200 && request.has(etag, modified);
        let status = if is_with_client { 304 } else { self.facts.status };
        let age_s = self.facts.age_s(now_ns);
        let ttl_s = i128::from(self.facts.fresh_s) - i128::from(age_s);
        let mut head = Vec::with_capacity(self.lines.len() + 160);
        // Writing to memory does not fail.
        let _ = write!(head, "HTTP/1.1 {status} {}\r\n", reason_phrase(status));
        head.extend_from_slice(&self.lines);
        if !matches!(status, 204 | 304) {
            let _ = write!(head, "Content-Length: {}\r\n", self.body.len());
        }
        let _ = write!(head, "Age: {age_s}\r\nCache-Status: tollgate; hit; ttl={ttl_s}; detail=circuit_open\r\n\r\n");
        head
    }

    fn value(&self, name: Name) -> Option<&[u8]> {
        lines(&self.lines).find(|(found, _)| Name::from_bytes(found) == name).map(|(_, value)| value)
    }
}
