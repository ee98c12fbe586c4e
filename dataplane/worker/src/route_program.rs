//! A route, compiled: what a request needs of it, in one piece of memory.
//!
//! A request for one of very many routes finds its own out of every cache, so it pays for each piece of memory it has to
//! look at. What forwarding needs stands here; what the rest needs is behind `route`, as the snapshot has it. What many
//! routes say alike (policies, deadlines) is shared by them, so that it is in a cache again.
//!
//! Built on the publishing thread and shared by all workers; nothing in it changes but whose turn it is.

use ahash::AHashMap;
use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};
use tollgate_model::{
    Action, Faults, FixedAnswer, Limits, Policies, Priority, Redirect, Route, RuleId, Share, Timeouts,
};
use tollgate_policy::Chain;
use tollgate_route::Rewrite;
use tollgate_telemetry::{Fragment, Registry};

/// A route, compiled.
pub(crate) struct RouteProgram {
    /// Where it is counted.
    pub(crate) figures: u32,
    pub(crate) act: Act,
    pub(crate) chain: Chain,
    pub(crate) timeouts: Arc<Timeouts>,
    /// Who is refused last when the worker cannot keep up.
    pub(crate) priority: Priority,
    /// What is injected, for the few routes where something is.
    pub(crate) faults: Option<Box<Faults>>,
    /// Its name in an access record.
    pub(crate) fragment: Fragment,
    pub(crate) route: Arc<Route>,
}

/// What becomes of a request.
pub(crate) enum Act {
    Forward {
        to: Turns,
        /// `None` for the target of the request.
        rewrite: Option<Rewrite>,
    },
    Redirect(Box<Redirect>),
    Answer(Arc<FixedAnswer>),
}

/// Whose turn it is: slots of upstreams.
pub(crate) enum Turns {
    One(u32),
    Many(Box<Split>),
}

pub(crate) struct Split {
    order: Box<[u32]>,
    /// Shared by the workers, so that the shares are those of the node.
    turn: AtomicU32,
}

/// What routes share, compiled so far.
pub(crate) struct Shared<'s> {
    node: &'s Limits,
    rules: &'s mut tollgate_policy::Registry,
    figures: &'s Registry,
    chains: AHashMap<*const Policies, Chain>,
    timeouts: AHashMap<Timeouts, Arc<Timeouts>>,
}

impl RouteProgram {
    /// Compiles a route of the snapshot, which lives as long as what is shared.
    pub(crate) fn compile(route: Arc<Route>, shared: &mut Shared<'_>) -> Self {
        Self {
            figures: shared.figures.routes().slot(&route.name),
            act: Act::of(&route.action),
            chain: shared.chain(&route),
            timeouts: shared.timeouts(route.timeouts),
            priority: route.policies.as_ref().map_or(Priority::Normal, |policies| policies.priority),
            faults: route.policies.as_ref().and_then(|policies| policies.faults.map(Box::new)),
            fragment: Fragment::route(&route.name),
            route,
        }
    }
}

impl Act {
    fn of(action: &Action) -> Self {
        match action {
            Action::Forward(forwarding) => Self::Forward {
                to: Turns::of(&forwarding.shares),
                rewrite: forwarding.rewrite.as_ref().map(Rewrite::compile),
            },
            Action::Redirect(redirect) => Self::Redirect(Box::new(redirect.clone())),
            Action::Answer(answer) => Self::Answer(answer.clone()),
        }
    }
}

impl Turns {
    fn of(shares: &[Share]) -> Self {
        // A schedule gives each at least one turn, so those that are to have none stay out.
        let shares: Vec<_> = shares.iter().filter(|share| share.weight > 0).collect();
        if let [only] = shares[..] {
            return Self::One(only.upstream as u32);
        }
        let weights: Vec<u32> = shares.iter().map(|share| share.weight).collect();
        let turns = tollgate_balance::schedule(&weights);
        let order = turns.iter().map(|&turn| shares[turn as usize].upstream as u32).collect();
        Self::Many(Box::new(Split { order, turn: AtomicU32::new(0) }))
    }

    /// The slot of the upstream whose turn it is.
    pub(crate) fn take(&self) -> u32 {
        match self {
            Self::One(slot) => *slot,
            Self::Many(split) => {
                let turn = split.turn.fetch_add(1, Ordering::Relaxed) as usize;
                split.order[turn % split.order.len()]
            }
        }
    }
}

impl<'s> Shared<'s> {
    /// Nothing yet; `node` are the limits of the node.
    pub(crate) fn new(node: &'s Limits, rules: &'s mut tollgate_policy::Registry, figures: &'s Registry) -> Self {
        Self { node, rules, figures, chains: AHashMap::new(), timeouts: AHashMap::new() }
    }

    /// The policies of a route.
    fn chain(&mut self, route: &Route) -> Chain {
        let Some(policies) = &route.policies else { return Chain::plain(self.node) };
        if let Some(known) = self.chains.get(&Arc::as_ptr(policies)) {
            return known.clone();
        }
        let mut slot = |rule: &RuleId| self.figures.rule([&rule.scope, rule.policy, &rule.name]);
        let chain = Chain::compile(policies, route, self.node, self.rules, &mut slot);
        if !chain.is_of_one_route() {
            self.chains.insert(Arc::as_ptr(policies), chain.clone());
        }
        chain
    }

    fn timeouts(&mut self, timeouts: Timeouts) -> Arc<Timeouts> {
        self.timeouts.entry(timeouts).or_insert_with(|| Arc::new(timeouts)).clone()
    }
}
