//! Fixed-size buffers and the pool they return to.
//!
//! A buffer belongs to one owner at a time and goes back to its pool when dropped, whatever happened to the transfer it
//! was part of. The pool keeps a bounded stock; beyond it memory is given back to the allocator.

use std::{
    cell::{Cell, RefCell},
    fmt,
    ops::RangeInclusive,
    rc::Rc,
};

/// Size of a buffer, in bytes, unless its pool was made for another. Offsets into it fit 16 bits.
pub const BUFFER_BYTES: usize = 32 * 1024;

/// Sizes that the buffers of a pool may have, in bytes: a TLS record and what lies around it, and offsets of 16 bits.
pub const BUFFER_BYTES_RANGE: RangeInclusive<usize> = 24 * 1024..=63 * 1024;

/// Room kept free in front of received bytes, in bytes, so that a rewritten head can be put before a body that stays
/// where it was received.
pub const HEADROOM_BYTES: usize = 512;

const _: () = assert!(*BUFFER_BYTES_RANGE.end() <= u16::MAX as usize && HEADROOM_BYTES < *BUFFER_BYTES_RANGE.start());

/// The worker's stock of buffers. Cloning it gives another handle to the same stock.
#[derive(Clone)]
pub struct BufferPool(Rc<Stock>);

struct Stock {
    free: RefCell<Vec<Box<[u8]>>>,
    /// Size of each, in bytes.
    size: usize,
    kept_max: usize,
    out: Cell<usize>,
}

impl BufferPool {
    /// A pool that keeps at most `kept_max` unused buffers.
    #[must_use]
    pub fn new(kept_max: usize) -> Self {
        Self::of_size(BUFFER_BYTES, kept_max)
    }

    /// A pool of buffers of `size` bytes that keeps at most `kept_max` unused ones.
    ///
    /// # Panics
    /// If `size` is not within [`BUFFER_BYTES_RANGE`].
    #[must_use]
    pub fn of_size(size: usize, kept_max: usize) -> Self {
        assert!(BUFFER_BYTES_RANGE.contains(&size), "no buffer has {size} bytes");
        Self(Rc::new(Stock { free: RefCell::default(), size, kept_max, out: Cell::new(0) }))
    }

    /// An empty buffer whose bytes will begin behind the headroom.
    #[must_use]
    pub fn take(&self) -> Buffer {
        let storage = self.0.free.borrow_mut().pop().unwrap_or_else(|| vec![0; self.0.size].into_boxed_slice());
        self.0.out.set(self.0.out.get() + 1);
        Buffer { storage, start: HEADROOM_BYTES as u32, end: HEADROOM_BYTES as u32, stock: self.0.clone() }
    }

    /// Buffers taken and not yet returned. Zero when nothing is in progress.
    #[must_use]
    pub fn in_use(&self) -> usize {
        self.0.out.get()
    }
}

impl fmt::Debug for BufferPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BufferPool({} in use, {} free)", self.in_use(), self.0.free.borrow().len())
    }
}

/// Storage, [`BUFFER_BYTES`] or what its pool gives, of which a middle part is filled: `headroom | filled | spare`.
pub struct Buffer {
    /// Full length except while being dropped.
    storage: Box<[u8]>,
    /// `start <= end <= storage.len()`
    start: u32,
    end: u32,
    stock: Rc<Stock>,
}

impl Buffer {
    /// The filled part.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.storage[self.start as usize..self.end as usize]
    }

    /// The filled part, to be changed in place.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.storage[self.start as usize..self.end as usize]
    }

    /// Length of the filled part.
    #[must_use]
    pub const fn len(&self) -> usize {
        (self.end - self.start) as usize
    }

    /// Whether nothing is filled.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// The room behind the filled part.
    pub fn spare_mut(&mut self) -> &mut [u8] {
        &mut self.storage[self.end as usize..]
    }

    /// Length of the room behind the filled part.
    #[must_use]
    pub const fn spare_len(&self) -> usize {
        self.storage.len() - self.end as usize
    }

    /// Counts the first `count` bytes of the spare room as filled.
    ///
    /// # Panics
    /// If `count` exceeds [`Buffer::spare_len`].
    pub fn grow(&mut self, count: usize) {
        assert!(count <= self.spare_len(), "grew a buffer past its end");
        self.end += count as u32;
    }

    /// Drops the first `count` filled bytes.
    ///
    /// # Panics
    /// If `count` exceeds [`Buffer::len`].
    pub fn consume(&mut self, count: usize) {
        assert!(count <= self.len(), "consumed more than a buffer holds");
        self.start += count as u32;
    }

    /// Keeps only the first `count` filled bytes.
    pub fn truncate(&mut self, count: usize) {
        self.end = self.end.min(self.start + count.min(self.storage.len()) as u32);
    }

    /// Forgets what is filled and makes the headroom free again.
    pub const fn clear(&mut self) {
        self.start = HEADROOM_BYTES as u32;
        self.end = HEADROOM_BYTES as u32;
    }

    /// Moves what is filled back to just behind the headroom, so that the spare room is as large as it can be.
    pub fn compact(&mut self) {
        let (from, to) = (self.start as usize, HEADROOM_BYTES);
        if from != to {
            self.storage.copy_within(from..self.end as usize, to);
            self.end = self.end - self.start + HEADROOM_BYTES as u32;
            self.start = HEADROOM_BYTES as u32;
        }
    }

    /// Writes `bytes` so that they end where storage offset `at` begins, into room that is free or already consumed.
    /// Returns where they begin, or `None` if there is not enough room.
    ///
    /// # Panics
    /// If `at` lies behind the start of the filled part.
    pub fn put_before(&mut self, at: usize, bytes: &[u8]) -> Option<usize> {
        assert!(at <= self.start as usize, "wrote over bytes that are still filled");
        let start = at.checked_sub(bytes.len())?;
        self.storage[start..at].copy_from_slice(bytes);
        Some(start)
    }

    /// Appends `bytes` if there is room; says whether it did.
    pub fn append(&mut self, bytes: &[u8]) -> bool {
        let Some(room) = self.spare_mut().get_mut(..bytes.len()) else {
            return false;
        };
        room.copy_from_slice(bytes);
        self.end += bytes.len() as u32;
        true
    }

    /// Where the filled part begins in the storage. Pieces of a [`crate::SendList`] count from the same origin.
    #[must_use]
    pub const fn start(&self) -> usize {
        self.start as usize
    }

    /// All of the storage.
    #[must_use]
    pub fn storage(&self) -> &[u8] {
        &self.storage
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.stock.out.set(self.stock.out.get() - 1);
        let mut free = self.stock.free.borrow_mut();
        if free.len() < self.stock.kept_max {
            free.push(std::mem::take(&mut self.storage));
        }
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Buffer({}..{})", self.start, self.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_buffer_returns_to_its_pool() {
        let pool = BufferPool::new(1);
        let (first, second) = (pool.take(), pool.take());
        assert_eq!(pool.in_use(), 2);
        drop((first, second));
        assert_eq!(pool.in_use(), 0);
        assert_eq!(pool.0.free.borrow().len(), 1, "only kept_max are kept");
    }

    #[test]
    fn a_head_goes_before_a_body_that_does_not_move() {
        let mut buffer = BufferPool::new(1).take();
        assert!(buffer.append(b"old head|body"));
        buffer.consume(9);
        let body = buffer.start();
        let head = buffer.put_before(body, b"a rather longer new head|").unwrap();
        assert_eq!(&buffer.storage()[head..body + 4], b"a rather longer new head|body");
        assert_eq!(buffer.put_before(body, &[0; HEADROOM_BYTES + 10]), None, "no room for this much");
    }

    #[test]
    fn compacting_keeps_the_bytes_and_regains_the_room() {
        let mut buffer = BufferPool::new(1).take();
        assert!(buffer.append(&[b'x'; 1000]));
        buffer.consume(990);
        buffer.compact();
        assert_eq!((buffer.bytes(), buffer.spare_len()), (&[b'x'; 10][..], BUFFER_BYTES - HEADROOM_BYTES - 10));
    }
}
