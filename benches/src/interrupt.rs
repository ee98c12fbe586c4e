//! Ctrl-C and SIGTERM as an ordinary error, so that everything is torn down by the same drops as after any other error.
//!
//! Every wait in this crate is a loop of short sleeps around [`check`]; a signal ends the run within one of them.

use anyhow::{Result, bail};
use std::{
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
    time::Duration,
};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Starts watching for SIGINT, SIGTERM and SIGHUP.
///
/// # Errors
/// A handler is already installed.
pub fn watch() -> Result<()> {
    Ok(ctrlc::set_handler(|| INTERRUPTED.store(true, Relaxed))?)
}

/// An error once a signal came.
pub(crate) fn check() -> Result<()> {
    if INTERRUPTED.load(Relaxed) {
        bail!("interrupted");
    }
    Ok(())
}

/// Sleeps for `time`, or until a signal comes.
pub(crate) fn pause(time: Duration) -> Result<()> {
    const STEP: Duration = Duration::from_millis(10);
    let mut left = time;
    while !left.is_zero() {
        check()?;
        thread::sleep(left.min(STEP));
        left = left.saturating_sub(STEP);
    }
    check()
}
