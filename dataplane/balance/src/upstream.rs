//! An upstream with its current endpoints, and what exchanges report of them.
//!
//! One is made for each content an upstream of the configuration has had. The list is replaced as a whole, by the thread
//! that resolves names; everybody else reads. A worker compares [`Upstream::version`] with the list it holds and takes
//! the new one when they differ, so that a request writes to no shared count.

use crate::{
    AdaptiveLimit, Breaker, Endpoint, Endpoints, Member, Place,
    adaptive::Bounds,
    breaker::Rules,
    current::Current,
    endpoint::Numbers,
    limits::ADDRESSES_MAX,
    outlier::{self, nanos},
    try_lock::TryLock,
};
use ahash::AHashSet;
use std::{
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use tollgate_limit::{Bucket, Rate};
use tollgate_model::{Address, Allowance, Balance, ENDPOINTS_MAX};

/// What an exchange shows of its endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A response that is not the server's failure.
    Success,
    /// No connection, no whole response head in time, or a status of 500 and above.
    Failure,
}

/// An upstream and its current endpoints.
#[derive(Debug)]
pub struct Upstream {
    rules: Arc<tollgate_model::Upstream>,
    list: Current<Endpoints>,
    source: Arc<Source>,
    breaker: Option<Arc<Breaker>>,
    adaptive: Option<Arc<AdaptiveLimit>>,
    throughput: Option<Arc<Bucket>>,
    /// Held by the one that looks for room to eject, so that two never take the same. Who does not get it goes on.
    ejecting: TryLock,
}

/// Where endpoints and versions get their numbers from.
#[derive(Debug, Default)]
pub(crate) struct Source {
    pub(crate) numbers: Arc<Numbers>,
    versions: AtomicU64,
}

impl Upstream {
    /// The upstream as `rules` say, with the endpoints of `before` where they are the same.
    pub(crate) fn new(
        rules: Arc<tollgate_model::Upstream>,
        before: Option<&Self>,
        source: Arc<Source>,
        now: u64,
    ) -> Self {
        let old = before.map(Self::endpoints);
        let addresses = |entry: usize| match (&rules.endpoints[entry].address, before, &old) {
            (Address::Name { host, port }, Some(before), Some(old)) => before.addresses(old, host, *port),
            _ => Vec::new(),
        };
        let since = if before.is_some() { now.max(1) } else { 0 };
        // Whoever is spoken to in another way is another endpoint: its connections are of no use any more.
        let is_same_transport = before.is_some_and(|before| before.rules.tls == rules.tls);
        let members = members(&rules, addresses, old.as_deref().filter(|_| is_same_transport), &source, since);
        let version = source.next_version();
        let list = Endpoints::new(version, members, &rules.balance);
        if let Some(old) = &old {
            retire_missing(old, &list);
        }
        let (breaker, adaptive) = (breaker(&rules, before), adaptive(&rules, before, now));
        let throughput = throughput(&rules, before, now);
        let list = Current::new(Arc::new(list), version);
        Self { rules, list, source, breaker, adaptive, throughput, ejecting: TryLock::default() }
    }

    /// What the configuration says.
    #[must_use]
    pub const fn rules(&self) -> &Arc<tollgate_model::Upstream> {
        &self.rules
    }

    /// Its breaker, if it has one.
    #[must_use]
    pub fn breaker(&self) -> Option<&Arc<Breaker>> {
        self.breaker.as_ref()
    }

    /// The limit of its requests in progress, if it has one.
    #[must_use]
    pub fn adaptive(&self) -> Option<&Arc<AdaptiveLimit>> {
        self.adaptive.as_ref()
    }

    /// What every request that is sent to it draws from, if it is not sent any number.
    #[must_use]
    pub fn throughput(&self) -> Option<&Arc<Bucket>> {
        self.throughput.as_ref()
    }

    /// The version of the current list.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.list.version()
    }

    /// The current list.
    #[must_use]
    pub fn endpoints(&self) -> Arc<Endpoints> {
        self.list.value()
    }

    /// Whether requests in progress are counted: a write to a shared count for each, so only where the choice needs it.
    #[must_use]
    pub fn counts_requests(&self) -> bool {
        match self.rules.balance {
            Balance::RoundRobin => false,
            Balance::LeastRequests | Balance::PowerOfTwo => true,
            Balance::ConsistentHash { load_max, .. } => load_max.is_some(),
        }
    }

    /// Counts a request in progress; [`Upstream::end`] must follow once.
    pub fn begin(&self, endpoint: &Endpoint) {
        if self.counts_requests() {
            endpoint.begin();
        }
    }

    /// The end of a request that was counted.
    pub fn end(&self, endpoint: &Endpoint) {
        if self.counts_requests() {
            endpoint.end();
        }
    }

    /// The names to be resolved: position in the configuration, host and port.
    pub fn names(&self) -> impl Iterator<Item = (usize, &str, u16)> {
        self.rules.endpoints.iter().enumerate().filter_map(|(entry, endpoint)| match &endpoint.address {
            Address::Name { host, port } => Some((entry, host.as_str(), *port)),
            _ => None,
        })
    }

    /// Whether there is something to check or to resolve.
    #[must_use]
    pub fn is_looked_after(&self) -> bool {
        self.rules.health.is_some() || self.names().next().is_some()
    }

    /// Gives the name at `entry` the addresses it resolves to; says whether that changed anything. The rest of the list,
    /// and the state of addresses that stay, are carried over; addresses that are new begin their slow start at `now`,
    /// unless the name had none before. At most [`ADDRESSES_MAX`] are used. One thread at a time may call this.
    pub fn set_addresses(&self, entry: usize, addresses: &[IpAddr], now: u64) -> bool {
        let old = self.endpoints();
        let Some((_, _, port)) = self.names().find(|&(named, ..)| named == entry) else { return false };
        let mut addresses: Vec<SocketAddr> = addresses.iter().map(|&ip| SocketAddr::new(ip, port)).collect();
        // Servers rotate their answers: the order says nothing.
        addresses.sort_unstable();
        addresses.dedup();
        addresses.truncate(ADDRESSES_MAX);
        let of_entry = |entry: usize| {
            old.members()
                .iter()
                .filter(move |member| member.entry as usize == entry)
                .map(|member| member.endpoint.place())
        };
        let since = if of_entry(entry).next().is_some() { now.max(1) } else { 0 };
        let addresses = |other: usize| {
            if other == entry { addresses.clone() } else { of_entry(other).filter_map(socket).collect() }
        };
        let members = members(&self.rules, addresses, Some(&old), &self.source, since);
        if members.iter().map(|member| member.endpoint.id()).eq(old.ids()) {
            return false;
        }
        let version = self.source.next_version();
        let list = Arc::new(Endpoints::new(version, members, &self.rules.balance));
        self.list.replace(list.clone(), version);
        retire_missing(&old, &list);
        true
    }

    /// The addresses of a name, in a list of this upstream.
    fn addresses(&self, list: &Endpoints, host: &str, port: u16) -> Vec<SocketAddr> {
        let Some((entry, ..)) = self.names().find(|&(_, name, at)| (name, at) == (host, port)) else {
            return Vec::new();
        };
        let members = list.members().iter().filter(|member| member.entry as usize == entry);
        members.filter_map(|member| socket(member.endpoint.place())).collect()
    }

    /// Takes what an exchange has shown of an endpoint of `list`, and leaves the endpoint alone for a time if the rules
    /// say so.
    pub fn report(&self, list: &Endpoints, position: u32, outcome: Outcome, now: u64) {
        let Some(rules) = &self.rules.outliers else { return };
        let endpoint = &list.member(position).endpoint;
        let failed = outcome == Outcome::Failure;
        let in_a_row = if failed {
            endpoint.note_failure()
        } else {
            endpoint.note_success();
            0
        };
        let window = match rules.failures {
            Some(_) => endpoint.count(failed, nanos(rules.window), now),
            None => (0, 0),
        };
        if failed && !endpoint.is_ejected(now) && outlier::is_outlier(rules, in_a_row, window) {
            self.eject(rules, list, endpoint, now);
        }
    }

    #[cold]
    fn eject(&self, rules: &tollgate_model::Outliers, list: &Endpoints, endpoint: &Endpoint, now: u64) {
        let Some(_guard) = self.ejecting.try_lock() else { return };
        if !endpoint.is_ejected(now) && outlier::has_room(rules, list, endpoint, now) {
            outlier::eject(rules, endpoint, now);
        }
    }

    /// Marks all endpoints: the upstream is no more.
    pub(crate) fn retire(&self) {
        self.endpoints().members().iter().for_each(|member| member.endpoint.retire());
    }
}

impl Source {
    /// Versions begin with 1, so that 0 is that of no list.
    fn next_version(&self) -> u64 {
        self.versions.fetch_add(1, Ordering::Relaxed) + 1
    }
}

/// The breaker of `before` where its rules are the same; what becomes of requests is none of them.
fn breaker(rules: &tollgate_model::Upstream, before: Option<&Upstream>) -> Option<Arc<Breaker>> {
    let tollgate_model::Breaker {
        failures,
        count,
        consecutive,
        slow,
        requests_min,
        window,
        open,
        open_max,
        probes,
        ..
    } = *rules.breaker.as_ref()?;
    let rules = Rules {
        failures,
        count,
        consecutive,
        slow: slow.map(|(_, share)| share),
        requests_min,
        window,
        open,
        open_max,
        probes,
    };
    let Some(before) = before.and_then(Upstream::breaker) else { return Some(Arc::new(Breaker::new(rules))) };
    let is_same = *before.rules() == rules;
    Some(if is_same { before.clone() } else { Arc::new(Breaker::succeed(rules, before)) })
}

/// The limit of `before` where its bounds are the same; one of other bounds finds its place anew.
fn adaptive(rules: &tollgate_model::Upstream, before: Option<&Upstream>, now: u64) -> Option<Arc<AdaptiveLimit>> {
    let tollgate_model::AdaptiveConcurrency { min, max, tolerance, .. } = rules.adaptive_concurrency?;
    let bounds = Bounds { min, max, tolerance };
    let same = before.and_then(Upstream::adaptive).filter(|before| *before.bounds() == bounds);
    Some(same.cloned().unwrap_or_else(|| Arc::new(AdaptiveLimit::new(bounds, now))))
}

/// The bucket of `before` where its rate is the same; one of another rate takes over what that owes.
fn throughput(rules: &tollgate_model::Upstream, before: Option<&Upstream>, now: u64) -> Option<Arc<Bucket>> {
    let Allowance { limit, per, burst, .. } = rules.throughput?;
    // `resolve` takes none that cannot be told.
    let rate = Rate::new(limit, per, burst).ok()?;
    Some(match before.and_then(Upstream::throughput) {
        None => Arc::new(Bucket::new(rate)),
        Some(before) if *before.rate() == rate => before.clone(),
        Some(before) => Arc::new(Bucket::succeed(rate, before, now)),
    })
}

fn socket(place: &Place) -> Option<SocketAddr> {
    match place {
        Place::Socket(address) => Some(*address),
        Place::Unix(_) => None,
    }
}

/// The endpoints that `rules` stand for, with the `addresses` of the name at a position. An address that comes twice
/// is one endpoint, the first. Those of `old` are used again; new ones are in use since `since`.
fn members(
    rules: &tollgate_model::Upstream,
    addresses: impl Fn(usize) -> Vec<SocketAddr>,
    old: Option<&Endpoints>,
    source: &Source,
    since: u64,
) -> Vec<Member> {
    let (mut members, mut seen) = (Vec::new(), AHashSet::new());
    let known: ahash::AHashMap<&Place, &Arc<Endpoint>> =
        old.iter().flat_map(|old| old.members()).map(|member| (member.endpoint.place(), &member.endpoint)).collect();
    for (entry, rule) in rules.endpoints.iter().enumerate() {
        let places = match &rule.address {
            Address::Socket(address) => vec![Place::Socket(*address)],
            Address::Unix(path) => vec![Place::Unix(path.as_path().into())],
            Address::Name { .. } => addresses(entry).into_iter().map(Place::Socket).collect(),
        };
        for place in places {
            if members.len() >= ENDPOINTS_MAX || !seen.insert(place.clone()) {
                continue;
            }
            let endpoint = match known.get(&place) {
                Some(&endpoint) => endpoint.clone(),
                None => Arc::new(Endpoint::new(place, source.numbers.clone(), since)),
            };
            members.push(Member { endpoint, weight: rule.weight, backup: rule.backup, entry: entry as u32 });
        }
    }
    members
}

fn retire_missing(old: &Endpoints, new: &Endpoints) {
    let kept: AHashSet<u64> = new.ids().collect();
    let gone = old.members().iter().filter(|member| !kept.contains(&member.endpoint.id()));
    gone.for_each(|member| member.endpoint.retire());
}
