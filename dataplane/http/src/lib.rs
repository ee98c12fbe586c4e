//! Message heads, URIs and a sans-I/O HTTP/1.1 codec with strict framing.
//!
//! Bytes in, verdicts and bytes out: [`RequestIndex`] and [`ResponseIndex`] find a head in a receive buffer without
//! copying it, [`ChunkedDecoder`] walks a chunked body, [`write_request`] and [`write_response`] write the head that is
//! forwarded, and [`Reason`] is the one table of everything that can go wrong with an exchange.
//!
//! What is refused, and by which section of RFC 9110 or 9112, stands with the tests in `tests/requests.rs` and
//! `tests/responses.rs`. No socket, clock, allocation per message or logging is in here; [`HeadLimits`] and the
//! constants of the limits module bound everything.

mod answer;
mod authority;
mod bearer;
mod client;
mod date;
mod edits;
mod field;
mod forward;
mod forwarded;
mod h1;
mod limits;
mod method;
mod problem;
mod reason;
mod request_id;
mod status;
mod trace;
mod trailers;
mod uri;
mod version;

pub use answer::{Answer, write_answer};
pub use authority::host_of_authority;
pub use bearer::bearer;
pub use client::client_of;
pub use date::http_date;
pub use edits::FieldEdits;
pub use field::{Name, NameSet};
pub use forward::{
    ConnectionOption, Consumer, ForwardRequest, ForwardResponse, ResponseFraming, write_interim, write_request,
    write_response,
};
pub use forwarded::ForwardedStyle;
pub use h1::{
    BodyLength, Chunk, ChunkedDecoder, HeadWriter, Parsed, RequestHead, RequestIndex, ResponseHead, ResponseIndex,
    TooLarge,
};
pub use limits::{
    CHUNK_SIZE_LINE_BYTES_MAX, FIELD_NAME_BYTES_MAX, FIELDS_MAX, HEAD_BYTES_MAX, HeadLimits, TRAILER_BYTES_MAX,
};
pub use method::Method;
pub use problem::{PROBLEM_CONTENT_TYPE, Problem, write_problem};
pub use reason::{Reason, Side};
pub use request_id::{RequestId, RequestIds};
pub use status::reason_phrase;
pub use trace::{TraceContext, Traceparent, trace_id};
pub use trailers::write_trailers;
pub use uri::normalize_path;
pub use version::Version;
