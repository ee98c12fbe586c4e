//! Where a worker stands with each upstream: the list of endpoints it holds, whose turn it is, and its retries.
//!
//! A list is taken anew when its upstream has another; until then a request compares two numbers and writes to nothing
//! that workers share, unless the way of choosing counts requests. A program that changes an upstream begins anew with it.

use crate::program::UpstreamProgram;
use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    sync::Arc,
};
use tollgate_balance::{Choice, Endpoint, Endpoints, Outcome, Place, RetryBudget, Tried};
use tollgate_io::{Address, Instant};
use tollgate_telemetry::Fragment;

/// By slot of the upstream.
pub(crate) struct Standings {
    slots: RefCell<Vec<Option<Rc<Standing>>>>,
    /// Spreads where workers begin their schedules.
    random: u32,
}

/// Where the worker stands with one upstream.
pub(crate) struct Standing {
    /// Of the upstream as it was compiled.
    id: u64,
    list: RefCell<Rc<List>>,
    turn: Cell<u32>,
    pub(crate) budget: RetryBudget,
}

/// A list of endpoints, and what an access record calls them.
pub(crate) struct List {
    endpoints: Arc<Endpoints>,
    fragments: Box<[Fragment]>,
}

impl Standings {
    pub(crate) fn new(random: u64) -> Self {
        Self { slots: RefCell::default(), random: (random >> 32) as u32 }
    }

    /// Where the worker stands with `upstream`. An exchange of an older program gets a place of its own.
    pub(crate) fn of(&self, upstream: &UpstreamProgram) -> Rc<Standing> {
        let slot = upstream.slot as usize;
        let last = match self.slots.borrow().get(slot) {
            Some(Some(standing)) if standing.id == upstream.id => return standing.clone(),
            Some(Some(standing)) => standing.id,
            _ => 0,
        };
        let standing = Rc::new(Standing::new(upstream, self.random));
        if last < upstream.id {
            let mut slots = self.slots.borrow_mut();
            if slots.len() <= slot {
                slots.resize_with(slot + 1, || None);
            }
            slots[slot] = Some(standing.clone());
        }
        standing
    }
}

impl Standing {
    fn new(upstream: &UpstreamProgram, random: u32) -> Self {
        Self {
            id: upstream.id,
            list: RefCell::new(List::of(upstream)),
            turn: Cell::new(random),
            budget: RetryBudget::default(),
        }
    }

    fn list(&self, upstream: &UpstreamProgram) -> Rc<List> {
        let mut list = self.list.borrow_mut();
        if list.endpoints.version() != upstream.state.version() {
            *list = List::of(upstream);
        }
        list.clone()
    }

    /// The endpoint for a request, if one is available that it has not tried.
    pub(crate) fn choose<'p>(
        &self,
        upstream: &'p UpstreamProgram,
        hash: Option<u64>,
        tried: &Tried,
        now: Instant,
        random: u64,
    ) -> Option<Target<'p>> {
        let list = self.list(upstream);
        let rules = &upstream.upstream;
        let choice = Choice { rules, now: now.nanos(), random, hash, tried, turn: &self.turn };
        let position = list.endpoints.choose(&choice)?;
        Some(Target { upstream, list, position })
    }
}

impl List {
    fn of(upstream: &UpstreamProgram) -> Rc<Self> {
        let endpoints = upstream.state.endpoints();
        let fragments = endpoints.members().iter().map(|member| Fragment::endpoint(member.endpoint.label())).collect();
        Rc::new(Self { endpoints, fragments })
    }
}

/// One endpoint of an upstream, in the list it was chosen from.
#[derive(Clone)]
pub(crate) struct Target<'p> {
    pub(crate) upstream: &'p UpstreamProgram,
    list: Rc<List>,
    position: u32,
}

impl Target<'_> {
    pub(crate) fn endpoint(&self) -> &Arc<Endpoint> {
        &self.list.endpoints.members()[self.position as usize].endpoint
    }

    pub(crate) fn address(&self) -> Address<'_> {
        match self.endpoint().place() {
            Place::Socket(address) => Address::Socket(*address),
            Place::Unix(path) => Address::Unix(path),
        }
    }

    /// What stands in the Host field of a request that has none.
    pub(crate) fn authority(&self) -> &str {
        match self.endpoint().place() {
            Place::Socket(_) => self.endpoint().label(),
            Place::Unix(_) => "localhost",
        }
    }

    /// How an access record names it.
    pub(crate) fn fragment(&self) -> Option<&Fragment> {
        self.list.fragments.get(self.position as usize)
    }

    /// Tells what an exchange has shown of the endpoint; the clock is read only where that is of use.
    pub(crate) fn report(&self, outcome: Outcome, now: impl FnOnce() -> Instant) {
        if self.upstream.upstream.outliers.is_some() {
            self.upstream.state.report(&self.list.endpoints, self.position, outcome, now().nanos());
        }
    }
}

/// A request in progress at an endpoint, until it is dropped.
pub(crate) struct InFlight<'p>(Target<'p>);

impl<'p> InFlight<'p> {
    pub(crate) fn begin(target: &Target<'p>) -> Self {
        target.upstream.state.begin(target.endpoint());
        Self(target.clone())
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.upstream.state.end(self.0.endpoint());
    }
}
