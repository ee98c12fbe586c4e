//! The judgement of rules that limit what is admitted, when a run is over.
//!
//! When the gateway has decided on a request is not known, only that it was between its sending and the first that its
//! origin or its client has seen of that. So a bound is held against those that were decided on *for certain* within a
//! stretch of time, and a refusal is explained by all that *may* have been admitted before it. With both nothing is
//! excused: an origin that got too much, and a client that was refused too soon, are found whatever else went wrong.

use super::{
    Model, Rules,
    mishap::Mishap,
    notes::{Note, Outcome},
    records::Record,
};
use std::fmt;
use tollgate_http::Reason;

/// A rule of the route `x`.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// What it limits.
    pub kind: LimitKind,
    /// Per second, in all, or at a time.
    pub limit: u64,
    /// Of a bucket.
    pub burst: u64,
    /// Each client is counted by itself.
    pub by_client: bool,
    /// It refuses nothing.
    pub shadow: bool,
    /// The store that nodes share decides; without its answer nothing is admitted.
    pub strict: bool,
}

/// What a rule limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitKind {
    /// A bucket.
    Throttle,
    /// A counter; a run is shorter than its window.
    Quota,
    /// Requests in flight.
    Concurrency,
}

/// A request that a rule has decided on, times in nanoseconds.
#[derive(Debug)]
struct Decided<'n> {
    note: &'n Note,
    key: usize,
    /// Not decided before this.
    sent: u64,
    /// Decided by then, for certain; `u64::MAX` if nobody has seen anything of it.
    known: u64,
    /// When it was over at the latest: the gateway may have been reading its body still when its client had the answer.
    ended: u64,
    refused_by: &'n str,
    shadowed_by: &'n str,
}

const SECOND_NS: u64 = 1_000_000_000;

impl fmt::Display for Limit {
    /// As it is written in a configuration: the name of the policy, and a list of it alone.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { limit, burst, by_client, shadow, strict, .. } = self;
        let mode = if *strict { ", mode: strict, store_lost: closed" } else { "" };
        let (name, key) = (self.kind.name(), if *by_client { "client_ip" } else { "node" });
        let rest = match self.kind {
            LimitKind::Throttle => format!(", per: second, burst: {burst}"),
            LimitKind::Quota => ", per: month".to_owned(),
            LimitKind::Concurrency => String::new(),
        };
        write!(
            f,
            "{name}: [ {{ name: {name}, key: {key}, limit: {limit}, keys_max: 1024, shadow: {shadow}{rest}{mode} }} ]"
        )
    }
}

impl LimitKind {
    const fn name(self) -> &'static str {
        match self {
            Self::Throttle => "throttle",
            Self::Quota => "quota",
            Self::Concurrency => "concurrency",
        }
    }
}

impl Decided<'_> {
    fn is_refused(&self) -> bool {
        !self.refused_by.is_empty()
    }

    /// Whether an origin has seen it: it was admitted.
    fn is_admitted(&self) -> bool {
        !self.note.tries.is_empty()
    }
}

fn names(list: &str, kind: LimitKind) -> bool {
    list.split(',').any(|name| name == kind.name())
}

impl Rules {
    /// Whether rules may refuse a request.
    pub(super) fn may_limit(&self, note: &Note) -> bool {
        let is_limited = self.limits.iter().flatten().any(|limit| !limit.shadow);
        is_limited && note.plan.request.target.starts_with("/x/")
    }
}

impl Model {
    /// Judges what the rules of the route `x` did.
    pub(super) fn judge_limits<'n>(&self, notes: impl Iterator<Item = &'n Note>) {
        let notes: Vec<_> = notes.collect();
        self.judge_throughput(&notes);
        let decided: Vec<_> = notes.into_iter().filter_map(Decided::of).collect();
        let strict = self.rules.limits.iter().flatten().filter(|limit| limit.strict && !limit.shadow);
        let strict: Vec<_> = strict.map(|limit| limit.kind).collect();
        for limit in self.rules.limits.iter().flatten() {
            let keys = decided.iter().map(|one| if limit.by_client { one.key } else { 0 }).max();
            for key in 0..=keys.unwrap_or(0) {
                let of_key: Vec<_> = decided.iter().filter(|one| !limit.by_client || one.key == key).collect();
                if !limit.shadow {
                    limit.judge_bound(&of_key);
                }
                if !limit.strict || !self.rules.loses_store {
                    limit.judge_refusals(&of_key, &strict);
                }
            }
        }
    }
}

impl Model {
    /// Nobody was refused while the upstream `main` might have been sent more: then at least its burst was sent before. What
    /// is drawn for a try that does not come about may be lost, so this says nothing where tries fail.
    fn judge_throughput(&self, notes: &[&Note]) {
        let Some((_, burst)) = self.rules.throughput else { return };
        let is_lossy = self.is_rough() || self.rules.upstream_connections_max.is_some() || self.rules.hedges;
        let is_lossy = is_lossy || self.rules.attempts > 1 || self.has_seen(&[Mishap::EndpointFails]);
        for refused in notes.iter().filter(|_| !is_lossy) {
            let is_throttled = |record: &Record| record.reason == Some(Reason::UpstreamThrottled);
            if refused.record.as_ref().is_some_and(is_throttled) {
                let known = refused.decided_before();
                let before = notes.iter().filter(|note| note.sent_at <= known).filter_map(|note| note.record.as_ref());
                let sent: u64 = before.map(|record| record.attempts as u64).sum();
                assert!(sent >= burst, "throttled after {sent} of {burst}: {refused:?}");
            }
        }
    }
}

impl Note {
    /// When it was surely known whether it is let in. A client that gave up has seen nothing: what it sent may be decided on
    /// later.
    fn decided_before(&self) -> u64 {
        let told = self.told_at.filter(|_| matches!(self.outcome, Outcome::Told(_))).unwrap_or(u64::MAX);
        self.reached_at.unwrap_or(u64::MAX).min(told)
    }
}

impl<'n> Decided<'n> {
    /// `None` for a request that never came to the rules of the route.
    fn of(note: &'n Note) -> Option<Self> {
        // A request with a mistake in its body has been let in when that comes.
        let is_of_route = note.plan.request.target.starts_with("/x/") && note.may_begin();
        if !is_of_route || matches!(note.outcome, Outcome::Unsent | Outcome::Dropped) || note.was_turned_away {
            return None;
        }
        let named = |list: fn(&Record) -> &str| note.record.as_ref().map_or("", list);
        let known = note.decided_before();
        let duration_ns = note.record.as_ref().map_or(u64::MAX, |record| record.duration_ns);
        Some(Self {
            note,
            key: note.client,
            sent: note.sent_at,
            known,
            ended: known.saturating_add(duration_ns),
            refused_by: named(|record| &record.throttled_by),
            shadowed_by: named(|record| &record.shadowed_by),
        })
    }
}

impl Limit {
    /// No more was admitted than may be.
    fn judge_bound(&self, decided: &[&Decided<'_>]) {
        let mut admitted: Vec<_> = decided.iter().filter(|one| one.is_admitted()).collect();
        admitted.sort_by_key(|one| one.known);
        match self.kind {
            LimitKind::Quota => assert!(admitted.len() as u64 <= self.limit, "{} admitted: {self}", admitted.len()),
            LimitKind::Throttle => {
                for from in admitted.iter().map(|one| one.sent) {
                    for (count, last) in admitted.iter().filter(|one| one.sent >= from).enumerate() {
                        let most = u128::from(self.limit) * u128::from(last.known - from) / u128::from(SECOND_NS);
                        let most = most + u128::from(self.burst);
                        assert!((count as u128) < most, "{} admitted from {from} on: {self}, {last:?}", count + 1);
                    }
                }
            }
            LimitKind::Concurrency => {
                // Its origin has it, and has not begun to answer.
                let certain: Vec<_> = admitted.iter().filter_map(|one| one.note.held_by_origin).collect();
                for (begin, _) in &certain {
                    let inside = certain.iter().filter(|(from, to)| (from..to).contains(&begin)).count();
                    assert!(inside as u64 <= self.limit, "{inside} in flight at {begin}: {self}");
                }
            }
        }
    }

    /// Every refusal can be explained by what may have been admitted before. What a rule of the store refused had been let in
    /// by all others while it waited.
    fn judge_refusals(&self, decided: &[&Decided<'_>], strict: &[LimitKind]) {
        let is_held = |one: &Decided<'_>| !self.strict && strict.iter().any(|kind| names(one.refused_by, *kind));
        for refused in decided {
            let list = if self.shadow { refused.shadowed_by } else { refused.refused_by };
            if !names(list, self.kind) {
                continue;
            }
            let before = decided.iter().filter(|one| {
                (!one.is_refused() || is_held(one))
                    && one.sent <= refused.known
                    && one.note.plan.request.token != refused.note.plan.request.token
            });
            let is_explained = match self.kind {
                LimitKind::Quota => before.count() as u64 >= self.limit,
                LimitKind::Concurrency => before.filter(|one| one.ended >= refused.sent).count() as u64 >= self.limit,
                LimitKind::Throttle => {
                    let at: Vec<_> = before.map(|one| one.known.min(refused.known)).collect();
                    at.iter().any(|&from| {
                        let taken = at.iter().filter(|&&at| at >= from).count() as u64 + 1;
                        // Nobody may have seen when it was admitted, so that `from` may be the end of time.
                        // Rounding never takes more than a nanosecond for each.
                        let unit = SECOND_NS.div_ceil(self.limit) + 1;
                        from.saturating_add(taken * unit) > refused.sent + self.burst * (SECOND_NS / self.limit)
                    })
                }
            };
            assert!(is_explained, "refused too soon by {self}: {refused:?}");
        }
    }
}
