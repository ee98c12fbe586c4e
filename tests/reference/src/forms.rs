//! Forms of requests and responses that two parsers might read in two ways, each with the product's verdict and the section
//! it rests on.
//!
//! One table for three users: the codec (`dataplane/http`), the gateway in the simulator (`tests/sim`) and the real binary
//! (`tests/e2e`). "Strict" marks a form that the RFC would let pass, "lenient" one that it would let be refused. Texts have
//! one byte per character. Behind every request form comes [`NEXT`] on the same connection: where it turns up tells whether
//! the form ended where it should. What depends on limits is not here.

mod bodies;
mod fields;
mod forwarding;
mod framing;
mod judge;
mod lines;
mod responses;
mod targets;

pub use judge::{Exchanged, NEXT, judge_request, judge_response, judge_sent, origin_reply};
pub use responses::{Passed, ResponseForm, Then, response_forms};

use crate::Framing;

/// What is to become of a request form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Answered with this status and reason, the connection is closed, and no byte of it reaches an endpoint.
    Refused(u16, &'static str),
    /// The head is good and the body is not: answered so, closed, and no endpoint sees the end of it.
    Cut(u16, &'static str),
    /// Answered with this status without an endpoint; the connection goes on.
    Answered(u16),
    /// An endpoint sees this.
    Forwarded(Sent),
}

/// A request as an endpoint sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Method and target.
    pub line: &'static str,
    /// Value of Host.
    pub host: &'static str,
    /// How the body is framed.
    pub framing: Framing,
    /// The body without its framing.
    pub body: &'static str,
    /// Names of fields that must not be there.
    pub lacks: &'static [&'static str],
    /// Fields, or trailer fields, that must be there.
    pub has: &'static [(&'static str, &'static str)],
    /// Whether the client's connection ends with it, so that [`NEXT`] is not answered.
    pub is_last: bool,
}

impl Sent {
    /// A request without a body, of the host `a`.
    const fn bare(line: &'static str) -> Self {
        Self { line, host: "a", framing: Framing::None, body: "", lacks: &[], has: &[], is_last: false }
    }

    const fn host(self, host: &'static str) -> Self {
        Self { host, ..self }
    }

    const fn length(self, body: &'static str) -> Self {
        Self { framing: Framing::Length(body.len() as u64), body, ..self }
    }

    const fn chunked(self, body: &'static str) -> Self {
        Self { framing: Framing::Chunked, body, ..self }
    }

    const fn lacks(self, lacks: &'static [&'static str]) -> Self {
        Self { lacks, ..self }
    }

    const fn has(self, has: &'static [(&'static str, &'static str)]) -> Self {
        Self { has, ..self }
    }

    const fn last(self) -> Self {
        Self { is_last: true, ..self }
    }
}

const LINE: Verdict = Verdict::Refused(400, "bad_request_line");
const VERSION: Verdict = Verdict::Refused(505, "unsupported_version");
const METHOD: Verdict = Verdict::Refused(501, "method_not_implemented");
const BREAK: Verdict = Verdict::Refused(400, "bare_line_break");
const TARGET: Verdict = Verdict::Refused(400, "bad_target");
const FIELD: Verdict = Verdict::Refused(400, "bad_header");
const FOLDED: Verdict = Verdict::Refused(400, "line_folding");
const HOST: Verdict = Verdict::Refused(400, "bad_host");
const LENGTH: Verdict = Verdict::Refused(400, "bad_content_length");
const FRAMING: Verdict = Verdict::Refused(400, "conflicting_framing");
const CODING: Verdict = Verdict::Refused(501, "unknown_transfer_coding");
const CHUNK: Verdict = Verdict::Cut(400, "bad_chunk");
const TRAILER: Verdict = Verdict::Cut(400, "bad_trailer");

/// A request of the table.
#[derive(Clone, Debug)]
pub struct RequestForm {
    /// As a client sends it.
    pub bytes: Vec<u8>,
    /// RFC and section, and what is ambiguous where that is not plain.
    pub section: &'static str,
    /// What is to become of it.
    pub verdict: Verdict,
}

/// Text, section, verdict.
type Row = (&'static str, &'static str, Verdict);

/// All requests of the table.
#[must_use]
pub fn request_forms() -> Vec<RequestForm> {
    let framed = |before: &'static str, rows: &'static [Row], behind: &'static str| {
        rows.iter().map(move |&(text, section, verdict)| {
            let bytes = latin(&[before, text, behind].concat());
            RequestForm { bytes, section, verdict }
        })
    };
    let whole = |rows| framed("", rows, "");
    whole(lines::ROWS)
        .chain(framed("GET ", targets::ROWS, " HTTP/1.1\r\nHost: a\r\n\r\n"))
        .chain(framed("GET / HTTP/1.1\r\nHost:", targets::HOSTS, "\r\n\r\n"))
        .chain(whole(targets::FORMS))
        .chain(framed("GET / HTTP/1.1\r\nHost: a", fields::ROWS, "\r\n\r\n"))
        .chain(framed("POST / HTTP/1.1\r\nHost: a\r\n", framing::ROWS, ""))
        .chain(whole(framing::WHOLE))
        .chain(framed("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", bodies::ROWS, ""))
        .chain(framed("GET / HTTP/1.1\r\nHost: a\r\n", forwarding::ROWS, "\r\n\r\n"))
        .chain(whole(forwarding::WHOLE))
        .collect()
}

/// One byte per character.
pub(crate) fn latin(text: &str) -> Vec<u8> {
    text.chars().map(|character| u8::try_from(u32::from(character)).unwrap_or(b'?')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_as_large_as_promised_and_names_a_section_each_time() {
        let (requests, responses) = (request_forms(), response_forms());
        assert!(requests.len() >= 200 && responses.len() >= 60, "{} {}", requests.len(), responses.len());
        let sections = requests.iter().map(|form| form.section).chain(responses.iter().map(|form| form.section));
        for section in sections {
            let number = section.split([' ', ',', ':']).next().unwrap_or_default();
            assert!(matches!(number, "3986" | "8297" | "9110" | "9112" | "9113" | "strict"), "{section}");
        }
    }

    #[test]
    fn no_form_is_there_twice() {
        let mut forms: Vec<_> = request_forms().into_iter().map(|form| form.bytes).collect();
        forms.sort();
        for pair in forms.windows(2) {
            assert!(pair[0] != pair[1], "{}", pair[0].escape_ascii());
        }
    }
}
