//! What keeps trouble small, as written: `breaker`, `adaptive_concurrency`, `throughput` and `hedge` of an upstream, `faults` of policies,
//! `shedding` of the node.
//!
//! Part of the reference manual, as all of `raw` is.

use serde::{Deserialize, Serialize};

use super::{Answer, OrWord, Shape, Spanned, Text};

/// `breaker` of an upstream.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Breaker {
    /// Failures of all requests in the window: no connection, no whole response head in time, a head that is not HTTP, or
    /// a status of 500 and above. 1% to 100% or `off`, default 50%.
    pub failures: Option<Text>,
    /// Failures in the window, however many requests there were. 1 to 10000 or `off` (default).
    pub count: Option<Text>,
    /// Failures in a row. 1 to 1000 or `off` (default).
    pub consecutive: Option<Text>,
    /// Slow requests in the window. Left out: none is slow.
    pub slow: Option<Spanned<Slow>>,
    /// Requests a window must have before a share of it counts. 1 to 10000, default 20.
    pub requests_min: Option<Text>,
    /// How far back is looked. 10ms to 24h, default 10s.
    pub window: Option<Text>,
    /// How long it stays open the first time; twice as long each time a probe fails. 1ms to 24h, default 5s.
    pub open: Option<Text>,
    /// At most this long. 1ms to 24h and not less than `open`, default 1m.
    pub open_max: Option<Text>,
    /// Requests that are let through after that; when as many went well, it closes. 1 to 100, default 3.
    pub probes: Option<Text>,
    /// What becomes of the other requests. `off` (default): answered with 503 (`circuit_open`).
    pub fallback: Option<Spanned<OrWord<Fallback>>>,
}

/// `slow` of a breaker.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Slow {
    /// A request is slow if its response head takes longer than this after it was sent. 1ms to 24h. Required.
    pub over: Option<Text>,
    /// Slow requests of all requests in the window. 1% to 100%, default 50%.
    pub share: Option<Text>,
}

/// `fallback` of a breaker; one of the three.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Fallback {
    /// The name of another upstream, whose own fallback is not used then.
    pub upstream: Option<Text>,
    /// What `answer` of a route has.
    pub answer: Option<Spanned<Answer>>,
    /// A copy of what the upstream has answered before; a request of which there is none gets 503 (`circuit_open`).
    pub cache: Option<Spanned<Cache>>,
}

/// `cache` of a fallback: the copies of answers.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Cache {
    /// Memory of all copies on this node; each worker has an equal part of it. 1MiB to 1024GiB, default 64MiB.
    pub bytes_max: Option<Text>,
    /// The largest body of which a copy is kept. 1KiB to 64MiB and not more than `bytes_max`, default 256KiB.
    pub answer_bytes_max: Option<Text>,
    /// No copy is given that is older than this, whatever its answer allows. 1s to 720h, default 1h.
    pub age_max: Option<Text>,
}

/// `adaptive_concurrency` of an upstream: how many requests are in progress follows its response times.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct AdaptiveConcurrency {
    /// The limit is never below this. 1 to 1000000, default 4.
    pub min: Option<Text>,
    /// The limit is never above this. 1 to 1000000 and not less than `min`, default 1000.
    pub max: Option<Text>,
    /// Response times of up to this many percent of the best are taken for well. 100% to 1000%, default 150%.
    pub tolerance: Option<Text>,
}

/// `throughput` of an upstream: how many requests it is sent, over all routes; each retry and hedge is one more.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Throughput {
    /// Requests per `per`. 1 to 1000000000. Required.
    pub limit: Option<Text>,
    /// `second` (default), `minute`, `hour`.
    pub per: Option<Text>,
    /// What may be sent at once after a pause. At least 1, and no more than refills in a year. Default: `limit`.
    pub burst: Option<Text>,
}

/// `hedge` of an upstream.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Hedge {
    /// A request without a body that may be repeated is sent to another endpoint as well when the first has not begun to
    /// answer after this long; the first answer counts. 1ms to 24h. Required.
    pub after: Option<Text>,
}

/// `faults` of policies. One of the two, or both.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Faults {
    /// Requests that wait before they go on.
    pub delay: Option<Spanned<Delay>>,
    /// Requests that are answered with an error.
    pub abort: Option<Spanned<Abort>>,
}

/// `delay` of `faults`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Delay {
    /// How long. 1ms to 1m. Required.
    pub fixed: Option<Text>,
    /// How many in a hundred, at random. 1 to 100, default 100.
    pub percent: Option<Text>,
}

/// `abort` of `faults`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Abort {
    /// 400 to 599. Required.
    pub status: Option<Text>,
    /// How many in a hundred, at random. 1 to 100, default 100.
    pub percent: Option<Text>,
}

/// `shedding`: which requests a worker refuses that cannot keep up.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Shedding {
    /// What is ready may wait this long for its worker. 1ms to 24h, default 50ms.
    pub delay: Option<Text>,
    /// When it always waited longer for this long, some requests of the lowest `priority` are answered with 503
    /// (`overloaded`); more and more as long as that goes on, those of a higher priority later, `critical` never. 10ms to
    /// 24h, default 100ms.
    pub interval: Option<Text>,
}

impl Shape for Fallback {
    const EXPECTED: &'static str = "`off` or a mapping like { upstream: spare }";
    const LIST: bool = false;
}

impl Shape for Faults {
    const EXPECTED: &'static str = "`off` or a mapping like { delay: { fixed: 100ms, percent: 10 } }";
    const LIST: bool = false;
}

impl Shape for Shedding {
    const EXPECTED: &'static str = "`off` or a mapping like { delay: 50ms }";
    const LIST: bool = false;
}
