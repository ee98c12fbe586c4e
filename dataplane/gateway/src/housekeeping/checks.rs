//! Active checks: one task for each endpoint of an upstream that wants them, whoever shares the endpoint.
//!
//! A check is one connection: accepted (`tcp`), or answered with one of the statuses (`http`). The time between two has
//! an eighth of chance on either side, so that the checks of many nodes do not come together. An endpoint that is no
//! longer checked is healthy again.

use super::call::{Calls, send_all};
use ahash::AHashMap;
use std::{
    cell::{Cell, RefCell},
    io,
    rc::Rc,
    sync::Arc,
    time::Duration,
};
use tollgate_balance::{Endpoint, Place, Upstream, Verdict};
use tollgate_http::{HeadLimits, Method, Parsed, ResponseIndex};
use tollgate_io::{Address, Io, Stream};
use tollgate_model::{HealthCheck, Probe};
use tollgate_ring::{RingIo, RingStream};

/// What is checked.
pub(super) struct Checks {
    io: RingIo,
    calls: Rc<Calls>,
    upstreams: RefCell<Vec<Arc<Upstream>>>,
    /// By endpoint.
    running: RefCell<AHashMap<u64, Rc<Check>>>,
}

struct Check {
    endpoint: Arc<Endpoint>,
    rules: HealthCheck,
    is_wanted: Cell<bool>,
}

impl Checks {
    pub(super) fn new(io: RingIo, calls: Rc<Calls>) -> Self {
        Self { io, calls, upstreams: RefCell::default(), running: RefCell::default() }
    }

    /// Checks the endpoints of these upstreams and no others from now on.
    pub(super) fn watch(self: &Rc<Self>, upstreams: Vec<Arc<Upstream>>) {
        self.upstreams.replace(upstreams);
        self.adjust();
    }

    /// Begins checks for endpoints that are new, and ends those for endpoints that are gone.
    pub(super) fn adjust(self: &Rc<Self>) {
        let mut before = self.running.take();
        let mut running = AHashMap::new();
        for upstream in &*self.upstreams.borrow() {
            let Some(rules) = &upstream.rules().health else { continue };
            for member in upstream.endpoints().members() {
                let id = member.endpoint.id();
                let same = before.remove(&id).filter(|check| {
                    // Other rules are another check, which begins with what this one found.
                    check.is_wanted.set(check.rules == *rules);
                    check.is_wanted.get()
                });
                let check = same.unwrap_or_else(|| self.begin(&member.endpoint, rules));
                running.insert(id, check);
            }
        }
        for gone in before.values() {
            gone.is_wanted.set(false);
            gone.endpoint.judge(true, self.io.now().nanos());
        }
        self.running.replace(running);
    }

    fn begin(self: &Rc<Self>, endpoint: &Arc<Endpoint>, rules: &HealthCheck) -> Rc<Check> {
        let check = Rc::new(Check { endpoint: endpoint.clone(), rules: rules.clone(), is_wanted: Cell::new(true) });
        let (checks, running) = (self.clone(), check.clone());
        self.io.spawn(async move { checks.run(&running).await });
        check
    }

    async fn run(&self, check: &Check) {
        let Check { endpoint, rules, is_wanted } = check;
        let mut verdict = Verdict::default();
        loop {
            let succeeded = self.probe(check).await.unwrap_or(false);
            if !is_wanted.get() {
                return;
            }
            if let Some(is_healthy) = verdict.note(succeeded, rules.healthy, rules.unhealthy) {
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
        let due = self.io.now() + check.rules.timeout;
        let address = match check.endpoint.place() {
            Place::Socket(address) => Address::Socket(*address),
            Place::Unix(path) => Address::Unix(path),
        };
        match &check.rules.probe {
            Probe::Tcp => self.calls.call(&self.io, address, due, async |_| Ok(true)).await,
            Probe::Http { path, host, status } => {
                let host = host.as_deref().unwrap_or(match check.endpoint.place() {
                    Place::Socket(_) => check.endpoint.label(),
                    Place::Unix(_) => "localhost",
                });
                let request = format!(
                    "GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: tollgate-health\r\nConnection: close\r\n\r\n"
                );
                let answered = self.calls.call(&self.io, address, due, async |stream| {
                    send_all(&self.io, stream, request.as_bytes()).await?;
                    answered(stream).await
                });
                let answered = answered.await?;
                Ok(status.iter().any(|&(first, last)| (first..=last).contains(&answered)))
            }
        }
    }
}

/// The final status of a response; its body is of no interest.
async fn answered(stream: &RingStream) -> io::Result<u16> {
    let malformed = || io::Error::from(io::ErrorKind::InvalidData);
    let mut index = ResponseIndex::new();
    let mut buffer = stream.recv(None).await?;
    let mut seen = 0;
    while buffer.len() > seen {
        seen = buffer.len();
        match index.parse(buffer.bytes_mut(), Method::Get, &HeadLimits::DEFAULT) {
            Parsed::Complete { head_len } => {
                let head = index.head(buffer.bytes());
                if !head.is_interim() {
                    return Ok(head.status());
                }
                buffer.consume(head_len);
                (index, seen) = (ResponseIndex::new(), 0);
                if buffer.is_empty() {
                    buffer = stream.recv(Some(buffer)).await?;
                }
            }
            Parsed::Refused(_) => return Err(malformed()),
            Parsed::Partial => {
                // A head is far smaller than a buffer, so that there is room behind it now.
                buffer.compact();
                buffer = stream.recv(Some(buffer)).await?;
            }
        }
    }
    Err(malformed())
}

/// From seven to nine eighths of `time`.
fn spread(time: Duration, random: u64) -> Duration {
    let eighth = u64::try_from(time.as_nanos() / 8).unwrap_or(u64::MAX);
    time.saturating_sub(Duration::from_nanos(eighth)) + Duration::from_nanos(random % (2 * eighth).max(1))
}
