//! What the machine gives a test.

use nix::{
    sched::{CpuSet, sched_getaffinity},
    unistd::Pid,
};

/// The CPUs that this process may use.
///
/// # Panics
/// If the system does not say.
#[must_use]
pub fn cpus() -> Vec<usize> {
    let set = sched_getaffinity(Pid::from_raw(0)).expect("a process has CPUs");
    (0..CpuSet::count()).filter(|&cpu| set.is_set(cpu) == Ok(true)).collect()
}

/// A CPU that this process may use, for a gateway with one worker.
///
/// # Panics
/// If it may use none, which cannot be.
#[must_use]
pub fn cpu() -> usize {
    cpus().first().copied().expect("it runs on one of them")
}
