//! The memory in which an access record is put together.
//!
//! A `Vec` of which all bytes are written already and the first `len` count. So what is to come can be written as arrays of
//! fixed size, a few moves each, beyond which only some bytes count: a `Vec` that is appended to would be asked for room,
//! called and told its length for every piece. Grows when it has to; [`crate::limits::LINE_BYTES_MAX`] is kept by those
//! who write.

use std::fmt;

use crate::limits::LINE_BYTES_USUAL;

/// Bytes of a record so far.
#[derive(Debug, Default)]
pub(crate) struct Line {
    /// Those from `len` on mean nothing.
    bytes: Vec<u8>,
    /// 32 bits: a sum of it and a few bytes cannot wrap, so that one comparison is the whole check for room.
    len: u32,
}

impl Line {
    /// An empty line with room for [`LINE_BYTES_USUAL`].
    pub(crate) fn new() -> Self {
        Self { bytes: vec![0; LINE_BYTES_USUAL], len: 0 }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len()]
    }

    pub(crate) const fn len(&self) -> usize {
        self.len as usize
    }

    /// Keeps the first `len` bytes, of which there must have been as many.
    #[inline]
    pub(crate) const fn truncate(&mut self, len: usize) {
        self.len = len as u32;
    }

    /// The bytes that were written at `at`, to be written again; `None` beyond all memory.
    #[inline]
    pub(crate) fn written<const N: usize>(&mut self, at: usize) -> Option<&mut [u8; N]> {
        self.bytes.get_mut(at..)?.first_chunk_mut()
    }

    /// Memory behind the line: what is written there counts after [`Line::advance`].
    #[inline]
    pub(crate) fn room<const N: usize>(&mut self) -> &mut [u8; N] {
        let (start, end) = (self.len(), self.len() + N);
        if end > self.bytes.len() {
            return self.more_room();
        }
        self.bytes[start..end].first_chunk_mut().expect("N bytes, as sliced")
    }

    #[cold]
    fn more_room<const N: usize>(&mut self) -> &mut [u8; N] {
        self.grow(N);
        let start = self.len();
        self.bytes[start..].first_chunk_mut().expect("it has grown by what was missing")
    }

    /// Counts `count` more bytes, which have been written to [`Line::room`].
    #[inline]
    pub(crate) const fn advance(&mut self, count: usize) {
        self.len += count as u32;
    }

    /// Appends an array, inline.
    #[inline]
    pub(crate) fn put<const N: usize>(&mut self, bytes: &[u8; N]) {
        *self.room() = *bytes;
        self.advance(N);
    }

    /// Appends any number of bytes.
    #[inline]
    pub(crate) fn copy(&mut self, bytes: &[u8]) {
        if self.len() + bytes.len() > self.bytes.len() {
            self.grow(bytes.len());
        }
        let start = self.len();
        self.bytes[start..start + bytes.len()].copy_from_slice(bytes);
        self.advance(bytes.len());
    }

    #[cold]
    fn grow(&mut self, count: usize) {
        self.bytes.resize((self.len() + count).next_multiple_of(LINE_BYTES_USUAL), 0);
    }
}

impl fmt::Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.copy(text.as_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_grows_by_what_is_missing() {
        for start in LINE_BYTES_USUAL - 9..=LINE_BYTES_USUAL {
            let (mut put, mut copied) = (Line::default(), Line::new());
            put.copy(&vec![b'x'; start]);
            copied.copy(&vec![b'x'; start]);
            put.put(b"12345678");
            copied.copy(b"12345678");
            assert_eq!(put.bytes(), [&vec![b'x'; start][..], b"12345678"].concat());
            assert_eq!(put.bytes(), copied.bytes());
        }
    }

    #[test]
    fn what_does_not_count_is_written_over() {
        let mut line = Line::new();
        line.copy(b"kept");
        line.room::<8>().fill(b'-');
        line.advance(1);
        line.put(b"ab");
        assert_eq!(line.bytes(), b"kept-ab");
        line.truncate(4);
        line.put(b"cd");
        *line.written(0).unwrap() = *b"K";
        assert_eq!(line.bytes(), b"Keptcd");
        assert_eq!(line.written::<8>(1_000_000), None);
    }
}
