//! Upstreams out of the text an operator writes, and choices among their endpoints.

use std::{cell::Cell, sync::Arc};
use tollgate_balance::{Choice, Endpoints, Registry, Tried, Upstream};
use tollgate_model::{NoSource, Snapshot};

/// A snapshot whose one upstream has `endpoints` and `rest`.
pub(crate) fn snapshot(endpoints: &str, rest: &str) -> Snapshot {
    let text = format!(
        "version: 1\nlisteners: [ {{ name: l, bind: 127.0.0.1:0 }} ]\nupstreams:\n  - {{ name: u, endpoints: [ {endpoints} ]{rest} }}\n"
    );
    tollgate_model::parse("test", &text, &NoSource).unwrap_or_else(|errors| panic!("{errors}"))
}

/// Endpoints at the ports 1, 2, ... with these weights.
pub(crate) fn weighted(weights: &[u32]) -> String {
    let entries: Vec<_> = weights
        .iter()
        .zip(1..)
        .map(|(weight, port)| format!("{{ address: 127.0.0.1:{port}, weight: {weight} }}"))
        .collect();
    entries.join(", ")
}

pub(crate) fn publish(registry: &mut Registry, snapshot: &Snapshot, now: u64) -> Arc<Upstream> {
    registry.put(snapshot.upstreams.get(0).expect("the one upstream"), now)
}

pub(crate) fn upstream(endpoints: &str, rest: &str) -> Arc<Upstream> {
    publish(&mut Registry::default(), &snapshot(endpoints, rest), 0)
}

/// One worker's view of an upstream.
pub(crate) struct Chooser {
    pub(crate) upstream: Arc<Upstream>,
    turn: Cell<u32>,
    random: Cell<u64>,
}

impl Chooser {
    pub(crate) fn new(upstream: &Arc<Upstream>) -> Self {
        Self { upstream: upstream.clone(), turn: Cell::new(0), random: Cell::new(1) }
    }

    pub(crate) fn list(&self) -> Arc<Endpoints> {
        self.upstream.endpoints()
    }

    pub(crate) fn choose(&self, now: u64, hash: Option<u64>, tried: &Tried) -> Option<u32> {
        // A multiplication spreads the counter over all bits.
        self.random.set(self.random.get() + 1);
        let random = self.random.get().wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let rules = self.upstream.rules();
        self.list().choose(&Choice { rules, now, random, hash, tried, turn: &self.turn })
    }

    pub(crate) fn next(&self, now: u64) -> Option<u32> {
        self.choose(now, None, &Tried::default())
    }

    /// How often each endpoint was chosen in `count` times; the requests stay in progress.
    pub(crate) fn shares(&self, count: usize, now: u64) -> Vec<usize> {
        let list = self.list();
        let mut shares = vec![0; list.members().len()];
        for _ in 0..count {
            let Some(position) = self.next(now) else { continue };
            self.upstream.begin(&list.members()[position as usize].endpoint);
            shares[position as usize] += 1;
        }
        shares
    }
}
