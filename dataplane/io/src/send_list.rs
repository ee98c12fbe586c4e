//! What one send carries: pieces of up to two buffers, in order, with what is already sent taken off the front.
//!
//! The first buffer holds what we wrote (a head, chunk framing), the second the bytes received from the other side. Body
//! bytes are therefore sent out of the buffer they came into.

use crate::Buffer;

/// Most pieces in one list.
pub const PIECES_MAX: usize = 8;

/// A run of bytes in one of the list's buffers; offsets count from the start of its storage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Piece {
    /// 0: the frame buffer, 1: the body buffer.
    buffer: u8,
    start: u16,
    end: u16,
}

/// Pieces to send and the buffers that hold them.
#[derive(Debug)]
pub struct SendList {
    buffers: [Option<Buffer>; 2],
    pieces: [Piece; PIECES_MAX],
    /// First piece not fully sent; `next <= count <= PIECES_MAX`.
    next: u8,
    count: u8,
}

impl SendList {
    /// All that `buffer` holds, as one piece. The buffer comes back with [`SendList::into_buffers`] as the second.
    #[must_use]
    pub fn whole(buffer: Buffer) -> Self {
        let mut list = Self::new(None, Some(buffer));
        let (start, len) = list.buffers[1].as_ref().map_or((0, 0), |buffer| (buffer.start(), buffer.len()));
        list.push_body(start, start + len);
        list
    }

    /// An empty list over a buffer of ours (`frame`) and a buffer of received bytes (`body`).
    #[must_use]
    pub const fn new(frame: Option<Buffer>, body: Option<Buffer>) -> Self {
        Self { buffers: [frame, body], pieces: [Piece { buffer: 0, start: 0, end: 0 }; PIECES_MAX], next: 0, count: 0 }
    }

    /// Adds bytes `start..end` of the frame buffer's storage.
    ///
    /// # Panics
    /// If the list is full, or the range is not in the buffer.
    pub fn push_frame(&mut self, start: usize, end: usize) {
        self.push(0, start, end);
    }

    /// Adds bytes `start..end` of the body buffer's storage.
    ///
    /// # Panics
    /// If the list is full, or the range is not in the buffer.
    pub fn push_body(&mut self, start: usize, end: usize) {
        self.push(1, start, end);
    }

    fn push(&mut self, buffer: u8, start: usize, end: usize) {
        assert!(
            start <= end && self.buffers[buffer as usize].as_ref().is_some_and(|b| end <= b.storage().len()),
            "a piece outside its buffer"
        );
        if start < end {
            self.pieces[self.count as usize] = Piece { buffer, start: start as u16, end: end as u16 };
            self.count += 1;
        }
    }

    /// Bytes not sent yet.
    #[must_use]
    pub fn len(&self) -> usize {
        self.left().iter().map(|piece| (piece.end - piece.start) as usize).sum()
    }

    /// Whether all is sent.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.next == self.count
    }

    /// What is left to send, in order.
    pub fn slices(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.left().iter().map(|piece| {
            let storage = self.buffers[piece.buffer as usize].as_ref().map_or(&[][..], Buffer::storage);
            &storage[piece.start as usize..piece.end as usize]
        })
    }

    /// The first piece left, or nothing.
    #[must_use]
    pub fn first(&self) -> &[u8] {
        self.slices().next().unwrap_or_default()
    }

    /// Counts the next `sent` bytes as sent.
    ///
    /// # Panics
    /// If fewer are left.
    pub fn advance(&mut self, mut sent: usize) {
        while sent > 0 {
            assert!(self.next < self.count, "sent more than the list holds");
            let piece = &mut self.pieces[self.next as usize];
            let len = (piece.end - piece.start) as usize;
            if sent < len {
                piece.start += sent as u16;
                return;
            }
            sent -= len;
            self.next += 1;
        }
    }

    /// The frame and body buffers, with their filled parts as they were.
    #[must_use]
    pub fn into_buffers(self) -> (Option<Buffer>, Option<Buffer>) {
        let [frame, body] = self.buffers;
        (frame, body)
    }

    fn left(&self) -> &[Piece] {
        &self.pieces[self.next as usize..self.count as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::BufferPool;

    fn list() -> SendList {
        let pool = BufferPool::new(2);
        let (mut frame, mut body) = (pool.take(), pool.take());
        assert!(frame.append(b"5\r\n\r\n") && body.append(b"..hello"));
        let (f, b) = (frame.start(), body.start());
        let mut list = SendList::new(Some(frame), Some(body));
        list.push_frame(f, f + 3);
        list.push_body(b + 2, b + 7);
        list.push_frame(f + 3, f + 5);
        list
    }

    fn rest(list: &SendList) -> Vec<u8> {
        list.slices().flatten().copied().collect()
    }

    #[test]
    fn pieces_come_in_order() {
        assert_eq!(rest(&list()), b"5\r\nhello\r\n");
    }

    #[test]
    fn any_split_of_the_sends_leaves_the_rest() {
        for first in 0..=10 {
            for second in 0..=10 - first {
                let mut list = list();
                list.advance(first);
                list.advance(second);
                assert_eq!(rest(&list), &b"5\r\nhello\r\n"[first + second..]);
                assert_eq!(list.is_empty(), first + second == 10);
            }
        }
    }
}
