//! The bounds of the contract: what a file may hold, and the range of every number in it.
//!
//! They are what the manual (`docs/users/configure.md`) states; a value outside its range is refused when the file is
//! resolved, so that no other crate checks again.

use std::{ops::RangeInclusive, time::Duration};
use tollgate_document::{Count, Percent, Size};

pub use tollgate_document::FILE_BYTES_MAX;
pub use tollgate_document::FILES_MAX;
/// Files that include each other, one inside the other.
pub const INCLUDE_DEPTH_MAX: usize = 8;
/// Mistakes reported at one time.
pub const ERRORS_MAX: usize = 100;

/// Characters of a name.
pub const NAME_CHARS_MAX: usize = 64;
/// Items of one kind: a patch may not make more of them than a file could hold.
pub const ITEMS_MAX: usize = 300_000;
/// Plans of a node are [`ITEMS_MAX`] at most; rules of one, besides the [`RULES_MAX`] of a route that asks for fewer.
pub const PLAN_RULES_MAX: usize = 8;
/// Applications of a node.
pub const APPLICATIONS_MAX: usize = 4_000_000;
/// Credentials of an application.
pub const CREDENTIALS_MAX: usize = 64;
/// Subscriptions of an application: a request looks through them.
pub const SUBSCRIPTIONS_MAX: usize = 1024;
/// Scopes of a credential or of a route.
pub const SCOPES_MAX: usize = 32;
/// Bytes of a scope.
pub const SCOPE_BYTES_MAX: usize = 128;
/// Tokens of a client that have ended before their time: a request of one compares with each.
pub const REVOKED_MAX: usize = 1000;
/// Characters of the name of an API.
pub const API_NAME_CHARS_MAX: usize = 128;
/// Digits of a hash that a credential is called by which has no id.
pub const CREDENTIAL_ID_DIGITS: usize = 16;
/// Ways for a request to say who calls.
pub const METHODS_OF_IDENTIFY_MAX: usize = 8;
/// Audiences of an issuer's tokens.
pub const AUDIENCES_MAX: usize = 16;
/// Bytes of the URL of an issuer's keys.
pub const JWKS_URL_BYTES_MAX: usize = 512;
/// By how much the clock of an issuer may differ.
pub const CLOCK_SKEW: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(600);
pub use tollgate_consumer::CLIENT_BYTES_MAX;
/// Listeners of a node.
pub const LISTENERS_MAX: usize = 256;

/// Certificates of a listener.
pub const CERTIFICATES_MAX: usize = 1024;
/// Endpoints of an upstream, as written and again after names are resolved.
pub const ENDPOINTS_MAX: usize = 4096;
/// Highest CPU id + 1, what the kernel's CPU set holds.
pub const CPUS_MAX: usize = 1024;
/// Methods one route can name.
pub const METHODS_MAX: usize = 32;
/// Conditions of one kind (header fields, query parameters, cookies) that one route can have.
pub const CONDITIONS_MAX: usize = 16;
/// Bytes of a name or a value in a condition. Longer values of a request are equal to none and match no expression.
pub const VALUE_BYTES_MAX: usize = 1024;
/// Regular expressions of one file: with the bound on each, what they may need at most.
pub const EXPRESSIONS_MAX: usize = 1024;
/// Bytes of the name of a header field or cookie: what the index of a head holds.
pub const FIELD_NAME_BYTES_MAX: usize = 255;
/// Upstreams that one route can be split between: with [`SHARE_WEIGHT`], every split is exact in 10,000 turns.
pub const SHARES_MAX: usize = 10;
/// `weight` of an upstream of a route; 0 takes it out without taking it away.
pub const SHARE_WEIGHT: RangeInclusive<Count> = Count(0)..=Count(1000);
/// Bytes of the body of a fixed answer: it leaves in one buffer with its head.
pub const ANSWER_BYTES_MAX: usize = 8 << 10;
/// Header fields of a fixed answer; with the bound on a value they fit the same buffer.
pub const ANSWER_FIELDS_MAX: usize = 8;
/// Bytes of the token that lets its bearer change the configuration.
pub const TOKEN_BYTES: RangeInclusive<usize> = 16..=256;
/// Named sets of policies of a file.
pub const POLICY_SETS_MAX: usize = 1024;
/// Sets that one route can use; each may add a list of addresses to look through.
pub const SETS_USED_MAX: usize = 16;
/// Entries of `allow` or `deny` of one `ip` policy.
pub const NETWORKS_MAX: usize = 65_536;
/// Entries of `remove`, `set` or `add`.
pub const EDITS_MAX: usize = 32;
/// Bytes of the names and values that the changes of one kind add to a message, all layers together: with a head of
/// usual size they fit one buffer.
pub const EDIT_BYTES_MAX: usize = 4096;
/// Origins of one `cors` policy.
pub const ORIGINS_MAX: usize = 64;
/// Regular expressions of one `cors` policy.
pub const ORIGIN_EXPRESSIONS_MAX: usize = 16;
/// Bytes of the names in each list of a `cors` policy, with what separates them.
pub const CORS_LIST_BYTES_MAX: usize = 1024;
/// `cors.max_age`.
pub const MAX_AGE: RangeInclusive<Duration> = Duration::ZERO..=DAY;
/// Rules of one list, and of one route over all lists: what a decision has room for.
pub const RULES_MAX: usize = 16;
/// Parts of the key of a rule.
pub const KEY_PARTS_MAX: usize = 8;
/// `ipv4_prefix` of a rule.
pub const IPV4_PREFIX: RangeInclusive<Count> = Count(1)..=Count(32);
/// Unless it is written.
pub const IPV4_PREFIX_DEFAULT: Count = Count(32);
/// `ipv6_prefix` of a rule; a customer has at least a /64 (RFC 6177).
pub const IPV6_PREFIX: RangeInclusive<Count> = Count(1)..=Count(128);
/// Unless it is written.
pub const IPV6_PREFIX_DEFAULT: Count = Count(64);
/// `limit` of a `throttle`.
pub const THROTTLE: RangeInclusive<Count> = Count(1)..=Count(1_000_000_000);
/// `burst` of a `throttle`.
pub const BURST: RangeInclusive<Count> = Count(1)..=Count(1_000_000_000_000);
/// How long a bucket may take to fill.
pub const FILL_MAX: Duration = DAY.saturating_mul(365);
/// `limit` of a `quota`: what a counter holds.
pub const QUOTA: RangeInclusive<Count> = Count(1)..=Count((1 << 39) - 1);
/// `limit` of `concurrency`.
pub const CONCURRENCY: RangeInclusive<Count> = Count(1)..=Count((1 << 20) - 1);
/// `limit` and `burst` of `bandwidth`.
pub const BANDWIDTH: RangeInclusive<Size> = Size(KIB)..=Size(1 << 40);
/// `cost` as a number.
pub const COST: RangeInclusive<u64> = 1..=1_000_000;
/// `months` of a cycle.
pub const MONTHS: RangeInclusive<Count> = Count(1)..=Count(120);
/// `paths` of `when`.
pub const WHEN_PATHS_MAX: usize = 64;
/// Entries of `overrides`, and of `values` of one.
pub const OVERRIDES_MAX: usize = 1024;
/// `keys_max` of a rule.
pub const KEYS: RangeInclusive<Count> = Count(1024)..=Count(100_000_000);
/// Unless it is written.
pub const KEYS_DEFAULT: Count = Count(65_536);
/// Bytes of a method.
pub const METHOD_BYTES_MAX: usize = 32;

/// A share in percent.
pub const PERCENT: RangeInclusive<Count> = Count(0)..=Count(100);

const KIB: u64 = 1 << 10;
const DAY: Duration = Duration::from_secs(24 * 3600);

/// An endpoint's `weight`.
pub const WEIGHT: RangeInclusive<Count> = Count(1)..=Count(1000);
/// `connections.idle_max`.
pub const IDLE_MAX: RangeInclusive<Count> = Count(0)..=Count(65_536);
/// `connections.max`.
pub const CONNECTIONS_PER_ENDPOINT: RangeInclusive<Count> = Count(1)..=Count(65_536);
/// Bytes of the path of a `unix:` address: what the kernel takes, with its final zero (unix(7)).
pub const UNIX_PATH_BYTES_MAX: usize = 107;
/// `consistent_hash.load_max`.
pub const LOAD_MAX: RangeInclusive<Percent> = Percent(101)..=Percent(1000);
/// `health` intervals: often enough for anybody, and no flood.
pub const CHECK_INTERVAL: RangeInclusive<Duration> = Duration::from_millis(10)..=DAY;
/// `health` thresholds.
pub const CHECKS: RangeInclusive<Count> = Count(1)..=Count(100);
/// Entries of `status` of a check.
pub const CHECK_STATUSES_MAX: usize = 16;
/// `outliers.consecutive`.
pub const CONSECUTIVE: RangeInclusive<Count> = Count(1)..=Count(1000);
/// `outliers.failures` and `outliers.ejected_max`.
pub const SHARE: RangeInclusive<Percent> = Percent(1)..=Percent(100);
/// `outliers.requests_min`.
pub const WINDOW_REQUESTS: RangeInclusive<Count> = Count(1)..=Count(1_000_000);
/// `breaker.count` and `breaker.requests_min`: a window counts at least this many exactly.
pub const BREAKER_COUNT: RangeInclusive<Count> = Count(1)..=Count(10_000);
/// `breaker.fallback.cache.bytes_max`.
pub const CACHE_BYTES: RangeInclusive<Size> = Size(1 << 20)..=Size(1 << 40);
/// `breaker.fallback.cache.answer_bytes_max`.
pub const CACHED_ANSWER_BYTES: RangeInclusive<Size> = Size(KIB)..=Size(64 << 20);
/// `breaker.fallback.cache.age_max`.
pub const CACHE_AGE: RangeInclusive<Duration> = Duration::from_secs(1)..=DAY.saturating_mul(30);
/// `adaptive_concurrency`.
pub const ADAPTIVE: RangeInclusive<Count> = Count(1)..=Count(1_000_000);
/// `adaptive_concurrency.tolerance`.
pub const TOLERANCE: RangeInclusive<Percent> = Percent(100)..=Percent(1000);
/// `faults.abort.status`.
pub const ABORT_STATUS: RangeInclusive<Count> = Count(400)..=Count(599);
/// `faults.*.percent`.
pub const FAULT_PERCENT: RangeInclusive<Count> = Count(1)..=Count(100);
/// `retries.attempts`.
pub const ATTEMPTS: RangeInclusive<Count> = Count(1)..=Count(ATTEMPTS_MAX as u64);
/// Tries of one request.
pub const ATTEMPTS_MAX: usize = 10;
/// `retries.budget`.
pub const RETRY_BUDGET: RangeInclusive<Percent> = Percent(0)..=Percent(100);
/// `retries.budget_min`.
pub const RETRIES_MIN: RangeInclusive<Count> = Count(0)..=Count(10_000);
/// `dns.servers`.
pub const DNS_SERVERS_MAX: usize = 8;
/// `dns.timeout`.
pub const DNS_TIMEOUT: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(60);
/// `quota_store.every`.
pub const QUOTA_STORE_EVERY: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(3600);
/// `cluster.redis`.
pub const STORE_URLS_MAX: usize = 8;
/// `cluster.nodes`.
pub const NODES: RangeInclusive<Count> = Count(1)..=Count(1000);
/// `cluster.timeout`.
pub const STORE_TIMEOUT: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(10);
/// `limits.head_bytes`: a head and what is added to it share one 32 KiB buffer.
pub const HEAD_BYTES: RangeInclusive<Size> = Size(KIB)..=Size(31 * KIB);
/// `limits.target_bytes`.
pub const TARGET_BYTES: RangeInclusive<Size> = Size(64)..=Size(31 * KIB);
/// `limits.fields`: the field index of a head is this long.
pub const FIELDS: RangeInclusive<Count> = Count(1)..=Count(128);
/// `limits.body_bytes`.
pub const BODY_BYTES: RangeInclusive<Size> = Size(0)..=Size(1 << 50);
/// `limits.connections`.
pub const CONNECTIONS: RangeInclusive<Count> = Count(1)..=Count(10_000_000);
/// `limits.requests_per_connection`.
pub const REQUESTS: RangeInclusive<Count> = Count(1)..=Count(1 << 32);
/// Every duration but `linger`.
pub const DURATION: RangeInclusive<Duration> = Duration::from_millis(1)..=DAY;
/// `timeouts.linger` and `faults.delay.fixed`: it holds a connection nobody needs any more.
pub const LINGER: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(60);
/// `access_log.rotate.size`: no less than the journal writes at a time.
pub const SEGMENT_BYTES: RangeInclusive<Size> = Size(128 * KIB)..=Size(1 << 40);
/// `access_log.rotate.every`.
pub const SEGMENT_EVERY: RangeInclusive<Duration> = Duration::from_secs(60)..=DAY.saturating_mul(365);
/// `access_log.keep.files`.
pub const KEPT_FILES: RangeInclusive<Count> = Count(0)..=Count(100_000);
/// `access_log.keep.bytes`.
pub const KEPT_BYTES: RangeInclusive<Size> = Size(128 * KIB)..=Size(1 << 50);
/// `access_log.keep.age`.
pub const KEPT_AGE: RangeInclusive<Duration> = Duration::from_secs(60)..=DAY.saturating_mul(3650);

/// `tuning.ring_entries`; the kernel has 65,536 completions at most, 16 for each.
pub const RING_ENTRIES: RangeInclusive<Count> = Count(64)..=Count(4096);
/// `tuning.buffer_bytes`: a TLS record and what lies around it, up to what offsets of 16 bits reach.
pub const TUNED_BUFFER_BYTES: RangeInclusive<Size> = Size(24 * KIB)..=Size(63 * KIB);
/// `tuning.buffers_kept`.
pub const BUFFERS_KEPT: RangeInclusive<Count> = Count(16)..=Count(65_536);
/// `tuning.turn_budget`.
pub const TURN_BUDGET: RangeInclusive<Count> = Count(8)..=Count(65_536);
/// `tuning.task_budget`: a task that waits for several sources asks for a few transfers before it makes one.
pub const TASK_BUDGET: RangeInclusive<Count> = Count(8)..=Count(1024);
/// `tuning.idle.spin_us`.
pub const SPIN_US: RangeInclusive<Count> = Count(1)..=Count(10_000);
/// `tuning.backlog`.
pub const BACKLOG: RangeInclusive<Count> = Count(16)..=Count(65_535);
/// `tuning.offload_threads`.
pub const OFFLOAD_THREADS: RangeInclusive<Count> = Count(1)..=Count(64);
/// `tuning.busy_connections`.
pub const BUSY_CONNECTIONS: RangeInclusive<Count> = Count(0)..=Count(1_000_000);
/// `tuning.handshakes_per_turn`.
pub const HANDSHAKES: RangeInclusive<Count> = Count(1)..=Count(64);

const _: () = assert!(HEAD_BYTES.end().0 >= TARGET_BYTES.end().0, "a target is part of a head");
