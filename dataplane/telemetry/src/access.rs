//! The access record of one exchange: a JSON line, begun with the request and ended with the response.
//!
//! Two steps, so that nothing of the request head has to stay in memory during the exchange. A record is reused for the
//! next exchange and keeps its capacity. No line exceeds [`crate::limits::LINE_BYTES_MAX`]. The query is never written:
//! it may hold secrets. docs/users/logs-and-metrics.md lists the fields.

use std::net::{IpAddr, SocketAddr};

use crate::{
    json,
    limits::{LINE_BYTES_USUAL, PATH_BYTES_MAX, TEXT_BYTES_MAX, USER_AGENT_BYTES_MAX},
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
    /// The client's address, that of a trusted proxy's client included.
    pub client: IpAddr,
    /// Name of the listener.
    pub listener: &'a str,
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
    /// Name of the route.
    pub route: Option<&'a str>,
    /// Name of the upstream.
    pub upstream: Option<&'a str>,
    /// Address of the endpoint.
    pub endpoint: Option<SocketAddr>,
    /// Status sent downstream; 0 when none was.
    pub status: u16,
    /// Why the exchange failed.
    pub reason: Option<&'static str>,
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
}

/// The protocol of a record that names none: a tenth of a line's bytes would say what nearly all of them say.
const USUAL_VERSION: &str = "HTTP/1.1";

/// The attempts of a record that gives none.
const USUAL_ATTEMPTS: u8 = 1;

/// The line of one exchange.
#[derive(Debug)]
pub struct AccessRecord {
    line: Vec<u8>,
    time: Timestamp,
}

impl AccessRecord {
    /// An empty record.
    #[must_use]
    pub const fn new() -> Self {
        Self { line: Vec::new(), time: Timestamp::new() }
    }

    /// Replaces the line by the first half of a new one. All its values are text: each prefix closes the one before.
    pub fn begin(&mut self, request: &RequestPart<'_>) {
        let line = &mut self.line;
        line.clear();
        line.reserve(LINE_BYTES_USUAL);
        line.extend_from_slice(b"{\"time\":\"");
        line.extend_from_slice(self.time.text(request.wall_ns));
        line.extend_from_slice(b"\",\"request_id\":\"");
        json::write_text(line, request.request_id, TEXT_BYTES_MAX);
        if let Some(trace_id) = request.trace_id {
            line.extend_from_slice(b"\",\"trace_id\":\"");
            json::write_text(line, trace_id, TEXT_BYTES_MAX);
        }
        line.extend_from_slice(b"\",\"client_ip\":\"");
        json::write_ip(line, request.client);
        line.extend_from_slice(b"\",\"listener\":\"");
        json::write_text(line, request.listener.as_bytes(), TEXT_BYTES_MAX);
        line.extend_from_slice(b"\",\"method\":\"");
        json::write_text(line, request.method, TEXT_BYTES_MAX);
        line.extend_from_slice(b"\",\"host\":\"");
        json::write_text(line, request.host, TEXT_BYTES_MAX);
        line.extend_from_slice(b"\",\"path\":\"");
        json::write_text(line, request.path, PATH_BYTES_MAX);
        if request.version != USUAL_VERSION {
            line.extend_from_slice(b"\",\"protocol\":\"");
            json::write_text(line, request.version.as_bytes(), TEXT_BYTES_MAX);
        }
        if let Some(user_agent) = request.user_agent {
            line.extend_from_slice(b"\",\"user_agent\":\"");
            json::write_text(line, user_agent, USER_AGENT_BYTES_MAX);
        }
    }

    /// Adds the second half; returns the whole line with its line feed, ready for [`crate::LogSink::append`].
    pub fn end(&mut self, response: &ResponsePart<'_>) -> &[u8] {
        let line = &mut self.line;
        line.extend_from_slice(b"\",\"status\":");
        json::write_number(line, u64::from(response.status));
        write_name(line, b",\"route\":\"", response.route);
        write_name(line, b",\"upstream\":\"", response.upstream);
        if let Some(endpoint) = response.endpoint {
            line.extend_from_slice(b",\"endpoint\":\"");
            json::write_address(line, endpoint);
            line.push(b'"');
        }
        line.extend_from_slice(b",\"duration_ms\":");
        json::write_ms(line, response.duration_ns);
        if let Some(upstream_ns) = response.upstream_ns {
            line.extend_from_slice(b",\"upstream_ms\":");
            json::write_ms(line, upstream_ns);
        }
        line.extend_from_slice(b",\"bytes_received\":");
        json::write_number(line, response.received_bytes);
        line.extend_from_slice(b",\"bytes_sent\":");
        json::write_number(line, response.sent_bytes);
        if response.attempts != USUAL_ATTEMPTS {
            line.extend_from_slice(b",\"attempts\":");
            json::write_number(line, u64::from(response.attempts));
        }
        write_name(line, b",\"reason\":\"", response.reason);
        line.extend_from_slice(b"}\n");
        line
    }
}

impl Default for AccessRecord {
    fn default() -> Self {
        Self::new()
    }
}

#[inline]
fn write_name(line: &mut Vec<u8>, prefix: &[u8], name: Option<&str>) {
    if let Some(name) = name {
        line.extend_from_slice(prefix);
        json::write_text(line, name.as_bytes(), TEXT_BYTES_MAX);
        line.push(b'"');
    }
}
