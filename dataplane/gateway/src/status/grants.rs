//! Grants that hold for a time: when it is over, what was granted is taken back.
//!
//! ```text
//! POST /quotas { grant, for_s } -> hold -> a task of the status that sleeps -> end: taken back, unless
//!                                           reset or unblock -> forget         its window has ended
//! ```
//!
//! They are in memory: after a restart a grant that was made holds until its window ends.

use crate::{certificates::SystemClock, publish::Publisher};
use std::{cell::RefCell, rc::Rc, sync::Arc, time::Duration};
use tollgate_io::{Instant, Io};
use tollgate_tls::WallClock as _;
use tollgate_worker::QuotaCommand;

/// Grants of a node that hold for a time.
const GRANTS_MAX: usize = 1024;
/// Between two tries while a configuration is being published.
const PAUSE: Duration = Duration::from_millis(100);

/// The grants that hold.
pub(super) struct Grants {
    publisher: Arc<Publisher>,
    held: RefCell<Vec<Rc<Held>>>,
}

/// A grant.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) rule: String,
    pub(super) key: Vec<String>,
    pub(super) units: u64,
    /// The end of its window, in seconds since 1970.
    pub(super) end_s: i64,
}

impl Grants {
    pub(super) fn new(publisher: Arc<Publisher>) -> Rc<Self> {
        Rc::new(Self { publisher, held: RefCell::default() })
    }

    /// Whether another grant can be held.
    pub(super) fn has_room(&self) -> bool {
        self.held.borrow().len() < GRANTS_MAX
    }

    /// Forgets the grants of a key: it begins anew.
    pub(super) fn forget(&self, rule: &str, key: &[String]) {
        self.held.borrow_mut().retain(|held| held.rule != rule || held.key != key);
    }

    /// Takes a grant back at `due`, if it holds then.
    pub(super) fn hold<I: Io>(self: &Rc<Self>, io: &I, held: Held, due: Instant) {
        let (grants, held, clock) = (self.clone(), Rc::new(held), io.clone());
        self.held.borrow_mut().push(held.clone());
        // Sleeping is all that is in flight here: it may end with the runtime.
        io.spawn(async move {
            clock.sleep_until(due).await;
            while !grants.end(&held) {
                clock.sleep_until(clock.now() + PAUSE).await;
            }
        });
    }

    /// Whether that is done; not while a configuration is being published.
    fn end(&self, held: &Rc<Held>) -> bool {
        let is_held = self.held.borrow().iter().any(|other| Rc::ptr_eq(other, held));
        if is_held {
            let Some(found) = self.publisher.quota_rule(&held.rule) else { return false };
            let now_s = i64::try_from(SystemClock.unix_seconds()).unwrap_or(i64::MAX);
            let back = QuotaCommand::Withdraw { units: held.units, end_s: held.end_s };
            // A rule that has gone, or whose key is another by now, has forgotten the grant too.
            let _ = found.map(|(counts, keys)| counts.operate(&keys, &held.key, back, now_s));
            self.held.borrow_mut().retain(|other| !Rc::ptr_eq(other, held));
        }
        true
    }
}
