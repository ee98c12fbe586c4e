//! The readings behind the report: system calls and small files, with no judgement.
//!
//! Everything here may be refused by a sandbox; then it says so, and the caller goes on without it.

use io_uring::IoUring;
use nix::{
    sched::{CpuSet, sched_getaffinity},
    sys::resource::{Resource, getrlimit, setrlimit},
    unistd::Pid,
};
use std::{fmt, fs, io};

/// Entries of the ring that is built to see whether one can be.
const PROBE_ENTRIES: u32 = 8;

/// A resource limit; `u64::MAX` is no limit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limit {
    pub(super) soft: u64,
    pub(super) hard: u64,
}

/// The setup flags a ring can be given on this kernel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UringFlags {
    /// `IORING_SETUP_SINGLE_ISSUER`, since Linux 6.0.
    pub single_issuer: bool,
    /// `IORING_SETUP_DEFER_TASKRUN`, since Linux 6.1: completions wait until the worker asks for them.
    pub defer_taskrun: bool,
    /// `IORING_SETUP_COOP_TASKRUN`, since Linux 5.19: no interrupt for a completion.
    pub coop_taskrun: bool,
}

impl UringFlags {
    /// From the most wanted to what every io_uring has.
    const CHOICES: [Self; 4] = [
        Self { single_issuer: true, defer_taskrun: true, coop_taskrun: true },
        Self { single_issuer: true, defer_taskrun: false, coop_taskrun: true },
        Self { single_issuer: false, defer_taskrun: false, coop_taskrun: true },
        Self { single_issuer: false, defer_taskrun: false, coop_taskrun: false },
    ];

    /// Whether none is missing.
    #[must_use]
    pub const fn all(&self) -> bool {
        self.single_issuer && self.defer_taskrun && self.coop_taskrun
    }

    /// A ring with these flags.
    ///
    /// # Errors
    /// The kernel or a sandbox refuses it, or it is older than Linux 5.13.
    pub(crate) fn build(self, entries: u32, completions: u32) -> io::Result<IoUring> {
        let mut builder = IoUring::builder();
        builder.setup_cqsize(completions).setup_clamp();
        if self.single_issuer {
            builder.setup_single_issuer();
        }
        if self.defer_taskrun {
            builder.setup_defer_taskrun();
        }
        if self.coop_taskrun {
            builder.setup_coop_taskrun();
        }
        let ring = builder.build(entries)?;
        // Multishot polls came with Linux 5.13, and so did this feature, which can be asked for.
        if !ring.params().is_feature_resource_tagging() {
            return Err(io::Error::new(io::ErrorKind::Unsupported, "no multishot polls (Linux 5.13)"));
        }
        Ok(ring)
    }
}

impl fmt::Display for UringFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = [
            (self.single_issuer, "SINGLE_ISSUER"),
            (self.defer_taskrun, "DEFER_TASKRUN"),
            (self.coop_taskrun, "COOP_TASKRUN"),
        ];
        let given: Vec<_> = named.into_iter().filter_map(|(given, name)| given.then_some(name)).collect();
        f.write_str(if given.is_empty() { "no flags" } else { "" })?;
        f.write_str(&given.join(", "))
    }
}

/// The most wanted flags with which a ring can really be built. The ring is gone when this returns.
///
/// # Errors
/// The kernel or a sandbox refuses io_uring whatever the flags, or there is no memory for it.
pub fn uring_support() -> io::Result<UringFlags> {
    let mut refusal = None;
    for flags in UringFlags::CHOICES {
        match flags.build(PROBE_ENTRIES, 2 * PROBE_ENTRIES) {
            Ok(_) => return Ok(flags),
            Err(error) => refusal = Some(error),
        }
    }
    Err(refusal.unwrap_or_else(|| io::ErrorKind::Unsupported.into()))
}

/// The CPUs the calling thread may run on, ascending. Ask before threads are pinned.
///
/// # Errors
/// More CPUs than the interface can name (1024), or a sandbox that refuses the call.
pub fn allowed_cpus() -> io::Result<Vec<usize>> {
    let set = sched_getaffinity(Pid::from_raw(0))?;
    Ok((0..CpuSet::count()).filter(|cpu| set.is_set(*cpu).unwrap_or(false)).collect())
}

/// Raises the soft limit of descriptors to the hard one; gives the soft limit before and after.
///
/// # Errors
/// A sandbox refuses the call; the limit is as it was.
pub fn raise_nofile() -> io::Result<(u64, u64)> {
    let Limit { soft, hard } = nofile()?;
    if soft < hard {
        setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
    }
    Ok((soft, hard))
}

pub(super) fn nofile() -> io::Result<Limit> {
    limit(Resource::RLIMIT_NOFILE)
}

pub(super) fn memlock() -> io::Result<Limit> {
    limit(Resource::RLIMIT_MEMLOCK)
}

fn limit(resource: Resource) -> io::Result<Limit> {
    let (soft, hard) = getrlimit(resource)?;
    Ok(Limit { soft, hard })
}

/// Whether the process may lock memory beyond MEMLOCK (CAP_IPC_LOCK).
pub(super) fn may_lock_memory() -> bool {
    const CAP_IPC_LOCK: u32 = 14;
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    effective.and_then(|set| u64::from_str_radix(set.trim(), 16).ok()).is_some_and(|set| set >> CAP_IPC_LOCK & 1 == 1)
}

/// Such as `6.18.4-arch1`; empty if it cannot be read.
pub(super) fn kernel_release() -> String {
    setting("kernel/osrelease").unwrap_or_default()
}

/// A setting under /proc/sys.
pub(super) fn setting(name: &str) -> Option<String> {
    Some(fs::read_to_string(format!("/proc/sys/{name}")).ok()?.trim().to_owned())
}

/// CPUs' worth of time the process and its parents in the cgroup tree (version 2) are granted; `None` for no limit.
pub(super) fn cpu_quota() -> Option<f64> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let own = groups.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let mut group = std::path::Path::new("/sys/fs/cgroup").join(own);
    let mut least: Option<f64> = None;
    while group.starts_with("/sys/fs/cgroup") {
        let quota = fs::read_to_string(group.join("cpu.max")).ok().and_then(|text| parse_quota(&text));
        least = [least, quota].into_iter().flatten().reduce(f64::min);
        group.pop();
    }
    least
}

/// `cpu.max` is "quota period" in microseconds, or "max period".
pub(super) fn parse_quota(text: &str) -> Option<f64> {
    let mut words = text.split_whitespace().map(str::parse::<f64>);
    let (quota, period) = (words.next()?.ok()?, words.next()?.ok()?);
    (period > 0.0).then_some(quota / period)
}
