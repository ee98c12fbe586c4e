//! Why a gateway did not start: what failed, where, the system's words, and what to do about it.
//!
//! Meant to be read by the operator as one line. Mistakes in the configuration are found before, by `tollgate-model`;
//! what is here only shows when the machine is asked.

use std::{error::Error, fmt, io, net::SocketAddr, path::PathBuf};
use tollgate_ring::Driver;

/// Why a gateway did not start. Nothing of it is left running.
#[derive(Debug)]
pub struct StartError {
    part: Part,
    cause: io::Error,
}

/// What could not be started.
#[derive(Debug)]
pub(crate) enum Part {
    Listener {
        name: String,
        address: SocketAddr,
    },
    Status {
        address: SocketAddr,
    },
    StatusSocket {
        path: PathBuf,
    },
    StatusThread,
    Mailboxes,
    ConfigThread,
    Watch,
    LastGood {
        path: PathBuf,
    },
    Housekeeping,
    Cpus,
    IoUring,
    Worker {
        index: usize,
        cpu: usize,
        driver: Driver,
    },
    AccessLog {
        is_direct: bool,
    },
    Security,
    QuotaStore,
    /// Whether the control plane is its store.
    Cluster {
        is_fed: bool,
    },
}

impl Part {
    /// For `map_err`: the error that this part failed with.
    pub(crate) fn failed(self) -> impl FnOnce(io::Error) -> StartError {
        move |cause| StartError { part: self, cause }
    }
}

impl StartError {
    /// Whether a worker could not have its ring, so that epoll may do better.
    pub(crate) fn is_ring_refused(&self) -> bool {
        matches!(self.part, Part::Worker { driver: Driver::IoUring, .. }) && !self.is_pinning()
    }

    /// Whether a worker could not be pinned: of all that starting one does, only that finds a number invalid.
    fn is_pinning(&self) -> bool {
        matches!(self.part, Part::Worker { .. }) && self.cause.kind() == io::ErrorKind::InvalidInput
    }

    /// The system's words.
    pub(crate) const fn cause(&self) -> &io::Error {
        &self.cause
    }

    fn remedy(&self) -> &'static str {
        match &self.part {
            Part::Listener { .. } | Part::Status { .. } => address_remedy(self.cause.kind()),
            Part::StatusSocket { .. } => {
                "name a path of `socket` that this user can make and no other process listens at"
            }
            Part::Mailboxes | Part::ConfigThread | Part::Housekeeping => {
                "raise the limits of threads, memory and descriptors; `tollgate doctor` says more"
            }
            Part::StatusThread => "raise the limits of threads, memory and descriptors, or do without: `status: off`",
            Part::Watch => {
                "raise the sysctl fs.inotify.max_user_instances, or do without `--watch`: SIGHUP reads the file again"
            }
            Part::LastGood { .. } => {
                "name a file of its own with `--last-good`, in a folder that this user can write to"
            }
            Part::Cpus => "name the CPUs with `workers: [..]`",
            Part::IoUring => "`io: auto` runs on epoll where io_uring is refused; `tollgate doctor` says why it is",
            Part::Worker { .. } if self.is_pinning() => {
                "name CPUs that this process may use in `workers`; `tollgate doctor` lists them"
            }
            Part::Worker { driver: Driver::IoUring, .. } => {
                "`tollgate doctor` says which limit is too low; `io: epoll` needs no locked memory"
            }
            Part::Worker { .. } => "`tollgate doctor` says which limit is too low",
            Part::AccessLog { is_direct: false } => "name a file that this user can append to in `access_log`",
            Part::AccessLog { is_direct: true } => {
                "name a file on a disk that this user can append to in `access_log`; `writer: auto` does without direct \
                 I/O where it is refused"
            }
            Part::QuotaStore => {
                "name a file that this user can write in `quota_store.path`, or do without: `quota_store: off`"
            }
            Part::Cluster { is_fed: false } => "correct `cluster.redis`",
            Part::Cluster { is_fed: true } => {
                "start the node with `--control-plane URL`, or name a store in `cluster.redis`"
            }
            Part::Security => "`tollgate validate FILE` names the file and the line",
        }
    }
}

fn address_remedy(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::AddrInUse => "stop the process that has it (`ss -ltnp` names it), or choose another `bind`",
        io::ErrorKind::AddrNotAvailable => "`bind` must be an address of this machine (`ip address` lists them)",
        io::ErrorKind::PermissionDenied => "ports below 1024 need CAP_NET_BIND_SERVICE, or choose another `bind`",
        _ => "choose another `bind`; `tollgate doctor` says whether descriptors are short",
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listener { name, address } => write!(f, "listener {name} on {address}"),
            Self::Status { address } => write!(f, "status on {address}"),
            Self::StatusSocket { path } => write!(f, "status at {}", path.display()),
            Self::Mailboxes => f.write_str("the mailboxes of the workers"),
            Self::ConfigThread => f.write_str("a thread of the configuration"),
            Self::Watch => f.write_str("the watch of the configuration"),
            Self::LastGood { path } => write!(f, "last good configuration in {}", path.display()),
            Self::StatusThread => f.write_str("the thread of the status"),
            Self::Housekeeping => f.write_str("the thread of the housekeeping"),
            Self::Cpus => f.write_str("the CPUs this process may use"),
            Self::IoUring => f.write_str("io_uring, which `io` asks for"),
            Self::Worker { index, cpu, driver } => {
                let driver = if *driver == Driver::IoUring { "io_uring" } else { "epoll" };
                write!(f, "worker {index} on CPU {cpu} with {driver}")
            }
            Self::AccessLog { .. } => f.write_str("access log"),
            Self::QuotaStore => f.write_str("the store of quotas"),
            Self::Cluster { .. } => f.write_str("the store of the cluster"),
            Self::Security => f.write_str("certificates"),
        }
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.part, self.cause, self.remedy())
    }
}

impl Error for StartError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.cause)
    }
}
