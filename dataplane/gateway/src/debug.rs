//! A test request through a listener of this gateway, and what each phase made of it.
//!
//! ```text
//! Gateway::debug -> Probes: watch this address -> connect from it, send, read -> Report of the worker
//! ```
//!
//! The request takes the way of every other: routes, policies, endpoints and the access log are the real ones. Its rules give
//! back what they took, and it is not counted as usage. HTTP/1.0 is spoken to the listener, without TLS on any, so that
//! an answer ends with its connection. Blocks the calling thread, which is never a worker's.

use crate::{
    Gateway,
    limits::{DEBUG_BODY_BYTES, DEBUG_PATIENCE, DEBUG_REQUESTS_MAX, DEBUG_SENT_BYTES_MAX},
    publish::Publisher,
};
use crossbeam::channel;
use rustix::net::{self, AddressFamily, SocketAddrAny, SocketType};
use serde_json::{Map, Value, json};
use std::{
    error::Error,
    fmt, io,
    io::{Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream},
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Instant,
};
use tollgate_http::{HeadLimits, Method, Parsed, ResponseIndex};
use tollgate_worker::{Note, Probe, Report, Verdict};

/// A request to be sent and watched.
#[derive(Clone, Debug, Default)]
pub struct DebugRequest {
    /// The name of the listener; the first without.
    pub listener: Option<String>,
    /// `GET`
    pub method: String,
    /// Path and query: `/orders/17?all=true`.
    pub target: String,
    /// Field lines without their ends: `Accept: text/html`. Host, if it is left out, is the address of the listener; fields
    /// that frame a message are written by the gateway.
    pub headers: Vec<String>,
    /// The content; at most 1 MiB with the head.
    pub body: Vec<u8>,
    /// In whose name it is sent; that of this node without.
    pub client: Option<IpAddr>,
    /// What the names of routes begin with that it may reach; empty for all.
    pub scope: String,
}

/// What became of it.
#[derive(Clone, Debug, Default)]
pub struct Debugged {
    /// What the phases said.
    pub report: Report,
    /// What the client was answered.
    pub status: u16,
    /// Field lines of the answer.
    pub headers: Vec<String>,
    /// Its content, up to 64 KiB.
    pub body: Vec<u8>,
    /// Bytes of the content, all of it.
    pub body_bytes: u64,
}

/// Why nothing could be watched.
#[derive(Debug)]
pub enum DebugError {
    /// The request cannot be sent: what to write instead.
    Invalid(String),
    /// As many as may be are on their way.
    Busy,
    /// The node has no such listener, or none.
    NoListener,
    /// The request was sent, and nothing came of it within 30 s, or the listener could not be reached.
    Failed(io::Error),
}

/// Fields that say where a message ends, or what becomes of its connection.
const FRAMING: [&str; 6] = ["content-length", "transfer-encoding", "connection", "expect", "upgrade", "te"];

impl Gateway {
    /// Sends a request through a listener of this gateway and says what each phase made of it. Takes 30 s at most.
    ///
    /// # Errors
    /// Why it was not sent, or not answered.
    pub fn debug(&self, request: &DebugRequest) -> Result<Debugged, DebugError> {
        send(&self.publisher, request)
    }
}

/// Watches a connection until it is dropped.
struct Watched<'p> {
    publisher: &'p Publisher,
    probe: Option<Arc<Probe>>,
}

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        if let Some(probe) = &self.probe {
            self.publisher.probes.remove(probe);
        }
        self.publisher.debugging.fetch_sub(1, Relaxed);
    }
}

pub(crate) fn send(publisher: &Publisher, request: &DebugRequest) -> Result<Debugged, DebugError> {
    let listeners = publisher.listeners();
    let wanted = |name: &str| request.listener.as_deref().is_none_or(|wanted| wanted == name);
    let (_, address) = listeners.into_iter().find(|(name, _)| wanted(name)).ok_or(DebugError::NoListener)?;
    let address = reachable(address);
    let message = request.message(address)?;
    let mut watched = Watched { publisher, probe: None };
    if publisher.debugging.fetch_add(1, Relaxed) >= DEBUG_REQUESTS_MAX {
        return Err(DebugError::Busy);
    }
    let (socket, peer) = socket_for(address).map_err(DebugError::Failed)?;
    let (done, reports) = channel::bounded(1);
    let probe = Arc::new(Probe { peer, client: request.client, scope: request.scope.clone(), done });
    publisher.probes.add(&probe);
    watched.probe = Some(probe);
    let due = deadline();
    let answer = exchange(socket, address, &message, due).map_err(DebugError::Failed)?;
    let report = reports.recv_deadline(due);
    let report = report.map_err(|_| DebugError::Failed(io::ErrorKind::TimedOut.into()))?;
    answer.debugged(report)
}

#[expect(clippy::disallowed_methods, reason = "the seam's clock is a worker's, and this is another thread")]
fn deadline() -> Instant {
    Instant::now() + DEBUG_PATIENCE
}

/// Where a listener can be reached from this node.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// A socket with an address of its own, so that it is known before anybody sees its connection.
fn socket_for(to: SocketAddr) -> io::Result<(TcpStream, SocketAddr)> {
    let family = if to.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = net::socket_with(family, SocketType::STREAM, net::SocketFlags::CLOEXEC, None)?;
    net::bind(&socket, &SocketAddr::new(to.ip(), 0))?;
    let own = SocketAddr::try_from(net::getsockname(&socket)?)?;
    Ok((TcpStream::from(socket), own))
}

/// What came back, as it was received.
struct Received {
    head: Vec<u8>,
    body_bytes: u64,
}

/// Sends a message and reads until the other side has nothing more to say.
fn exchange(mut socket: TcpStream, to: SocketAddr, message: &[u8], due: Instant) -> io::Result<Received> {
    net::connect(&socket, &SocketAddrAny::from(to))?;
    socket.set_write_timeout(Some(DEBUG_PATIENCE))?;
    let sent = socket.write_all(message);
    let (mut head, mut body_bytes, mut piece) = (Vec::new(), 0, vec![0; 16 << 10]);
    loop {
        let left = due.saturating_duration_since(deadline() - DEBUG_PATIENCE);
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        socket.set_read_timeout(Some(left))?;
        let count = socket.read(&mut piece)?;
        if count == 0 {
            break;
        }
        body_bytes += count as u64;
        let room = (HeadLimits::DEFAULT.head_bytes + DEBUG_BODY_BYTES).saturating_sub(head.len());
        head.extend_from_slice(&piece[..count.min(room)]);
    }
    // A refusal may come before all of the request was taken.
    if head.is_empty() {
        sent?;
    }
    Ok(Received { head, body_bytes })
}

impl Received {
    fn debugged(mut self, report: Report) -> Result<Debugged, DebugError> {
        let mut index = ResponseIndex::new();
        let Parsed::Complete { head_len } = index.parse(&self.head, Method::Get, &HeadLimits::DEFAULT) else {
            // It was ended without an answer: the report says why.
            return Ok(Debugged { report, ..Debugged::default() });
        };
        let status = index.head(&self.head).status();
        let text = String::from_utf8_lossy(&self.head[..head_len]).into_owned();
        let headers = text.lines().skip(1).filter(|line| !line.is_empty()).map(str::to_owned).collect();
        let body = self.head.split_off(head_len);
        let body_bytes = self.body_bytes - head_len as u64;
        let shown = body.len().min(DEBUG_BODY_BYTES);
        Ok(Debugged { report, status, headers, body: body[..shown].to_vec(), body_bytes })
    }
}

impl DebugRequest {
    /// The message, as it is sent.
    fn message(&self, address: SocketAddr) -> Result<Vec<u8>, DebugError> {
        let invalid = |what: &str| Err(DebugError::Invalid(what.to_owned()));
        if self.method.is_empty() || !self.method.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            return invalid("the method is letters: write one like `GET`");
        }
        if !self.target.starts_with('/') || !self.target.bytes().all(|byte| byte.is_ascii_graphic()) {
            return invalid("the path begins with `/` and is visible ASCII: write other bytes as `%xx`");
        }
        let mut message = format!("{} {} HTTP/1.0\r\n", self.method, self.target).into_bytes();
        let mut has_host = false;
        for line in &self.headers {
            let Some((name, _)) = line.split_once(':') else {
                return invalid("a header is written as `Name: value`");
            };
            if name.is_empty() || name.contains(' ') || line.contains(['\r', '\n', '\0']) {
                return invalid("a header is one line, `Name: value`, and its name has no spaces");
            }
            if FRAMING.iter().any(|framing| name.eq_ignore_ascii_case(framing)) {
                return Err(DebugError::Invalid(format!("`{name}` is written by the gateway: leave it out")));
            }
            has_host |= name.eq_ignore_ascii_case("host");
            message.extend_from_slice(format!("{line}\r\n").as_bytes());
        }
        if !has_host {
            message.extend_from_slice(format!("Host: {address}\r\n").as_bytes());
        }
        if !self.body.is_empty() {
            message.extend_from_slice(format!("Content-Length: {}\r\n", self.body.len()).as_bytes());
        }
        message.extend_from_slice(b"\r\n");
        message.extend_from_slice(&self.body);
        if message.len() > DEBUG_SENT_BYTES_MAX {
            return invalid("head and body have 1 MiB together at most");
        }
        Ok(message)
    }
}

impl Debugged {
    /// What became of it, for people and programs: each phase with its verdict and microseconds.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let Report { notes, route, status, reason, took_ns } = &self.report;
        json!({
            "route": route,
            "status": status,
            "reason": reason,
            "took_us": micros(*took_ns),
            "phases": notes.iter().map(phase).collect::<Value>(),
            "answer": {
                "status": self.status,
                "headers": self.headers,
                "body": String::from_utf8_lossy(&self.body),
                "body_bytes": self.body_bytes,
            },
        })
    }
}

fn phase(note: &Note) -> Value {
    let (verdict, reason) = match note.verdict {
        Verdict::Passed => ("passed", None),
        Verdict::WouldRefuse => ("would_refuse", None),
        Verdict::NotAsked => ("not_asked", None),
        Verdict::Refused(reason) => ("refused", Some(reason.code())),
        Verdict::Answered => ("answered", None),
    };
    let facts =
        note.facts.iter().map(|(name, value)| ((*name).to_owned(), Value::from(&**value))).collect::<Map<_, _>>();
    json!({
        "phase": note.phase, "what": note.what, "verdict": verdict, "reason": reason,
        "took_us": micros(note.took_ns), "facts": facts,
    })
}

/// Microseconds, to a tenth.
fn micros(nanos: u64) -> f64 {
    (nanos / 100) as f64 / 10.0
}

impl fmt::Display for DebugError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(what) => f.write_str(what),
            Self::Busy => write!(f, "{DEBUG_REQUESTS_MAX} requests are being debugged; try again in a moment"),
            Self::NoListener => f.write_str("the node has no such listener; `GET /config` names those it has"),
            Self::Failed(error) => write!(f, "the request was not answered: {error}"),
        }
    }
}

impl Error for DebugError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_be_another_message_is_not_sent() {
        let address = SocketAddr::from(([127, 0, 0, 1], 80));
        let request = |method: &str, target: &str, header: &str| DebugRequest {
            method: method.to_owned(),
            target: target.to_owned(),
            headers: vec![header.to_owned()],
            ..DebugRequest::default()
        };
        let message = request("GET", "/a?b", "X-A: b").message(address).unwrap();
        assert_eq!(message, b"GET /a?b HTTP/1.0\r\nX-A: b\r\nHost: 127.0.0.1:80\r\n\r\n");
        for (method, target, header) in [
            ("GET ", "/", "A: b"),
            ("", "/", "A: b"),
            ("GET", "a", "A: b"),
            ("GET", "/ HTTP/1.1\r\n", "A: b"),
            ("GET", "/", "A"),
            ("GET", "/", "A: b\r\nC: d"),
            ("GET", "/", "A : b"),
            ("POST", "/", "Content-length: 3"),
        ] {
            assert!(
                matches!(request(method, target, header).message(address), Err(DebugError::Invalid(_))),
                "{header}"
            );
        }
    }

    #[test]
    fn a_listener_on_every_address_is_reached_through_loopback() {
        let at = |text: &str| reachable(text.parse().unwrap()).to_string();
        assert_eq!(["0.0.0.0:80", "[::]:80", "10.0.0.1:80"].map(at), ["127.0.0.1:80", "[::1]:80", "10.0.0.1:80"]);
    }
}
