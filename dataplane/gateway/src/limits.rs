//! The bounds of what a gateway adds to its workers: queues, buffers, and the node's status.
//!
//! A status client that exceeds one is answered with an error or closed; it never costs a worker anything.

use std::time::Duration;

/// For all workers to say that they run a new snapshot.
pub(crate) const ACKNOWLEDGE_MAX: Duration = Duration::from_secs(10);

/// Commands that wait for a worker: one handover, one drain, one stop, one ping, and snapshots: the next is sent when the last is taken, or
/// after [`ACKNOWLEDGE_MAX`].
pub(crate) const COMMANDS_MAX: usize = 16;

/// For another process to become ready, when it takes over: as long as a large configuration takes, and much more.
pub(crate) const SUCCESSOR_PATIENCE: Duration = Duration::from_secs(60);

/// Sockets that a process is started with: more than listeners and workers of any machine make.
pub(crate) const INHERITED_MAX: usize = 65_536;

/// Connections that wait for a worker which other workers have handed them to. One more stays where it was accepted.
pub(crate) const HANDED_MAX: usize = 64;

/// Blocks of access records that wait for the journal, over all workers.
pub(crate) const fn log_blocks(workers: usize) -> usize {
    64 + 4 * workers
}

/// Open connections of status clients; one above is closed at once.
pub(crate) const STATUS_CONNECTIONS_MAX: usize = 64;

/// Unused buffers the status thread keeps.
pub(crate) const STATUS_BUFFERS_KEPT: usize = 4;

/// Bodies of changes being received or waiting to be published, in bytes over all connections: one whole file.
pub(crate) const CHANGE_BYTES_MAX: usize = tollgate_model::FILE_BYTES_MAX;

/// For the whole body of a change.
pub(crate) const CHANGE_BODY: Duration = Duration::from_secs(60);

/// For a client that waits until its change, and those before it, are resolved and acknowledged.
pub(crate) const CHANGE_ANSWER: Duration = Duration::from_secs(600);

/// Shortest pause between two times the last good configuration is written.
pub(crate) const LAST_GOOD_PAUSE: Duration = Duration::from_secs(1);

/// A pause is at least this many times what the writing before it took.
pub(crate) const LAST_GOOD_SHARE: u32 = 20;

/// From the first notice that a watched file changes until it is read: an editor or a deployment writes several times.
pub(crate) const WATCH_SETTLE: Duration = Duration::from_millis(200);

/// How often it is waited again when there is another notice meanwhile: a folder may never be quiet.
pub(crate) const WATCH_SETTLES_MAX: usize = 10;

/// How often watched files are looked at without a notice: some file systems give none, and a new configuration may have
/// other files.
pub(crate) const WATCH_LOOK: Duration = Duration::from_secs(2);

/// Threads at one time that write what `GET /config` answers.
pub(crate) const REPORTS_MAX: usize = 2;

/// Test requests on their way at one time.
pub(crate) const DEBUG_REQUESTS_MAX: usize = 4;

/// Head and content of a test request, in bytes.
pub(crate) const DEBUG_SENT_BYTES_MAX: usize = 1 << 20;

/// Content of the answer to a test request that is shown, in bytes.
pub(crate) const DEBUG_BODY_BYTES: usize = 64 << 10;

/// For a test request to be answered, whole.
pub(crate) const DEBUG_PATIENCE: Duration = Duration::from_secs(30);

/// Changes that wait to be published: one per connection of a status client, one of the watched file, one of a signal.
pub(crate) const CHANGES_MAX: usize = STATUS_CONNECTIONS_MAX + 2;

/// Head of a status request, in bytes.
pub(crate) const STATUS_HEAD_BYTES: usize = 8 * 1024;

/// For the whole head of a status request, and for the client to take the whole answer.
pub(crate) const STATUS_TRANSFER: Duration = Duration::from_secs(5);

/// For a status client between two requests: longer than scrapers usually pause.
pub(crate) const STATUS_IDLE: Duration = Duration::from_secs(65);

/// How often overdue status connections are looked for; a deadline may be missed by this much.
pub(crate) const STATUS_CHECK: Duration = Duration::from_millis(500);

/// Pause after a status connection could not be accepted, so that a lack of descriptors does not spin.
pub(crate) const STATUS_ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Unused buffers the housekeeping thread keeps.
pub(crate) const HOUSEKEEPING_BUFFERS_KEPT: usize = 8;

/// Permits for checks and lookups. Each takes a descriptor; the next wait until one has ended.
pub(crate) const HOUSEKEEPING_PERMITS: usize = 512;

/// For the first answers to the names of a snapshot, before workers get it.
pub(crate) const NAMES_WAIT: Duration = Duration::from_secs(3);

/// After a lookup that no server answered, unless `dns.ttl_min` and `dns.ttl_max` say otherwise.
pub(crate) const RETRY_FAILED: Duration = Duration::from_secs(1);

/// How long a line of `/etc/hosts` holds, within the same bounds.
pub(crate) const HOSTS_TTL: Duration = Duration::from_secs(60);

/// URLs of keys of issuers that are fetched; each has a thread.
pub(crate) const JWKS_URLS_MAX: usize = 64;

/// For an issuer to answer with its keys, from the connection on.
pub(crate) const JWKS_PATIENCE: Duration = Duration::from_secs(10);

/// Bytes of a JWK Set.
pub(crate) const JWKS_BYTES_MAX: u64 = 256 << 10;

/// How long keys are fresh, if their issuer says nothing, and within which bounds if it does.
pub(crate) const JWKS_LIFETIME: Duration = Duration::from_secs(600);
pub(crate) const JWKS_LIFETIME_MIN: Duration = Duration::from_secs(60);
pub(crate) const JWKS_LIFETIME_MAX: Duration = Duration::from_secs(3600);

/// For which an issuer is left alone after it was asked, whatever keys tokens name.
pub(crate) const JWKS_REST: Duration = Duration::from_secs(5);

/// The longest pause after keys could not be fetched.
pub(crate) const JWKS_RETRY_MAX: Duration = Duration::from_secs(300);

const _: () = assert!(JWKS_REST.as_secs() < JWKS_LIFETIME_MIN.as_secs());

/// Bytes of a file of the system that are read.
pub(crate) const SYSTEM_FILE_BYTES_MAX: u64 = 1 << 20;

const _: () = assert!(STATUS_HEAD_BYTES <= tollgate_io::BUFFER_BYTES - tollgate_io::HEADROOM_BYTES);
