//! A snapshot compiled for the workers: the route table, and what each route and upstream needs of it on the way.
//!
//! Built on the publishing thread and shared by all workers; nothing in it changes. The next one is made of the last:
//! what a change left alone is shared, and only what it touched is compiled. An exchange ends with the program it began with.

use crate::{balance, policies::Chains};
use imbl::Vector;
use std::sync::{
    Arc,
    atomic::{AtomicU32, AtomicU64, Ordering},
};
use tollgate_http::{ForwardedStyle, HeadLimits};
use tollgate_model::{Action, Change, Forwarded, Forwarding, Route, Snapshot, Upstream};
use tollgate_policy::Chain;
use tollgate_route::Table;
use tollgate_telemetry::{Fragment, OTHER, Registry};

/// What workers run.
#[derive(Clone)]
pub struct Program {
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) table: Table<Arc<RouteProgram>>,
    /// By slot.
    upstreams: Vector<Option<Arc<UpstreamProgram>>>,
    /// Where listeners are counted, by slot.
    listeners: Vec<u32>,
    pub(crate) heads: HeadLimits,
    pub(crate) forwarded: ForwardedStyle,
    /// This worker's share of `limits.connections`.
    pub(crate) connections_max: usize,
}

/// A route, compiled.
pub(crate) struct RouteProgram {
    pub(crate) route: Arc<Route>,
    /// Where it is counted.
    pub(crate) figures: u32,
    /// Its name in an access record.
    pub(crate) fragment: Fragment,
    pub(crate) chain: Chain,
    /// `None` unless it shares its requests between upstreams.
    split: Option<Split>,
}

/// Slots of upstreams in the order they take their turns.
struct Split {
    order: Box<[u32]>,
    /// Shared by the workers, so that the shares are those of the node.
    turn: AtomicU32,
}

/// An upstream, compiled.
pub(crate) struct UpstreamProgram {
    /// Larger than that of any upstream compiled before.
    pub(crate) id: u64,
    pub(crate) slot: u32,
    pub(crate) upstream: Arc<Upstream>,
    /// Where it is counted.
    pub(crate) figures: u32,
    /// Its name in an access record.
    pub(crate) fragment: Fragment,
    /// Endpoints in the order they take their turns.
    pub(crate) schedule: Box<[u32]>,
    /// The endpoints in an access record.
    pub(crate) endpoints: Box<[Fragment]>,
}

impl Program {
    /// Compiles `snapshot` for `workers` workers that count in `figures`. `previous` is what they run so far: the cost is that
    /// of what is different.
    #[must_use]
    pub fn build(snapshot: Arc<Snapshot>, workers: usize, figures: &Registry, previous: Option<&Self>) -> Self {
        let limits = snapshot.limits;
        let mut program = Self {
            table: previous.map(|previous| previous.table.clone()).unwrap_or_default(),
            upstreams: previous.map(|previous| previous.upstreams.clone()).unwrap_or_default(),
            listeners: listeners(&snapshot, figures),
            heads: HeadLimits {
                head_bytes: limits.head_bytes,
                target_bytes: limits.target_bytes,
                fields: limits.fields,
            },
            forwarded: match snapshot.forwarded {
                Forwarded::Off => ForwardedStyle::Off,
                Forwarded::XForwarded => ForwardedStyle::XForwarded,
                Forwarded::Standard => ForwardedStyle::Standard,
                Forwarded::Both => ForwardedStyle::Both,
            },
            connections_max: limits.connections.div_ceil(workers.max(1)),
            snapshot,
        };
        program.take_upstreams(previous, figures);
        program.take_routes(previous, figures);
        program
    }

    fn take_upstreams(&mut self, previous: Option<&Self>, figures: &Registry) {
        let before = previous.map(|previous| previous.snapshot.upstreams.clone()).unwrap_or_default();
        let snapshot = self.snapshot.clone();
        for Change { slot, new, .. } in snapshot.upstreams.changes(&before) {
            let program = new.map(|entry| Arc::new(UpstreamProgram::compile(slot, entry.item.clone(), figures)));
            while self.upstreams.len() <= slot as usize {
                self.upstreams.push_back(None);
            }
            self.upstreams.set(slot as usize, program);
        }
    }

    fn take_routes(&mut self, previous: Option<&Self>, figures: &Registry) {
        // What a chain is compiled of besides its route: when it has changed, no route is as it was.
        let previous = previous.filter(|previous| previous.snapshot.limits == self.snapshot.limits);
        if previous.is_none() {
            self.table = Table::default();
        }
        let before = previous.map(|previous| previous.snapshot.routes.clone()).unwrap_or_default();
        let snapshot = self.snapshot.clone();
        let mut chains = Chains::new(&snapshot.limits);
        for Change { old, new, .. } in snapshot.routes.changes(&before) {
            if let Some(old) = old {
                self.table.remove(old.order, &old.item.matcher);
            }
            if let Some(new) = new {
                let route = RouteProgram::compile(new.item.clone(), &mut chains, figures);
                self.table.insert(new.order, &new.item.matcher, &Arc::new(route));
            }
        }
    }

    /// Where a listener is counted.
    pub(crate) fn listener_figures(&self, slot: u32) -> u32 {
        self.listeners.get(slot as usize).copied().unwrap_or(OTHER)
    }

    /// The configuration it was built from.
    #[must_use]
    pub const fn snapshot(&self) -> &Arc<Snapshot> {
        &self.snapshot
    }

    /// The upstream whose turn it is.
    pub(crate) fn choose_upstream(&self, route: &RouteProgram, forwarding: &Forwarding) -> Option<&UpstreamProgram> {
        let slot = match &route.split {
            Some(Split { order, turn }) => order[turn.fetch_add(1, Ordering::Relaxed) as usize % order.len()],
            None => forwarding.shares.first()?.upstream as u32,
        };
        self.upstreams.get(slot as usize)?.as_deref()
    }
}

fn listeners(snapshot: &Snapshot, figures: &Registry) -> Vec<u32> {
    let mut listeners = Vec::new();
    for (slot, entry) in snapshot.listeners.entries() {
        listeners.resize(slot as usize, OTHER);
        listeners.push(figures.listeners().slot(&entry.item.name));
    }
    listeners
}

impl RouteProgram {
    fn compile(route: Arc<Route>, chains: &mut Chains<'_>, figures: &Registry) -> Self {
        Self {
            figures: figures.routes().slot(&route.name),
            fragment: Fragment::route(&route.name),
            chain: chains.of(&route),
            split: match &route.action {
                Action::Forward(forwarding) if forwarding.shares.len() > 1 => Some(Split::of(forwarding)),
                _ => None,
            },
            route,
        }
    }
}

impl Split {
    fn of(forwarding: &Forwarding) -> Self {
        // A schedule gives each at least one turn, so those that are to have none stay out.
        let shares: Vec<_> = forwarding.shares.iter().filter(|share| share.weight > 0).collect();
        let weights: Vec<u32> = shares.iter().map(|share| share.weight).collect();
        let turns = balance::schedule(&weights);
        Self {
            order: turns.iter().map(|&turn| shares[turn as usize].upstream as u32).collect(),
            turn: AtomicU32::new(0),
        }
    }
}

impl UpstreamProgram {
    fn compile(slot: u32, upstream: Arc<Upstream>, figures: &Registry) -> Self {
        static COMPILED: AtomicU64 = AtomicU64::new(1);
        let weights: Vec<u32> = upstream.endpoints.iter().map(|endpoint| endpoint.weight).collect();
        Self {
            id: COMPILED.fetch_add(1, Ordering::Relaxed),
            slot,
            figures: figures.upstreams().slot(&upstream.name),
            fragment: Fragment::upstream(&upstream.name),
            schedule: balance::schedule(&weights),
            endpoints: upstream.endpoints.iter().map(|endpoint| Fragment::endpoint(endpoint.address)).collect(),
            upstream,
        }
    }
}
