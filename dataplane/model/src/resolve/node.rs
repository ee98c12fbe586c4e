//! The settings of the whole node, with their defaults.
//!
//! Part of `resolve`: each function takes one key as written and gives its value. A mistake goes to the report and the
//! default takes its place, so that the keys after it are judged too. The ranges stand in `limits`.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use super::{
    access_log, addresses, cluster, dns::dns, report::Report, resilience::shedding, tracing::tracing, tuning::tuning,
};
use crate::{
    limits as bounds,
    raw::{self, OrWord, Shape, Spanned, Text},
    snapshot::{Forwarded, IoDriver, Limits, Snapshot, Timeouts, Workers},
    status::{Status, Token},
};
use tollgate_consumer::Applications;
use tollgate_document::{Count, Quantity as _, Size};
use tollgate_items::Items;
use tollgate_pattern::IpSet;

const STATUS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9901);

const HEAD_BYTES: Size = Size(16 << 10);
const TARGET_BYTES: Size = Size(8 << 10);
const FIELDS: Count = Count(100);
const CONNECTIONS: Count = Count(20_000);

const CONNECT: Duration = Duration::from_secs(5);
const FIRST_BYTE: Duration = Duration::from_secs(60);
const IDLE: Duration = Duration::from_secs(60);
const TUNNEL: Duration = Duration::from_secs(3600);
const HANDSHAKE: Duration = Duration::from_secs(10);
const HEAD: Duration = Duration::from_secs(10);
const KEEP_ALIVE: Duration = Duration::from_secs(75);
const DRAIN: Duration = Duration::from_secs(30);
const LINGER: Duration = Duration::from_secs(2);

/// The settings, and no items yet.
pub(super) fn snapshot(report: &mut Report<'_>, raw: &raw::File) -> Snapshot {
    version(report, raw.version.as_ref());
    let limits = limits(report, raw.limits.as_ref());
    Snapshot {
        generation: 0,
        digest: 0,
        workers: workers(report, raw.workers.as_ref()),
        io: io(report, raw.io.as_ref()),
        status: status(report, raw.status.as_ref()),
        access_log: access_log::access_log(report, raw.access_log.as_ref()),
        listeners: Items::default(),
        upstreams: Items::default(),
        routes: Items::default(),
        plans: Items::default(),
        applications: Applications::default(),
        trusted_proxies: trusted_proxies(report, raw.trusted_proxies.as_ref()),
        forwarded: forwarded(report, raw.forwarded.as_ref()),
        tracing: tracing(report, raw.tracing.as_ref()),
        dns: dns(report, raw.dns.as_ref()),
        shedding: shedding(report, raw.shedding.as_ref()),
        quota_store: cluster::quota_store(report, raw.quota_store.as_ref()),
        cluster: cluster::cluster(report, raw.cluster.as_ref()),
        timeouts: timeouts(report, raw.timeouts.as_ref()),
        tuning: tuning(report, raw.tuning.as_ref(), limits.head_bytes),
        limits,
    }
}

fn version(report: &mut Report<'_>, raw: Option<&Text>) {
    if report.required_at_top(raw, "version", "start the file with `version: 1`").is_some() {
        report.word(raw, "version", &[("1", ())], ());
    }
}

fn workers(report: &mut Report<'_>, raw: Option<&Spanned<OrWord<Vec<Text>>>>) -> Workers {
    let Some(raw) = raw else { return Workers::Auto };
    let Some(list) = shape_or(report, raw, "auto") else { return Workers::Auto };
    if list.is_empty() {
        let help = "name at least one CPU, or write `auto`".to_owned();
        report.error(raw.referenced, "`workers` is empty".to_owned(), Some(help));
    }
    let mut cpus = Vec::with_capacity(list.len());
    let range = Count(0)..=Count(bounds::CPUS_MAX as u64 - 1);
    for text in list {
        let Some(cpu) = report.quantity(text, &range).map(Count::index) else { continue };
        if cpus.contains(&cpu) {
            report.error(text.referenced, format!("CPU `{}` is named twice", text.value), None);
        } else {
            cpus.push(cpu);
        }
    }
    Workers::Cpus(cpus)
}

fn io(report: &mut Report<'_>, raw: Option<&Text>) -> IoDriver {
    let words = [("auto", IoDriver::Auto), ("io_uring", IoDriver::IoUring), ("epoll", IoDriver::Epoll)];
    report.word(raw, "io", &words, IoDriver::Auto)
}

fn status(report: &mut Report<'_>, raw: Option<&Spanned<OrWord<raw::Status>>>) -> Option<Status> {
    let Some(raw) = raw else { return Some(Status { bind: Some(STATUS), socket: None, token: None }) };
    let status = shape_or(report, raw, "off")?;
    let socket = status.socket.as_ref().and_then(|socket| path(report, socket, "socket"));
    let bind = match &status.bind {
        None if status.socket.is_some() => None,
        bind => report.required(bind.as_ref(), "bind", raw.referenced).and_then(|bind| addresses::bind(report, bind)),
    };
    if let (Some(token), None) = (&status.token, &status.bind) {
        let help = "the socket asks for none: leave `token` out, or add `bind`".to_owned();
        report.error(token.referenced, "`token` is for `bind`, which is not there".to_owned(), Some(help));
    }
    let token = status.token.as_ref().and_then(|raw| token(report, raw));
    Some(Status { bind, socket, token })
}

/// A secret is not written in a file that is shown, sent and kept in many places.
fn token(report: &mut Report<'_>, raw: &Text) -> Option<Token> {
    const REFERENCE: &str = "write `${file:/run/secrets/tollgate}` or `${env:TOKEN}`";
    if !raw.value.contains("${") {
        // The line is not quoted, since the secret stands in it.
        report.error_unquoted(raw.referenced, "`token` holds the secret itself".to_owned(), Some(REFERENCE.to_owned()));
        return None;
    }
    report.parse(raw, "a token of 16 to 256 visible characters", |text| {
        Token::new(text).ok_or_else(|| ("`token` has no reference".to_owned(), Some(REFERENCE.to_owned())))
    })
}

/// The path of a file; `key` is where it is written.
pub(super) fn path(report: &mut Report<'_>, raw: &Text, key: &str) -> Option<PathBuf> {
    report.parse(raw, "a path of a file", |text| match text {
        "" => Err((format!("`{key}` is empty"), None)),
        _ if text.contains('\0') => Err(("a path has no NUL".to_owned(), None)),
        _ => Ok(PathBuf::from(text)),
    })
}

/// The shape, or `None` for the word. Any other word is an error.
pub(super) fn shape_or<'r, T: Shape>(
    report: &mut Report<'_>,
    raw: &'r Spanned<OrWord<T>>,
    word: &str,
) -> Option<&'r T> {
    let written = match &raw.value {
        OrWord::Shape(shape) => return Some(shape),
        OrWord::Word(written) => Text { value: written.clone(), referenced: raw.referenced },
    };
    let parse = |text: &str| match text {
        _ if text == word => Ok(()),
        _ => Err((format!("`{text}` is not allowed here"), Some(format!("write {}", T::EXPECTED)))),
    };
    report.parse(&written, T::EXPECTED, parse);
    None
}

fn trusted_proxies(report: &mut Report<'_>, raw: Option<&Spanned<Vec<Text>>>) -> IpSet {
    raw.map(|raw| addresses::networks(report, &raw.value)).unwrap_or_default()
}

fn forwarded(report: &mut Report<'_>, raw: Option<&Text>) -> Forwarded {
    let words = [
        ("x_forwarded", Forwarded::XForwarded),
        ("standard", Forwarded::Standard),
        ("both", Forwarded::Both),
        ("off", Forwarded::Off),
    ];
    report.word(raw, "forwarded", &words, Forwarded::XForwarded)
}

fn limits(report: &mut Report<'_>, raw: Option<&Spanned<raw::Limits>>) -> Limits {
    let Spanned { value: raw, .. } = raw.cloned().unwrap_or_default();
    let head_bytes = report.quantity_or(raw.head_bytes.as_ref(), &bounds::HEAD_BYTES, HEAD_BYTES);
    // A small head makes the default target as small; a written one has to fit.
    let target_default = Size(TARGET_BYTES.0.min(head_bytes.0));
    let target_bytes = report.quantity_or(raw.target_bytes.as_ref(), &bounds::TARGET_BYTES, target_default);
    if let Some(raw) = raw.target_bytes.as_ref().filter(|_| target_bytes > head_bytes) {
        let help = format!("from {} to {}", bounds::TARGET_BYTES.start().show(), head_bytes.show());
        report.error(raw.referenced, "`target_bytes` is larger than `head_bytes`".to_owned(), Some(help));
    }
    let unlimited = "unlimited";
    let requests = raw.requests_per_connection.as_ref();
    Limits {
        head_bytes: head_bytes.index(),
        target_bytes: target_bytes.index(),
        fields: report.quantity_or(raw.fields.as_ref(), &bounds::FIELDS, FIELDS).index(),
        body_bytes: report.quantity_or_word(raw.body_bytes.as_ref(), unlimited, &bounds::BODY_BYTES).map(|size| size.0),
        connections: report.quantity_or(raw.connections.as_ref(), &bounds::CONNECTIONS, CONNECTIONS).index(),
        requests_per_connection: report.quantity_or_word(requests, unlimited, &bounds::REQUESTS).map(|count| count.0),
    }
}

fn timeouts(report: &mut Report<'_>, raw: Option<&Spanned<raw::Timeouts>>) -> Timeouts {
    let Spanned { value: raw, .. } = raw.cloned().unwrap_or_default();
    let mut duration = |raw: &Option<Text>, default| report.quantity_or(raw.as_ref(), &bounds::DURATION, default);
    let (connect, first_byte) = (duration(&raw.connect, CONNECT), duration(&raw.first_byte, FIRST_BYTE));
    let (idle, tunnel) = (duration(&raw.idle, IDLE), duration(&raw.tunnel, TUNNEL));
    let (handshake, head) = (duration(&raw.handshake, HANDSHAKE), duration(&raw.head, HEAD));
    let (keep_alive, drain) = (duration(&raw.keep_alive, KEEP_ALIVE), duration(&raw.drain, DRAIN));
    let linger = report.quantity_or(raw.linger.as_ref(), &bounds::LINGER, LINGER);
    let request = report.quantity_or_word(raw.request.as_ref(), "none", &bounds::DURATION);
    Timeouts { connect, first_byte, idle, request, tunnel, handshake, head, keep_alive, drain, linger }
}

/// The node's deadlines with those a route overrides.
pub(super) fn route_timeouts(report: &mut Report<'_>, raw: &raw::RouteTimeouts, node: &Timeouts) -> Timeouts {
    let mut duration = |raw: &Option<Text>, default| report.quantity_or(raw.as_ref(), &bounds::DURATION, default);
    let connect = duration(&raw.connect, node.connect);
    let first_byte = duration(&raw.first_byte, node.first_byte);
    let idle = duration(&raw.idle, node.idle);
    let tunnel = duration(&raw.tunnel, node.tunnel);
    let request = match &raw.request {
        None => node.request,
        raw => report.quantity_or_word(raw.as_ref(), "none", &bounds::DURATION),
    };
    Timeouts { connect, first_byte, idle, request, tunnel, ..*node }
}
