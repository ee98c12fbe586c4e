//! The bounds of this crate, on both ends.

use std::time::Duration;

/// How long a poll waits for news: the heartbeat of a node that has everything.
pub const WAIT: Duration = Duration::from_secs(20);
/// The longest wait that a node may ask for.
pub(crate) const WAIT_MAX: Duration = Duration::from_secs(60);
/// How much longer than it has asked for a node waits for an answer to begin, and for each piece of it to go on.
pub(crate) const SLACK: Duration = Duration::from_secs(10);
/// How long a connection to the control plane may take.
pub(crate) const CONNECT: Duration = Duration::from_secs(5);
/// The first pause after a failure; each further one is twice as long. Half of a pause is left to chance.
pub(crate) const PAUSE_MIN: Duration = Duration::from_millis(250);
/// The longest pause.
pub(crate) const PAUSE_MAX: Duration = Duration::from_secs(30);
/// How long a node remembers that it has refused something; then it tries again, since its own file may be another.
pub(crate) const REFUSED_FOR: Duration = Duration::from_secs(60);
/// Bytes of a poll.
pub(crate) const POLL_BYTES_MAX: usize = 64 << 10;
/// Bytes of an answer: everything of an installation with a million applications is a third of it.
pub(crate) const ANSWER_BYTES_MAX: u64 = 1 << 30;
/// Bytes of a batch of asks for shares, and of its answer: 512 of 150 at the most.
pub(crate) const SHARES_BYTES_MAX: usize = 128 << 10;
/// Asks of a batch.
pub(crate) const ASKS_MAX: usize = 512;
/// Keys that are counted for all clusters together: 100 MB at the most.
pub(crate) const SHARE_KEYS_MAX: usize = 1 << 20;
/// Clusters that are told apart.
pub(crate) const CLUSTERS_MAX: usize = 64;
/// Characters of the name of one.
pub(crate) const CLUSTER_CHARS_MAX: usize = 64;
/// Applications and APIs of one batch of usage that goes over the network: 40 KB at the most, so that the poll has room for it.
pub(crate) const COUNTS_MAX: usize = 100;
/// Characters of the reason why a node has refused something, and of its version.
pub(crate) const TEXT_CHARS_MAX: usize = 2000;
/// Bytes of the changes that are remembered for nodes that were away; who lacks more gets everything.
pub(crate) const LOG_BYTES_MAX: usize = 16 << 20;
/// The changes themselves.
pub(crate) const LOG_DELTAS_MAX: usize = 10_000;
/// Bytes of changes a node keeps behind what it began with, before it writes all of it as one; or as many as that has.
pub(crate) const KEPT_DELTAS_BYTES: u64 = 1 << 20;
/// Names of nodes that are shown at most: names that were removed are forgotten first.
pub(crate) const NODES_MAX: usize = 10_000;

const _: () = assert!(WAIT.as_secs() < WAIT_MAX.as_secs());
