//! What the machine gives a gateway, judged before it starts: kernel, io_uring, limits, CPUs, TCP settings.
//!
//! `probe` reads, this file judges, `tollgate doctor` prints. The gateway uses the same readings to choose its driver
//! and its CPUs, so that what is reported is what would happen. Reads a few files of /proc and /sys and builds one small
//! ring, which is gone when the call returns; changes nothing but in [`raise_nofile`].

mod probe;

pub use probe::{UringFlags, allowed_cpus, raise_nofile, uring_support};

use probe::Limit;
use std::io;

/// Locked memory one ring may be charged for, in bytes. The kernel charges it to the user, over all of its processes.
const MEMLOCK_PER_RING_BYTES: u64 = 512 * 1024;
/// Descriptors below which not even an idle gateway is of use.
const NOFILE_MIN: u64 = 256;
/// Descriptors from which on they are not what runs out first.
const NOFILE_GOOD: u64 = 65_536;
/// The backlog a listener asks for; the kernel silently cuts it to `net.core.somaxconn`.
const BACKLOG: u64 = 4_096;
/// Ports of the kernel's default range, less a little.
const LOCAL_PORTS_GOOD: u64 = 28_000;

/// Kernel versions, as major and minor.
const FIRST_WITH_MULTISHOT_POLLS: (u32, u32) = (5, 13);
const FIRST_WITH_ALL_FLAGS: (u32, u32) = (6, 1);

/// Everything that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// In the order in which they are worth reading.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Whether a gateway can run here, if not at its best.
    #[must_use]
    pub fn is_able(&self) -> bool {
        self.findings.iter().all(|finding| finding.state != State::Missing)
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is, in a word or two.
    pub name: &'static str,
    /// How good it is.
    pub state: State,
    /// What was found.
    pub value: String,
    /// What to do about it, unless it is good.
    pub remedy: Option<String>,
}

/// How good a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing to do.
    Good,
    /// A gateway runs, but slower or with less than it could.
    Degraded,
    /// A gateway does not run.
    Missing,
}

impl Finding {
    const fn good(name: &'static str, value: String) -> Self {
        Self { name, state: State::Good, value, remedy: None }
    }

    fn degraded(name: &'static str, value: String, remedy: impl Into<String>) -> Self {
        Self { name, state: State::Degraded, value, remedy: Some(remedy.into()) }
    }

    fn missing(name: &'static str, value: String, remedy: impl Into<String>) -> Self {
        Self { name, state: State::Missing, value, remedy: Some(remedy.into()) }
    }
}

/// Looks at everything. Takes a few milliseconds.
#[must_use]
pub fn examine() -> Report {
    let release = probe::kernel_release();
    let cpus = allowed_cpus();
    let workers = cpus.as_ref().map_or(1, |cpus| cpus.len().max(1));
    Report {
        findings: vec![
            kernel(&release),
            io_uring(uring_support().as_ref()),
            memlock(probe::memlock(), workers as u64, probe::may_lock_memory()),
            nofile(probe::nofile()),
            processors(cpus.as_deref(), probe::cpu_quota()),
            backlog(probe::setting("net/core/somaxconn").as_deref()),
            local_ports(probe::setting("net/ipv4/ip_local_port_range").as_deref()),
        ],
    }
}

/// Major and minor of a release such as `6.18.4-arch1`; zeros if it is not written so.
fn version(release: &str) -> (u32, u32) {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(|number| number.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

fn kernel(release: &str) -> Finding {
    let value = format!("Linux {release}");
    if version(release) >= FIRST_WITH_ALL_FLAGS {
        Finding::good("kernel", value)
    } else if version(release) >= FIRST_WITH_MULTISHOT_POLLS {
        Finding::degraded("kernel", value, "Linux 6.1 or later: older io_uring costs more CPU per request")
    } else {
        Finding::degraded("kernel", value, "Linux 6.1 or later: io_uring is missing or too old, epoll is used")
    }
}

fn io_uring(support: Result<&UringFlags, &io::Error>) -> Finding {
    match support {
        Ok(flags) if flags.all() => Finding::good("io_uring", format!("available with {flags}")),
        Ok(flags) => Finding::degraded(
            "io_uring",
            format!("available with {flags}"),
            "Linux 6.1 or later gives SINGLE_ISSUER and DEFER_TASKRUN",
        ),
        Err(error) if error.kind() == io::ErrorKind::OutOfMemory => {
            let remedy = "more locked memory, see MEMLOCK";
            Finding::degraded("io_uring", format!("refused: {error}; epoll is used"), remedy)
        }
        Err(error) => Finding::degraded(
            "io_uring",
            format!("refused: {error}; epoll is used"),
            "sysctl kernel.io_uring_disabled=0, and a seccomp profile that allows io_uring_setup, io_uring_enter and \
             io_uring_register (containers often forbid them)",
        ),
    }
}

fn memlock(limit: io::Result<Limit>, workers: u64, unbound: bool) -> Finding {
    let limit = match limit {
        Ok(limit) => limit,
        Err(error) => return unread("MEMLOCK", &error),
    };
    let needed = workers * MEMLOCK_PER_RING_BYTES;
    let value = format!("soft {}, hard {}", bytes(limit.soft), bytes(limit.hard));
    if limit.soft >= needed {
        Finding::good("MEMLOCK", format!("{value}; {workers} rings need at most {}", bytes(needed)))
    } else if unbound {
        Finding::good("MEMLOCK", format!("{value}; CAP_IPC_LOCK lifts it"))
    } else {
        let remedy = format!("{} for {workers} rings: LimitMEMLOCK= in the unit, or `ulimit -l`", bytes(needed));
        Finding::degraded("MEMLOCK", value, remedy)
    }
}

fn nofile(limit: io::Result<Limit>) -> Finding {
    let limit = match limit {
        Ok(limit) => limit,
        Err(error) => return unread("NOFILE", &error),
    };
    let value = format!("soft {}, hard {}; raised to hard at start", count(limit.soft), count(limit.hard));
    let remedy = "LimitNOFILE=1048576 in the unit, or nofile in /etc/security/limits.conf: a proxied connection takes \
                  two descriptors";
    match limit.hard {
        NOFILE_GOOD.. => Finding::good("NOFILE", value),
        NOFILE_MIN.. => Finding::degraded("NOFILE", value, remedy),
        _ => Finding::missing("NOFILE", value, remedy),
    }
}

fn processors(cpus: Result<&[usize], &io::Error>, quota: Option<f64>) -> Finding {
    let cpus = match cpus {
        Ok(cpus) => cpus,
        Err(error) => return unread("CPUs", error),
    };
    let value = format!("{} allowed ({})", cpus.len(), ranges(cpus));
    match quota {
        Some(quota) if quota < cpus.len() as f64 => Finding::degraded(
            "CPUs",
            format!("{value}, but the cgroup grants the time of {quota:.1}"),
            "pinned workers are stopped together when the quota is used up: raise it, or run fewer with `workers: [..]`",
        ),
        _ => Finding::good("CPUs", value),
    }
}

fn backlog(somaxconn: Option<&str>) -> Finding {
    let Some(limit) = somaxconn.and_then(|text| text.parse::<u64>().ok()) else {
        return Finding::good("TCP backlog", "not readable here".to_owned());
    };
    if limit >= BACKLOG {
        Finding::good("TCP backlog", limit.to_string())
    } else {
        Finding::degraded("TCP backlog", limit.to_string(), format!("sysctl net.core.somaxconn={BACKLOG}"))
    }
}

fn local_ports(range: Option<&str>) -> Finding {
    let bounds: Option<Vec<u64>> =
        range.and_then(|text| text.split_whitespace().map(|bound| bound.parse().ok()).collect());
    let Some([first, last]) = bounds.as_deref() else {
        return Finding::good("local ports", "not readable here".to_owned());
    };
    let ports = (last + 1).saturating_sub(*first);
    let value = format!("{first} to {last}, {ports} connections to one endpoint at most");
    if ports >= LOCAL_PORTS_GOOD {
        Finding::good("local ports", value)
    } else {
        Finding::degraded("local ports", value, "sysctl net.ipv4.ip_local_port_range='1024 65535'")
    }
}

fn unread(name: &'static str, error: &io::Error) -> Finding {
    Finding::degraded(
        name,
        format!("cannot be read: {error}"),
        "a kernel or sandbox that lets a process read its limits",
    )
}

/// A number of bytes for people; the kernel's "no limit" in words.
fn bytes(number: u64) -> String {
    match number {
        u64::MAX => "unlimited".to_owned(),
        number if number >= 1 << 20 => format!("{} MiB", number >> 20),
        number => format!("{} KiB", number >> 10),
    }
}

fn count(number: u64) -> String {
    if number == u64::MAX { "unlimited".to_owned() } else { number.to_string() }
}

/// Sorted numbers as the kernel writes them: `0-3,8`.
fn ranges(numbers: &[usize]) -> String {
    let runs = numbers.chunk_by(|a, b| a + 1 == *b).map(|run| match run {
        [only] => only.to_string(),
        run => format!("{}-{}", run[0], run[run.len() - 1]),
    });
    runs.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests;
