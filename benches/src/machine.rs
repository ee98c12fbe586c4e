//! What the kernel says about processes and the machine: CPU time, memory, children. Linux only, read from /proc.
//!
//! CPU time of a process is the sum of its threads' `schedstat` (nanoseconds on a CPU), children included: exact where
//! `stat` counts ticks. A thread that ended takes its share with it; the gateways measured here keep theirs.

use anyhow::{Context as _, Result};
use nix::{
    sched::{CpuSet, sched_getaffinity},
    sys::resource::{UsageWho, getrusage},
    unistd::Pid,
};
use std::{fs, path::Path, time::Duration};

/// Length of a tick of /proc/stat (USER_HZ is 100 on every Linux that Rust runs on).
const TICK: Duration = Duration::from_millis(10);

/// The CPUs this thread may run on.
pub(crate) fn allowed_cpus() -> Result<Vec<usize>> {
    let allowed = sched_getaffinity(Pid::from_raw(0))?;
    Ok((0..CpuSet::count()).filter(|&cpu| allowed.is_set(cpu).unwrap_or(false)).collect())
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

/// CPU time a process and its children have used so far.
pub(crate) fn cpu_time(pid: u32) -> Duration {
    let of_thread = |path: String| fs::read_to_string(path).ok().and_then(|text| schedstat(&text)).unwrap_or_default();
    let of_member = |member: u32| -> Duration {
        let threads = entries(format!("/proc/{member}/task"));
        threads.iter().map(|thread| of_thread(format!("/proc/{member}/task/{thread}/schedstat"))).sum()
    };
    family(pid).into_iter().map(of_member).sum()
}

/// CPU time of this process alone, without children.
pub(crate) fn own_cpu_time() -> Duration {
    let of_thread = |thread: &String| fs::read_to_string(format!("/proc/self/task/{thread}/schedstat")).ok();
    entries("/proc/self/task").iter().filter_map(of_thread).filter_map(|text| schedstat(&text)).sum()
}

/// CPU time of the children of this process that have ended.
pub(crate) fn ended_children_cpu_time() -> Result<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let time = |value: nix::sys::time::TimeVal| {
        Duration::from_secs(value.tv_sec().unsigned_abs()) + Duration::from_micros(value.tv_usec().unsigned_abs())
    };
    Ok(time(usage.user_time()) + time(usage.system_time()))
}

/// Time all CPUs together were not idle since boot, stolen time included.
pub(crate) fn busy_time() -> Result<Duration> {
    let text = fs::read_to_string("/proc/stat").context("reading /proc/stat")?;
    busy(&text).context("unexpected /proc/stat")
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
        let path = format!("/proc/{member}/smaps_rollup");
        let text = fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
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

/// User, nice, system, irq, softirq and steal of the first line of /proc/stat.
fn busy(stat: &str) -> Option<Duration> {
    let line = stat.lines().next()?.strip_prefix("cpu ")?;
    let ticks: Vec<u32> = line.split_whitespace().filter_map(|field| field.parse().ok()).collect();
    let busy: u32 = [0, 1, 2, 5, 6, 7].iter().filter_map(|&field| ticks.get(field)).sum();
    (ticks.len() >= 8).then_some(TICK * busy)
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
    fn busy_time_leaves_idle_and_waiting_out() {
        let stat = "cpu  100 1 20 4000 9 3 4 5 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n";
        assert_eq!(busy(stat), Some(Duration::from_millis(1330)));
        assert_eq!(busy("intr 0"), None);
    }

    #[test]
    fn memory_is_in_bytes() {
        let rollup = "Rss:     2048 kB\nPss:   1000 kB\nPss_Dirty: 7 kB\nPrivate_Clean: 1 kB\nPrivate_Dirty: 2 kB\n";
        assert_eq!(kilobytes(rollup, "Pss:"), 1000 * 1024);
        assert_eq!(kilobytes(rollup, "Swap:"), 0);
    }

    #[test]
    fn this_process_uses_time_and_memory() {
        let before = own_cpu_time();
        let mut sum = 0_u64;
        while own_cpu_time() < before + Duration::from_millis(20) {
            sum = std::hint::black_box(sum + 1);
        }
        let pid = std::process::id();
        assert!(cpu_time(pid) >= Duration::from_millis(20));
        let memory = memory(pid).unwrap();
        assert!(memory.pss > 0 && memory.pss <= memory.rss && resident(pid) > 0);
    }
}
