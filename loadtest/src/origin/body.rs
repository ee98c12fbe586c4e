//! Request bodies: consumed in constant memory, counted and summed up; never stored.
//!
//! Pure. The decoder is fed whatever arrived and says how much of it belonged to the body, so that the bytes of the next
//! pipelined request stay where they are. The checksum is CRC-32 (ISO-HDLC), the one of zlib, gzip and `crc32(1)`.

use super::head::Refusal;
use crc32fast::Hasher;

/// Length and checksum of a body.
#[derive(Default)]
pub(super) struct Digest {
    pub(super) bytes: u64,
    crc32: Hasher,
}

impl Digest {
    fn update(&mut self, data: &[u8]) {
        self.bytes += data.len() as u64;
        self.crc32.update(data);
    }

    /// CRC-32 of the bytes so far.
    pub(super) fn crc32(self) -> u32 {
        self.crc32.finalize()
    }
}

/// Follows the framing of one body (RFC 9112 section 6).
///
/// ```text
/// Size -> Extension -> SizeEnd -> Data -> DataEnd -> Size ...
///                         `-> (size 0) TrailerStart -> Trailer -> TrailerStart ... -> LastEnd -> Done
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// `left` bytes of a body with Content-Length.
    Sized {
        left: u64,
    },
    /// Hex digits of a chunk size.
    Size {
        size: u64,
        digits: u8,
    },
    /// From the first byte that is no digit to the CR.
    Extension {
        size: u64,
    },
    /// The LF behind a size.
    SizeEnd {
        size: u64,
    },
    /// Inside a chunk.
    Data {
        left: u64,
    },
    /// The CRLF behind a chunk; whether the CR was seen.
    DataEnd {
        cr: bool,
    },
    /// At the start of a trailer line, or of the empty line.
    TrailerStart,
    /// Inside a trailer line.
    Trailer,
    /// The LF of the empty line.
    LastEnd,
    Done,
}

/// A body being received.
#[derive(Debug)]
pub(super) struct Decoder(State);

const MALFORMED: Refusal = Refusal { status: 400, why: "malformed chunk" };

impl Decoder {
    /// A body of exactly `length` bytes.
    pub(super) const fn sized(length: u64) -> Self {
        Self(if length == 0 { State::Done } else { State::Sized { left: length } })
    }

    /// A chunked body.
    pub(super) const fn chunked() -> Self {
        Self(State::Size { size: 0, digits: 0 })
    }

    /// Whether the body has ended.
    pub(super) fn is_done(&self) -> bool {
        self.0 == State::Done
    }

    /// Whether the body is known to be longer than `bytes`.
    pub(super) const fn is_longer_than(&self, bytes: usize) -> bool {
        match self.0 {
            State::Sized { left } => left > bytes as u64,
            State::Done => false,
            _ => true,
        }
    }

    /// Takes the body's bytes off the front of `input`, adds its data to `digest`, and says how many bytes it took.
    pub(super) fn feed(&mut self, input: &[u8], digest: &mut Digest) -> Result<usize, Refusal> {
        let mut at = 0;
        while at < input.len() && self.0 != State::Done {
            at += match &mut self.0 {
                State::Sized { left } | State::Data { left } => {
                    let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(input.len() - at);
                    digest.update(&input[at..at + taken]);
                    *left -= taken as u64;
                    taken
                }
                _ => {
                    self.0 = self.0.after(input[at])?;
                    1
                }
            };
            self.0 = match self.0 {
                State::Sized { left: 0 } => State::Done,
                State::Data { left: 0 } => State::DataEnd { cr: false },
                state => state,
            };
        }
        Ok(at)
    }
}

impl State {
    /// The state after one byte of chunk framing.
    fn after(self, byte: u8) -> Result<Self, Refusal> {
        Ok(match (self, byte) {
            (Self::Size { size, digits }, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') if digits < 15 => {
                let digit = char::from(byte).to_digit(16).map_or(0, u64::from);
                Self::Size { size: size << 4 | digit, digits: digits + 1 }
            }
            (Self::Size { size, digits: 1.. } | Self::Extension { size }, b'\r') => Self::SizeEnd { size },
            (Self::Size { size, digits: 1.. }, b';' | b' ' | b'\t') => Self::Extension { size },
            (Self::Extension { size }, _) => Self::Extension { size },
            (Self::SizeEnd { size: 0 }, b'\n') => Self::TrailerStart,
            (Self::SizeEnd { size }, b'\n') => Self::Data { left: size },
            (Self::DataEnd { cr: false }, b'\r') => Self::DataEnd { cr: true },
            (Self::DataEnd { cr: true }, b'\n') => Self::Size { size: 0, digits: 0 },
            (Self::TrailerStart, b'\r') => Self::LastEnd,
            (Self::Trailer, b'\n') => Self::TrailerStart,
            (Self::TrailerStart | Self::Trailer, _) => Self::Trailer,
            (Self::LastEnd, b'\n') => Self::Done,
            _ => return Err(MALFORMED),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_split_of_a_chunked_body_gives_the_same_digest() {
        let wire = b"5;name=\"v\"\r\nhello\r\n00b\r\n, wide world\r\n0\r\nA: b\r\nC: d\r\n\r\nGET ";
        let body_bytes = wire.len() - 4;
        for first in 0..=wire.len() {
            let (mut decoder, mut digest) = (Decoder::chunked(), Digest::default());
            let mut taken = decoder.feed(&wire[..first], &mut digest);
            if let Ok(so_far) = taken {
                taken = decoder.feed(&wire[so_far..], &mut digest).map(|more| so_far + more);
            }
            // "00b" is eleven bytes and the text twelve: the framing is wrong there.
            assert_eq!(taken, Err(MALFORMED), "split at {first}");
        }
        let wire = b"5;name=\"v\"\r\nhello\r\n00c\r\n, wide world\r\n0\r\nA: b\r\nC: d\r\n\r\nGET ";
        for first in 0..=wire.len() {
            let (mut decoder, mut digest) = (Decoder::chunked(), Digest::default());
            let so_far = decoder.feed(&wire[..first], &mut digest).unwrap();
            let taken = so_far + decoder.feed(&wire[so_far..], &mut digest).unwrap();
            assert_eq!((taken, digest.bytes, decoder.is_done()), (body_bytes, 17, true), "split at {first}");
            assert_eq!(digest.crc32(), crc32fast::hash(b"hello, wide world"));
        }
    }

    #[test]
    fn a_sized_body_ends_where_its_length_says() {
        let (mut decoder, mut digest) = (Decoder::sized(3), Digest::default());
        assert_eq!(decoder.feed(b"ab", &mut digest), Ok(2));
        assert!(!decoder.is_done());
        assert_eq!(decoder.feed(b"cGET", &mut digest), Ok(1));
        assert!(decoder.is_done() && Decoder::sized(0).is_done());
    }

    #[test]
    fn broken_chunks_are_refused() {
        for wire in [&b"\r\n"[..], b"g\r\n", b"1\r\nab\r\n", b"1\n", b"1\r\na\n", b"1000000000000000\r\n", b"0\r\n\rx"]
        {
            let taken = Decoder::chunked().feed(wire, &mut Digest::default());
            assert_eq!(taken, Err(MALFORMED), "{}", wire.escape_ascii());
        }
    }
}
