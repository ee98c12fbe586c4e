//! What the store has, compiled once for all who are fed with it: the gateway of this process, and nodes elsewhere.
//!
//! ```text
//! store: changes_since(mark) -> Compiled::compile -> Feed: the log of deltas that consumers are given
//!          `-> Reset: everything is compiled anew, and the log begins anew
//! whole: everything compiled anew, which has to come to what the deltas have come to
//! ```
//!
//! A transaction is always begun before the lock is taken, never inside of it: a judge has one already when it asks. What
//! cannot be compiled is said on standard error and leaves what was served before.

use crate::{
    now,
    published::Fixed,
    source::Stored,
    touched::{of_record, of_row},
};
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tollgate_api::{Judge, Touched};
use tollgate_compile::{Change, Compiled, Delta};
use tollgate_domain::{Refusal, Refusals};
use tollgate_keys::KeySet;
use tollgate_store::{Error, Mark, Record as _, Rows, Store, Transactions as _};
use tollgate_sync::{Delta as Whole, Feed, Patch, Position};

/// Changes that are compiled at one time.
const CHANGES_MAX: usize = 1000;

/// Compiles what the store has.
pub(crate) struct Compiler {
    store: Arc<dyn Store>,
    state: Mutex<State>,
    fixed: Fixed,
    feed: Arc<Feed>,
}

#[derive(Default)]
struct State {
    compiled: Compiled,
    mark: Mark,
}

/// How far what is compiled is, as a transaction sees the store.
enum Caught {
    /// As far; this is the head.
    Here(Position),
    /// Further: another transaction was begun later.
    Further,
    /// The changes in between are not known.
    Unknown,
}

impl Compiler {
    pub(crate) fn new(store: Arc<dyn Store>, fixed: Fixed, feed: Arc<Feed>) -> Self {
        Self { store, state: Mutex::default(), fixed, feed }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Compiles what has changed. Gives how far it is then.
    pub(crate) fn advance(&self) -> Result<Mark, Error> {
        self.store.read(|rows| match self.catch_up(rows)? {
            Caught::Unknown => self.anew(rows).map(drop),
            Caught::Here(_) | Caught::Further => Ok(()),
        })?;
        Ok(self.state().mark.clone())
    }

    /// Everything there is.
    pub(crate) fn whole(&self) -> Result<Whole, Error> {
        loop {
            let found = self.store.read(|rows| match self.catch_up(rows)? {
                Caught::Here(head) => {
                    let (compiled, patch) = self.everything(rows)?;
                    if head.is_same(&Position::new(0, compiled.digest())) {
                        return Ok(Some(Whole { from: None, to: head, patch }));
                    }
                    // Something cannot be compiled any more, and was left as it was: who begins now cannot have it.
                    self.adopt(rows, compiled, patch).map(Some)
                }
                Caught::Unknown => self.anew(rows).map(Some),
                Caught::Further => Ok::<_, Error>(None),
            })?;
            if let Some(whole) = found {
                return Ok(whole);
            }
        }
    }

    /// Compiles the changes that `rows` has and that were not compiled yet.
    fn catch_up(&self, rows: &dyn Rows) -> Result<Caught, Error> {
        let mut state = self.state();
        let State { compiled, mark } = &mut *state;
        let here = rows.mark()?;
        if here.epoch == mark.epoch && here.change < mark.change {
            return Ok(Caught::Further);
        }
        loop {
            let found = match rows.changes_since(mark, CHANGES_MAX) {
                Err(Error::Reset) => return Ok(Caught::Unknown),
                found => found?,
            };
            // Other signing keys are in every route.
            if found.changes.iter().any(|row| row.kind == KeySet::KIND) {
                return Ok(Caught::Unknown);
            }
            let changes: BTreeSet<_> = found.changes.iter().filter_map(of_row).collect();
            let changes: Vec<_> = changes.into_iter().collect();
            let delta = compiled.compile(&Stored(rows), &changes)?;
            say(&delta);
            *mark = found.mark;
            let to = Position::new(mark.change, compiled.digest());
            self.feed.push(to, patch(delta)?, mark.change, now());
            if !found.more {
                return Ok(self.feed.head().map_or(Caught::Unknown, Caught::Here));
            }
        }
    }

    fn everything(&self, rows: &dyn Rows) -> Result<(Compiled, Patch), Error> {
        let (source, mut compiled) = (Stored(rows), Compiled::new(self.fixed.settings(rows)?));
        let delta = compiled.compile(&source, &Change::everything(&source)?)?;
        say(&delta);
        Ok((compiled, patch(delta)?))
    }

    /// Begins anew with everything that `rows` has.
    fn anew(&self, rows: &dyn Rows) -> Result<Whole, Error> {
        let (compiled, patch) = self.everything(rows)?;
        self.adopt(rows, compiled, patch)
    }

    fn adopt(&self, rows: &dyn Rows, compiled: Compiled, patch: Patch) -> Result<Whole, Error> {
        let mark = rows.mark()?;
        let to = Position::new(mark.change, compiled.digest());
        let mut state = self.state();
        self.feed.reset(to.clone(), mark.change);
        *state = State { compiled, mark };
        Ok(Whole { from: None, to, patch })
    }
}

fn patch(delta: Delta) -> Result<Patch, Error> {
    let mut patch = Patch::default();
    for ((kind, name), text) in delta.set {
        patch.set(kind.key(), name, text).map_err(|error| Error::Database(error.into()))?;
    }
    delta.remove.into_iter().for_each(|(kind, name)| patch.remove(kind.key(), name));
    Ok(patch)
}

/// Says what does not reach the gateway as it was written.
fn say(delta: &Delta) {
    for failure in &delta.failed {
        let refusals: Vec<_> = failure.refusals.iter().map(ToString::to_string).collect();
        eprintln!("tollgate: {}: {} stays as it was: {}", failure.tenant, failure.part, refusals.join("; "));
    }
    for note in &delta.notes {
        eprintln!("tollgate: {}: {}: {}", note.tenant, note.part, note.message);
    }
}

/// Before a change is made: what would be compiled of it. What is compiled may lag behind the store by a moment; what slips
/// through is found when it is compiled, and said then.
impl Judge for Compiler {
    fn judge(&self, rows: &dyn Rows, touched: &[Touched]) -> Result<Result<(), Refusals>, Error> {
        let changes = touched.iter().filter_map(|touched| of_record(&touched.tenant, &touched.kind, &touched.key));
        let changes: BTreeSet<_> = changes.collect();
        if changes.is_empty() {
            return Ok(Ok(()));
        }
        let changes: Vec<_> = changes.into_iter().collect();
        let preview = self.state().compiled.preview(&Stored(rows), &changes)?;
        let refusals = preview.failed.into_iter().flat_map(|failure| {
            let part = failure.part.to_string();
            failure
                .refusals
                .into_iter()
                .map(move |refusal| Refusal { what: format!("{part}: {}", refusal.what), ..refusal })
        });
        Ok(Refusals::none(refusals.collect()))
    }
}
