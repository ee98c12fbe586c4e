//! Every bound of this crate, and how the bounds relate.
//!
//! Memory of a worker's metrics at the worst: a latency array of about 7.7 KB for each upstream and each status class of each
//! route; those never counted have none. Memory of the access
//! log at the worst: (twice the blocks in the queue + one per worker + one being written) times [`BLOCK_BYTES`]; that of a
//! journal that keeps up: ([`SPARE_BLOCKS`] + 1) per worker.

/// Routes with figures of their own; those beyond are counted together under `_other`.
pub const ROUTES_MAX: usize = 1000;

/// Upstreams with figures of their own; those beyond are counted together under `_other`.
pub const UPSTREAMS_MAX: usize = 1000;

/// Listeners with figures of their own; those beyond are counted together under `_other`.
pub const LISTENERS_MAX: usize = 64;

/// Rules with figures of their own; those beyond are counted together under `_other`. A scrape shows the memory of as many.
pub const RULES_MAX: usize = 1000;

/// Applications and APIs, each pair once, whose requests a worker counts apart: 32 bytes for each that may come, from the first
/// request of an application on, and 200 more for each that came.
pub const USAGE_ENTRIES_MAX: usize = 1 << 16;

/// Endpoints that a scrape shows one by one; by upstream it counts all of them.
pub const ENDPOINTS_MAX: usize = 1000;

/// Certificates that a scrape shows.
pub const CERTIFICATES_MAX: usize = 1000;

/// Size of a block of access records, in bytes; also of a write. Half of it costs the journal a tenth more per record
/// (`write` to ext4: 61 and 55 ns for 350 bytes), twice of it saves nothing.
pub const BLOCK_BYTES: usize = 128 * 1024;

/// Empty blocks that each sink has from the start. A worker that fills them all before the journal has written one
/// allocates another: at 100,000 records a second that takes more than 10 ms.
pub const SPARE_BLOCKS: usize = 4;

/// Bytes of a request path that an access record shows.
pub const PATH_BYTES_MAX: usize = 2048;

/// Bytes of a user agent that an access record shows.
pub const USER_AGENT_BYTES_MAX: usize = 512;

/// Bytes of any other text that an access record shows (method, host, names of routes and so on).
pub const TEXT_BYTES_MAX: usize = 256;

/// Room made for an access record before it is begun, in bytes, and steps by which it grows; few need more.
pub const LINE_BYTES_USUAL: usize = 768;

/// Texts of an access record that are bounded by [`TEXT_BYTES_MAX`].
const TEXTS: usize = 15;

/// Bytes that one byte of text can become in JSON (`\u001f`).
const ESCAPED_BYTES_MAX: usize = 6;

/// Bytes for the field names, the numbers, the addresses and the marks of truncation, generously.
const FRAME_BYTES_MAX: usize = 1024;

/// No access record is longer than this, in bytes, line feed included.
pub const LINE_BYTES_MAX: usize =
    ESCAPED_BYTES_MAX * (PATH_BYTES_MAX + USER_AGENT_BYTES_MAX + TEXTS * TEXT_BYTES_MAX) + FRAME_BYTES_MAX;

const _: () = assert!(LINE_BYTES_MAX <= BLOCK_BYTES, "every access record must fit a block");
