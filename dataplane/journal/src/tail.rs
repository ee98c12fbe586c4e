//! The end of a segment that direct I/O cannot write: what fills no [`ALIGNMENT`].
//!
//! Pure. The file and the tail together are always the stream of records, and the file alone is always a beginning of it:
//! no padding ever reaches the disk. What a reader sees may end within a line until the next write.
//!
//! ```text
//! file  |=====|=====|=====|==              whole blocks, then what of the tail was flushed
//! tail                    |=====---|       `position`, a multiple of ALIGNMENT, and up to ALIGNMENT - 1 bytes
//! ```

use crate::limits::ALIGNMENT;

pub(crate) struct Tail {
    /// Where in the file its first byte is or will be.
    position: u64,
    /// Fewer than [`ALIGNMENT`].
    bytes: Vec<u8>,
    /// How many of them are in the file, by a plain write.
    flushed: usize,
}

impl Tail {
    /// Where the tail of a file of `length` bytes begins.
    pub(crate) const fn position_in(length: u64) -> u64 {
        length - length % ALIGNMENT as u64
    }

    /// The tail of a file which has `bytes` from `position` to its end.
    pub(crate) fn new(position: u64, bytes: &[u8]) -> Self {
        let mut tail = Vec::with_capacity(ALIGNMENT);
        tail.extend_from_slice(bytes);
        Self { position, flushed: bytes.len(), bytes: tail }
    }

    pub(crate) const fn position(&self) -> u64 {
        self.position
    }

    /// How long the file is.
    pub(crate) const fn length(&self) -> u64 {
        self.position + self.flushed as u64
    }

    /// How many of its bytes are in the file.
    pub(crate) const fn flushed(&self) -> usize {
        self.flushed
    }

    /// Those that are not.
    pub(crate) fn unflushed(&self) -> &[u8] {
        &self.bytes[self.flushed..]
    }

    /// `count` more of them are in the file.
    pub(crate) fn mark_flushed(&mut self, count: usize) {
        self.flushed = self.bytes.len().min(self.flushed + count);
    }

    /// How many bytes of the tail and `more` direct I/O can write: a multiple of [`ALIGNMENT`].
    pub(crate) const fn whole(&self, more: &[u8]) -> usize {
        let total = self.bytes.len() + more.len();
        total - total % ALIGNMENT
    }

    /// Fills `into` with the bytes of the tail and `more`, from the one with index `from` on.
    pub(crate) fn copy(&self, more: &[u8], from: usize, into: &mut [u8]) {
        let of_tail = self.bytes.get(from..).unwrap_or_default();
        let of_tail = &of_tail[..of_tail.len().min(into.len())];
        let (head, rest) = into.split_at_mut(of_tail.len());
        head.copy_from_slice(of_tail);
        let skipped = from.saturating_sub(self.bytes.len());
        rest.copy_from_slice(&more[skipped..][..rest.len()]);
    }

    /// [`Tail::whole`] bytes are in the file: what is left of `more` becomes the tail.
    pub(crate) fn advance(&mut self, more: &[u8]) {
        let whole = self.whole(more);
        if whole == 0 {
            return self.bytes.extend_from_slice(more);
        }
        // More than the tail holds: the tail has less than one ALIGNMENT.
        let rest = &more[whole - self.bytes.len()..];
        self.position += whole as u64;
        self.flushed = 0;
        self.bytes.clear();
        self.bytes.extend_from_slice(rest);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A file that takes writes as the tail has them.
    struct Disk {
        bytes: Vec<u8>,
    }

    impl Disk {
        fn write(&mut self, position: u64, bytes: &[u8]) {
            let position = position as usize;
            assert!(position <= self.bytes.len(), "a gap would read as NUL");
            self.bytes.resize(self.bytes.len().max(position + bytes.len()), 0);
            self.bytes[position..][..bytes.len()].copy_from_slice(bytes);
        }
    }

    fn append(tail: &mut Tail, disk: &mut Disk, more: &[u8], steps: usize) {
        let whole = tail.whole(more);
        let step = (whole / steps / ALIGNMENT).max(1) * ALIGNMENT;
        for from in (0..whole).step_by(step) {
            let mut buffer = vec![0xff; step.min(whole - from)];
            tail.copy(more, from, &mut buffer);
            disk.write(tail.position() + from as u64, &buffer);
        }
        tail.advance(more);
    }

    proptest! {
        #[test]
        fn the_file_is_a_beginning_of_the_stream(
            before in 0_usize..10_000,
            pieces in prop::collection::vec((0_usize..20_000, 1_usize..4, any::<bool>()), 1..12),
        ) {
            let mut next = 0_u8;
            let mut bytes = |count: usize| -> Vec<u8> {
                (0..count).map(|_| { next = next.wrapping_add(1) % 251; next }).collect()
            };
            let mut stream = bytes(before);
            let mut disk = Disk { bytes: stream.clone() };
            let position = Tail::position_in(before as u64);
            let mut tail = Tail::new(position, &stream[position as usize..]);
            for (count, steps, is_flushed) in pieces {
                let more = bytes(count);
                append(&mut tail, &mut disk, &more, steps);
                stream.extend_from_slice(&more);
                if is_flushed {
                    disk.write(tail.length(), tail.unflushed());
                    tail.mark_flushed(tail.unflushed().len());
                    prop_assert_eq!(disk.bytes.len(), stream.len());
                }
                prop_assert_eq!(&disk.bytes[..], &stream[..disk.bytes.len()]);
                prop_assert_eq!(tail.length(), disk.bytes.len() as u64);
                prop_assert!(stream.len() - disk.bytes.len() < ALIGNMENT);
                prop_assert_eq!(tail.position() % ALIGNMENT as u64, 0);
            }
        }
    }
}
