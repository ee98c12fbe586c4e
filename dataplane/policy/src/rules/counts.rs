//! What is counted for a rule, on the whole node, and how it gets from snapshot to snapshot.
//!
//! [`Registry`] lives on the publishing thread. A rule is found again by its place and name; as long as what tells its
//! keys apart and what is counted stay the same it keeps its counts, whatever becomes of its limits. The registry itself
//! keeps nothing alive: counts go with the last program that has the rule, so that memory is that of the rules there are.

use ahash::AHashMap;
use std::sync::{
    Arc, Weak,
    atomic::{AtomicI64, Ordering::Relaxed},
};
use tollgate_limit::{self as limit, InFlight, Quotas, Throttle, Window};
use tollgate_model::{Calendar, KeyPart, Period, Rule, RuleId, RuleKind};

use super::key::HashKeys;

/// The counts of a rule.
pub struct Counts {
    id: RuleId,
    shape: Shape,
    pub(crate) kept: Kept,
}

/// What must stay the same for counts to keep their meaning.
#[derive(PartialEq, Eq)]
struct Shape {
    key: Vec<KeyPart>,
    kind: RuleKind,
    keys_max: usize,
}

/// What is kept by key.
pub(crate) enum Kept {
    /// Buckets, of requests or of bytes.
    Buckets(Throttle),
    Quotas(Arc<Quotas>, Windows),
    InFlight(InFlight),
}

/// The window that a calendar is in, computed by whichever worker's clock passes its end first: it is read by all and
/// written once an hour at the most.
pub(crate) struct Windows {
    calendar: limit::Calendar,
    start_s: AtomicI64,
    end_s: AtomicI64,
}

/// Keeps the counts of rules while snapshots come and go.
pub struct Registry {
    keys: HashKeys,
    counts: AHashMap<RuleId, Weak<Counts>>,
    /// Rules there may be before those that are gone are looked for.
    sweep_at: usize,
    keeper: Keeper,
}

/// Is told of quotas that begin, before their first request: what tells their counts apart, and where they go.
pub type Keeper = Box<dyn Fn(&str, &Arc<Quotas>) + Send>;

/// Rules before the first sweep.
const SWEEP_MIN: usize = 64;

impl Registry {
    /// No rule yet; keys will be hashed with `keys`.
    #[must_use]
    pub fn new(keys: HashKeys) -> Self {
        Self::with_keeper(keys, Box::new(|_, _| {}))
    }

    /// The same with somebody who keeps quotas when the node is not there.
    #[must_use]
    pub fn with_keeper(keys: HashKeys, keeper: Keeper) -> Self {
        Self { keys, counts: AHashMap::new(), sweep_at: SWEEP_MIN, keeper }
    }

    /// What keys of limits are hashed with.
    #[must_use]
    pub const fn keys(&self) -> &HashKeys {
        &self.keys
    }

    /// The counts of every rule of the programs there are.
    pub fn counts(&self) -> impl Iterator<Item = Arc<Counts>> {
        self.counts.values().filter_map(Weak::upgrade)
    }

    /// The counts of a rule: those it had, if it is still the same that is counted.
    pub(crate) fn put(&mut self, rule: &Rule) -> Arc<Counts> {
        let shape = Shape { key: rule.key.clone(), kind: rule.kind.clone(), keys_max: rule.keys_max };
        let known = self.counts.get(&rule.id).and_then(Weak::upgrade);
        if let Some(known) = known.filter(|known| known.shape == shape) {
            return known;
        }
        let counts = Arc::new(Counts::new(rule, shape));
        if let Kept::Quotas(quotas, _) = &counts.kept {
            (self.keeper)(&counts.identity(), quotas);
        }
        if self.counts.len() >= self.sweep_at {
            self.counts.retain(|_, counts| counts.strong_count() > 0);
            self.sweep_at = (2 * self.counts.len()).max(SWEEP_MIN);
        }
        self.counts.insert(rule.id.clone(), Arc::downgrade(&counts));
        counts
    }
}

impl Counts {
    fn new(rule: &Rule, shape: Shape) -> Self {
        // What tells nothing apart has one key.
        let keys = if shape.key == [KeyPart::Node] { 1 } else { shape.keys_max };
        let kept = match &rule.kind {
            RuleKind::Throttle | RuleKind::Bandwidth(_) => Kept::Buckets(Throttle::new(keys)),
            RuleKind::Quota(calendar) => Kept::Quotas(Arc::new(Quotas::new(keys)), Windows::of(calendar)),
            RuleKind::Concurrency => Kept::InFlight(InFlight::new(keys)),
        };
        Self { id: rule.id.clone(), shape, kept }
    }

    /// The place and the name of the rule.
    #[must_use]
    pub const fn id(&self) -> &RuleId {
        &self.id
    }

    /// Decisions on keys for which there was no room, so that they shared a count.
    #[must_use]
    pub fn overflows(&self) -> u64 {
        match &self.kept {
            Kept::Buckets(buckets) => buckets.overflows(),
            Kept::Quotas(quotas, _) => quotas.overflows(),
            Kept::InFlight(in_flight) => in_flight.overflows(),
        }
    }

    /// Bytes of memory.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match &self.kept {
            Kept::Buckets(buckets) => buckets.bytes(),
            Kept::Quotas(quotas, _) => quotas.bytes(),
            Kept::InFlight(in_flight) => in_flight.bytes(),
        }
    }

    /// A text that is the same from run to run, and another where the counts mean something else.
    fn identity(&self) -> String {
        let RuleId { scope, policy, name } = &self.id;
        format!("{scope}\n{policy}\n{name}\n{:?}\n{:?}", self.shape.key, self.shape.kind)
    }
}

impl Windows {
    fn of(calendar: &Calendar) -> Self {
        let period = match calendar.period {
            Period::Hour => limit::Period::Hour,
            Period::Day => limit::Period::Day,
            Period::Week => limit::Period::Week,
            Period::Month => limit::Period::Month,
            // `resolve` has found the day in its calendar, and the zone in its database.
            Period::Cycle { anchor, months } => limit::Period::cycle(anchor, months).unwrap_or(limit::Period::Month),
        };
        let calendar = limit::Calendar::new(period, &calendar.time_zone);
        let calendar = calendar.unwrap_or_else(|_| limit::Calendar::utc(period));
        Self { calendar, start_s: AtomicI64::new(0), end_s: AtomicI64::new(0) }
    }

    /// The window that a time is in.
    pub(crate) fn at(&self, now_s: i64) -> Window {
        let known = Window { start_s: self.start_s.load(Relaxed), end_s: self.end_s.load(Relaxed) };
        if (known.start_s..known.end_s).contains(&now_s) {
            return known;
        }
        let window = self.calendar.window(now_s);
        // A worker whose clock is behind does not turn it back. A start of one window read with the end of another is of
        // no harm: what is counted is told apart by the end.
        if window.end_s > known.end_s {
            self.start_s.store(window.start_s, Relaxed);
            self.end_s.store(window.end_s, Relaxed);
        }
        window
    }
}
