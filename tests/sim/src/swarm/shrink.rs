//! From a seed that fails to the least of it that still does.
//!
//! Greedy: clients and requests are halved, and each kind of fault and mishap taken away, as long as some check still fails;
//! another one will do. A run with less in it draws other numbers, so the result is smaller, not smallest.

use super::{
    mix::{Mix, Trim},
    run::{Breach, attempt},
};
use crate::trace;

/// Most runs a shrink may take.
const RUNS_MAX: usize = 200;

/// Less of what `breach` is about.
#[must_use]
pub fn shrink(breach: Breach) -> Breach {
    let (mut least, mut runs) = (breach, 0);
    loop {
        let smaller = candidates(&least).into_iter().find_map(|trim| {
            runs += 1;
            (runs <= RUNS_MAX).then(|| attempt(least.seed, &trim, false).err()).flatten()
        });
        match smaller {
            Some(smaller) => least = smaller,
            None => return least,
        }
    }
}

/// The last events of the run that `breach` is of.
#[must_use]
pub fn last_events(breach: &Breach, events: usize) -> Vec<String> {
    trace::last_events(events, || attempt(breach.seed, &breach.trim, false)).1
}

/// What may be taken away next, the most first.
fn candidates(breach: &Breach) -> Vec<Trim> {
    let mix = Mix::draw(breach.seed).trimmed(&breach.trim);
    let trim = |change: &dyn Fn(&mut Trim)| {
        let mut trim = breach.trim.clone();
        change(&mut trim);
        trim
    };
    let mut candidates = Vec::new();
    for (is_more, clients, requests) in [
        (mix.clients > 1, mix.clients / 2, mix.requests),
        (mix.requests > 1, mix.clients, mix.requests / 2),
        (mix.clients > 1, mix.clients - 1, mix.requests),
        (mix.requests > 1, mix.clients, mix.requests - 1),
    ] {
        if is_more {
            candidates.push(trim(&|trim| (trim.clients, trim.requests) = (Some(clients), Some(requests))));
        }
    }
    candidates.extend(mix.kinds().map(|kind| trim(&|trim| trim.without.push(kind))));
    candidates
}
