//! Answers: bytes in, statuses out. Pure; bodies are counted by their framing and kept nowhere.
//!
//! The generator's own reader of HTTP/1.1 (RFC 9112): sized, chunked and until-close bodies, HEAD, 204 and 304, interim
//! answers skipped. It works on any split of the bytes; a head that comes in one piece is read where it lies. It finds
//! where an answer ends and whether the connection may be used again; it judges nothing else.

use super::limits::HEAD_BYTES_MAX;
use memchr::{memchr, memmem};

/// An answer that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// Whether another request may follow on the connection (RFC 9112 section 9.3).
    pub(super) keep_alive: bool,
}

/// Why bytes are no answer.
pub(super) type Malformed = String;

/// Reads the answers of one connection, one after the other.
#[derive(Debug)]
pub(super) struct Reader {
    state: State,
    /// The answer whose body is being read.
    answer: Answer,
    /// The beginning of a head whose end has not come.
    head: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Head,
    /// Bytes left of a sized body.
    Sized(u64),
    /// In the line with a chunk's size: the size so far, digits seen, whether an extension has begun.
    ChunkSize {
        size: u64,
        digits: u8,
        is_over: bool,
    },
    /// Bytes left of a chunk.
    Chunk(u64),
    /// Bytes left of the line end behind a chunk.
    ChunkEnd(u8),
    /// In the trailer section; whether the line has anything in it.
    Trailer {
        is_empty: bool,
    },
    UntilClose,
}

const CHUNK_SIZE: State = State::ChunkSize { size: 0, digits: 0, is_over: false };

impl Default for Reader {
    fn default() -> Self {
        Self { state: State::Head, answer: Answer { status: 0, keep_alive: false }, head: Vec::new() }
    }
}

impl Reader {
    /// Takes bytes until one answer has ended or none are left. Says how many it took. `head_only`: the answer is to a
    /// HEAD request. `body` is shown the bytes of the body.
    ///
    /// # Errors
    /// It is no answer. The connection is of no use any more.
    #[inline]
    pub(super) fn read(
        &mut self,
        input: &[u8],
        head_only: bool,
        mut body: impl FnMut(&[u8]),
    ) -> Result<(usize, Option<Answer>), Malformed> {
        let mut at = 0;
        while at < input.len() {
            let rest = &input[at..];
            let done = match self.state {
                State::Head => {
                    let (used, ended) = self.head(rest, head_only)?;
                    at += used;
                    ended
                }
                State::Sized(left) => {
                    let taken = left.min(rest.len() as u64);
                    body(&rest[..taken as usize]);
                    at += taken as usize;
                    self.state = State::Sized(left - taken);
                    taken == left
                }
                State::Chunk(left) => {
                    let taken = left.min(rest.len() as u64);
                    body(&rest[..taken as usize]);
                    at += taken as usize;
                    self.state = if taken == left { State::ChunkEnd(2) } else { State::Chunk(left - taken) };
                    false
                }
                State::UntilClose => {
                    body(rest);
                    at = input.len();
                    false
                }
                _ => {
                    at += 1;
                    self.framing(rest[0])?
                }
            };
            if done {
                self.state = State::Head;
                return Ok((at, Some(self.answer)));
            }
        }
        Ok((at, None))
    }

    /// The target has closed: the answer that this ended, `None` if nothing of one had come.
    ///
    /// # Errors
    /// An answer was under way and is not whole; the text says how far it was.
    pub(super) fn end(&mut self) -> Result<Option<Answer>, String> {
        match self.state {
            State::Head if self.head.is_empty() => Ok(None),
            State::Head => Err("closed in the head of an answer".to_owned()),
            State::UntilClose => {
                self.state = State::Head;
                Ok(Some(self.answer))
            }
            State::Sized(left) => Err(format!("closed {left} bytes before the end of an answer")),
            _ => Err("closed in a chunked answer".to_owned()),
        }
    }

    /// One byte of what frames chunks. Says whether the answer has ended.
    fn framing(&mut self, byte: u8) -> Result<bool, Malformed> {
        self.state = match (self.state, byte) {
            (State::ChunkSize { size, digits: 1.., .. }, b'\n') => match size {
                0 => State::Trailer { is_empty: true },
                size => State::Chunk(size),
            },
            (State::ChunkSize { size, digits: digits @ ..16, is_over: false }, _) if byte.is_ascii_hexdigit() => {
                let digit = (byte as char).to_digit(16).unwrap_or_default();
                State::ChunkSize { size: (size << 4) | u64::from(digit), digits: digits + 1, is_over: false }
            }
            (State::ChunkSize { size, digits: digits @ 1.., is_over }, _)
                if is_over || matches!(byte, b'\r' | b';' | b' ' | b'\t') =>
            {
                State::ChunkSize { size, digits, is_over: true }
            }
            (State::ChunkEnd(2), b'\r') => State::ChunkEnd(1),
            (State::ChunkEnd(1), b'\n') => CHUNK_SIZE,
            (State::Trailer { is_empty: true }, b'\n') => return Ok(true),
            (State::Trailer { is_empty }, b'\r') => State::Trailer { is_empty },
            (State::Trailer { .. }, b'\n') => State::Trailer { is_empty: true },
            (State::Trailer { .. }, _) => State::Trailer { is_empty: false },
            (State::ChunkEnd(_), _) => return Err("a chunk does not end where its size says".to_owned()),
            _ => return Err(format!("a chunk's size has the byte {:?}", (byte as char).escape_default().to_string())),
        };
        Ok(false)
    }

    /// Takes a head, or what has come of it. Says how many bytes it took and whether the answer has ended with it.
    fn head(&mut self, input: &[u8], head_only: bool) -> Result<(usize, bool), Malformed> {
        if self.head.is_empty()
            && let Some(end) = memmem::find(input, b"\r\n\r\n")
        {
            return Ok((end + 4, self.begin(&input[..end + 2], head_only)?));
        }
        let before = self.head.len();
        let room = HEAD_BYTES_MAX - before;
        self.head.extend_from_slice(&input[..input.len().min(room)]);
        judge_start(&self.head)?;
        let from = before.saturating_sub(3);
        match memmem::find(&self.head[from..], b"\r\n\r\n") {
            Some(end) => {
                let head = std::mem::take(&mut self.head);
                let end = from + end + 4;
                Ok((end - before, self.begin(&head[..end - 2], head_only)?))
            }
            None if input.len() >= room => Err(format!("a head of more than {HEAD_BYTES_MAX} bytes")),
            None => Ok((input.len(), false)),
        }
    }

    /// Acts on a whole head without its empty line. Says whether the answer has no body.
    fn begin(&mut self, head: &[u8], head_only: bool) -> Result<bool, Malformed> {
        let parsed = Head::parse(head)?;
        self.answer = Answer { status: parsed.status, keep_alive: parsed.keep_alive };
        self.state = match parsed {
            Head { status: 101, .. } => {
                return Err("the target switched protocols (101), which was not asked".to_owned());
            }
            Head { status: ..200, .. } => State::Head,
            Head { status: 204 | 304, .. } => return Ok(true),
            _ if head_only => return Ok(true),
            Head { is_chunked: true, .. } => CHUNK_SIZE,
            Head { is_coded: false, length: Some(length), .. } if length > 0 => State::Sized(length),
            Head { is_coded: false, length: Some(_), .. } => return Ok(true),
            _ => {
                self.answer.keep_alive = false;
                State::UntilClose
            }
        };
        Ok(false)
    }
}

/// What a head says of the end of the answer.
struct Head {
    status: u16,
    keep_alive: bool,
    length: Option<u64>,
    /// Whether there is any transfer coding, and whether the last is chunked.
    is_coded: bool,
    is_chunked: bool,
}

impl Head {
    /// `head` is lines that end with CR LF.
    fn parse(head: &[u8]) -> Result<Self, Malformed> {
        judge_start(head)?;
        let status = match head.get(7..13) {
            Some(&[b'0' | b'1', b' ', one @ b'1'..=b'9', two @ b'0'..=b'9', three @ b'0'..=b'9', b' ' | b'\r']) => {
                u16::from(one - b'0') * 100 + u16::from(two - b'0') * 10 + u16::from(three - b'0')
            }
            _ => return Err(format!("the status line is {}", shown(head))),
        };
        let mut found = Self { status, keep_alive: head[7] == b'1', length: None, is_coded: false, is_chunked: false };
        let mut rest = head;
        while let Some(end) = memchr(b'\n', rest) {
            found.field(&rest[..end])?;
            rest = &rest[end + 1..];
        }
        Ok(found)
    }

    /// Acts on a line; those that end no answer, the status line among them, are passed over.
    #[inline]
    fn field(&mut self, line: &[u8]) -> Result<(), Malformed> {
        if let Some(value) = value(line, b"content-length") {
            let length = std::str::from_utf8(value).ok().and_then(|value| value.trim().parse().ok());
            let length = length.ok_or_else(|| format!("Content-Length is {}", shown(value)))?;
            if self.length.replace(length).is_some_and(|before| before != length) {
                return Err("two Content-Length fields that differ".to_owned());
            }
        } else if let Some(value) = value(line, b"transfer-encoding") {
            self.is_coded = true;
            self.is_chunked = options(value).last().is_some_and(|coding| coding.eq_ignore_ascii_case(b"chunked"));
        } else if let Some(value) = value(line, b"connection") {
            for option in options(value) {
                if option.eq_ignore_ascii_case(b"close") {
                    self.keep_alive = false;
                } else if option.eq_ignore_ascii_case(b"keep-alive") {
                    self.keep_alive = true;
                }
            }
        }
        Ok(())
    }
}

/// The value of a line if its field has this name.
#[inline]
fn value<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (found, rest) = line.split_at_checked(name.len())?;
    let value = rest.strip_prefix(b":")?;
    found.eq_ignore_ascii_case(name).then_some(value)
}

fn options(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii)
}

/// Tells what is not HTTP from its first bytes on, so that nobody waits for the end of a head that never comes.
fn judge_start(head: &[u8]) -> Result<(), Malformed> {
    let length = head.len().min(7);
    match head[..length] == b"HTTP/1."[..length] {
        true => Ok(()),
        false => Err(format!("the target does not speak HTTP/1: its answer begins with {}", shown(head))),
    }
}

/// The first bytes in quotes.
fn shown(bytes: &[u8]) -> String {
    format!("\"{}\"", bytes[..bytes.len().min(40)].trim_ascii().escape_ascii())
}

#[cfg(test)]
mod tests;
