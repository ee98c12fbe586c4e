//! Writing a head into a buffer of fixed size.
//!
//! A writer that runs out of room remembers it and says so at the end, so that the code that writes a head has no error
//! path at every field. It never writes past the buffer and does not judge what it is given.

use std::fmt;

/// The head does not fit the buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLarge;

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the head does not fit the buffer")
    }
}

impl std::error::Error for TooLarge {}

/// Writes a message head from the start of a buffer. Names and values are written as they are: whoever calls answers
/// for there being no line break in them.
#[derive(Debug)]
pub struct HeadWriter<'a> {
    /// What is not written yet.
    room: &'a mut [u8],
    /// Length of the whole buffer.
    size: usize,
    overflowed: bool,
}

impl<'a> HeadWriter<'a> {
    /// A writer at the start of `out`.
    #[must_use]
    pub const fn new(out: &'a mut [u8]) -> Self {
        let size = out.len();
        Self { room: out, size, overflowed: false }
    }

    /// Appends raw bytes.
    // Inlined everywhere: most of what is put is a literal, whose copy is then a store or two.
    #[inline(always)]
    pub fn put(&mut self, bytes: &[u8]) {
        match std::mem::take(&mut self.room).split_at_mut_checked(bytes.len()) {
            Some((here, room)) => {
                here.copy_from_slice(bytes);
                self.room = room;
            }
            // Without room nothing more is written, so that what there is has no gap.
            None => self.overflowed = true,
        }
    }

    /// Appends a number in decimal digits.
    pub fn put_number(&mut self, number: u64) {
        let mut digits = [0; 20];
        let mut start = digits.len();
        let mut left = number;
        loop {
            start -= 1;
            digits[start] = b'0' + (left % 10) as u8;
            left /= 10;
            if left == 0 {
                break;
            }
        }
        self.put(&digits[start..]);
    }

    /// `method SP target SP HTTP/1.1 CRLF`
    #[inline]
    pub fn request_line(&mut self, method: &[u8], target: &[u8]) {
        self.put(method);
        self.put(b" ");
        self.put(target);
        self.put(b" HTTP/1.1\r\n");
    }

    /// `HTTP/1.1 SP status SP phrase CRLF`
    #[inline]
    pub fn status_line(&mut self, status: u16, phrase: &[u8]) {
        let digit = |number: u16| b'0' + (number % 10) as u8;
        let mut start = *b"HTTP/1.1 000 ";
        (start[9], start[10], start[11]) = (digit(status / 100), digit(status / 10), digit(status));
        self.put(&start);
        self.put(phrase);
        self.put(b"\r\n");
    }

    /// `name: parts CRLF`, the parts written one behind the other.
    #[inline]
    pub fn field(&mut self, name: &str, parts: &[&[u8]]) {
        self.put(name.as_bytes());
        self.put(b": ");
        for part in parts {
            self.put(part);
        }
        self.put(b"\r\n");
    }

    /// `start value CRLF`, where `start` is a literal with the name and `: `.
    #[inline(always)]
    pub(crate) fn line(&mut self, start: &[u8], value: &[u8]) {
        self.put(start);
        self.put(value);
        self.put(b"\r\n");
    }

    /// Bytes written so far; meaningless once something did not fit.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.size - self.room.len()
    }

    /// Whether nothing is written yet.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Writes the empty line and returns the length of the head.
    ///
    /// # Errors
    /// Something did not fit.
    pub fn end(mut self) -> Result<usize, TooLarge> {
        self.put(b"\r\n");
        self.finish()
    }

    /// As [`HeadWriter::end`], without the empty line.
    pub(crate) const fn finish(self) -> Result<usize, TooLarge> {
        if self.overflowed { Err(TooLarge) } else { Ok(self.len()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_that_does_not_fit_is_an_error_at_every_length() {
        let write = |room: usize| {
            let mut out = vec![0; room];
            let mut head = HeadWriter::new(&mut out);
            head.status_line(204, b"No Content");
            head.field("A", &[b"b", b"c"]);
            head.put_number(u64::MAX);
            head.end().map(|len| String::from_utf8(out[..len].to_vec()).unwrap())
        };
        let whole = "HTTP/1.1 204 No Content\r\nA: bc\r\n18446744073709551615\r\n";
        for room in 0..whole.len() {
            assert_eq!(write(room), Err(TooLarge));
        }
        assert_eq!(write(whole.len()).as_deref(), Ok(whole));
    }
}
