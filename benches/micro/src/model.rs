//! Configurations, resolved and changed.

use crate::{Step, config, step::InTurn};
use std::hint::black_box;
use tollgate_model::NoSource;

const HOSTS: usize = 100;
const PATHS: usize = 10;

/// Reads and resolves a file of 1,000 routes.
pub(crate) fn resolve() -> Step {
    let text = config::routes(HOSTS, PATHS);
    Step::new(move || config::configuration(black_box(&text)))
}

/// A patch that changes one of 1,000 routes.
pub(crate) fn patch() -> Step {
    let base = config::configuration(&config::routes(HOSTS, PATHS));
    let generation = base.snapshot().generation;
    let mut deltas = InTurn::<_, 8>::new(|at| {
        let route = config::route(at * 113, PATHS, "b");
        format!("{{\"base\":{generation},\"changed\":{{\"routes\":[{route}]}}}}")
    });
    Step::new(move || {
        base.patch("PATCH", black_box(deltas.next()), &NoSource).unwrap_or_else(|error| panic!("{error}"))
    })
}
