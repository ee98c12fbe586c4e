//! A snapshot compiled for the workers: the route table, and what each route and upstream needs of it on the way.
//!
//! Built on the publishing thread and shared by all workers; nothing in it changes. The next one is made of the last:
//! what a change left alone is shared, and only what it touched is compiled. An exchange ends with the program it began with.

use crate::{
    plan_program::PlanProgram,
    route_program::{RouteProgram, Shared, Turns},
};
use imbl::Vector;
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};
use tollgate_http::{ForwardedStyle, HeadLimits};
use tollgate_io::Instant;
use tollgate_model::{Change, Forwarded, Snapshot, Upstream};
use tollgate_route::Table;
use tollgate_telemetry::{Fragment, OTHER, Registry};
use tollgate_tls::{ClientTls, Security};

/// What workers run.
#[derive(Clone)]
pub struct Program {
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) table: Table<Arc<RouteProgram>>,
    /// By slot.
    upstreams: Vector<Option<Arc<UpstreamProgram>>>,
    /// By slot.
    plans: Vector<Option<Arc<PlanProgram>>>,
    /// Where listeners are counted, by slot.
    listeners: Vec<u32>,
    pub(crate) heads: HeadLimits,
    pub(crate) forwarded: ForwardedStyle,
    /// `limits.connections`, of all workers together.
    pub(crate) connections_max: usize,
    pub(crate) tls: Security,
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
    /// Its endpoints and what is known of them.
    pub(crate) state: Arc<tollgate_balance::Upstream>,
    /// Whether it has a breaker, or a limit of requests in progress.
    pub(crate) is_guarded: bool,
    /// How its endpoints are spoken to; `None` in plain HTTP.
    pub(crate) tls: Option<ClientTls>,
}

/// What outlives a program: where the node counts, and what it knows of upstreams.
pub struct Registries<'r> {
    /// Where workers count.
    pub figures: &'r Registry,
    /// The state of upstreams.
    pub upstreams: &'r mut tollgate_balance::Registry,
    /// What is counted for rules that limit what is admitted.
    pub rules: &'r mut tollgate_policy::Registry,
    /// Monotonic time, as workers see it.
    pub now: Instant,
}

impl Program {
    /// Compiles `snapshot`. `previous` is what the workers run so far: the cost is that of what is different. `tls` is what
    /// the snapshot says of TLS.
    #[must_use]
    pub fn build(
        snapshot: Arc<Snapshot>,
        mut registries: Registries<'_>,
        previous: Option<&Self>,
        tls: Security,
    ) -> Self {
        let limits = snapshot.limits;
        let mut program = Self {
            table: previous.map(|previous| previous.table.clone()).unwrap_or_default(),
            upstreams: previous.map(|previous| previous.upstreams.clone()).unwrap_or_default(),
            plans: previous.map(|previous| previous.plans.clone()).unwrap_or_default(),
            listeners: listeners(&snapshot, registries.figures),
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
            connections_max: limits.connections,
            tls,
            snapshot,
        };
        program.take_upstreams(previous, &mut registries);
        program.take_plans(previous, &mut registries);
        program.take_routes(previous, &mut registries);
        program
    }

    fn take_upstreams(&mut self, previous: Option<&Self>, registries: &mut Registries<'_>) {
        let before = previous.map(|previous| previous.snapshot.upstreams.clone()).unwrap_or_default();
        let snapshot = self.snapshot.clone();
        for Change { slot, old, new } in snapshot.upstreams.changes(&before) {
            // One whose name has another slot now is not gone.
            if let Some(gone) = old.filter(|old| snapshot.upstreams.slot(&old.item.name).is_none()) {
                registries.upstreams.remove(&gone.item.name);
            }
            let program =
                new.map(|entry| Arc::new(UpstreamProgram::compile(slot, entry.item.clone(), registries, &self.tls)));
            while self.upstreams.len() <= slot as usize {
                self.upstreams.push_back(None);
            }
            self.upstreams.set(slot as usize, program);
        }
    }

    fn take_plans(&mut self, previous: Option<&Self>, registries: &mut Registries<'_>) {
        let before = previous.map(|previous| previous.snapshot.plans.clone()).unwrap_or_default();
        let snapshot = self.snapshot.clone();
        for Change { slot, new, .. } in snapshot.plans.changes(&before) {
            let program = new
                .map(|entry| Arc::new(PlanProgram::compile(entry.item.clone(), registries.rules, registries.figures)));
            while self.plans.len() <= slot as usize {
                self.plans.push_back(None);
            }
            self.plans.set(slot as usize, program);
        }
    }

    /// What the snapshot says of TLS, for the next to take over.
    #[must_use]
    pub const fn security(&self) -> &Security {
        &self.tls
    }

    fn take_routes(&mut self, previous: Option<&Self>, registries: &mut Registries<'_>) {
        // What a chain is compiled of besides its route: when it has changed, no route is as it was.
        let previous = previous.filter(|previous| previous.snapshot.limits == self.snapshot.limits);
        if previous.is_none() {
            self.table = Table::default();
        }
        let before = previous.map(|previous| previous.snapshot.routes.clone()).unwrap_or_default();
        let snapshot = self.snapshot.clone();
        let mut shared = Shared::new(&snapshot.limits, registries.rules, registries.figures);
        for Change { old, new, .. } in snapshot.routes.changes(&before) {
            if let Some(old) = old {
                self.table.remove(old.order, &old.item.matcher);
            }
            if let Some(new) = new {
                let route = RouteProgram::compile(new.item.clone(), &mut shared);
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

    /// The upstream of this name.
    pub(crate) fn upstream_named(&self, name: &str) -> Option<&UpstreamProgram> {
        self.upstreams.get(self.snapshot.upstreams.slot(name)? as usize)?.as_deref()
    }

    /// The plan in a slot.
    pub(crate) fn plan(&self, slot: u32) -> Option<&PlanProgram> {
        self.plans.get(slot as usize)?.as_deref()
    }

    /// The upstream whose turn it is.
    pub(crate) fn choose_upstream(&self, turns: &Turns) -> Option<&UpstreamProgram> {
        self.upstreams.get(turns.take() as usize)?.as_deref()
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

impl UpstreamProgram {
    fn compile(slot: u32, upstream: Arc<Upstream>, registries: &mut Registries<'_>, tls: &Security) -> Self {
        static COMPILED: AtomicU64 = AtomicU64::new(1);
        Self {
            id: COMPILED.fetch_add(1, Ordering::Relaxed),
            slot,
            figures: registries.figures.upstreams().slot(&upstream.name),
            fragment: Fragment::upstream(&upstream.name),
            state: registries.upstreams.put(&upstream, registries.now.nanos()),
            is_guarded: upstream.breaker.is_some() || upstream.adaptive_concurrency.is_some(),
            tls: tls.upstream(slot),
            upstream,
        }
    }
}
