//! Bounds of the origin. Whatever a peer sends, a connection stores no more than these.

use std::time::Duration;

/// Largest request head, in bytes; a longer one is answered 431.
pub(super) const HEAD_BYTES_MAX: usize = 64 * 1024;

/// Room for received bytes of a connection that has sent no body yet.
pub(super) const INPUT_BYTES: usize = 4 * 1024;

/// Room for received bytes while a body arrives that does not fit [`INPUT_BYTES`].
pub(super) const BODY_INPUT_BYTES: usize = 256 * 1024;

/// Answers collected before they are sent although more pipelined requests wait.
pub(super) const OUTPUT_BYTES_MAX: usize = 64 * 1024;

/// Bodies up to this length are copied behind their head and leave in one send.
pub(super) const COPIED_BODY_BYTES_MAX: u64 = 16 * 1024;

/// Length of one chunk of a chunked answer.
pub(super) const CHUNK_BYTES: usize = 4 * 1024;

/// Length of the static block long bodies are sent from.
pub(super) const BLOCK_BYTES: usize = 64 * 1024;

/// Longest body one request can ask for: 1 TiB.
pub(super) const ANSWER_BYTES_MAX: u64 = 1 << 40;

/// Most events one request can ask for.
pub(super) const EVENTS_MAX: u64 = 1_000_000_000;

/// Longest piece of a slow body: one that leaves from the static block.
pub(super) const PIECE_BYTES_MAX: u64 = BLOCK_BYTES as u64;

/// Longest delay one request can ask for.
pub(super) const DELAY_MAX: Duration = Duration::from_secs(600);

/// Bytes thrown away after an answer that ended a connection early, so that closing does not reset it.
pub(super) const LINGER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Connections waiting to be accepted.
pub(super) const BACKLOG: i32 = 1024;

/// Pause after a failed accept (out of descriptors, as a rule).
pub(super) const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// How long stopping waits for connections to notice.
pub(super) const STOP_WAIT_MAX: Duration = Duration::from_millis(200);

const _: () = assert!(INPUT_BYTES < HEAD_BYTES_MAX && HEAD_BYTES_MAX <= BODY_INPUT_BYTES);
const _: () = assert!(COPIED_BODY_BYTES_MAX as usize <= BLOCK_BYTES && CHUNK_BYTES <= BLOCK_BYTES);
