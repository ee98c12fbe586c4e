//! What is written to what is run: the only way to a [`Snapshot`].
//!
//! A [`Change`] is a whole new file or a patch, and both go the same way: settings, plans, applications, listeners,
//! upstreams, routes. Each part
//! has a module here that reads the raw structs the change names, refers to what is there already, and puts resolved ones
//! in. A mistake goes into the [`Report`] and a stand-in takes its place, so that the rest is judged too; whoever calls
//! uses the outcome only when the report stayed empty.

mod access_log;
mod actions;
mod addresses;
mod applications;
mod cluster;
mod dns;
mod index;
mod listeners;
mod matches;
mod names;
mod node;
mod plans;
mod policies;
mod report;
mod resilience;
mod routes;
mod state;
mod tls;
mod tracing;
mod tuning;
mod upstreams;
mod values;

pub(crate) use report::Report;
pub(crate) use state::{Shelf, State};

use crate::{
    cluster::Cluster,
    digest, limits,
    raw::{self, Spanned},
    snapshot::Timeouts,
};
use policies::Layers;

/// What is written anew.
pub(crate) struct Change {
    /// All settings, when any of them changed.
    pub(crate) settings: Option<raw::File>,
    pub(crate) listeners: Option<Spanned<Vec<Spanned<raw::Listener>>>>,
    pub(crate) upstreams: Vec<Spanned<raw::Upstream>>,
    pub(crate) routes: Vec<Spanned<raw::Route>>,
    pub(crate) plans: Vec<Spanned<raw::Plan>>,
    pub(crate) applications: Vec<Spanned<raw::Application>>,
    /// Of a patch: what goes.
    pub(crate) removed: raw::Removed,
    /// Whether what is not named here goes: a whole file, and not a patch.
    pub(crate) is_whole: bool,
}

/// What routes take from the settings, all of it: a route is resolved again when this is not what it was.
#[derive(PartialEq)]
struct Inherited<'s> {
    timeouts: &'s Timeouts,
    layers: &'s Layers,
    /// Changes what the hash of a route is taken of.
    settings_refer: bool,
    has_cluster: bool,
    has_strict: bool,
}

impl<'s> Inherited<'s> {
    fn of(state: &'s State) -> Self {
        let State { snapshot, written, layers, .. } = state;
        Self {
            timeouts: &snapshot.timeouts,
            layers,
            settings_refer: written.settings_refer,
            has_cluster: snapshot.cluster.is_some(),
            has_strict: snapshot.cluster.as_ref().is_some_and(Cluster::decides),
        }
    }
}

/// Resolves a change of `previous`, which a first file has none of. Its generation is one more.
pub(crate) fn resolve(report: &mut Report<'_>, previous: Option<&State>, change: &Change) -> State {
    let mut state = match (&change.settings, previous) {
        (None, Some(previous)) => {
            report.has_cluster = previous.snapshot.cluster.is_some();
            report.has_strict = previous.snapshot.cluster.as_ref().is_some_and(Cluster::decides);
            previous.clone()
        }
        (settings, _) => begin(report, settings.clone().unwrap_or_default(), previous),
    };
    let all = previous.is_some_and(|previous| Inherited::of(previous) != Inherited::of(&state));
    let shares_anew =
        previous.is_some_and(|previous| plans::inherit_anew(&Inherited::of(previous), &Inherited::of(&state)));
    let before = state.snapshot.plans.clone();
    let gone = plans::apply(report, &mut state, change, shares_anew);
    applications::apply(report, &mut state, change, &applications::Plans { before: &before, gone: &gone });
    let listeners = listeners::apply(report, &mut state, change);
    let upstreams = upstreams::apply(report, &mut state, change);
    routes::apply(report, &mut state, change, &routes::Around { listeners, upstreams, all });
    for (kind, count) in [
        ("upstream", state.snapshot.upstreams.len()),
        ("route", state.snapshot.routes.len()),
        ("plan", state.snapshot.plans.len()),
    ] {
        if count > limits::ITEMS_MAX {
            report.whole_error(format!("there are at most {} {kind}s, and now {count}", limits::ITEMS_MAX), None);
        }
    }
    state.snapshot.generation = previous.map_or(1, |previous| previous.snapshot.generation + 1);
    state.snapshot.digest = state.digest();
    state
}

/// The settings, with the items of `previous`.
fn begin(report: &mut Report<'_>, settings: raw::File, previous: Option<&State>) -> State {
    let snapshot = node::snapshot(report, &settings);
    report.has_cluster = settings.cluster.is_some();
    // What is wrong with the store itself is told by its own place.
    report.has_strict = snapshot.cluster.as_ref().map_or(report.has_cluster, Cluster::decides);
    let text = settings.to_canonical();
    let hash = match state::has_reference(&text) {
        true => digest::written("settings", &text),
        false => digest::settings(&snapshot),
    };
    let layers = Layers::read(report, &settings, snapshot.limits);
    let mut state = State::new(snapshot, settings, hash, layers);
    if let Some(previous) = previous {
        state.take_items(previous);
    }
    state
}
