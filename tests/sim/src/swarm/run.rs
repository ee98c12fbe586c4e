//! One run of a mix, from the start of its gateway to the judgement of all that it did.
//!
//! The operator has a turn every few milliseconds; when all clients have ended there is a long rest, after which no old
//! program may be held. Bound: [`RUN_MAX`] of virtual time, then a client waits for ever. What does not hold is a panic, which
//! [`attempt`] catches.

use super::{
    mix::{Kind, Mix, Trim, origin},
    operator::Operator,
};
use crate::{
    Fault, Gateway, Secrets, Seed, gateway,
    model::{ENDING, Ends, Mishap, Model},
};
use std::{
    cell::RefCell,
    panic::{self, AssertUnwindSafe, catch_unwind},
    sync::Once,
    time::Duration,
};
use tollgate_io::Instant;
use tollgate_model::{Configuration, Snapshot};

/// Longest time between two turns of the operator, in microseconds.
const TURN_MICROS_MAX: u64 = 4_000;

/// Virtual time in which a run must come to its end.
const RUN_MAX: Duration = Duration::from_secs(3_600);

/// Virtual time after which nobody may hold a program that was replaced, though workers go on.
const REST: Duration = Duration::from_secs(600);

/// What came of runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Hash over every event of the run, or of the last one.
    pub hash: u64,
    /// Exchanges that a client began.
    pub exchanges: u64,
    /// Those that an origin answered.
    pub answered: u64,
    /// Those that got a copy of another's answer.
    pub copied: u64,
    /// Connections of clients that were turned away.
    pub turned_away: u64,
    /// By [`Fault`].
    pub faults: [u64; Fault::ALL.len()],
    /// By [`Mishap`].
    pub mishaps: [u64; Mishap::ALL.len()],
}

impl Tally {
    /// Adds those of another run.
    pub fn add(&mut self, other: &Self) {
        self.hash = other.hash;
        self.exchanges += other.exchanges;
        self.answered += other.answered;
        self.copied += other.copied;
        self.turned_away += other.turned_away;
        self.faults.iter_mut().zip(other.faults).for_each(|(sum, more)| *sum += more);
        self.mishaps.iter_mut().zip(other.mishaps).for_each(|(sum, more)| *sum += more);
    }

    /// How often something happened.
    #[must_use]
    pub const fn happened(&self, kind: Kind) -> u64 {
        match kind {
            Kind::Fault(fault) => self.faults[fault as usize],
            Kind::Mishap(mishap) => self.mishaps[mishap as usize],
        }
    }
}

/// Something that did not hold.
#[derive(Clone, Debug)]
pub struct Breach {
    /// Of the run.
    pub seed: u64,
    /// What was taken away from its mix.
    pub trim: Trim,
    /// What did not hold, and where in the source that is said.
    pub message: String,
}

/// Runs a mix.
///
/// # Panics
/// If something does not hold.
#[must_use]
pub fn run(mix: &Mix, seed: Seed) -> Tally {
    let text = mix.text();
    let configuration = Configuration::parse("swarm.yaml", &text, &Secrets);
    let configuration = configuration.unwrap_or_else(|errors| panic!("{errors}\n{text}"));
    let snapshot = Snapshot::clone(configuration.snapshot());
    let security = gateway::security(&snapshot, None);
    let gateway = Gateway::start(snapshot, security, mix.rules.workers, seed, mix.conditions.clone());
    let started = Model::start(&gateway.world, mix.rules, &mix.addresses(), mix.clients, mix.requests);
    let mut operator = Operator::new(mix, &gateway, &started, configuration);
    while !started.model.is_over() {
        let step = Duration::from_micros(1 + gateway.world.random().below(TURN_MICROS_MAX));
        gateway.run_for(step);
        judge_downstream(mix, &gateway, &started.model);
        operator.act();
        let is_stuck = gateway.simulation.is_idle() || gateway.world.now() > Instant::default() + RUN_MAX;
        assert!(started.model.is_over() || !is_stuck, "a client waits for ever");
    }
    gateway.run_for(REST);
    assert_eq!(gateway.old_programs(), 0, "programs that are held though nobody runs them");
    let (model, counters) = (started.model, gateway.simulation.counters());
    let hash = gateway.simulation.trace_hash();
    let calm = Kind::all().all(|kind| matches!(kind, Kind::Mishap(_)) || mix.kinds().all(|on| on != kind));
    // What a breaker keeps for later is a copy on purpose.
    let may_copy = !calm || mix.rules.copies;
    assert!(may_copy || counters.body_bytes_copied == 0, "{} bytes of bodies copied", counters.body_bytes_copied);
    judge_upstream(mix, &gateway, &model);
    let turned_away = gateway.world.downstream().turned_away();
    let records = gateway.end().records;
    model.judge(&records);
    let Ends { answered, copied, .. } = model.ends();
    let faults = Fault::ALL.map(|fault| counters.fired(fault));
    let mishaps = Mishap::ALL.map(|mishap| model.happened(mishap));
    Tally { hash, exchanges: model.ends().exchanges(), answered, copied, turned_away, faults, mishaps }
}

/// The node serves no more connections than it may, and a worker turns away none while it has less than its part of them.
/// One that ends closes what still comes to it.
fn judge_downstream(mix: &Mix, gateway: &Gateway, model: &Model) {
    let downstream = gateway.world.downstream();
    let (most, serving) = (mix.rules.connections_max.unwrap_or(usize::MAX), downstream.serving_max());
    assert!(serving <= most, "{serving} connections of clients, {most} allowed");
    let (held, part) = (downstream.take_held_min(), most / mix.rules.workers);
    if let Some(held) = held.filter(|_| ENDING.iter().all(|&end| model.happened(end) == 0)) {
        assert!(held >= part, "a worker that had {held} connections turned one away, though it may have {part}");
    }
}

/// No worker had more connections to an endpoint than it may. One that goes and comes back is another endpoint, whose
/// connections are counted anew.
fn judge_upstream(mix: &Mix, gateway: &Gateway, model: &Model) {
    let has_moved = [Mishap::Swap, Mishap::AddressesChange].iter().any(|&mishap| model.happened(mishap) > 0);
    let Some(most) = mix.rules.upstream_connections_max.filter(|_| !has_moved) else { return };
    for (node, at) in gateway.nodes.iter().flat_map(|node| (0..mix.origins).map(move |at| (node, origin(at)))) {
        assert!(node.open_max(at) <= most, "{} connections to {at}, {most} allowed", node.open_max(at));
    }
}

thread_local! {
    /// What the last panic of this thread said, and where.
    static LAST_PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
    /// Whether a panic of this thread is taken note of instead of being printed.
    static IS_QUIET: RefCell<bool> = const { RefCell::new(false) };
}

/// Runs a seed and catches what does not hold.
///
/// # Errors
/// Something did not hold.
pub fn attempt(seed: u64, trim: &Trim, print: bool) -> Result<Tally, Breach> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if IS_QUIET.with_borrow(|quiet| *quiet) {
                LAST_PANIC.replace(Some(info.to_string()));
            } else {
                before(info);
            }
        }));
    });
    let mix = Mix::draw(seed).trimmed(trim);
    IS_QUIET.replace(true);
    let result = catch_unwind(AssertUnwindSafe(|| run(&mix, Seed { number: seed, print })));
    IS_QUIET.replace(false);
    result.map_err(|_| {
        let message = LAST_PANIC.take().unwrap_or_else(|| "a panic without a word".to_owned());
        Breach { seed, trim: trim.clone(), message }
    })
}
