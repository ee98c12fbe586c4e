//! Waiting for something to be seen.

use std::{
    thread,
    time::{Duration, Instant},
};

/// How long anything may take on a slow and busy machine; nothing takes this long when all is well.
pub const DEADLINE: Duration = Duration::from_secs(20);

const POLL: Duration = Duration::from_millis(5);

/// The first value `look` finds.
///
/// # Panics
/// If there is none within [`DEADLINE`]; `what` says what was waited for.
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(started.elapsed() < DEADLINE, "waited {DEADLINE:?} in vain for {what}");
        thread::sleep(POLL);
    }
}
