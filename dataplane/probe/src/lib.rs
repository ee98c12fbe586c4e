//! Requests that somebody watches: what each step said of one, with its time, for whoever debugs a configuration.
//!
//! ```text
//! Probes::add(Probe { peer }) .. a connection from `peer` -> Tracer: a note for each step -> Report
//! ```
//!
//! Nothing in a request makes it one that is watched, but the address that its connection comes from, which was told
//! before. Which steps there are is `worker`'s; here is what is noted of them, and what of a head may be shown.

mod head;

pub use head::shown;

use arc_swap::ArcSwap;
use crossbeam::channel::Sender;
use std::{
    cell::{Cell, RefCell},
    net::{IpAddr, SocketAddr},
    sync::Arc,
};
use tollgate_http::Reason;
use tollgate_io::Instant;

/// A connection that is watched.
#[derive(Debug)]
pub struct Probe {
    /// Where it comes from, exactly.
    pub peer: SocketAddr,
    /// In whose name it asks; its own without.
    pub client: Option<IpAddr>,
    /// What the names of routes begin with that it may reach; others are no routes for it.
    pub scope: String,
    /// Where it is told what became of its request.
    pub done: Sender<Report>,
}

/// The connections that are watched, which all workers look into.
#[derive(Debug, Default)]
pub struct Probes(ArcSwap<Vec<Arc<Probe>>>);

/// What became of a request that was watched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// What each step said, in their order.
    pub notes: Vec<Note>,
    /// The route, if there is one.
    pub route: Option<String>,
    /// What the client was answered; 0 if it was not.
    pub status: u16,
    /// The code of what went wrong.
    pub reason: Option<&'static str>,
    /// From the first byte of the request to the last of the answer, in nanoseconds.
    pub took_ns: u64,
}

/// What one step said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The phase, or what else was done.
    pub phase: &'static str,
    /// The policy, rule or endpoint.
    pub what: String,
    /// What it made of the request.
    pub verdict: Verdict,
    /// What else there is to know, by name.
    pub facts: Vec<(&'static str, String)>,
    /// Since the note before, in nanoseconds.
    pub took_ns: u64,
}

/// What a step made of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on.
    Passed,
    /// It would be refused, by a rule that only looks.
    WouldRefuse,
    /// It is not decided on here: that would spend something.
    NotAsked,
    /// It is refused, or an attempt failed, for this.
    Refused(Reason),
    /// It is answered in place of an endpoint.
    Answered,
}

impl Probes {
    /// Watches a connection from now on.
    pub fn add(&self, probe: &Arc<Probe>) {
        self.0.rcu(|known| known.iter().chain([probe]).cloned().collect::<Vec<_>>());
    }

    /// Watches it no more.
    pub fn remove(&self, probe: &Arc<Probe>) {
        self.0.rcu(|known| known.iter().filter(|other| !Arc::ptr_eq(other, probe)).cloned().collect::<Vec<_>>());
    }

    /// Who watches a connection from there.
    #[must_use]
    pub fn of(&self, peer: SocketAddr) -> Option<Arc<Probe>> {
        self.0.load().iter().find(|probe| probe.peer == peer).cloned()
    }
}

impl Note {
    /// A step that was passed.
    #[must_use]
    pub fn passed(phase: &'static str, what: impl Into<String>) -> Self {
        Self { phase, what: what.into(), verdict: Verdict::Passed, facts: Vec::new(), took_ns: 0 }
    }

    /// A step that said this.
    #[must_use]
    pub fn new(phase: &'static str, what: impl Into<String>, verdict: Verdict) -> Self {
        Self { verdict, ..Self::passed(phase, what) }
    }

    /// With something to know; nothing without a value.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        let value = value.into();
        if !value.is_empty() {
            self.facts.push((name, value));
        }
        self
    }
}

/// What is noted of a request that is watched.
#[derive(Debug)]
pub struct Tracer {
    probe: Arc<Probe>,
    notes: RefCell<Vec<Note>>,
    last: Cell<Instant>,
}

impl Tracer {
    /// Of a request that began then.
    #[must_use]
    pub fn new(probe: Arc<Probe>, begun: Instant) -> Box<Self> {
        Box::new(Self { probe, notes: RefCell::default(), last: Cell::new(begun) })
    }

    /// Whether the request may reach this route.
    #[must_use]
    pub fn may_reach(&self, route: &str) -> bool {
        route.starts_with(&self.probe.scope)
    }

    /// Notes what a step said, which ended `now`.
    pub fn note(&self, note: Note, now: Instant) {
        let took = now.since(self.last.replace(now));
        let took_ns = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.notes.borrow_mut().push(Note { took_ns, ..note });
    }

    /// Tells what became of the request: `report` lacks the notes.
    pub fn end(&self, report: Report) {
        // Nobody may listen any more.
        let _ = self.probe.done.try_send(Report { notes: self.notes.take(), ..report });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_address_that_was_told_is_watched() {
        let (done, _reports) = crossbeam::channel::bounded(1);
        let peer = SocketAddr::from(([127, 0, 0, 1], 4000));
        let probe = Arc::new(Probe { peer, client: None, scope: String::new(), done });
        let probes = Probes::default();
        assert!(probes.of(peer).is_none());
        probes.add(&probe);
        assert!(probes.of(peer).is_some());
        assert!(probes.of(SocketAddr::from(([127, 0, 0, 1], 4001))).is_none());
        probes.remove(&probe);
        assert!(probes.of(peer).is_none());
    }
}
