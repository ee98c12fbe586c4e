//! Every bound of this crate, and how the bounds relate.
//!
//! Memory of the direct writer: [`IO_MEMORY_BYTES`] for its buffers and [`ALIGNMENT`] for the end of the segment. The
//! plain writer has none.

use std::time::Duration;

use tollgate_telemetry::limits::BLOCK_BYTES;

/// What direct I/O is a multiple of, in position and length: a page, which is no less than the logical block of any disk
/// that Linux mounts.
pub(crate) const ALIGNMENT: usize = 4096;

/// For how long the direct writer holds back the end of a segment that fills no [`ALIGNMENT`].
pub(crate) const HOLD: Duration = Duration::from_millis(100);

/// Memory that glommio registers with its rings, in bytes. Its allocator hands out powers of two.
pub(crate) const IO_MEMORY_BYTES: usize = 512 * 1024;

/// What glommio wants of `RLIMIT_MEMLOCK`, in bytes.
pub(crate) const LOCKED_BYTES_MIN: u64 = 512 * 1024;

/// Entries of each of glommio's three rings. One write is in flight.
pub(crate) const RING_DEPTH: usize = 8;

/// How far from the end of a file the last whole line is looked for, in bytes. What is longer was not cut by a crash of
/// this program; such a line is ended, not removed.
pub(crate) const TORN_BYTES_MAX: u64 = BLOCK_BYTES as u64;

/// For how long [`crate::Journal::join`] waits for a destination that does not take the last records.
pub(crate) const END: Duration = Duration::from_secs(5);

const _: () =
    assert!(ALIGNMENT.is_power_of_two() && 2 * (BLOCK_BYTES + ALIGNMENT).next_power_of_two() <= IO_MEMORY_BYTES);
