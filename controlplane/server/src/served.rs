//! A gateway of this process as `sync` feeds it.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};
use tollgate_gateway::{ChangeRefused, Gateway, UsageReader, Used};
use tollgate_sync::{Count, Health, NotTaken, Target};

/// A running gateway that takes what was published.
pub struct Served {
    gateway: Arc<Gateway>,
    since: Instant,
    usage: Mutex<UsageReader>,
    /// Whether it was said that there are too many applications to count.
    has_said: AtomicBool,
}

impl Served {
    /// A gateway that has just been started.
    #[must_use]
    pub fn new(gateway: Arc<Gateway>) -> Self {
        let usage = Mutex::new(gateway.usage());
        Self { gateway, since: Instant::now(), usage, has_said: AtomicBool::new(false) }
    }
}

fn count(Used { tenant, application, api, counts: [ok, throttled, errors] }: Used) -> Count {
    Count { tenant: tenant.into(), application: application.into(), api: api.into(), ok, throttled, errors }
}

fn not_taken(refused: ChangeRefused) -> NotTaken {
    match refused {
        ChangeRefused::Conflict => NotTaken::Conflict,
        ChangeRefused::Draining => NotTaken::Draining,
        ChangeRefused::Invalid(why) => NotTaken::Invalid(why),
    }
}

impl Target for Served {
    fn generation(&self) -> u64 {
        self.gateway.generation()
    }

    fn has(&self, kind: &str, name: &str) -> bool {
        self.gateway.has(kind, name)
    }

    fn patch(&self, text: String) -> Result<(), NotTaken> {
        self.gateway.patch(text).map_err(not_taken)
    }

    fn renew(&self) -> Result<(), NotTaken> {
        self.gateway.renew().map_err(not_taken)
    }

    fn health(&self) -> Health {
        let (running, newest) = (self.gateway.running(), self.gateway.generation());
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Health {
            draining: self.gateway.is_draining(),
            workers: count(running.len()),
            workers_behind: count(running.iter().filter(|generation| **generation < newest).count()),
            uptime_s: self.since.elapsed().as_secs(),
        }
    }

    fn used(&self, max: usize) -> Vec<Count> {
        let mut reader = self.usage.lock().unwrap_or_else(PoisonError::into_inner);
        if reader.others() > 0 && !self.has_said.swap(true, Ordering::Relaxed) {
            eprintln!(
                "tollgate: more applications call than are counted: usage is shown of the first ones of each worker"
            );
        }
        reader.take(max).into_iter().map(count).collect()
    }
}
