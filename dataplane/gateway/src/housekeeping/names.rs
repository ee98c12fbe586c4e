//! The addresses of names: one task for each name that an upstream has, which asks again when the answer has expired.
//!
//! An answer holds for its TTL, kept between `dns.ttl_min` and `dns.ttl_max`. When no server answers, the last addresses
//! stay and it is asked again after [`RETRY_FAILED`]; a name whose servers say that it has no addresses any more has none.
//! Both are said on standard error, once each time it begins and ends.

use super::{call::Calls, checks::Checks, lookup::Lookup};
use crate::limits::RETRY_FAILED;
use ahash::AHashMap;
use crossbeam::channel::Sender;
use std::{
    cell::{Cell, RefCell},
    net::IpAddr,
    rc::Rc,
    sync::Arc,
};
use tollgate_balance::Upstream;
use tollgate_io::Io;
use tollgate_model::Dns;
use tollgate_ring::RingIo;

/// What is resolved.
pub(super) struct Names {
    io: RingIo,
    calls: Rc<Calls>,
    checks: Rc<Checks>,
    /// By host.
    running: RefCell<AHashMap<String, Rc<Name>>>,
    dns: RefCell<Option<Rc<Dns>>>,
}

struct Name {
    host: String,
    /// Upstreams, and the positions in them that have this name.
    users: RefCell<Vec<(Arc<Upstream>, usize)>>,
    /// What it was resolved to last.
    addresses: RefCell<Option<Vec<IpAddr>>>,
    standing: Cell<Standing>,
    is_wanted: Cell<bool>,
    /// Let go of after the first answer.
    answered: Cell<Option<Sender<()>>>,
}

/// What the last lookup of a name has shown. A new name is taken for a good one, so that only trouble is said.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Standing {
    #[default]
    Good,
    Empty,
    Unanswered,
}

impl Standing {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Good => "has addresses again",
            Self::Empty => "has no address that this machine has a way to",
            Self::Unanswered => "no server tells its addresses: the last ones, if there were any, stay",
        }
    }
}

impl Names {
    pub(super) fn new(io: RingIo, calls: Rc<Calls>, checks: Rc<Checks>) -> Self {
        Self { io, calls, checks, running: RefCell::default(), dns: RefCell::default() }
    }

    /// Resolves the names of these upstreams and no others from now on. Those that are known already are filled in at
    /// once; each that is new keeps `answered` until it has its first answer, or none.
    pub(super) fn resolve<'u>(
        self: &Rc<Self>,
        upstreams: impl Iterator<Item = &'u Arc<Upstream>>,
        dns: Dns,
        answered: &Sender<()>,
    ) {
        let mut users: AHashMap<String, Vec<(Arc<Upstream>, usize)>> = AHashMap::new();
        for upstream in upstreams {
            for (entry, host, _) in upstream.names() {
                users.entry(host.to_owned()).or_default().push((upstream.clone(), entry));
            }
        }
        // Another way of asking may find other answers.
        let is_same = self.dns.borrow().as_deref() == Some(&dns);
        self.dns.replace(Some(Rc::new(dns)));
        let mut before = self.running.take();
        let mut running = AHashMap::new();
        for (host, users) in users {
            let name = match before.remove(&host) {
                Some(name) if is_same => {
                    name.users.replace(users);
                    name
                }
                old => {
                    let addresses = old.as_ref().and_then(|old| old.addresses.borrow().clone());
                    before.extend(old.map(|old| (host.clone(), old)));
                    self.begin(host.clone(), users, addresses, answered)
                }
            };
            self.apply(&name);
            running.insert(host, name);
        }
        before.values().for_each(|gone| gone.is_wanted.set(false));
        self.running.replace(running);
    }

    fn begin(
        self: &Rc<Self>,
        host: String,
        users: Vec<(Arc<Upstream>, usize)>,
        addresses: Option<Vec<IpAddr>>,
        answered: &Sender<()>,
    ) -> Rc<Name> {
        let waiting = addresses.is_none().then(|| answered.clone());
        let name = Rc::new(Name {
            host,
            users: RefCell::new(users),
            addresses: RefCell::new(addresses),
            standing: Cell::default(),
            is_wanted: Cell::new(true),
            answered: Cell::new(waiting),
        });
        let (names, running) = (self.clone(), name.clone());
        self.io.spawn(async move { names.run(&running).await });
        name
    }

    async fn run(&self, name: &Name) {
        while name.is_wanted.get() {
            let Some(dns) = self.dns.borrow().clone() else { return };
            let lookup = Lookup { io: &self.io, calls: &self.calls, dns: &dns };
            let known = name.addresses.borrow().clone().unwrap_or_default();
            let found = lookup.addresses(&name.host, &known).await;
            if !name.is_wanted.get() {
                return;
            }
            name.note(match &found {
                Some((addresses, _)) if !addresses.is_empty() => Standing::Good,
                Some(_) => Standing::Empty,
                None => Standing::Unanswered,
            });
            let pause = match found {
                Some((addresses, ttl)) => {
                    name.addresses.replace(Some(addresses));
                    self.apply(name);
                    ttl.clamp(dns.ttl_min, dns.ttl_max)
                }
                None => RETRY_FAILED.clamp(dns.ttl_min, dns.ttl_max),
            };
            name.answered.take();
            self.io.sleep_until(self.io.now() + pause).await;
        }
    }

    /// Gives the upstreams what is known.
    fn apply(&self, name: &Name) {
        let Some(addresses) = &*name.addresses.borrow() else { return };
        let now = self.io.now().nanos();
        let mut has_changed = false;
        for (upstream, entry) in &*name.users.borrow() {
            has_changed |= upstream.set_addresses(*entry, addresses, now);
        }
        if has_changed {
            self.checks.adjust();
        }
    }
}

impl Name {
    /// Says how a name stands now, if that is news.
    fn note(&self, standing: Standing) {
        if self.standing.replace(standing) != standing {
            eprintln!("tollgate: name {}: {}", self.host, standing.as_str());
        }
    }
}
