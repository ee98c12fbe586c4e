//! The bounds of the crate, and how they depend on each other.

use super::shape::{GROUP_LINES, LINE_ENTRIES};
use std::time::Duration;

/// The unit of time of the token buckets: a sixteenth of a nanosecond, so that the interval of one request at a million
/// per second is 16,000 ticks and rounding it up costs less than a hundredth of a percent.
pub const TICKS_PER_NS: u64 = 16;

/// The highest time a bucket can tell, in ticks: 9 years. A clock beyond stands still, and admits nothing more.
pub(crate) const NOW_TICKS_MAX: u64 = 1 << 62;

/// The longest time a bucket may take to fill: a little over 4 years.
pub(crate) const FILL_TICKS_MAX: u64 = 1 << 61;

/// The longest period of a rate.
pub const PERIOD_MAX: Duration = Duration::from_secs(24 * 3600);

/// From this interval of one unit on it is rounded up to whole ticks; below, a cost is.
pub(crate) const WHOLE_INTERVAL_TICKS_MIN: u64 = 1000;

/// Which share of a burst the workers of a node may hold as leases, all together: what can go unused because it was
/// leased to a worker that had no use for it.
pub(crate) const LEASED_SHARE: u64 = 1024;

/// Leases a worker can hold at a time; a power of two.
pub(crate) const LEASES: usize = 64;

/// A worker tells a lender of a key no more often than this.
pub(crate) const WANT_PAUSE_NS: u64 = 500_000;

/// Entries of a group, all of which a look-up may have to read.
pub const GROUP_ENTRIES: usize = LINE_ENTRIES * GROUP_LINES;

/// Entries per 2 keys the table was made for: 59.5 bytes a key. When all of them live, 6 groups in a million have more
/// keys than entries.
pub(crate) const ENTRIES_PER_2_KEYS: usize = 7;

/// Entries of a table that are looked at to say how many keys live, 4 MiB: all of a table of 74,898 keys.
pub(crate) const COUNTED_ENTRIES_MAX: usize = 1 << 18;

/// Rules on one request.
pub const RULES_MAX: usize = 16;

// A word holds twice the furthest end of an interval.
const _: () = assert!(NOW_TICKS_MAX + FILL_TICKS_MAX < 1 << 63);
const _: () = assert!(PERIOD_MAX.as_nanos() * (TICKS_PER_NS as u128) < FILL_TICKS_MAX as u128);
const _: () = assert!(LEASES.is_power_of_two());
