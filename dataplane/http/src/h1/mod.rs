//! HTTP/1.1 on the wire (RFC 9112).
//!
//! A head goes `scan`, or else `tokenize` (httparse, and what it is lenient about) -> `fields` (an index of offsets) ->
//! `request` or `response` (the judgement of `target`, Host and, in `framing`, of the body's length). Bodies in chunks
//! go through `chunked`; heads that leave go through `write`.

mod chunked;
mod connection;
mod fields;
mod framing;
mod request;
mod response;
mod scan;
mod target;
mod tokenize;
mod write;

pub use chunked::{Chunk, ChunkedDecoder};
pub(crate) use connection::tokens;
pub(crate) use fields::Fields;
pub use framing::BodyLength;
pub use request::{RequestHead, RequestIndex};
pub use response::{ResponseHead, ResponseIndex};
pub(crate) use tokenize::line_breaks_are_whole;
pub use write::{HeadWriter, TooLarge};

use crate::Reason;

/// What became of parsing a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// So far acceptable, and not complete: give all of it again with more behind it.
    Partial,
    /// A head of this many bytes, up to and with its empty line.
    Complete {
        /// Bytes to consume before the body begins.
        head_len: usize,
    },
    /// Not acceptable, whatever follows. The connection cannot be used for another message.
    Refused(Reason),
}
