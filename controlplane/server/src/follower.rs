//! Feeds the gateway of this process: every change of the store, one patch after the other.
//!
//! ```text
//! store.wait(mark) -> Compiler::advance -> what the gateway lacks -> Gateway::patch -> all workers run it
//!                                            `-> not known, or a patch is refused: everything over the file anew (`renew`)
//! ```
//!
//! The gateway asks for everything itself (`overlay`) when it reads its file again, on its own thread; it may refuse that, so
//! it counts for as far as it was. Without a gateway it compiles for nodes elsewhere alone. It wakes for changes and for its end only.

use crate::{compiler::Compiler, served::Served};
use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};
use tollgate_store::{Mark, Store};
use tollgate_sync::{Feed, Lack, NotTaken, PROTOCOL, Patch, Poll, Position, Refused, Target as _, apply};

/// How long the store is waited for at one time.
const WAIT: Duration = Duration::from_secs(3600);
/// How long it waits after something failed.
const PAUSE: Duration = Duration::from_secs(1);

/// Follows the store.
pub(crate) struct Follower {
    store: Arc<dyn Store>,
    compiler: Arc<Compiler>,
    feed: Arc<Feed>,
    /// What the gateway of this process has besides what is compiled.
    own: Patch,
    /// Where that gateway is, or further. `None`: nobody knows.
    position: Mutex<Option<Position>>,
    /// Where the overlay was that was asked for first since it was last looked.
    laid: Mutex<Option<Position>>,
    ending: AtomicBool,
}

impl Follower {
    pub(crate) fn new(store: Arc<dyn Store>, compiler: Arc<Compiler>, feed: Arc<Feed>, own: Patch) -> Self {
        Self {
            store,
            compiler,
            feed,
            own,
            position: Mutex::default(),
            laid: Mutex::default(),
            ending: AtomicBool::new(false),
        }
    }

    fn position(&self) -> MutexGuard<'_, Option<Position>> {
        locked(&self.position)
    }

    /// Everything there is, as a patch of the configuration `base`.
    ///
    /// # Errors
    /// The store cannot be read: why.
    pub(crate) fn overlay(&self, base: &str) -> Result<String, String> {
        let whole = self.compiler.whole().map_err(|error| format!("the store cannot be read: {error}"))?;
        // Whoever is at an earlier one may be given the changes in between twice: they say what is there, not what is added.
        locked(&self.laid).get_or_insert(whole.to);
        Ok(whole.patch.then(self.own.clone()).text(base, |_, _| true))
    }

    /// What the overlay gave does not run.
    pub(crate) fn disown(&self) {
        locked(&self.laid).take();
    }

    /// What the overlay gave runs.
    pub(crate) fn adopt(&self) {
        *self.position() = locked(&self.laid).take();
    }

    /// Follows the store until `end`.
    pub(crate) fn follow(&self, served: Option<&Served>) {
        let mut mark = Mark::default();
        while !self.ending.load(Ordering::Acquire) {
            match self.compiler.advance() {
                Ok(now) => mark = now,
                Err(error) => self.failed(&format!("the store cannot be compiled: {error}")),
            }
            served.iter().for_each(|served| self.step(served));
            if let Err(error) = self.store.wait(&mark, WAIT) {
                self.failed(&format!("the store cannot be followed: {error}"));
            }
        }
    }

    fn failed(&self, why: &str) {
        if !self.ending.load(Ordering::Acquire) {
            eprintln!("tollgate: {why}");
            thread::sleep(PAUSE);
        }
    }

    /// Ends `follow` at once.
    pub(crate) fn end(&self) {
        self.ending.store(true, Ordering::Release);
        self.store.end_waits();
        self.feed.end();
    }

    /// Brings the gateway to the head, and says where it is.
    fn step(&self, served: &Served) {
        let refused = self.feed_on(served).err();
        self.tell(served, refused);
    }

    /// Says where the gateway is, as a node does with each poll.
    pub(crate) fn tell(&self, served: &Served, refused: Option<String>) {
        let poll = Poll {
            protocol: PROTOCOL,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            has: self.position().clone(),
            refused: self.feed.head().zip(refused).map(|(to, why)| Refused { to, why }),
            health: served.health(),
            usage: None,
            wait_ms: 0,
        };
        self.feed.arrived(tollgate_api::LOCAL, &poll, crate::now());
        self.feed.left(tollgate_api::LOCAL, crate::now());
    }

    fn feed_on(&self, served: &Served) -> Result<(), String> {
        loop {
            let has = self.position().clone();
            let lack = has.as_ref().map_or(Lack::Everything, |has| self.feed.since(has));
            let done = match &lack {
                Lack::Nothing => return Ok(()),
                Lack::Everything => self.renew(served),
                Lack::Delta(delta) => apply(served, &delta.patch),
            };
            match (done, lack) {
                (Ok(()), Lack::Delta(delta)) => *self.position() = Some(delta.to),
                (Ok(()), _) => {}
                (Err(NotTaken::Draining | NotTaken::Conflict), _) => return Ok(()),
                (Err(NotTaken::Invalid(why)), lack) => {
                    eprintln!("tollgate: what was compiled is refused by the gateway:\n{why}");
                    // It may have something else than is remembered: begin again with all of it.
                    if let (Lack::Delta(_), Ok(())) = (lack, self.renew(served)) {
                        return Ok(());
                    }
                    return Err(why);
                }
            }
        }
    }

    /// Has the gateway read its file and the overlay anew.
    fn renew(&self, served: &Served) -> Result<(), NotTaken> {
        self.disown();
        served.renew().inspect(|()| self.adopt())
    }
}

fn locked<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
