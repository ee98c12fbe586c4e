//! `tuning` as written: what trades memory, latency and throughput against each other inside the node.
//!
//! Part of the reference manual, as all of `raw` is. **restart**: fixed while the node runs, a reload that changes it is
//! refused and says so. **live**: taken with the next configuration. What a profile sets is in `model`.

use serde::{Deserialize, Serialize};

use super::{OrWord, Shape, Spanned, Text};

/// `tuning` of the node.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Tuning {
    /// Which defaults the other keys have: `balanced` (default), `throughput`, `latency`, `memory`, `container`.
    pub profile: Option<Text>,
    /// **restart**. Entries of a worker's submission queue (io_uring); its completion queue has 16 times as many. 64 to
    /// 4096, a power of two, default 1024. A ring takes 324 bytes of locked memory for each.
    pub ring_entries: Option<Text>,
    /// **restart**. Size of every buffer of a worker. 24KiB to 63KiB and at least 1KiB more than `limits.head_bytes`,
    /// default 63KiB.
    pub buffer_bytes: Option<Text>,
    /// **restart**. Unused buffers that a worker keeps for reuse. 16 to 65536, default 512.
    pub buffers_kept: Option<Text>,
    /// **restart**. Ready tasks that a worker runs before it looks at its sockets again. 8 to 65536, default 512.
    pub turn_budget: Option<Text>,
    /// **restart**. Transfers that a connection makes before it is the turn of others. 8 to 1024, default 32.
    pub task_budget: Option<Text>,
    /// **restart**. What a worker with nothing to do does. `block` (default): it sleeps until the kernel wakes it.
    pub idle: Option<Spanned<OrWord<Spin>>>,
    /// **restart**. Connections the kernel completes ahead of a worker, for each listener; it cuts this to
    /// `net.core.somaxconn`. 16 to 65535, default 4096.
    pub backlog: Option<Text>,
    /// **restart**. Side threads that check tokens. 1 to 64 or `auto` (default): one for every four workers.
    pub offload_threads: Option<Text>,
    /// **restart**. Whether the kernel may back memory of the process by pages of 2 MiB: `allowed` (default) as the kernel is
    /// set, or `off`. A process without them is smaller by about half, and a request may cost a percent or two more.
    pub huge_pages: Option<Text>,
    /// **live**. Client connections of a worker that keep the state of an exchange, about 6 KB, while their next request is
    /// less than 10ms away. 0 to 1000000, default 1024.
    pub busy_connections: Option<Text>,
    /// **live**. Full TLS handshakes with clients that a worker takes on in one turn. 1 to 64, default 2.
    pub handshakes_per_turn: Option<Text>,
    /// **live**. How long an idle upstream connection stays with its worker before each worker may take it. 1ms to 24h,
    /// default 50ms.
    pub park_after: Option<Text>,
}

/// `idle` of `tuning`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Spin {
    /// It looks again and again for this many microseconds before it sleeps: its CPU is busy meanwhile. 1 to 10000. Required.
    pub spin_us: Option<Text>,
}

impl Shape for Spin {
    const EXPECTED: &'static str = "`block` or a mapping like { spin_us: 50 }";
    const LIST: bool = false;
}
