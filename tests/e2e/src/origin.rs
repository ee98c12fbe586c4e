//! What stands behind a gateway where a test has no wishes of its own.

use tollgate_loadtest::{Origin, OriginConfig};

/// The synthetic origin, on a free port.
///
/// # Panics
/// If loopback has none.
#[must_use]
pub fn origin() -> Origin {
    Origin::start(OriginConfig::default()).expect("loopback has a free port")
}
