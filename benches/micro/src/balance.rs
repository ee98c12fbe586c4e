//! The choice of one of 8 endpoints of unlike weight, and what is told of it.

use crate::{Step, config, fixed::Numbers};
use std::{cell::Cell, hint::black_box, sync::Arc};
use tollgate_balance::{Choice, Outcome, Registry, Tried, Upstream};

const SECOND_NS: u64 = 1_000_000_000;

fn upstream(rest: &str) -> Arc<Upstream> {
    let endpoints = (1..=8).map(|port| format!("{{ address: 127.0.0.1:{port}, weight: {} }}", 1 + port % 3));
    let text = config::one_upstream(&endpoints.collect::<Vec<_>>().join(", "), rest);
    let snapshot = config::snapshot(&text);
    Registry::default().put(snapshot.upstreams.get(0).expect("there is one upstream"), 0)
}

/// Chooses, begins and ends, as an exchange does.
fn choose_by(balance: &str) -> Step {
    let upstream = upstream(&format!(", balance: {balance}"));
    let (list, turn, mut numbers) = (upstream.endpoints(), Cell::new(0), Numbers::new());
    Step::new(move || {
        let (random, tried) = (numbers.next(), Tried::default());
        let rules = upstream.rules();
        let choice = Choice { rules, now: SECOND_NS, random, hash: Some(random), tried: &tried, turn: &turn };
        let position = list.choose(black_box(&choice)).expect("all are available");
        let endpoint = &list.members()[position as usize].endpoint;
        upstream.begin(endpoint);
        upstream.end(endpoint);
        position
    })
}

pub(crate) fn round_robin() -> Step {
    choose_by("round_robin")
}

pub(crate) fn least_requests() -> Step {
    choose_by("least_requests")
}

pub(crate) fn power_of_two() -> Step {
    choose_by("power_of_two")
}

pub(crate) fn consistent_hash() -> Step {
    choose_by("{ consistent_hash: { key: path } }")
}

/// Tells of a success where failures are counted.
pub(crate) fn report() -> Step {
    let upstream = upstream(", outliers: { failures: 50% }");
    let (list, mut now) = (upstream.endpoints(), SECOND_NS);
    Step::new(move || {
        now += 1_000_000;
        upstream.report(&list, black_box(3), Outcome::Success, now);
    })
}
