//! What a scrape shows besides what workers count, looked up on the status thread when it is asked for.
//!
//! Only reads atomics, queue lengths and /proc: a scrape never makes a worker wait, and does not wait for a snapshot that is
//! being published; it shows the parts of the one before then. Everything listed here is bounded where it is rendered.

use crate::{
    certificates::SystemClock,
    process::Process,
    publish::{Parts, Publisher},
    survival::Survival,
};
use std::{
    cell::RefCell,
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};
use tollgate_balance::{BreakerState, Endpoint, Upstream};
use tollgate_cluster::{QuotaFigures, Shares, StrictFigures};
use tollgate_model::RuleId;
use tollgate_telemetry::{
    BreakerFigures, ClusterFigures, EndpointFigures, EndpointState, GuardFigures, KeyFigures, NodeFigures,
    QuotaStoreFigures, RuleFigures, limits::RULES_MAX,
};
use tollgate_tls::WallClock;
use tollgate_worker::{FetchedKeys, RuleCounts};

/// Where the figures are found.
pub(crate) struct Figures {
    process: Process,
    publisher: Arc<Publisher>,
    survival: Survival,
    /// As of the last scrape.
    parts: RefCell<Parts>,
}

impl Figures {
    pub(crate) fn new(publisher: Arc<Publisher>, survival: Survival) -> Self {
        Self { process: Process::new(), publisher, survival, parts: RefCell::default() }
    }

    /// The figures now.
    pub(crate) fn look(&self) -> NodeFigures {
        if let Some(parts) = self.publisher.parts() {
            self.parts.replace(parts);
        }
        let Parts { upstreams, rules, certificates, keys } = &*self.parts.borrow();
        let now = tollgate_ring::now().nanos();
        let endpoints = upstreams.iter().flat_map(|upstream| {
            let list = upstream.endpoints();
            let figures = list.members().iter().map(|member| endpoint_figures(upstream, &member.endpoint, now));
            figures.collect::<Vec<_>>()
        });
        let mut endpoints: Vec<_> = endpoints.collect();
        // The same ones every time, when there are more than are shown.
        endpoints.sort_by(|one, other| (&one.upstream, &one.endpoint).cmp(&(&other.upstream, &other.endpoint)));
        let mut rules: Vec<_> = rules.iter().map(|counts| (rule_figures(counts), counts)).collect();
        rules.sort_by(|(one, _), (other, _)| one.labels.cmp(&other.labels));
        // Tables are looked at only for what is shown.
        let unix_s = i64::try_from(SystemClock.unix_seconds()).unwrap_or(i64::MAX);
        for (figures, counts) in rules.iter_mut().take(RULES_MAX) {
            figures.keys = Some(counts.live_keys(now, unix_s));
        }
        let rules: Vec<_> = rules.into_iter().map(|(figures, _)| figures).collect();
        NodeFigures {
            is_ready: self.publisher.is_ready() && !self.publisher.is_draining(),
            process: self.process.figures(),
            mailboxes: self.publisher.waiting(),
            endpoints,
            rules,
            guards: upstreams.iter().filter_map(|upstream| guard(upstream)).collect(),
            quota_store: self.survival.quotas.as_ref().map(|store| quota_store_figures(store.figures())),
            cluster: self.survival.shares.as_ref().map(|shares| cluster_figures(shares)),
            certificates: certificates.clone(),
            keys: key_figures(keys),
        }
    }
}

fn rule_figures(counts: &RuleCounts) -> RuleFigures {
    let RuleId { scope, policy, name } = counts.id();
    let labels = [&**scope, *policy, &**name].map(str::to_owned);
    RuleFigures { labels, overflows: counts.overflows(), keys: None, table_bytes: counts.bytes() as u64 }
}

/// By URL: several entries may have the same, with other algorithms or authorities.
fn key_figures(keys: &[Arc<FetchedKeys>]) -> Vec<KeyFigures> {
    let mut by_url = BTreeMap::new();
    for keys in keys {
        let url = keys.source().url.clone();
        let empty = KeyFigures { url: url.clone(), fetched_s: u64::MAX, failures: 0 };
        let figures = by_url.entry(url).or_insert(empty);
        figures.fetched_s = figures.fetched_s.min(keys.fetched_s());
        figures.failures += keys.failures();
    }
    by_url.into_values().collect()
}

fn quota_store_figures(figures: &QuotaFigures) -> QuotaStoreFigures {
    QuotaStoreFigures {
        writes: figures.writes.load(Relaxed),
        errors: figures.errors.load(Relaxed),
        written_s: figures.written_s.load(Relaxed),
    }
}

fn cluster_figures(shares: &Shares) -> ClusterFigures {
    let figures = shares.figures();
    let strict = |count: fn(&StrictFigures) -> &AtomicU64| {
        shares.strict_figures().map_or(0, |figures| count(figures).load(Relaxed))
    };
    ClusterFigures {
        is_up: !shares.is_lost(),
        losses: figures.losses.load(Relaxed),
        lent: figures.lent.load(Relaxed),
        lent_alone: figures.lent_alone.load(Relaxed),
        questions: [
            strict(|figures| &figures.answered),
            strict(|figures| &figures.late),
            strict(|figures| &figures.lost),
            strict(|figures| &figures.full),
        ],
        debits_dropped: strict(|figures| &figures.debits_dropped),
        wants_dropped: figures.wants_dropped.load(Relaxed),
    }
}

fn endpoint_figures(upstream: &Upstream, endpoint: &Endpoint, now: u64) -> EndpointFigures {
    EndpointFigures {
        upstream: upstream.rules().name.clone(),
        endpoint: endpoint.label().to_owned(),
        state: match (endpoint.is_unhealthy(), endpoint.is_ejected(now)) {
            (true, _) => EndpointState::Unhealthy,
            (false, true) => EndpointState::Ejected,
            (false, false) => EndpointState::Healthy,
        },
        active_requests: upstream.counts_requests().then(|| endpoint.in_flight().into()),
    }
}

fn guard(upstream: &Upstream) -> Option<GuardFigures> {
    let breaker = upstream.breaker().map(|breaker| BreakerFigures {
        state: breaker.state() as usize,
        entered: [BreakerState::Closed, BreakerState::Open, BreakerState::HalfOpen].map(|state| breaker.entered(state)),
    });
    let concurrency_limit = upstream.adaptive().map(|limit| u64::from(limit.limit()));
    let has_any = breaker.is_some() || concurrency_limit.is_some();
    has_any.then(|| GuardFigures { upstream: upstream.rules().name.clone(), breaker, concurrency_limit })
}
