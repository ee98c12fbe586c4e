//! Random exchanges: without faults all are answered in place, with faults the model's judgement holds.

use crate::gateway::{Gateway, LISTEN, ORIGINS};
use std::{collections::BTreeSet, time::Duration};
use tollgate_sim::{Conditions, Counters, Fault, Faults, Random, Scenario, Seed, Tally, for_each_seed};
use tollgate_worker::Command;

/// What a run came to.
#[derive(Debug, PartialEq, Eq)]
struct Run {
    hash: u64,
    tally: Tally,
    counters: Counters,
    records: usize,
}

fn run(seed: Seed, scenario: Scenario, conditions: Conditions) -> Run {
    let gateway = Gateway::start(seed, conditions, ORIGINS.len());
    let exchanges = scenario.start(&gateway.simulation, LISTEN, &ORIGINS);
    gateway.simulation.run_until_idle();
    let tally = exchanges.judge();
    let (counters, hash) = (gateway.simulation.counters(), gateway.simulation.trace_hash());
    let records = gateway.end().records.len();
    assert!(records >= tally.answered + tally.refused, "{records} records of {tally:?}");
    Run { hash, tally, counters, records }
}

/// Legal at any time and harmless: nothing is lost, only cut and late.
fn slicing() -> Faults {
    Faults::NONE
        .with(Fault::ShortReceive, 0.2)
        .with(Fault::ShortSend, 0.2)
        .with(Fault::LateCompletion, 0.2)
        .with(Fault::LateNews, 0.2)
        .with(Fault::FalseNews, 0.2)
}

/// Everything that may go wrong, each thing from never to often, by the seed.
pub(crate) fn storm(seed: u64) -> Conditions {
    let random = Random::new(!seed);
    let mut faults = Faults::NONE;
    for fault in Fault::ALL {
        faults = faults.with(fault, fault.rate_max() * (random.below(4) as f64) / 3.0);
    }
    let capacity_bytes = 1 << (8 + random.below(9));
    Conditions { capacity_bytes, faults, ..Conditions::default() }
}

/// Peers behave, or not.
fn scenario(mishaps: bool) -> Scenario {
    Scenario { clients: 4, requests: 6, close_delimited: true, mishaps, quiet: !mishaps }
}

fn quietly(name: &str, faults: Faults) {
    for_each_seed(name, 0..200, |seed| {
        let run = run(seed, scenario(false), Conditions { faults, ..Conditions::default() });
        let unasked = run.tally.unasked;
        assert_eq!(run.tally, Tally { answered: 24 - unasked, unasked, ..Tally::default() });
        assert_eq!(run.records, run.tally.answered, "one record for each exchange");
        assert_eq!(run.counters.body_bytes_copied, 0, "a body was moved in memory");
    });
}

#[test]
fn every_exchange_is_answered_and_no_body_byte_is_copied() {
    quietly("seeds::every_exchange_is_answered_and_no_body_byte_is_copied", Faults::NONE);
}

#[test]
fn cut_and_late_transfers_change_nothing() {
    quietly("seeds::cut_and_late_transfers_change_nothing", slicing());
}

#[test]
fn the_model_holds_in_a_storm() {
    let (mut answered, mut fired) = (0, [0; Fault::ALL.len()]);
    let all = for_each_seed("seeds::the_model_holds_in_a_storm", 0..500, |seed| {
        let run = run(seed, scenario(true), storm(seed.number));
        answered += run.tally.answered;
        Fault::ALL.iter().zip(&mut fired).for_each(|(&fault, fired)| *fired += run.counters.fired(fault));
    });
    assert!(!all || (2_000..11_000).contains(&answered), "{answered} of 12,000: too many faults or too few");
    // One worker alone moves nothing.
    let possible = Fault::ALL.iter().zip(fired).filter(|(fault, _)| !Fault::OF_MOVES.contains(fault));
    for (fault, fired) in possible {
        assert!(!all || fired > 0, "{fault:?} never fired");
    }
}

/// Every way of choosing, with all retries and ejection: nothing is sent twice that must not be, no request in progress is
/// counted that is none, and nothing leaks.
#[test]
fn the_model_holds_however_endpoints_are_chosen_and_whatever_is_tried_again() {
    let name = "seeds::the_model_holds_however_endpoints_are_chosen_and_whatever_is_tried_again";
    let ways = ["least_requests", "power_of_two", "{ consistent_hash: { key: 'header:X-Token', load_max: 150% } }"];
    let mut answered = 0;
    let all = for_each_seed(name, 0..300, |seed| {
        let rest = format!(
            ", balance: {}, retries: {{ attempts: 4, on: [connect, closed, timeout, 502, 503, 504], budget: 100% }}, \
             outliers: {{ consecutive: 3, ejection: 5ms }}, connections: {{ max: {}, requests_max: 3 }}",
            ways[seed.number as usize % ways.len()],
            2 + seed.number % 4,
        );
        let endpoints = ORIGINS.map(|at| format!("{{ address: \"{at}\" }}")).join(", ");
        let gateway = Gateway::start_upstream(&endpoints, &rest, seed, storm(seed.number));
        let exchanges = scenario(true).start(&gateway.simulation, LISTEN, &ORIGINS);
        gateway.simulation.run_until_idle();
        answered += exchanges.judge().answered;
        gateway.end();
    });
    assert!(!all || answered > 2_000, "{answered} of 7,200: too many faults");
}

#[test]
fn one_seed_is_one_run() {
    let mut hashes = BTreeSet::new();
    for_each_seed("seeds::one_seed_is_one_run", 0..25, |seed| {
        let first = run(seed, scenario(true), storm(seed.number));
        assert_eq!(first, run(seed, scenario(true), storm(seed.number)), "the same seed ran differently");
        assert!(hashes.insert(first.hash), "two seeds ran alike");
    });
}

#[test]
fn a_drain_or_a_stop_may_come_at_any_moment() {
    for_each_seed("seeds::a_drain_or_a_stop_may_come_at_any_moment", 0..300, |seed| {
        let gateway = Gateway::start(seed, storm(seed.number), ORIGINS.len());
        let exchanges = scenario(true).start(&gateway.simulation, LISTEN, &ORIGINS);
        let command = match seed.number % 3 {
            0 => Command::Stop,
            1 => Command::Drain,
            _ => {
                let others = gateway.world.shared(LISTEN);
                // Another process, which accepts what comes later and has no time for it.
                gateway.world.spawn(async move { while others.accept().await.is_some() {} });
                Command::HandOver
            }
        };
        gateway.simulation.run_for(Duration::from_micros(gateway.world.random().below(15_000)));
        gateway.command(command);
        gateway.simulation.run_until_idle();
        assert!(gateway.has_returned());
        // Whatever became of the exchanges, nobody waits for ever and nothing is damaged.
        let _ = exchanges.judge();
        gateway.end();
    });
}
