//! What the service manager is told of the node's life (sd_notify(3)): ready, reloading, stopping, and that it is alive.
//!
//! Without NOTIFY_SOCKET in the environment every call does nothing. A message is one datagram; when it cannot be sent,
//! that is said on standard error and nothing else comes of it.

use sd_notify::NotifyState;
use std::time::Duration;

/// The first configuration runs on every worker.
pub(crate) fn ready() {
    tell(&[NotifyState::Ready, NotifyState::Status("running")]);
}

/// No new requests are taken.
pub(crate) fn stopping() {
    tell(&[NotifyState::Stopping, NotifyState::Status("draining")]);
}

/// Process number `process` has taken over: it is the one to look at from now on.
pub(crate) fn handed_to(process: i32) {
    // Numbers of processes are positive.
    tell(&[NotifyState::MainPid(process.unsigned_abs()), NotifyState::Status("running")]);
}

/// The file is being read again; until the returned value is dropped.
pub(crate) fn reloading() -> Reloading {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(error) => say(&error),
    }
    Reloading(())
}

/// Ends a reload when it is dropped: the node is as ready as it was, whatever came of it.
pub(crate) struct Reloading(());

impl Drop for Reloading {
    fn drop(&mut self) {
        ready();
    }
}

/// The longest time between two calls of [`alive`], if the service manager wants any.
pub(crate) fn watchdog_interval() -> Option<Duration> {
    sd_notify::watchdog_enabled().filter(|interval| !interval.is_zero())
}

/// Every worker answers.
pub(crate) fn alive() {
    tell(&[NotifyState::Watchdog]);
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        say(&error);
    }
}

fn say(error: &std::io::Error) {
    eprintln!("tollgate: the service manager is not told: {error}");
}
