//! HTTP/1.1 as scripted peers read it: a plain, trusting parser that shares nothing with the one under test.
//!
//! It holds whole messages in memory, which is the bound a script sets by its own sizes. It judges no framing; what it
//! cannot read is a [`Failure`].

use crate::{Endpoint, Random};
use std::{fmt, io, ops::Deref};

/// Bytes asked of the link at a time.
const READ_MAX: usize = 16 * 1024;

/// The high bit of each of eight bytes.
const HIGH_BITS: u64 = 0x8080_8080_8080_8080;

/// `len` body bytes that only `token` has. Each has its high bit set, which heads and chunk framing never have.
#[must_use]
pub fn payload(token: u64, len: usize) -> Vec<u8> {
    let random = Random::new(token);
    let mut bytes: Vec<u8> = (0..len.div_ceil(8)).flat_map(|_| (random.next() | HIGH_BITS).to_le_bytes()).collect();
    bytes.truncate(len);
    bytes
}

/// Why no message could be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Nobody answered the connect.
    Refused,
    /// The link broke.
    Reset,
    /// The other side finished inside a message, or before one that was owed.
    Truncated,
    /// Not HTTP/1.1.
    Malformed(String),
}

/// Where a body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// After this many bytes.
    Length(usize),
    /// After the last chunk and its trailers.
    Chunked,
    /// With the stream.
    UntilClose,
}

/// First line and fields of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// Request line or status line.
    pub start: String,
    /// Names as they came, values without the space around them.
    pub fields: Vec<(String, String)>,
}

impl Head {
    /// The first field of that name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Word `at` of the first line, counted from 0.
    #[must_use]
    pub fn word(&self, at: usize) -> &str {
        self.start.split(' ').nth(at).unwrap_or_default()
    }

    /// The status of a response head, 0 if it has none.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.word(1).parse().unwrap_or_default()
    }

    /// The token of a scripted request, 0 if it has none.
    #[must_use]
    pub fn token(&self) -> u64 {
        self.field("x-token").and_then(|token| token.parse().ok()).unwrap_or_default()
    }

    /// Whether the sender will close after this message.
    #[must_use]
    pub fn closes(&self) -> bool {
        self.field("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"))
    }

    /// The framing the fields name, if any.
    #[must_use]
    pub fn framing(&self) -> Option<Framing> {
        if self.field("transfer-encoding").is_some() {
            return Some(Framing::Chunked);
        }
        self.field("content-length").and_then(|value| value.parse().ok()).map(Framing::Length)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.split("\r\n");
        let start = lines.next()?.to_owned();
        let fields =
            lines.map(|line| line.split_once(':').map(|(name, value)| (name.to_owned(), value.trim().to_owned())));
        Some(Self { start, fields: fields.collect::<Option<_>>()? })
    }
}

/// Reads messages off a link, one after the other.
#[derive(Debug)]
pub struct Reader<E> {
    end: E,
    bytes: Vec<u8>,
    pace: Pace,
}

/// How fast a peer reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Most bytes it takes at a time.
    pub bytes_max: usize,
    /// Longest pause before it takes them, in nanoseconds.
    pub pause_nanos_max: u64,
}

impl Default for Pace {
    /// At once and all of it.
    fn default() -> Self {
        Self { bytes_max: READ_MAX, pause_nanos_max: 0 }
    }
}

impl<E: Deref<Target = Endpoint>> Reader<E> {
    /// A reader of what comes to `end`.
    #[must_use]
    pub fn new(end: E) -> Self {
        Self::with_pace(end, Pace::default())
    }

    /// A reader that takes its time.
    #[must_use]
    pub const fn with_pace(end: E, pace: Pace) -> Self {
        Self { end, bytes: Vec::new(), pace }
    }

    /// The end it reads from.
    pub fn end(&self) -> &Endpoint {
        &self.end
    }

    /// The next head; `None` when the other side has finished between messages.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn head(&mut self) -> Result<Option<Head>, Failure> {
        let text = match self.until(b"\r\n\r\n").await {
            Err(Failure::Truncated) if self.bytes.is_empty() => return Ok(None),
            text => text?,
        };
        Head::parse(&text).map(Some).ok_or(Failure::Malformed(text))
    }

    /// The body of the head just read.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn body(&mut self, framing: Framing) -> Result<Vec<u8>, Failure> {
        match framing {
            Framing::Length(len) => self.exactly(len).await,
            Framing::Chunked => self.chunks().await,
            Framing::UntilClose => {
                while self.more().await? {}
                Ok(std::mem::take(&mut self.bytes))
            }
        }
    }

    async fn chunks(&mut self) -> Result<Vec<u8>, Failure> {
        let mut body = Vec::new();
        loop {
            let line = self.until(b"\r\n").await?;
            let size = line.split(';').next().and_then(|size| usize::from_str_radix(size.trim(), 16).ok());
            match size.ok_or(Failure::Malformed(line))? {
                0 => break,
                size => body.extend(self.exactly(size).await?),
            }
            let end = self.exactly(2).await?;
            if end != b"\r\n" {
                return Err(Failure::Malformed(format!("{end:?} behind a chunk")));
            }
        }
        while !self.until(b"\r\n").await?.is_empty() {}
        Ok(body)
    }

    /// The text before `mark`, which is taken too.
    async fn until(&mut self, mark: &[u8]) -> Result<String, Failure> {
        let mut searched = 0;
        loop {
            if let Some(at) = find(&self.bytes, searched, mark) {
                let text = self.exactly(at + mark.len()).await?;
                return Ok(String::from_utf8_lossy(&text[..at]).into_owned());
            }
            searched = self.bytes.len();
            if !self.more().await? {
                return Err(Failure::Truncated);
            }
        }
    }

    async fn exactly(&mut self, len: usize) -> Result<Vec<u8>, Failure> {
        while self.bytes.len() < len {
            if !self.more().await? {
                return Err(Failure::Truncated);
            }
        }
        Ok(self.bytes.drain(..len).collect())
    }

    /// Whether the link had more.
    async fn more(&mut self) -> Result<bool, Failure> {
        if self.pace.pause_nanos_max > 0 {
            let world = self.end.world();
            world.sleep(world.random().within(&(0..=self.pace.pause_nanos_max))).await;
        }
        Ok(self.end.read(&mut self.bytes, self.pace.bytes_max).await? > 0)
    }
}

/// Where `mark`, which ends with a line feed, stands in `bytes` at `from` or behind.
fn find(bytes: &[u8], mut from: usize, mark: &[u8]) -> Option<usize> {
    loop {
        let end = from + bytes.get(from..)?.iter().position(|&byte| byte == b'\n')? + 1;
        if end >= mark.len() && bytes[..end].ends_with(mark) {
            return Some(end - mark.len());
        }
        from = end;
    }
}

impl From<io::Error> for Failure {
    fn from(_: io::Error) -> Self {
        Self::Reset
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused => f.write_str("connection refused"),
            Self::Reset => f.write_str("the link broke"),
            Self::Truncated => f.write_str("ended inside a message"),
            Self::Malformed(what) => write!(f, "not HTTP/1.1: {what:?}"),
        }
    }
}

/// Appends `body` to `to` in chunks of at most `chunk_max` bytes drawn from `random`, with the last chunk.
pub(crate) fn encode_chunks(to: &mut Vec<u8>, mut body: &[u8], chunk_max: usize, random: &Random) {
    while !body.is_empty() {
        let (chunk, rest) = body.split_at(1 + random.index(chunk_max.min(body.len())));
        to.extend(format!("{:x}\r\n", chunk.len()).bytes());
        to.extend(chunk);
        to.extend(b"\r\n");
        body = rest;
    }
    to.extend(b"0\r\n\r\n");
}

/// Sends `bytes` in about `pieces` segments with pauses of up to `pause_nanos_max` between them.
pub(crate) async fn send_in_pieces(
    end: &Endpoint,
    mut bytes: &[u8],
    pieces: usize,
    pause_nanos_max: u64,
) -> Result<(), Failure> {
    let world = end.world();
    let piece_max = (2 * bytes.len() / pieces.max(1)).max(1);
    while !bytes.is_empty() {
        let whole = pieces <= 1;
        let len = if whole { bytes.len() } else { 1 + world.random().index(piece_max.min(bytes.len())) };
        let (piece, rest) = bytes.split_at(len);
        end.write_all(piece).await?;
        bytes = rest;
        if pause_nanos_max > 0 {
            world.sleep(world.random().within(&(0..=pause_nanos_max))).await;
        }
    }
    Ok(())
}
