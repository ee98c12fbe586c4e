//! The fixed bounds of a worker. Those an operator sets are in the snapshot's limits and timeouts.

use std::time::Duration;
use tollgate_io::{BUFFER_BYTES_RANGE, HEADROOM_BYTES};

/// Bytes of a request body read and thrown away after its answer, so that the connection can be kept.
pub(crate) const DISCARDED_BYTES_MAX: u64 = 256 * 1024;

/// Most runs of body bytes in one part; the smallest chunks come this many at a time.
pub(crate) const SLICES_MAX: usize = 4;

/// A head that leaves less room than this in its buffer is sent before the body instead of with it, in bytes.
pub(crate) const FRAME_ROOM_BYTES: usize = 9 * 1024;

/// A receive gets at least this much room, in bytes, else what is left is moved to the front first.
pub(crate) const RECEIVE_ROOM_BYTES: usize = 4 * 1024;

/// How long an exchange waits for its endpoint before the client is looked at from time to time.
pub(crate) const CLIENT_LOOK: Duration = Duration::from_millis(100);

/// How long a client may take nothing of the last answer of an exchange whose own deadlines are over.
pub(crate) const LAST_WORDS: Duration = Duration::from_secs(2);

/// Age at which access records are handed to the journal even if they fill no block.
pub(crate) const LOG_FLUSH: Duration = Duration::from_millis(100);

/// A gap between requests shorter than this makes a connection busy ... It is longer than a round over a thousand busy
/// connections takes, or a loaded worker would call all of them idle.
pub(crate) const BUSY_GAP: Duration = Duration::from_millis(10);

/// ... after this many in a row: it then keeps its state for the next exchange, unless `tuning.busy_connections` of the
/// worker do so already; each holds about 6 KB.
pub(crate) const BUSY_GAPS: u8 = 2;

/// Connections above its fair share that a worker has before it hands fresh ones to others ...
pub(crate) const HANDOVER_MARGIN: u32 = 4;

/// ... or this part of the share if that is more: a few connections never move, and many do not for a few.
pub(crate) const HANDOVER_SHARE: u64 = 8;

/// Idle connections to one endpoint that are parked for each worker of the node ...
pub(crate) const PARKED_SHARE: usize = 16;

/// ... but no more than this for all.
pub(crate) const PARKED_MAX: usize = 64;

/// Endpoints whose parking places are made together ...
pub(crate) const PARKING_BLOCK_PLACES: usize = 64;

/// ... and how often: endpoints with numbers beyond 65,536 have no place.
pub(crate) const PARKING_BLOCKS: usize = 1024;

/// How long a worker whose sockets were handed over stays at least: another that has not heard of it yet may have left it a
/// connection.
pub(crate) const SETTLE: Duration = Duration::from_secs(1);

/// Pause after an accept that failed, so that running out of descriptors does not spin.
pub(crate) const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How long a body that a rule slows down waits at a time before it is seen whether its exchange still goes on.
pub(crate) const PACE_STEP: Duration = Duration::from_millis(50);

/// Questions of a worker to the store that nodes share which are out at a time: what its mailbox for their answers has room
/// for. Requests beyond are decided on as if the store were lost.
pub const QUESTIONS_MAX: usize = 4096;

/// Jobs of a worker that side threads have at a time: what its mailbox for them has room for. Requests beyond are answered
/// with 503.
pub const JOBS_MAX: usize = 1024;

/// How long an exchange waits for a job.
pub(crate) const JOB_PATIENCE: Duration = Duration::from_secs(2);

const _: () = assert!(FRAME_ROOM_BYTES + RECEIVE_ROOM_BYTES < *BUFFER_BYTES_RANGE.start() - HEADROOM_BYTES);

/// Indexes of response heads a worker keeps for reuse. More are in use at once only while heads arrive in pieces.
pub(crate) const RESPONSE_INDEXES_KEPT: usize = 16;
