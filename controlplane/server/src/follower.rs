//! What is compiled reaches the gateway of this process: every change of the store, one patch after the other.
//!
//! ```text
//! store.wait(mark) -> changes_since -> Compiled::compile -> Delta -> Gateway::patch -> all workers run it
//!                       `-> Reset, or a patch is refused: everything is compiled anew, over the file (`renew`)
//! ```
//!
//! The gateway asks for everything itself (`everything`) when it reads its file again, on its own thread; `epoch` tells
//! the follower that what it was about to send is in there already. What cannot be compiled is said on standard error and
//! leaves what was served before.

use crate::{published::Fixed, source::Stored};
use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tollgate_api::{Judge, Touched};
use tollgate_compile::{Change, Compiled, Delta, Record};
use tollgate_domain::{
    Api, ApiName, Application, Credential, Environment, Name, Plan, Product, Publication, Refusal, Refusals,
    Subscription, Target, Tenant,
};
use tollgate_gateway::{ChangeRefused, Gateway};
use tollgate_keys::KeySet;
use tollgate_store::{Change as Row, Error, Mark, Record as _, Rows, Store, Transactions as _};

/// Changes of one patch at most.
const CHANGES_MAX: usize = 10_000;
/// How long the store is waited for before the follower looks whether it is to end.
const WAIT: Duration = Duration::from_secs(1);
/// How long it waits after something failed.
const PAUSE: Duration = Duration::from_secs(1);

/// Compiles what the store has.
pub(crate) struct Compiler {
    store: Arc<dyn Store>,
    state: Mutex<State>,
    fixed: Fixed,
    ending: AtomicBool,
}

#[derive(Default)]
struct State {
    compiled: Compiled,
    mark: Mark,
    /// Counts how often everything was compiled anew.
    epoch: u64,
}

impl Compiler {
    pub(crate) fn new(store: Arc<dyn Store>, fixed: Fixed) -> Self {
        Self { store, state: Mutex::default(), fixed, ending: AtomicBool::new(false) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything there is, as a patch of the configuration `base`. What is compiled later is told as a change of it.
    pub(crate) fn everything(&self, base: &str) -> String {
        let mut state = self.state();
        let read = self.store.read(|rows| {
            let (source, mut compiled) = (Stored(rows), Compiled::new(self.fixed.settings(rows)?));
            let delta = compiled.compile(&source, &Change::everything(&source)?)?;
            Ok::<_, Error>((delta, compiled, rows.mark()?))
        });
        let mut delta = Delta::default();
        match read {
            Ok((found, compiled, mark)) => {
                say(&found);
                (delta, state.compiled, state.mark) = (found, compiled, mark);
            }
            Err(error) => eprintln!("tollgate: the store cannot be read, so that nothing of it is served: {error}"),
        }
        state.epoch += 1;
        delta.set.extend(self.fixed.items());
        delta.patch(base)
    }

    /// What has changed since the last time, and the epoch it is of. `None`: everything has to be compiled anew.
    fn next(&self) -> Result<Option<(Delta, u64)>, Error> {
        let mut state = self.state();
        let State { compiled, mark, epoch } = &mut *state;
        let read = self.store.read(|rows| {
            let found = rows.changes_since(mark, CHANGES_MAX)?;
            // Other keys are in every route.
            if found.changes.iter().any(|row| row.kind == KeySet::KIND) {
                return Err(Error::Reset);
            }
            let changes: BTreeSet<_> = found.changes.iter().filter_map(of_row).collect();
            let changes: Vec<_> = changes.into_iter().collect();
            Ok::<_, Error>((compiled.compile(&Stored(rows), &changes)?, found.mark))
        });
        match read {
            Ok((delta, next)) => {
                *mark = next;
                say(&delta);
                Ok(Some((delta, *epoch)))
            }
            Err(Error::Reset) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Follows the store until `end`.
    pub(crate) fn follow(&self, gateway: &Gateway) {
        while !self.ending.load(Ordering::Acquire) {
            let mark = self.state().mark.clone();
            match self.store.wait(&mark, WAIT) {
                Ok(now) if now == mark => continue,
                Ok(_) => {}
                Err(error) => {
                    eprintln!("tollgate: the store cannot be followed: {error}");
                    std::thread::sleep(PAUSE);
                    continue;
                }
            }
            self.step(gateway);
        }
    }

    /// Ends `follow` within a second.
    pub(crate) fn end(&self) {
        self.ending.store(true, Ordering::Release);
    }

    fn step(&self, gateway: &Gateway) {
        let sent = match self.next() {
            Ok(Some((delta, _))) if delta.is_empty() => return,
            Ok(Some((delta, epoch))) => self.send(gateway, &delta, epoch),
            Ok(None) => gateway.renew(),
            Err(error) => {
                eprintln!("tollgate: the store cannot be compiled: {error}");
                std::thread::sleep(PAUSE);
                return;
            }
        };
        if let Err(ChangeRefused::Invalid(why)) = sent {
            eprintln!("tollgate: what was compiled is refused by the gateway:\n{why}");
            // It does not have what is remembered as compiled: begin again with what it has.
            if let Err(error @ ChangeRefused::Invalid(_)) = gateway.renew() {
                eprintln!("tollgate: and so is everything together; it goes on with what it has:\n{error}");
            }
        }
    }

    /// Sends a delta until the gateway has it, or had everything anew meanwhile.
    fn send(&self, gateway: &Gateway, delta: &Delta, epoch: u64) -> Result<(), ChangeRefused> {
        loop {
            match gateway.patch(delta.patch(&gateway.generation().to_string())) {
                Err(ChangeRefused::Conflict) if self.state().epoch != epoch => return Ok(()),
                Err(ChangeRefused::Conflict) => {}
                sent => return sent,
            }
        }
    }
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

/// What the compiler has to know of a row that has changed.
fn of_row(row: &Row) -> Option<Change> {
    if row.kind != Credential::KIND {
        return of_record(&row.tenant, &row.kind, &row.key);
    }
    // One that is gone went with its application, which is told by itself.
    let credential: Credential = serde_json::from_str(&row.row.as_ref()?.body).ok()?;
    Some(Change::new(row.tenant.parse().ok()?, Record::Application(credential.application)))
}

/// What the compiler has to know of a record; nothing of those it does not read.
fn of_record(tenant: &str, kind: &str, key: &str) -> Option<Change> {
    let name = || key.parse::<Name>().ok();
    if kind == Tenant::KIND && tenant.is_empty() {
        return Some(Change::new(name()?, Record::Tenant));
    }
    let tenant: Name = tenant.parse().ok()?;
    let record = match kind {
        kind if kind == Environment::KIND => Record::Environment(name()?),
        kind if kind == Api::KIND => Record::Api(key.parse().ok()?),
        kind if kind == Publication::KIND => {
            let (api, environment) = key.split_once('/')?;
            Record::Publication(environment.parse().ok()?, api.parse::<ApiName>().ok()?)
        }
        kind if kind == Product::KIND => Record::Product(name()?),
        kind if kind == Plan::KIND => Record::Plan(name()?),
        kind if kind == Application::KIND => Record::Application(name()?),
        kind if kind == Subscription::KIND => {
            let (application, target) = key.split_once('/')?;
            Record::Subscription(application.parse().ok()?, target.parse::<Target>().ok()?)
        }
        _ => return None,
    };
    Some(Change::new(tenant, record))
}
