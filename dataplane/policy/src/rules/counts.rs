//! What is counted for a rule, on the whole node, and how it gets from snapshot to snapshot.
//!
//! [`Registry`] lives on the publishing thread. A rule is found again by its place and name; as long as what tells its
//! keys apart and what is counted stay the same it keeps its counts, whatever becomes of its limits. The registry itself
//! keeps nothing alive: counts go with the last program that has the rule, so that memory is that of the rules there are.

use ahash::AHashMap;
use std::sync::{
    Arc, Weak,
    atomic::{AtomicI64, AtomicU64, Ordering::Relaxed},
};
use tollgate_identity::KeyRegistry;
use tollgate_limit::{self as limit, InFlight, Quotas, Shared, Store, Strict, Throttle, WhenLost, Window};
use tollgate_model::{Calendar, KeyPart, Mode, Period, Rule, RuleId, RuleKind, StoreLost};

use super::key::HashKeys;

/// The counts of a rule.
pub struct Counts {
    id: RuleId,
    pub(super) shape: Shape,
    /// Of the rule, without its overrides.
    pub(super) limit: AtomicU64,
    pub(crate) kept: Kept,
}

/// What must stay the same for counts to keep their meaning.
#[derive(PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) key: Vec<KeyPart>,
    kind: RuleKind,
    keys_max: usize,
    mode: Mode,
}

/// What is kept by key.
pub(crate) enum Kept {
    /// Buckets, of requests or of bytes.
    Buckets(Throttle),
    Quotas(Arc<Quotas>, Windows),
    /// Shared with other nodes; a bucket has no calendar.
    Shared(Shared, Option<Windows>),
    /// Decided on by the store that nodes share; a bucket has no calendar.
    Strict(Strict, Option<Windows>),
    InFlight(InFlight),
}

/// The window that a calendar is in, computed by whichever worker's clock passes its end first: it is read by all and
/// written once an hour at the most.
pub(crate) struct Windows {
    calendar: limit::Calendar,
    start_s: AtomicI64,
    end_s: AtomicI64,
}

/// Keeps the counts of rules, and the keys of issuers, while snapshots come and go.
pub struct Registry {
    keys: HashKeys,
    counts: AHashMap<RuleId, Weak<Counts>>,
    /// Rules there may be before those that are gone are looked for.
    sweep_at: usize,
    keeper: Box<dyn Keeper>,
    fetched: KeyRegistry,
}

/// Who has to do with counts beyond this node and its life. Asked for each rule that begins, before its first request.
pub trait Keeper: Send {
    /// Keeps the counts of a quota when the node is not there. `identity` tells whose counts they are.
    fn keep(&self, identity: &str, quotas: &Arc<Quotas>);

    /// Counts that are shared with other nodes; `None` if there is nobody to share with.
    fn share(&self, quotas: &Arc<Quotas>, lost: WhenLost) -> Option<Shared>;

    /// Who asks the store that nodes share; `None` if there is none.
    fn store(&self) -> Option<Arc<dyn Store>> {
        None
    }
}

/// Who keeps counts and shares none.
impl<F: Fn(&str, &Arc<Quotas>) + Send> Keeper for F {
    fn keep(&self, identity: &str, quotas: &Arc<Quotas>) {
        self(identity, quotas);
    }

    fn share(&self, _: &Arc<Quotas>, _: WhenLost) -> Option<Shared> {
        None
    }
}

/// Rules before the first sweep.
const SWEEP_MIN: usize = 64;

impl Registry {
    /// No rule yet; keys will be hashed with `keys`.
    #[must_use]
    pub fn new(keys: HashKeys) -> Self {
        Self::with_keeper(keys, Box::new(|_: &str, _: &Arc<Quotas>| {}))
    }

    /// The same with somebody who keeps and shares counts.
    #[must_use]
    pub fn with_keeper(keys: HashKeys, keeper: Box<dyn Keeper>) -> Self {
        Self { keys, counts: AHashMap::new(), sweep_at: SWEEP_MIN, keeper, fetched: KeyRegistry::default() }
    }

    /// What keys of limits are hashed with.
    #[must_use]
    pub const fn keys(&self) -> &HashKeys {
        &self.keys
    }

    /// The keys of issuers that are fetched: kept in the same way as counts are.
    #[must_use]
    pub const fn fetched(&self) -> &KeyRegistry {
        &self.fetched
    }

    /// The same, to add some or to hear of new ones.
    pub const fn fetched_mut(&mut self) -> &mut KeyRegistry {
        &mut self.fetched
    }

    /// The counts of every rule of the programs there are.
    pub fn counts(&self) -> impl Iterator<Item = Arc<Counts>> {
        self.counts.values().filter_map(Weak::upgrade)
    }

    /// The counts of a rule: those it had, if it is still the same that is counted.
    pub(crate) fn put(&mut self, rule: &Rule) -> Arc<Counts> {
        let shape = Shape { key: rule.key.clone(), kind: rule.kind.clone(), keys_max: rule.keys_max, mode: rule.mode };
        let known = self.counts.get(&rule.id).and_then(Weak::upgrade);
        if let Some(known) = known.filter(|known| known.shape == shape) {
            known.limit.store(rule.allowance.limit, Relaxed);
            return known;
        }
        let counts = Arc::new(Counts::new(rule, shape, &*self.keeper));
        if let Some((quotas, true)) = counts.quotas() {
            self.keeper.keep(&counts.identity(), quotas);
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
    fn new(rule: &Rule, shape: Shape, keeper: &dyn Keeper) -> Self {
        // What tells nothing apart has one key.
        let keys = if shape.key == [KeyPart::Node] { 1 } else { shape.keys_max };
        let shared = |quotas: &Arc<Quotas>| match rule.mode {
            Mode::Leased(lost) => keeper.share(quotas, when_lost(lost)),
            Mode::Node | Mode::Strict(_) => None,
        };
        let strict = match rule.mode {
            Mode::Strict(lost) => keeper.store().map(|store| (store, when_lost(lost))),
            Mode::Node | Mode::Leased(_) => None,
        };
        let kept = match (&rule.kind, strict) {
            (RuleKind::Throttle, Some((store, lost))) => {
                Kept::Strict(Strict::of_buckets(Throttle::new(keys), store, lost), None)
            }
            (RuleKind::Quota(calendar), Some((store, lost))) => {
                let strict = Strict::of_quota(Arc::new(Quotas::new(keys)), store, lost);
                Kept::Strict(strict, Some(Windows::of(calendar)))
            }
            (RuleKind::Throttle, None) if let Some(shared) = shared(&Arc::new(Quotas::new(keys))) => {
                Kept::Shared(shared, None)
            }
            (RuleKind::Throttle | RuleKind::Bandwidth(_), _) => Kept::Buckets(Throttle::new(keys)),
            (RuleKind::Quota(calendar), None) => {
                let (quotas, windows) = (Arc::new(Quotas::new(keys)), Windows::of(calendar));
                match shared(&quotas) {
                    Some(shared) => Kept::Shared(shared, Some(windows)),
                    None => Kept::Quotas(quotas, windows),
                }
            }
            (RuleKind::Concurrency, _) => Kept::InFlight(InFlight::new(keys)),
        };
        Self { id: rule.id.clone(), shape, limit: AtomicU64::new(rule.allowance.limit), kept }
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
            Kept::Shared(shared, _) => shared.quotas().overflows(),
            Kept::Strict(strict, _) => strict.overflows(),
            Kept::InFlight(in_flight) => in_flight.overflows(),
        }
    }

    /// Keys it counts something of now, at `now_ns` of the node's clock and `unix_s` of the calendar; of many an estimate.
    #[must_use]
    pub fn live_keys(&self, now_ns: u64, unix_s: i64) -> u64 {
        match &self.kept {
            Kept::Buckets(buckets) => buckets.keys(now_ns),
            Kept::Quotas(quotas, _) => quotas.keys(unix_s),
            Kept::Shared(shared, _) => shared.quotas().keys(unix_s),
            Kept::Strict(strict, _) => strict.keys(now_ns, unix_s),
            Kept::InFlight(in_flight) => in_flight.keys(),
        }
    }

    /// Bytes of memory.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match &self.kept {
            Kept::Buckets(buckets) => buckets.bytes(),
            Kept::Quotas(quotas, _) => quotas.bytes(),
            Kept::Shared(shared, _) => shared.quotas().bytes(),
            Kept::Strict(strict, _) => strict.bytes(),
            Kept::InFlight(in_flight) => in_flight.bytes(),
        }
    }

    /// Requests in flight of all its keys, if it counts those; looks at all of them.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        if let Kept::InFlight(in_flight) = &self.kept { in_flight.total() } else { 0 }
    }

    /// A text that is the same from run to run, and another where the counts mean something else.
    fn identity(&self) -> String {
        let RuleId { scope, policy, name } = &self.id;
        let Shape { key, kind, mode, .. } = &self.shape;
        format!("{scope}\n{policy}\n{name}\n{key:?}\n{kind:?}\n{mode:?}")
    }

    /// What a quota has counted, on this node; of another rule `None`. The flag tells whether it is of a calendar.
    pub(super) fn quotas(&self) -> Option<(&Arc<Quotas>, bool)> {
        match &self.kept {
            Kept::Quotas(quotas, _) => Some((quotas, true)),
            Kept::Shared(shared, windows) => Some((shared.quotas(), windows.is_some())),
            Kept::Strict(strict, _) => Some((strict.quotas()?, true)),
            Kept::Buckets(_) | Kept::InFlight(_) => None,
        }
    }
}

fn when_lost(lost: StoreLost) -> WhenLost {
    match lost {
        StoreLost::Share => WhenLost::Share,
        StoreLost::Open => WhenLost::Open,
        StoreLost::Closed => WhenLost::Closed,
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
