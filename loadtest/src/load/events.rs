//! Server-sent events in the body of an answer: how many have ended, whatever the split of the bytes.
//!
//! An event ends at an empty line behind at least one line that is no comment (WHATWG HTML, section 9.2.6). What it says is
//! not looked at.

/// Where in a stream of events a connection is.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct EventScan {
    /// The line has a byte, and whether it began with a colon.
    in_line: bool,
    in_comment: bool,
    /// A line of the event that is no comment has ended.
    has_field: bool,
    /// The byte before was a CR, which a LF belongs to.
    after_cr: bool,
}

impl EventScan {
    /// Takes bytes; says how many events ended in them.
    pub(super) fn scan(&mut self, bytes: &[u8]) -> u64 {
        let mut ended = 0;
        for &byte in bytes {
            let is_second = byte == b'\n' && self.after_cr;
            self.after_cr = byte == b'\r';
            match byte {
                b'\n' if is_second => {}
                b'\r' | b'\n' if self.in_line => {
                    self.has_field |= !self.in_comment;
                    self.in_line = false;
                }
                b'\r' | b'\n' => ended += u64::from(std::mem::take(&mut self.has_field)),
                _ if !self.in_line => (self.in_line, self.in_comment) = (true, byte == b':'),
                _ => {}
            }
        }
        ended
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_end_at_empty_lines_whatever_the_line_ends_and_the_split() {
        for (bytes, wanted) in [
            (&b"data: a\n\ndata: b\ndata: c\n\n"[..], 2),
            (b"data: a\r\n\r\nid: 1\r\ndata: b\r\n\r\ndata: unfinished", 2),
            (b"data: a\r\rdata: b\r\r", 2),
            (b": keep-alive\n\n\n\n: more\r\n\r\n", 0),
            (b": comment\ndata: a\n\n", 1),
        ] {
            for size in 1..=bytes.len() {
                let mut scan = EventScan::default();
                let found: u64 = bytes.chunks(size).map(|piece| scan.scan(piece)).sum();
                assert_eq!(found, wanted, "{} in pieces of {size}", bytes.escape_ascii());
            }
        }
    }
}
