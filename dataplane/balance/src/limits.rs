//! The fixed bounds of the choice. Those an operator sets are in the contract.

/// Longest schedule; heavier weights are scaled down to it, which rounds their shares.
pub(crate) const TURNS_MAX: u64 = 10_000;

/// Points on a hash ring for an endpoint of average weight: keys are spread with a standard deviation of about 8 %.
pub(crate) const POINTS_PER_ENDPOINT: usize = 160;

/// Points on a hash ring. With more endpoints each has fewer, but at least one.
pub(crate) const POINTS_MAX: usize = 1 << 17;

/// Addresses of one name; what an answer has beyond them is left out.
pub(crate) const ADDRESSES_MAX: usize = 256;

/// The share an endpoint begins its slow start with, in percent.
pub(crate) const SLOW_START_FIRST: u64 = 10;

/// Draws of a pair before all endpoints are looked at.
pub(crate) const DRAWS_MAX: usize = 8;
