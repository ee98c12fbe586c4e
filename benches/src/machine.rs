//! What the kernel says about processes and the machine: CPU time, memory, children. Linux only, read from /proc.
//!
//! CPU time of a process is the sum of its threads' `schedstat` (nanoseconds on a CPU), children included: exact where
//! `stat` counts ticks. Children that ended, as after a reload, are counted by their parent, in ticks. A thread that ended
//! takes its share with it; the gateways measured here keep theirs.

use anyhow::{Context as _, Result};
use nix::{
    sched::{CpuSet, sched_getaffinity},
    unistd::Pid,
};
use std::{fs, path::Path, sync::OnceLock, time::Duration};

/// Length of a tick of /proc/stat (USER_HZ is 100 on every Linux that Rust runs on).
const TICK: Duration = Duration::from_millis(10);

/// The CPUs this process may run on, as it was when they were first asked for: it may be pinned later.
pub(crate) fn allowed_cpus() -> Result<Vec<usize>> {
    static ALLOWED: OnceLock<Vec<usize>> = OnceLock::new();
    let allowed = sched_getaffinity(Pid::from_raw(0))?;
    let now = || (0..CpuSet::count()).filter(|&cpu| allowed.is_set(cpu).unwrap_or(false)).collect();
    Ok(ALLOWED.get_or_init(now).clone())
}

/// A process and everything it started that still runs, itself first.
pub(crate) fn family(pid: u32) -> Vec<u32> {
    let mut family = vec![pid];
    let mut at = 0;
    while let Some(&member) = family.get(at) {
        for thread in entries(format!("/proc/{member}/task")) {
            let children = fs::read_to_string(format!("/proc/{member}/task/{thread}/children")).unwrap_or_default();
            family.extend(children.split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
        }
        at += 1;
    }
    family
}

/// CPU time a process and its children have used so far, ended ones included.
pub(crate) fn cpu_time(pid: u32) -> Duration {
    let of_thread = |path: String| fs::read_to_string(path).ok().and_then(|text| schedstat(&text)).unwrap_or_default();
    let of_member = |member: u32| -> Duration {
        let threads = entries(format!("/proc/{member}/task"));
        let now: Duration =
            threads.iter().map(|thread| of_thread(format!("/proc/{member}/task/{thread}/schedstat"))).sum();
        let stat = fs::read_to_string(format!("/proc/{member}/stat")).unwrap_or_default();
        now + TICK * ticks_of_ended(&stat).unwrap_or(0)
    };
    family(pid).into_iter().map(of_member).sum()
}

/// CPU time used so far by everything that is neither this process nor started by it, stolen time included.
///
/// Counted per process, with what its ended threads and ended children had used, so that a burst of short processes does
/// not go unseen. The busy time of /proc/stat will not do: it samples ticks, and a gateway that sleeps between requests
/// can be off by a third of a CPU in either direction.
pub(crate) fn foreign_time() -> Result<Duration> {
    let ours = family(std::process::id());
    let others = entries("/proc").into_iter().filter_map(|name| name.parse().ok()).filter(|pid| !ours.contains(pid));
    let tick_counts = others.filter_map(|pid| ticks(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?));
    let stat = fs::read_to_string("/proc/stat").context("reading /proc/stat")?;
    Ok(TICK * (tick_counts.sum::<u32>() + stolen(&stat)))
}

/// Memory of a process and its children, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Memory {
    /// Resident.
    pub(crate) rss: u64,
    /// Proportional: shared pages divided by those that share them.
    pub(crate) pss: u64,
    /// Resident and not shared.
    pub(crate) private: u64,
}

/// Memory by `smaps_rollup`; walks the page tables, so not for every millisecond.
pub(crate) fn memory(pid: u32) -> Result<Memory> {
    let mut sum = Memory::default();
    for member in family(pid) {
        let text = match fs::read_to_string(format!("/proc/{member}/smaps_rollup")) {
            Ok(text) => text,
            Err(error) if member == pid => return Err(error).context(format!("reading the memory of process {pid}")),
            // A child that has ended meanwhile holds none.
            Err(_) => continue,
        };
        sum.rss += kilobytes(&text, "Rss:");
        sum.pss += kilobytes(&text, "Pss:");
        sum.private += kilobytes(&text, "Private_Clean:") + kilobytes(&text, "Private_Dirty:");
    }
    Ok(sum)
}

/// Resident memory by `status`, in bytes; cheap.
pub(crate) fn resident(pid: u32) -> u64 {
    let of_member = |member: u32| fs::read_to_string(format!("/proc/{member}/status")).ok();
    family(pid).into_iter().filter_map(of_member).map(|text| kilobytes(&text, "VmRSS:")).sum()
}

/// Voluntary context switches so far of each thread of a process: its identifier and name.
pub(crate) fn wake_ups(pid: u32) -> Vec<((u32, String), u64)> {
    let of_thread = |thread: String| {
        let folder = format!("/proc/{pid}/task/{thread}");
        let status = fs::read_to_string(format!("{folder}/status")).ok()?;
        let count = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?;
        let name = fs::read_to_string(format!("{folder}/comm")).ok()?;
        Some(((thread.parse().ok()?, name.trim().to_owned()), count.trim().parse().ok()?))
    };
    entries(format!("/proc/{pid}/task")).into_iter().filter_map(of_thread).collect()
}

fn entries(directory: impl AsRef<Path>) -> Vec<String> {
    let Ok(entries) = fs::read_dir(directory) else {
        return Vec::new();
    };
    entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect()
}

/// First field of `schedstat`: nanoseconds on a CPU.
fn schedstat(text: &str) -> Option<Duration> {
    text.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}

/// User and system ticks of a process and of its ended children, from /proc/PID/stat.
fn ticks(stat: &str) -> Option<u32> {
    sum_of_fields(stat, 11, 4)
}

/// Those of its ended children alone.
fn ticks_of_ended(stat: &str) -> Option<u32> {
    sum_of_fields(stat, 13, 2)
}

fn sum_of_fields(stat: &str, from: usize, count: usize) -> Option<u32> {
    // The name in parentheses may contain anything, parentheses too.
    let (_, fields) = stat.rsplit_once(')')?;
    Some(fields.split_whitespace().skip(from).take(count).filter_map(|field| field.parse::<u32>().ok()).sum())
}

/// Stolen ticks of the first line of /proc/stat.
fn stolen(stat: &str) -> u32 {
    stat.split_whitespace().nth(8).and_then(|field| field.parse().ok()).unwrap_or(0)
}

/// The value of a `Name:  123 kB` line, in bytes.
fn kilobytes(text: &str, name: &str) -> u64 {
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next());
    value.and_then(|value| value.parse::<u64>().ok()).unwrap_or(0) * 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedstat_is_nanoseconds_then_waiting_then_turns() {
        assert_eq!(schedstat("50045634 18553590 165\n"), Some(Duration::from_nanos(50_045_634)));
        assert_eq!(schedstat(""), None);
    }

    #[test]
    fn ticks_include_ended_children_whatever_the_name() {
        let stat = "42 (a) b (c) S 1 42 42 0 -1 4194560 100 200 0 0 7 5 30 1000 20 0 1 0 99";
        assert_eq!(ticks(stat), Some(1042));
        assert_eq!(ticks_of_ended(stat), Some(1030));
        assert_eq!(ticks(""), None);
        assert_eq!(stolen("cpu  100 1 20 4000 9 3 4 5 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n"), 5);
        assert_eq!(stolen("cpu"), 0);
    }

    #[test]
    fn memory_is_in_bytes() {
        let rollup = "Rss:     2048 kB\nPss:   1000 kB\nPss_Dirty: 7 kB\nPrivate_Clean: 1 kB\nPrivate_Dirty: 2 kB\n";
        assert_eq!(kilobytes(rollup, "Pss:"), 1000 * 1024);
        assert_eq!(kilobytes(rollup, "Swap:"), 0);
    }

    #[test]
    fn this_process_uses_time_and_memory() {
        let pid = std::process::id();
        let before = cpu_time(pid);
        let mut sum = 0_u64;
        while cpu_time(pid) < before + Duration::from_millis(20) {
            sum = std::hint::black_box(sum + 1);
        }
        let memory = memory(pid).unwrap();
        assert!(memory.pss > 0 && memory.pss <= memory.rss && resident(pid) > 0);
    }
}
