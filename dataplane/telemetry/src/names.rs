//! Every metric of the product: its name, kind, help and labels.
//!
//! The one place where a metric is named. Names follow OpenTelemetry's semantic conventions in their Prometheus form where
//! one exists, else `tollgate_*`. To add one: declare it here, add it to [`ALL`], render it in `prometheus.rs`, describe
//! it in docs/users/logs-and-metrics.md (tests compare the four).

/// How Prometheus is to read a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows while the node runs.
    Counter,
    /// Grows and shrinks.
    Gauge,
    /// Cumulative buckets, `_sum` and `_count`.
    Histogram,
}

impl Kind {
    /// The word of a `# TYPE` line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// What there is to know of a metric besides its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// Full name, unit included.
    pub name: &'static str,
    /// How to read it.
    pub kind: Kind,
    /// One sentence.
    pub help: &'static str,
    /// Names of its labels, besides `le`.
    pub labels: &'static [&'static str],
}

macro_rules! metrics {
    ($($constant:ident: $kind:ident $name:literal [$($label:literal),*] $help:literal;)+) => {
        $(#[doc = $help] pub const $constant: Metric =
            Metric { name: $name, kind: Kind::$kind, help: $help, labels: &[$($label),*] };)+

        /// Every metric, in the order of a scrape.
        pub const ALL: &[Metric] = &[$($constant),+];
    };
}

metrics! {
    BUILD_INFO: Gauge "tollgate_build_info" ["version"]
        "Always 1; the version that runs is in the label.";
    REQUEST_DURATION: Histogram "http_server_request_duration_seconds" ["http_route", "status_class"]
        "Time from the first byte of a request to the last byte of its response, by route and class of status.";
    REQUEST_DURATION_QUANTILE: Gauge "tollgate_request_duration_quantile_seconds" ["http_route", "quantile"]
        "Quantiles of the request duration since the node started, by route.";
    REQUESTS: Counter "tollgate_requests_total" ["http_route", "status_class"]
        "Finished exchanges by route and class of status; none is an exchange that ended without a status.";
    RESPONSES: Counter "tollgate_responses_total" ["http_response_status_code"]
        "Finished exchanges by the status sent downstream; those seen so far.";
    REQUESTS_BY_METHOD: Counter "tollgate_requests_by_method_total" ["http_request_method"]
        "Finished exchanges by method.";
    REQUESTS_BY_WORKER: Counter "tollgate_worker_requests_total" ["worker"]
        "Finished exchanges by worker.";
    CONNECTIONS_BY_WORKER: Gauge "tollgate_worker_connections_open" ["worker"]
        "Downstream connections open, by worker.";
    CONNECTIONS_HANDED_OVER: Counter "tollgate_worker_connections_handed_over_total" ["worker"]
        "Fresh downstream connections that a worker accepted and gave to one that had fewer.";
    CONNECTIONS_TAKEN_OVER: Counter "tollgate_worker_connections_taken_over_total" ["worker"]
        "Fresh downstream connections that a worker took from one that had more.";
    REQUEST_FAILURES: Counter "tollgate_request_failures_total" ["reason"]
        "Exchanges that did not end as they should, by reason.";
    ACTIVE_REQUESTS: Gauge "http_server_active_requests" []
        "Exchanges in progress.";
    REQUESTS_SHED: Counter "tollgate_requests_shed_total" ["priority"]
        "Requests refused because their worker could not keep up, by priority of the route.";
    SHEDDING_PRESSURE: Gauge "tollgate_worker_shedding_pressure" ["worker"]
        "How hard a worker refuses requests: 0 for not at all, 8 for all of low priority, 16 for normal ones too, 24 for high ones too.";
    FAULTS_INJECTED: Counter "tollgate_faults_injected_total" ["kind"]
        "Faults injected by policies, delay or abort.";
    RECEIVED_BYTES: Counter "tollgate_received_bytes_total" []
        "Bytes of requests received from downstream, heads included.";
    SENT_BYTES: Counter "tollgate_sent_bytes_total" []
        "Bytes of responses sent downstream, heads included.";
    CONNECTIONS: Counter "tollgate_connections_total" ["listener"]
        "Downstream connections accepted, by listener.";
    CONNECTIONS_OPEN: Gauge "tollgate_connections_open" ["listener"]
        "Downstream connections open, by listener.";
    ACCEPT_ERRORS: Counter "tollgate_accept_errors_total" []
        "Downstream connections that could not be accepted.";
    TLS_HANDSHAKES: Counter "tollgate_tls_handshakes_total" ["side", "version", "kind"]
        "TLS handshakes with clients (downstream) and endpoints (upstream) that are done, full or resumed; those seen so far.";
    TLS_HANDSHAKE_FAILURES: Counter "tollgate_tls_handshake_failures_total" ["side", "reason"]
        "TLS handshakes that did not come to their end, by reason; those seen so far.";
    UPSTREAM_REQUESTS: Counter "tollgate_upstream_requests_total" ["upstream", "status_class"]
        "Exchanges that chose an upstream, by class of its response's status; none where it gave no response.";
    UPSTREAM_FAILURES: Counter "tollgate_upstream_failures_total" ["upstream", "reason"]
        "Exchanges that chose an upstream and did not end as they should, by reason.";
    UPSTREAM_ATTEMPTS: Counter "tollgate_upstream_attempts_total" ["upstream"]
        "Tries to forward a request to an endpoint of an upstream; more than requests when some were repeated.";
    UPSTREAM_FIRST_BYTE: Histogram "tollgate_upstream_first_byte_seconds" ["upstream"]
        "Time from the forwarded request head to the first byte of the upstream's response head.";
    UPSTREAM_ACTIVE_REQUESTS: Gauge "tollgate_upstream_active_requests" ["upstream"]
        "Exchanges in progress that have chosen an upstream.";
    UPSTREAM_CONNECTIONS: Counter "tollgate_upstream_connections_total" ["upstream", "kind"]
        "Connections that exchanges got to an upstream, newly made or reused.";
    UPSTREAM_CONNECT_FAILURES: Counter "tollgate_upstream_connect_failures_total" ["upstream"]
        "Connections to an upstream that could not be made.";
    UPSTREAM_REJECTED: Counter "tollgate_upstream_rejected_total" ["upstream", "by"]
        "Requests that an upstream was not given, by its open breaker, its limit of requests in progress or its throughput.";
    UPSTREAM_HEDGES: Counter "tollgate_upstream_hedges_total" ["upstream"]
        "Requests that were sent to a second endpoint because the first was slow.";
    UPSTREAM_HEDGES_WON: Counter "tollgate_upstream_hedges_won_total" ["upstream"]
        "Requests that were sent to a second endpoint, which answered first.";
    UPSTREAM_CACHE_REQUESTS: Counter "tollgate_upstream_cache_requests_total" ["upstream", "outcome"]
        "Requests that an open breaker refused and a copy of an earlier answer was looked for: hit if there was one, else miss.";
    UPSTREAM_CACHE_BYTES: Gauge "tollgate_upstream_cache_bytes" ["upstream"]
        "Memory that copies of an upstream's answers take, kept for when its breaker is open.";
    UPSTREAM_BREAKER: Gauge "tollgate_upstream_breaker_state" ["upstream", "state"]
        "1 for the state that the breaker of an upstream is in, closed, open or half_open; 0 for the others.";
    UPSTREAM_BREAKER_TRANSITIONS: Counter "tollgate_upstream_breaker_transitions_total" ["upstream", "to"]
        "States that the breaker of an upstream has entered.";
    UPSTREAM_CONCURRENCY_LIMIT: Gauge "tollgate_upstream_concurrency_limit" ["upstream"]
        "Requests that may be in progress with an upstream, where that follows its response times.";
    UPSTREAM_CONNECTIONS_IDLE: Gauge "tollgate_upstream_connections_idle" ["upstream"]
        "Idle connections to an upstream, kept for reuse; the parked ones are among them.";
    UPSTREAM_CONNECTIONS_PARKED: Gauge "tollgate_upstream_connections_parked" ["upstream"]
        "Idle connections to an upstream that stand where every worker can take them.";
    UPSTREAM_ENDPOINTS: Gauge "tollgate_upstream_endpoints" ["upstream", "state"]
        "Endpoints of an upstream, by whether they may be chosen: healthy, unhealthy or ejected.";
    ENDPOINT_HEALTHY: Gauge "tollgate_upstream_endpoint_healthy" ["upstream", "endpoint"]
        "1 while an endpoint may be chosen, 0 while its health check fails or it is ejected.";
    ENDPOINT_ACTIVE_REQUESTS: Gauge "tollgate_upstream_endpoint_active_requests" ["upstream", "endpoint"]
        "Exchanges in progress with an endpoint, where the choice of endpoints counts them.";
    RULE_REQUESTS: Counter "tollgate_rule_requests_total" ["scope", "policy", "rule", "outcome"]
        "Requests that a rule admitted, refused, or would have refused if it were no shadow (shadowed).";
    RULE_OVERFLOWS: Counter "tollgate_rule_overflows_total" ["scope", "policy", "rule"]
        "Decisions on keys that shared a count, because the table of a rule had no room for more.";
    RULE_KEYS: Gauge "tollgate_rule_keys" ["scope", "policy", "rule"]
        "Keys that a rule counts something of at the moment; above some 75,000, an estimate.";
    RULE_TABLE_BYTES: Gauge "tollgate_rule_table_bytes" ["scope", "policy", "rule"]
        "Memory that the counts of a rule take.";
    QUOTA_STORE_WRITES: Counter "tollgate_quota_store_writes_total" ["result"]
        "Rounds in which what quotas have counted was written down (ok), or was to be (error).";
    QUOTA_STORE_LAST_WRITE: Gauge "tollgate_quota_store_last_write_timestamp_seconds" []
        "When what quotas have counted was last written down.";
    CLUSTER_STORE_UP: Gauge "tollgate_cluster_store_up" []
        "Whether the store that nodes share answers.";
    CLUSTER_STORE_LOSSES: Counter "tollgate_cluster_store_losses_total" []
        "Times that the store that nodes share was lost.";
    CLUSTER_UNITS_LENT: Counter "tollgate_cluster_units_lent_total" ["by"]
        "Units of limits that this node was lent by the store, or lent itself while that was away (node).";
    CLUSTER_QUESTIONS: Counter "tollgate_cluster_questions_total" ["outcome"]
        "Requests that the store was to decide on, by whether it did (answered), too late (late), not being there (lost), or was not asked since too many waited (full).";
    CLUSTER_DEBITS_DROPPED: Counter "tollgate_cluster_debits_dropped_total" []
        "Admissions without the store that it is not told of, since there were too many.";
    CLUSTER_WANTS_DROPPED: Counter "tollgate_cluster_wants_dropped_total" []
        "Times that units of a leased rule were wanted and too many such wishes waited; they are wished for again.";
    CONFIG_GENERATION: Gauge "tollgate_config_generation" []
        "Generation of the configuration that the workers were last told to run.";
    WORKER_GENERATION: Gauge "tollgate_worker_config_generation" ["worker"]
        "Generation of the snapshot that new exchanges of a worker run on.";
    CONFIG_DIGEST: Gauge "tollgate_config_digest" []
        "First 48 bits of the digest of the configuration: equal on nodes that run the same one.";
    CONFIG_CHANGES: Counter "tollgate_config_changes_total" ["result"]
        "Changes of the configuration asked for: applied, unchanged (nothing new), refused (nothing changed).";
    CONFIG_LAST_CHANGE_OK: Gauge "tollgate_config_last_change_ok" []
        "Whether the last change asked for was not refused: 1, else 0.";
    CONFIG_LAST_CHANGE: Gauge "tollgate_config_last_change_timestamp_seconds" ["result"]
        "When a change of the configuration ended like this last, in seconds since 1970.";
    READY: Gauge "tollgate_ready" []
        "1 while the node is ready, as /readyz says; 0 otherwise.";
    MAILBOX_MESSAGES: Gauge "tollgate_worker_mailbox_messages" ["worker"]
        "Messages from other threads that wait for a worker.";
    BUFFERS_IN_USE: Gauge "tollgate_buffers_in_use" []
        "Buffers that hold bytes of an exchange in progress.";
    ACCESS_RECORDS_WRITTEN: Counter "tollgate_access_records_written_total" []
        "Access records written.";
    ACCESS_RECORDS_DROPPED: Counter "tollgate_access_records_dropped_total" ["cause"]
        "Access records not written: the journal was behind (queue_full) or could not write (write_error).";
    ACCESS_LOG_BYTES: Counter "tollgate_access_log_bytes_total" []
        "Bytes of access records written.";
    ACCESS_LOG_QUEUE: Gauge "tollgate_access_log_queue_blocks" []
        "Blocks of access records that wait for the journal.";
    ACCESS_LOG_QUEUE_MAX: Gauge "tollgate_access_log_queue_blocks_max" []
        "Blocks of access records that may wait; the next one is dropped.";
    CERTIFICATE_EXPIRY: Gauge "tollgate_certificate_expiry_timestamp_seconds" ["listener", "certificate", "key"]
        "When a certificate of a listener ends, in seconds since 1970.";
    JWKS_FETCHED: Gauge "tollgate_jwks_fetched_timestamp_seconds" ["url"]
        "When the keys of an issuer were fetched last, in seconds since 1970.";
    JWKS_FAILURES: Counter "tollgate_jwks_failures_total" ["url"]
        "How often the keys of an issuer could not be fetched.";
    PROCESS_CPU: Counter "process_cpu_seconds_total" []
        "Time of the process on CPUs, user and system.";
    PROCESS_START: Gauge "process_start_time_seconds" []
        "When the process was started, in seconds since 1970.";
    PROCESS_RESIDENT: Gauge "process_resident_memory_bytes" []
        "Memory of the process in RAM.";
    PROCESS_VIRTUAL: Gauge "process_virtual_memory_bytes" []
        "Address space of the process.";
    PROCESS_THREADS: Gauge "process_threads" []
        "Threads of the process.";
    PROCESS_OPEN_FDS: Gauge "process_open_fds" []
        "Open file descriptors.";
    PROCESS_MAX_FDS: Gauge "process_max_fds" []
        "The most file descriptors that may be open.";
}
