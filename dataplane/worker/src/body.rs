//! A body on its way through: parts that leave in the buffer they came in.
//!
//! A [`Source`] decodes parts out of what it receives and gets the buffer back when its bytes are sent; a [`Sink`] frames
//! and sends them. One part at a time is under way in each direction, which is the bound on memory and the backpressure.

use crate::limits::SLICES_MAX;
use tollgate_http::Reason;
use tollgate_io::Buffer;

/// Storage offsets of body bytes, in order; unused ones are empty.
pub(crate) type Slices = [(u16, u16); SLICES_MAX];

/// Some bytes of a body, where they were received.
#[derive(Default)]
pub(crate) struct Part {
    /// What the slices lie in.
    pub(crate) buffer: Option<Buffer>,
    slices: Slices,
    count: u8,
    /// Whether the body ends behind these.
    pub(crate) is_last: bool,
    /// Storage offsets of trailer field lines, if it does.
    pub(crate) trailers: (u16, u16),
}

impl Part {
    /// The end of a body, without bytes.
    pub(crate) fn end() -> Self {
        Self { is_last: true, ..Self::default() }
    }

    pub(crate) const fn slices(&self) -> Slices {
        self.slices
    }

    /// Whether it holds no body bytes.
    pub(crate) const fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub(crate) const fn is_full(&self) -> bool {
        self.count as usize == SLICES_MAX
    }

    /// Adds storage offsets `start..end`.
    pub(crate) fn push(&mut self, start: usize, end: usize) {
        if start < end {
            self.slices[self.count as usize] = (start as u16, end as u16);
            self.count += 1;
        }
    }

    /// Body bytes in it.
    pub(crate) fn len(&self) -> u64 {
        self.slices.iter().map(|(start, end)| u64::from(end - start)).sum()
    }
}

/// Where a body comes from.
pub(crate) trait Source {
    /// The next part, if it is here already.
    fn ready(&mut self) -> Result<Option<Part>, Reason>;

    /// The next part, waiting for it if need be.
    async fn next(&mut self) -> Result<Part, Reason>;

    /// Takes the buffer of the last part back.
    fn give_back(&mut self, buffer: Option<Buffer>);
}

/// Where a body goes.
pub(crate) trait Sink {
    /// Sends a part, with what is queued before it; the buffer comes back.
    async fn send(&mut self, part: Part) -> (Result<(), Reason>, Option<Buffer>);

    /// Sends what is queued.
    async fn flush(&mut self) -> Result<(), Reason>;
}
