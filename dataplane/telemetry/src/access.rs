//! The access record of one exchange: a JSON line, begun with the request and ended with the response.
//!
//! Two steps, so that nothing of the request head has to stay in memory during the exchange. A record is reused for the
//! next exchange of its connection: what is the same for all of them stands first and is written once, as [`Fragment`]s
//! are that many connections share. No line exceeds [`crate::limits::LINE_BYTES_MAX`]. The query is never written: it may
//! hold secrets. docs/users/logs-and-metrics.md lists the fields.

use smallvec::SmallVec;
use std::net::IpAddr;

use crate::{
    limits::{PATH_BYTES_MAX, TEXT_BYTES_MAX, USER_AGENT_BYTES_MAX},
    line::Line,
    timestamp::Timestamp,
};

/// What is known of an exchange when its request head is.
#[derive(Clone, Copy, Debug)]
pub struct RequestPart<'a> {
    /// When the request began, in nanoseconds since 1970.
    pub wall_ns: u64,
    /// The request's identifier.
    pub request_id: &'a [u8],
    /// The trace identifier of `traceparent`, in hexadecimal.
    pub trace_id: Option<&'a [u8]>,
    /// Method token.
    pub method: &'a [u8],
    /// Authority of the request.
    pub host: &'a [u8],
    /// Path without the query.
    pub path: &'a [u8],
    /// Such as `HTTP/1.1`.
    pub version: &'static str,
    /// Value of the `User-Agent` field.
    pub user_agent: Option<&'a [u8]>,
}

/// What is known of an exchange when it is over.
#[derive(Clone, Copy, Debug)]
pub struct ResponsePart<'a> {
    /// Of [`Fragment::route`].
    pub route: Option<&'a Fragment>,
    /// Of [`Fragment::upstream`].
    pub upstream: Option<&'a Fragment>,
    /// Of [`Fragment::endpoint`].
    pub endpoint: Option<&'a Fragment>,
    /// Status sent downstream; 0 when none was.
    pub status: u16,
    /// Why the exchange failed.
    pub reason: Option<&'static str>,
    /// The application that called; empty for none.
    pub application: &'a [u8],
    /// What its credential is called; empty for none.
    pub credential: &'a [u8],
    /// Names of the rules that refused the request, with commas between; empty for none.
    pub throttled_by: &'a [u8],
    /// The same of the shadow rules that would have.
    pub shadowed_by: &'a [u8],
    /// Bytes received from downstream, head included.
    pub received_bytes: u64,
    /// Bytes sent downstream, head included.
    pub sent_bytes: u64,
    /// From the first byte of the request to the last byte of the response, in nanoseconds.
    pub duration_ns: u64,
    /// From the forwarded head to the first byte of the upstream's response head, in nanoseconds.
    pub upstream_ns: Option<u64>,
    /// How often the request was forwarded.
    pub attempts: u8,
    /// What was injected on purpose: `delay`, `abort` or `delay_abort`.
    pub fault: Option<&'static str>,
    /// Whether it was answered with a copy of an earlier answer.
    pub is_copy: bool,
}

/// The protocol of a record that names none: a tenth of a line's bytes would say what nearly all of them say.
const USUAL_VERSION: &str = "HTTP/1.1";

/// The attempts of a record that gives none.
const USUAL_ATTEMPTS: u8 = 1;

/// Fields that many records share, put together once. Those of a usual name need no memory of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fragment(SmallVec<[u8; 40]>);

impl Fragment {
    /// The name of a route.
    #[must_use]
    pub fn route(name: &str) -> Self {
        Self::name(b",\"route\":\"", name)
    }

    /// The name of an upstream.
    #[must_use]
    pub fn upstream(name: &str) -> Self {
        Self::name(b",\"upstream\":\"", name)
    }

    fn name<const N: usize>(prefix: &[u8; N], name: &str) -> Self {
        let mut line = Line::new();
        line.text(prefix, name.as_bytes(), TEXT_BYTES_MAX);
        line.put(b"\"");
        Self(line.bytes().into())
    }

    /// The address of an endpoint, as it is written in the configuration.
    #[must_use]
    pub fn endpoint(address: &str) -> Self {
        Self::name(b",\"endpoint\":\"", address)
    }
}

const TIME_PREFIX: &[u8; 9] = b"{\"time\":\"";

/// The line of one exchange after the other of a connection.
#[derive(Debug)]
pub struct AccessRecord {
    line: Line,
    client: IpAddr,
    /// Length of what is the same for all exchanges; among it the time, which is written again.
    shared_len: usize,
    time: Timestamp,
}

impl AccessRecord {
    /// A record without an exchange, for those of the client at `client` on the listener of that name.
    #[must_use]
    pub fn new(client: IpAddr, listener: &str) -> Self {
        let mut record = Self { line: Line::new(), client, shared_len: 0, time: Timestamp::new() };
        record.write_shared(listener);
        record
    }

    /// Says whose the next exchanges are: those of a trusted proxy's connection are of many clients.
    #[inline]
    pub fn name_client(&mut self, client: IpAddr, listener: &str) {
        if client != self.client {
            self.client = client;
            self.write_shared(listener);
        }
    }

    fn write_shared(&mut self, listener: &str) {
        let line = &mut self.line;
        line.truncate(0);
        line.put(TIME_PREFIX);
        line.put(self.time.text());
        line.put(b"\",\"client_ip\":\"");
        line.ip(self.client);
        line.text(b"\",\"listener\":\"", listener.as_bytes(), TEXT_BYTES_MAX);
        line.put(b"\"");
        self.shared_len = line.len();
    }

    /// Replaces the line by the first half of a new one. All its values are text: each prefix closes the one before.
    pub fn begin(&mut self, request: &RequestPart<'_>) {
        let line = &mut self.line;
        line.truncate(self.shared_len);
        self.time.show(request.wall_ns);
        if let Some(time) = line.written(TIME_PREFIX.len()) {
            *time = *self.time.text();
        }
        line.text(b",\"request_id\":\"", request.request_id, TEXT_BYTES_MAX);
        if let Some(trace_id) = request.trace_id {
            line.text(b"\",\"trace_id\":\"", trace_id, TEXT_BYTES_MAX);
        }
        line.text(b"\",\"method\":\"", request.method, TEXT_BYTES_MAX);
        line.text(b"\",\"host\":\"", request.host, TEXT_BYTES_MAX);
        line.text(b"\",\"path\":\"", request.path, PATH_BYTES_MAX);
        if request.version != USUAL_VERSION {
            line.text(b"\",\"protocol\":\"", request.version.as_bytes(), TEXT_BYTES_MAX);
        }
        if let Some(user_agent) = request.user_agent {
            line.text(b"\",\"user_agent\":\"", user_agent, USER_AGENT_BYTES_MAX);
        }
    }

    /// Adds the second half; returns the whole line with its line feed, ready for [`crate::LogSink::append`].
    pub fn end(&mut self, response: &ResponsePart<'_>) -> &[u8] {
        let line = &mut self.line;
        line.number(b"\",\"status\":", u64::from(response.status));
        for fragment in [response.route, response.upstream, response.endpoint].into_iter().flatten() {
            line.copy(&fragment.0);
        }
        if !response.application.is_empty() {
            line.text(b",\"application\":\"", response.application, TEXT_BYTES_MAX);
            line.text(b"\",\"credential_id\":\"", response.credential, TEXT_BYTES_MAX);
            line.put(b"\"");
        }
        line.ms(b",\"duration_ms\":", response.duration_ns);
        if let Some(upstream_ns) = response.upstream_ns {
            line.ms(b",\"upstream_ms\":", upstream_ns);
        }
        line.number(b",\"bytes_received\":", response.received_bytes);
        line.number(b",\"bytes_sent\":", response.sent_bytes);
        if response.attempts != USUAL_ATTEMPTS {
            line.number(b",\"attempts\":", u64::from(response.attempts));
        }
        if let Some(fault) = response.fault {
            line.text(b",\"fault\":\"", fault.as_bytes(), TEXT_BYTES_MAX);
            line.put(b"\"");
        }
        if response.is_copy {
            line.put(b",\"cache\":\"hit\"");
        }
        if let Some(reason) = response.reason {
            line.text(b",\"reason\":\"", reason.as_bytes(), TEXT_BYTES_MAX);
            line.put(b"\"");
        }
        if !response.throttled_by.is_empty() {
            line.text(b",\"throttled_by\":\"", response.throttled_by, TEXT_BYTES_MAX);
            line.put(b"\"");
        }
        if !response.shadowed_by.is_empty() {
            line.text(b",\"shadowed_by\":\"", response.shadowed_by, TEXT_BYTES_MAX);
            line.put(b"\"");
        }
        line.put(b"}\n");
        line.bytes()
    }
}
