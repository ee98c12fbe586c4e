//! Active checks: one task for each endpoint of an upstream that wants them, whoever shares the endpoint.
//!
//! A check is one connection: accepted (`tcp`), or answered with one of the statuses (`http`); in TLS, and as a worker would
//! make it, where the upstream says so. The time between two has an eighth of chance on either side, so that the checks of
//! many nodes do not come together. An endpoint that is no longer checked is healthy again.

use super::{
    Watched,
    call::{Calls, is_shortage, send_all},
};
use ahash::AHashMap;
use std::{
    cell::{Cell, RefCell},
    io,
    rc::Rc,
    sync::Arc,
    time::Duration,
};
use tollgate_balance::{Endpoint, Place, Verdict};
use tollgate_http::{HeadLimits, Method, Parsed, ResponseIndex};
use tollgate_io::{Address, Buffer, Io};
use tollgate_model::{HealthCheck, Probe};
use tollgate_ring::{RingIo, RingStream};
use tollgate_worker::{ClientTls, Wire};

/// What is checked.
pub(super) struct Checks {
    io: RingIo,
    calls: Rc<Calls>,
    upstreams: RefCell<Vec<Watched>>,
    /// By endpoint.
    running: RefCell<AHashMap<u64, Rc<Check>>>,
}

struct Check {
    endpoint: Arc<Endpoint>,
    rules: HealthCheck,
    tls: Option<ClientTls>,
    is_wanted: Cell<bool>,
}

impl Checks {
    pub(super) fn new(io: RingIo, calls: Rc<Calls>) -> Self {
        Self { io, calls, upstreams: RefCell::default(), running: RefCell::default() }
    }

    /// Checks the endpoints of these upstreams and no others from now on.
    pub(super) fn watch(self: &Rc<Self>, upstreams: Vec<Watched>) {
        self.upstreams.replace(upstreams);
        self.adjust();
    }

    /// Begins checks for endpoints that are new, and ends those for endpoints that are gone.
    pub(super) fn adjust(self: &Rc<Self>) {
        let mut before = self.running.take();
        let mut running = AHashMap::new();
        for Watched { upstream, tls } in &*self.upstreams.borrow() {
            let Some(rules) = &upstream.rules().health else { continue };
            for member in upstream.endpoints().members() {
                let id = member.endpoint.id();
                let same = before.remove(&id).filter(|check| {
                    // Other rules are another check, which begins with what this one found. With other TLS it would be
                    // another endpoint.
                    check.is_wanted.set(check.rules == *rules);
                    check.is_wanted.get()
                });
                let check = same.unwrap_or_else(|| self.begin(&member.endpoint, rules, tls.as_ref()));
                running.insert(id, check);
            }
        }
        for gone in before.values() {
            gone.is_wanted.set(false);
            gone.endpoint.judge(true, self.io.now().nanos());
        }
        self.running.replace(running);
    }

    fn begin(self: &Rc<Self>, endpoint: &Arc<Endpoint>, rules: &HealthCheck, tls: Option<&ClientTls>) -> Rc<Check> {
        let (endpoint, rules, tls) = (endpoint.clone(), rules.clone(), tls.cloned());
        let check = Rc::new(Check { endpoint, rules, tls, is_wanted: Cell::new(true) });
        let (checks, running) = (self.clone(), check.clone());
        self.io.spawn(async move { checks.run(&running).await });
        check
    }

    async fn run(&self, check: &Check) {
        let Check { endpoint, rules, is_wanted, .. } = check;
        let mut verdict = Verdict::default();
        loop {
            let found = self.probe(check).await;
            if !is_wanted.get() {
                return;
            }
            // A node without descriptors would else take every endpoint out.
            if !found.as_ref().is_err_and(is_shortage)
                && let Some(is_healthy) = verdict.note(found.unwrap_or(false), rules.healthy, rules.unhealthy)
            {
                endpoint.judge(is_healthy, self.io.now().nanos());
            }
            self.io.sleep_until(self.io.now() + spread(rules.interval, self.io.entropy())).await;
            if !is_wanted.get() {
                return;
            }
        }
    }

    /// Whether the endpoint does what the check wants.
    async fn probe(&self, check: &Check) -> io::Result<bool> {
        let _permit = self.calls.permits.take().await;
        let due = self.io.now() + check.rules.timeout;
        let address = match check.endpoint.place() {
            Place::Socket(address) => Address::Socket(*address),
            Place::Unix(path) => Address::Unix(path),
        };
        self.calls.call(&self.io, address, due, async |wire| self.ask(check, wire).await).await
    }

    /// What a connection that was accepted shows.
    async fn ask(&self, check: &Check, wire: &Wire<RingStream>) -> io::Result<bool> {
        if let Some(tls) = &check.tls {
            wire.shake_hands(tls, self.io.buffers()).await.map_err(io::Error::other)?;
        }
        let is_well = match &check.rules.probe {
            Probe::Tcp => true,
            Probe::Http { path, host, status } => {
                let host = host.as_deref().unwrap_or_else(|| check.host());
                let request = format!(
                    "GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: tollgate-health\r\nConnection: close\r\n\r\n"
                );
                send_all(&self.io, wire, request.as_bytes()).await?;
                let answered = answered(wire).await?;
                status.iter().any(|&(first, last)| (first..=last).contains(&answered))
            }
        };
        wire.finish().await;
        Ok(is_well)
    }
}

impl Check {
    /// Whom a request without a host of its own is for.
    fn host(&self) -> &str {
        match (self.tls.as_ref().and_then(ClientTls::name), self.endpoint.place()) {
            (Some(name), _) => name,
            (None, Place::Socket(_)) => self.endpoint.label(),
            (None, Place::Unix(_)) => "localhost",
        }
    }
}

/// The final status of a response; its body is of no interest.
async fn answered(wire: &Wire<RingStream>) -> io::Result<u16> {
    let malformed = || io::Error::from(io::ErrorKind::InvalidData);
    let (mut index, mut received): (_, Option<Buffer>) = (ResponseIndex::new(), None);
    loop {
        let arrival = wire.receive(received.take()).await?;
        let Some(mut buffer) = arrival.buffer.filter(|_| !arrival.is_end) else {
            if arrival.is_end {
                return Err(malformed());
            }
            continue;
        };
        while !buffer.is_empty() {
            match index.parse(buffer.bytes_mut(), Method::Get, &HeadLimits::DEFAULT) {
                Parsed::Complete { head_len } => {
                    let head = index.head(buffer.bytes());
                    if !head.is_interim() {
                        return Ok(head.status());
                    }
                    buffer.consume(head_len);
                    index = ResponseIndex::new();
                }
                Parsed::Refused(_) => return Err(malformed()),
                Parsed::Partial => break,
            }
        }
        // A head is far smaller than a buffer, so that there is room behind what is left now.
        buffer.compact();
        received = Some(buffer);
    }
}

/// Seven to nine eighths of `time`.
fn spread(time: Duration, random: u64) -> Duration {
    let eighth = u64::try_from(time.as_nanos() / 8).unwrap_or(u64::MAX);
    time.saturating_sub(Duration::from_nanos(eighth)) + Duration::from_nanos(random % (2 * eighth).max(1))
}
