//! What trades memory, latency and throughput inside a node, and the profiles that set its defaults.
//!
//! [`FixedTuning`] holds for as long as the node runs, [`LiveTuning`] until the next configuration. The profile `balanced`
//! is what a node without `tuning` runs. `tollgate tune explain` says why the others differ; what a profile is worth on a
//! machine, `tollgate tune auto` measures there.

use std::time::Duration;
use tollgate_document::{Quantity as _, Size};

/// How a node is tuned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Tuning {
    /// What only a restart changes.
    pub fixed: FixedTuning,
    /// What each configuration may change.
    pub live: LiveTuning,
}

/// What only a restart changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct FixedTuning {
    /// Entries of a submission queue: a power of two.
    pub ring_entries: u32,
    /// Size of a buffer, in bytes: a head and 1 KiB more, and offsets into it fit 16 bits.
    pub buffer_bytes: usize,
    /// Unused buffers that a worker keeps.
    pub buffers_kept: usize,
    /// Tasks that a worker runs before it looks at its sockets again.
    pub turn_budget: usize,
    /// Transfers of a task before it is the turn of others.
    pub task_budget: u32,
    /// How long a worker with nothing to do looks for something before it sleeps. Zero: it sleeps at once.
    pub spin: Duration,
    /// Connections the kernel completes ahead of a worker.
    pub backlog: u32,
    /// Side threads; `None` for one for every four workers.
    pub offload_threads: Option<usize>,
    /// Whether the kernel may back memory of the process by huge pages.
    pub huge_pages: bool,
}

/// What each configuration may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct LiveTuning {
    /// Connections of a worker that keep their state between quick requests.
    pub busy_connections: usize,
    /// Full handshakes with clients in one turn of a worker; at least 1.
    pub handshakes_per_turn: u32,
    /// After which an idle upstream connection is every worker's.
    pub park_after: Duration,
}

impl Tuning {
    /// As it would be written in a file that says nothing else, each key of it.
    pub(crate) fn to_text(self) -> String {
        let Self { fixed, live } = self;
        let idle = match fixed.spin {
            Duration::ZERO => "\"block\"".to_owned(),
            spin => format!("{{ \"spin_us\": \"{}\" }}", spin.as_micros()),
        };
        let threads = fixed.offload_threads.map_or_else(|| "auto".to_owned(), |threads| threads.to_string());
        let values = [
            ("profile", PROFILES[0].0.to_owned()),
            ("ring_entries", fixed.ring_entries.to_string()),
            ("buffer_bytes", Size(fixed.buffer_bytes as u64).show()),
            ("buffers_kept", fixed.buffers_kept.to_string()),
            ("turn_budget", fixed.turn_budget.to_string()),
            ("task_budget", fixed.task_budget.to_string()),
            ("backlog", fixed.backlog.to_string()),
            ("offload_threads", threads),
            ("huge_pages", (if fixed.huge_pages { "allowed" } else { "off" }).to_owned()),
            ("busy_connections", live.busy_connections.to_string()),
            ("handshakes_per_turn", live.handshakes_per_turn.to_string()),
            ("park_after", live.park_after.show()),
        ];
        let values = values.map(|(key, value)| format!("\"{key}\": \"{value}\"")).join(", ");
        format!("{{ \"tuning\": {{ {values}, \"idle\": {idle} }} }}")
    }
}

impl FixedTuning {
    /// The first key that differs.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Option<&'static str> {
        let Self {
            ring_entries,
            buffer_bytes,
            buffers_kept,
            turn_budget,
            task_budget,
            spin,
            backlog,
            offload_threads,
            huge_pages,
        } = self;
        let keys = [
            ("tuning.ring_entries", *ring_entries == other.ring_entries),
            ("tuning.buffer_bytes", *buffer_bytes == other.buffer_bytes),
            ("tuning.buffers_kept", *buffers_kept == other.buffers_kept),
            ("tuning.turn_budget", *turn_budget == other.turn_budget),
            ("tuning.task_budget", *task_budget == other.task_budget),
            ("tuning.idle", *spin == other.spin),
            ("tuning.backlog", *backlog == other.backlog),
            ("tuning.offload_threads", *offload_threads == other.offload_threads),
            ("tuning.huge_pages", *huge_pages == other.huge_pages),
        ];
        keys.into_iter().find(|(_, is_same)| !is_same).map(|(key, _)| key)
    }
}

/// What a node without `tuning` runs.
pub(crate) const BALANCED: Tuning = Tuning {
    fixed: FixedTuning {
        ring_entries: 1024,
        buffer_bytes: 63 << 10,
        buffers_kept: 512,
        turn_budget: 512,
        task_budget: 32,
        spin: Duration::ZERO,
        backlog: 4096,
        offload_threads: None,
        huge_pages: true,
    },
    live: LiveTuning { busy_connections: 1024, handshakes_per_turn: 2, park_after: Duration::from_millis(50) },
};

impl Default for Tuning {
    fn default() -> Self {
        BALANCED
    }
}

/// Many connections on CPUs of their own: longer queues, larger stocks.
const THROUGHPUT: Tuning = Tuning {
    fixed: FixedTuning {
        ring_entries: 4096,
        buffers_kept: 2048,
        turn_budget: 1024,
        task_budget: 64,
        backlog: 16_384,
        ..BALANCED.fixed
    },
    live: LiveTuning { busy_connections: 8192, handshakes_per_turn: 4, ..BALANCED.live },
};

/// Short turns, and no sleep where the next request is near.
const LATENCY: Tuning = Tuning {
    fixed: FixedTuning { turn_budget: 128, task_budget: 16, spin: Duration::from_micros(50), ..BALANCED.fixed },
    live: LiveTuning { busy_connections: 4096, handshakes_per_turn: 1, ..BALANCED.live },
};

/// As little as possible is kept for later.
const MEMORY: Tuning = Tuning {
    fixed: FixedTuning {
        ring_entries: 256,
        buffer_bytes: 24 << 10,
        buffers_kept: 64,
        backlog: 1024,
        offload_threads: Some(1),
        huge_pages: false,
        ..BALANCED.fixed
    },
    live: LiveTuning { busy_connections: 64, park_after: Duration::from_millis(10), ..BALANCED.live },
};

/// A small share of a machine: little locked memory, and a CPU that others wait for.
const CONTAINER: Tuning = Tuning {
    fixed: FixedTuning {
        ring_entries: 256,
        buffer_bytes: 32 << 10,
        buffers_kept: 256,
        huge_pages: false,
        ..BALANCED.fixed
    },
    live: LiveTuning { busy_connections: 512, ..BALANCED.live },
};

/// The profiles, the default first.
pub(crate) const PROFILES: [(&str, Tuning); 5] = [
    ("balanced", BALANCED),
    ("throughput", THROUGHPUT),
    ("latency", LATENCY),
    ("memory", MEMORY),
    ("container", CONTAINER),
];
