//! The chunked transfer coding (RFC 9112, section 7.1), decoded where it lies: the decoder says which bytes are data,
//! and never copies or keeps any.
//!
//! ```text
//! Size --n--> Data --n bytes--> DataEnd --CRLF--> Size
//! Size --0--> Trailers --empty line--> Done
//! ```
//!
//! A size line of at most 256 bytes and a trailer section of at most 8 KiB must be whole in the caller's buffer to be
//! taken. Extensions are checked for control characters and dropped. The same bytes give the same verdict however they
//! are split.

use super::line_breaks_are_whole;
use crate::{CHUNK_SIZE_LINE_BYTES_MAX, Reason, Side, TRAILER_BYTES_MAX, limits::TRAILER_FIELDS_MAX, uri::hex_value};
use httparse::Status;
use std::ops::Range;

/// Most hex digits of a size: those of 64 bits.
const SIZE_DIGITS_MAX: usize = 16;

/// What [`ChunkedDecoder::next`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chunk {
    /// These of the bytes given are body data: a chunk or a part of one, never empty.
    Data(Range<usize>),
    /// More bytes are needed behind those not consumed.
    Need,
    /// The body is over. These are its trailer field lines, whole and without the empty line; perhaps none.
    Trailers(Range<usize>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Size,
    /// Bytes of the chunk still to come, at least 1.
    Data(u64),
    DataEnd,
    Trailers,
    Done,
}

/// Decoder of one body.
#[derive(Clone, Debug)]
pub struct ChunkedDecoder {
    state: State,
    side: Side,
}

impl Default for ChunkedDecoder {
    /// Of a request's body.
    fn default() -> Self {
        Self::new(Side::Downstream)
    }
}

impl ChunkedDecoder {
    /// A decoder of a body that comes from this side, which decides the reasons it refuses with.
    #[must_use]
    pub const fn new(side: Side) -> Self {
        Self { state: State::Size, side }
    }

    /// Whether the body is over.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    /// Decodes a prefix of `bytes` and says how long it was, framing included. Call it again with what follows until it
    /// needs more or [`Chunk::Trailers`] ends the body; what was not consumed must be kept in front of new bytes. After
    /// the end it consumes nothing and needs more for ever.
    ///
    /// # Errors
    /// Malformed framing, [`Reason::BadChunk`] or [`Reason::BadTrailer`]; [`Reason::UpstreamMalformed`] from upstream.
    pub fn next(&mut self, bytes: &[u8]) -> Result<(usize, Chunk), Reason> {
        let mut at = 0;
        loop {
            let rest = &bytes[at..];
            match self.state {
                State::Size => match size_line(rest).map_err(|()| self.refuse(Reason::BadChunk))? {
                    None => return Ok((at, Chunk::Need)),
                    Some((line_len, size)) => {
                        at += line_len;
                        self.state = if size == 0 { State::Trailers } else { State::Data(size) };
                    }
                },
                State::Data(_) if rest.is_empty() => return Ok((at, Chunk::Need)),
                State::Data(left) => {
                    let len = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
                    let left = left - len as u64;
                    self.state = if left == 0 { State::DataEnd } else { State::Data(left) };
                    return Ok((at + len, Chunk::Data(at..at + len)));
                }
                State::DataEnd => match rest {
                    [b'\r', b'\n', ..] => {
                        at += 2;
                        self.state = State::Size;
                    }
                    [] | [b'\r'] => return Ok((at, Chunk::Need)),
                    _ => return Err(self.refuse(Reason::BadChunk)),
                },
                State::Trailers => {
                    let Some(len) = trailer_section(rest).map_err(|()| self.refuse(Reason::BadTrailer))? else {
                        return Ok((at, Chunk::Need));
                    };
                    self.state = State::Done;
                    return Ok((at + len, Chunk::Trailers(at..at + len - 2)));
                }
                State::Done => return Ok((at, Chunk::Need)),
            }
        }
    }

    const fn refuse(&self, reason: Reason) -> Reason {
        match self.side {
            Side::Upstream => Reason::UpstreamMalformed,
            _ => reason,
        }
    }
}

/// Length and size of a whole line `1*HEXDIG [ BWS ";" extensions ] CRLF`; `None` if it goes on beyond `bytes`.
fn size_line(bytes: &[u8]) -> Result<Option<(usize, u64)>, ()> {
    let window = &bytes[..bytes.len().min(CHUNK_SIZE_LINE_BYTES_MAX)];
    let mut size = 0;
    let mut digits = 0;
    while let Some(value) = window.get(digits).copied().and_then(hex_value) {
        size = size << 4 | u64::from(value);
        digits += 1;
        if digits > SIZE_DIGITS_MAX {
            return Err(());
        }
    }
    let end = match (digits, &window[digits..]) {
        (0, [_, ..]) => return Err(()),
        (_, [b'\r', ..]) => Some(digits),
        (_, rest) => extensions_end(rest)?.map(|len| digits + len),
    };
    match end.map(|end| (end, &window[end..])) {
        Some((end, [b'\r', b'\n', ..])) => Ok(Some((end + 2, size))),
        Some((_, [_, _, ..])) => Err(()),
        _ if window.len() == CHUNK_SIZE_LINE_BYTES_MAX => Err(()),
        _ => Ok(None),
    }
}

/// Where the extensions at the start of `bytes` end: at a carriage return. `None` if they go on.
fn extensions_end(bytes: &[u8]) -> Result<Option<usize>, ()> {
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    match bytes.iter().find(|byte| !is_blank(byte)) {
        None => return Ok(None),
        Some(b';') => {}
        Some(_) => return Err(()),
    }
    let is_allowed = |byte: &u8| is_blank(byte) || !byte.is_ascii_control();
    match bytes.iter().position(|byte| !is_allowed(byte)) {
        None => Ok(None),
        Some(end) if bytes[end] == b'\r' => Ok(Some(end)),
        Some(_) => Err(()),
    }
}

/// Length of a whole trailer section with its empty line; `None` if it goes on beyond `bytes`.
fn trailer_section(bytes: &[u8]) -> Result<Option<usize>, ()> {
    let window = &bytes[..bytes.len().min(TRAILER_BYTES_MAX)];
    if window.starts_with(b"\r\n") {
        return Ok(Some(2));
    }
    let mut room = [httparse::EMPTY_HEADER; TRAILER_FIELDS_MAX];
    match httparse::parse_headers(window, &mut room) {
        Ok(Status::Complete((len, _))) if line_breaks_are_whole(&window[..len]) => Ok(Some(len)),
        Ok(Status::Partial) if line_breaks_are_whole(window) && window.len() < TRAILER_BYTES_MAX => Ok(None),
        _ => Err(()),
    }
}
