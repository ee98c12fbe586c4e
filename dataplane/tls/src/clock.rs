//! Wall time, as the caller has it: for the validity of certificates and the age of tickets.
//!
//! The crate has no clock of its own, so that the simulator can own time.

use rustls::{pki_types::UnixTime, time_provider::TimeProvider};
use std::{fmt::Debug, sync::Arc, time::Duration};

/// Where wall time comes from. Asked a few times per handshake, never per record.
pub trait WallClock: Debug + Send + Sync {
    /// Seconds since 1970-01-01T00:00:00Z.
    fn unix_seconds(&self) -> u64;
}

/// The clock as rustls wants it.
#[derive(Debug)]
pub(crate) struct Time(pub(crate) Arc<dyn WallClock>);

impl TimeProvider for Time {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_secs(self.0.unix_seconds())))
    }
}
