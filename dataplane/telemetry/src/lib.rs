//! Counters and latency arrays of one worker, the scrape that merges them, and access records.
//!
//! Two ways out of a worker, both without a lock, a wait or an allocation in steady state:
//! - metrics: each worker writes its own [`WorkerMetrics`]; [`Registry::render`] reads all of them on another thread and
//!   merges them into Prometheus text;
//! - access records: an [`AccessRecord`] is begun when a request head is known, ended with its exchange, and appended to
//!   the worker's [`LogSink`], which hands whole blocks to the journal through a bounded queue.
//!
//! What grows with traffic is bounded in [`limits`]; what would exceed a bound is counted under `_other` or as dropped.
//! There is no clock, socket or file here.

mod access;
mod blocks;
mod config;
mod counter;
mod decimal;
mod exchange;
mod json;
mod latency;
pub mod limits;
mod line;
mod log;
pub mod names;
mod node;
mod prometheus;
mod quantile;
mod registry;
mod slots;
mod sparse;
mod sync;
mod timestamp;
mod tls;
mod usage;
mod worker;

pub use access::{AccessRecord, Fragment, RequestPart, ResponsePart};
pub use config::ConfigMetrics;
pub use counter::{Counter, Gauge};
pub use exchange::{Exchange, MethodLabel};
pub use latency::RELATIVE_ERROR;
pub use log::{Block, LogSender, LogSink, LogSource, Received, log_queue};
pub use node::{
    BreakerFigures, CertificateFigures, ClusterFigures, EndpointFigures, EndpointState, GuardFigures, KeyFigures,
    NodeFigures, ProcessFigures, QuotaStoreFigures, RuleFigures,
};
pub use prometheus::CONTENT_TYPE;
pub use registry::{Dropped, JournalMetrics, Registry};
pub use slots::{OTHER, Slots};
pub use timestamp::Timestamp;
pub use tls::{Handshake, HandshakeFailure, TlsSide, TlsVersion};
pub use usage::{UsageKey, UsageOutcome, UsageReader, Used};
pub use worker::{Guard, RuleEffect, WorkerMetrics};
