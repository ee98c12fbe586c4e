//! What the control plane gives to all consumers: the gateway of its own process, and nodes elsewhere.
//!
//! ```text
//! compiler -> push, reset -> Log -> since: the gateway of this process
//!                              `--> news: polls of nodes, which wait for another head
//! ```
//!
//! One lock around plain data, held for as long as a patch is copied; waiting is done outside of it.

use crate::{
    log::{Behind, Lack, Log},
    message::Poll,
    patch::Patch,
    position::Position,
    roster::{Roster, Seen},
};
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::watch;

/// What all consumers are fed from.
#[derive(Debug)]
pub struct Feed {
    state: Mutex<State>,
    /// Counts heads; `None` at the end.
    heads: watch::Sender<Option<u64>>,
}

#[derive(Debug, Default)]
struct State {
    log: Log,
    roster: Roster,
}

/// What is known of a node, against what there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// What it said last.
    pub seen: Seen,
    /// How far behind it is. `None`: not at all.
    pub behind: Option<Behind>,
    /// Up to which change of the store it runs everything. `None`: not known.
    pub covers: Option<u64>,
}

impl Default for Feed {
    fn default() -> Self {
        Self { state: Mutex::default(), heads: watch::Sender::new(Some(0)) }
    }
}

impl Feed {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The newest. `None`: nothing was compiled yet.
    #[must_use]
    pub fn head(&self) -> Option<Position> {
        self.state().log.head().cloned()
    }

    /// Goes on to `to`, as `Log::push`.
    pub fn push(&self, to: Position, patch: Patch, covered: u64, now: Duration) {
        if self.state().log.push(to, patch, covered, now) {
            self.tell();
        }
    }

    /// Begins anew at `head`, as `Log::reset`.
    pub fn reset(&self, head: Position, covered: u64) {
        self.state().log.reset(head, covered);
        self.tell();
    }

    fn tell(&self) {
        self.heads.send_modify(|heads| *heads = heads.map(|heads| heads + 1));
    }

    /// Nobody is to wait for another head any more.
    pub fn end(&self) {
        self.heads.send_replace(None);
    }

    /// What somebody lacks who is at `has`.
    #[must_use]
    pub fn since(&self, has: &Position) -> Lack {
        self.state().log.since(has)
    }

    /// What a node lacks: nothing, if it has refused what it would get.
    pub(crate) fn news(&self, poll: &Poll) -> Lack {
        let state = self.state();
        let refused = poll.refused.as_ref().map(|refused| &refused.to);
        match (&poll.has, state.log.head()) {
            (_, Some(head)) if refused.is_some_and(|refused| refused.is_same(head)) => Lack::Nothing,
            (Some(has), _) => state.log.since(has),
            (None, Some(_)) => Lack::Everything,
            (None, None) => Lack::Nothing,
        }
    }

    /// Hears of each new head from now on, and of the end.
    pub(crate) fn heads(&self) -> watch::Receiver<Option<u64>> {
        self.heads.subscribe()
    }

    /// A node says what it has. Also for the gateway of this process, which does not poll.
    pub fn arrived(&self, name: &str, poll: &Poll, now: Duration) {
        self.state().roster.arrived(name, poll, now);
    }

    /// A poll has ended.
    pub fn left(&self, name: &str, now: Duration) {
        self.state().roster.left(name, now);
    }

    /// What is known of each node that was seen, by name.
    #[must_use]
    pub fn reports(&self) -> BTreeMap<String, Report> {
        let state = self.state();
        let report = |seen: Seen| Report {
            behind: state.log.behind(seen.has.as_ref()),
            covers: seen.has.as_ref().and_then(|has| state.log.covers(has)),
            seen,
        };
        state.roster.all().into_iter().map(|(name, seen)| (name, report(seen))).collect()
    }
}
