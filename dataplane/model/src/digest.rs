//! The digest of a snapshot: what tells two configurations apart.
//!
//! Each listener, upstream, route and global setting is an item. An item's hash is FNV-1a (64 bits) over its kind, its
//! name and its resolved content (an enum by its position), each text preceded by its length, then mixed by the finalizer
//! of SplitMix64; the digest is their wrapping sum. The sum makes files equal that differ in order only, and lets a
//! change of one item be a subtraction and an addition. The finalizer is needed: without it two items that swap their
//! last bytes often have the same sum. Not made against someone who looks for collisions.

use std::time::Duration;

use crate::{
    action::{Action, FixedAnswer, Forwarding, Redirect},
    condition::{Condition, ValueMatch},
    host::HostPattern,
    path::{PathMatch, Segment},
    snapshot::{AccessLog, Limits, Listener, LogFile, Route, Snapshot, Timeouts, Upstream, Workers},
    template::{Piece, Template},
};

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

/// The digest; the snapshot's own field is not read.
pub(crate) fn digest(snapshot: &Snapshot) -> u64 {
    let listeners = snapshot.listeners.iter().map(listener);
    let upstreams = snapshot.upstreams.iter().map(upstream);
    let routes = snapshot.routes.iter().map(|item| route(item, snapshot));
    listeners.chain(upstreams).chain(routes).chain(settings(snapshot)).fold(0, u64::wrapping_add)
}

/// The hash of one item.
struct Item(u64);

impl Item {
    fn new(kind: &str) -> Self {
        Self(FNV_OFFSET).text(kind)
    }

    fn bytes(self, bytes: &[u8]) -> Self {
        Self(bytes.iter().fold(self.0, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(FNV_PRIME)))
    }

    fn text(self, text: &str) -> Self {
        self.number(text.len() as u64).bytes(text.as_bytes())
    }

    fn number(self, number: u64) -> Self {
        self.bytes(&number.to_le_bytes())
    }

    fn optional(self, number: Option<u64>) -> Self {
        match number {
            None => self.bytes(&[0]),
            Some(number) => self.bytes(&[1]).number(number),
        }
    }

    fn duration(self, duration: Duration) -> Self {
        self.number(duration.as_secs()).number(duration.subsec_nanos().into())
    }

    /// A set: order does not count.
    fn set<'t>(self, texts: impl Iterator<Item = &'t str>) -> Self {
        let mut texts: Vec<&str> = texts.collect();
        texts.sort_unstable();
        texts.iter().fold(self.number(texts.len() as u64), |item, text| item.text(text))
    }

    fn path(self, path: &PathMatch) -> Self {
        let pattern = match path {
            PathMatch::Pattern(pattern) => pattern,
            PathMatch::Expression(expression) => return self.bytes(&[1]).text(expression.text()),
        };
        let segments = pattern.segments();
        let item = self.bytes(&[0]).number(segments.len() as u64);
        segments.iter().fold(item, |item, segment| match segment {
            Segment::Literal(text) => item.bytes(&[0]).text(text),
            Segment::Parameter(name) => item.bytes(&[1]).text(name),
            Segment::Rest(name) => item.bytes(&[2]).text(name),
        })
    }

    fn action(self, action: &Action, snapshot: &Snapshot) -> Self {
        match action {
            // As long as no length is the largest number, no name reads like what is below.
            Action::Forward(Forwarding { shares, rewrite: None }) if shares.len() == 1 => {
                self.text(&snapshot.upstreams[shares[0].upstream].name)
            }
            Action::Forward(Forwarding { shares, rewrite }) => {
                let item = self.number(u64::MAX).bytes(&[0]).number(shares.len() as u64);
                let item = shares.iter().fold(item, |item, share| {
                    item.text(&snapshot.upstreams[share.upstream].name).number(share.weight.into())
                });
                rewrite.iter().fold(item, Self::template)
            }
            Action::Redirect(Redirect { to, keeps_query, status }) => {
                let item = self.number(u64::MAX).bytes(&[1, u8::from(*keeps_query)]).number((*status).into());
                item.template(to)
            }
            Action::Answer(FixedAnswer { status, headers, content_type, body }) => {
                let item = self.number(u64::MAX).bytes(&[2]).number((*status).into()).number(headers.len() as u64);
                let item = headers.iter().fold(item, |item, (name, value)| item.text(name).text(value));
                item.text(content_type).text(body)
            }
        }
    }

    fn template(self, template: &Template) -> Self {
        let item = self.number(template.pieces().len() as u64);
        template.pieces().iter().fold(item, |item, piece| match piece {
            Piece::Text(text) => item.bytes(&[0]).text(text),
            Piece::Segment(index) => item.bytes(&[1]).number(*index as u64),
            Piece::Rest(index) => item.bytes(&[2]).number(*index as u64),
            Piece::Group(number) => item.bytes(&[3]).number(*number as u64),
            Piece::Path => item.bytes(&[4]),
            Piece::Host => item.bytes(&[5]),
        })
    }

    /// In the order they are kept in, which is not that of the file.
    fn conditions(self, conditions: &[Condition]) -> Self {
        conditions.iter().fold(self.number(conditions.len() as u64), |item, condition| {
            let item = item.text(&condition.name);
            match &condition.value {
                ValueMatch::Present => item.bytes(&[0]),
                ValueMatch::Exact(text) => item.bytes(&[1]).text(text),
                ValueMatch::Prefix(text) => item.bytes(&[2]).text(text),
                ValueMatch::Expression(expression) => item.bytes(&[3]).text(expression.text()),
            }
        })
    }

    fn timeouts(self, timeouts: &Timeouts) -> Self {
        let Timeouts { connect, first_byte, idle, request, tunnel, head, keep_alive, drain, linger } = *timeouts;
        let rest = [connect, first_byte, idle, tunnel, head, keep_alive, drain, linger];
        let item = rest.into_iter().fold(self, Self::duration);
        match request {
            None => item.bytes(&[0]),
            Some(request) => item.bytes(&[1]).duration(request),
        }
    }

    /// The finalizer of SplitMix64.
    fn finish(self) -> u64 {
        let mut hash = self.0;
        hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        hash ^ (hash >> 31)
    }
}

fn listener(listener: &Listener) -> u64 {
    Item::new("listener").text(&listener.name).text(&listener.bind.to_string()).finish()
}

fn upstream(upstream: &Upstream) -> u64 {
    let item = Item::new("upstream").text(&upstream.name).number(upstream.endpoints.len() as u64);
    let item = upstream
        .endpoints
        .iter()
        .fold(item, |item, endpoint| item.text(&endpoint.address.to_string()).number(endpoint.weight.into()));
    let connections = &upstream.connections;
    item.number(connections.idle_max as u64).duration(connections.idle_timeout).finish()
}

fn route(route: &Route, snapshot: &Snapshot) -> u64 {
    let matcher = &route.matcher;
    // By name, since an index changes with the order.
    let listeners = matcher.listeners.iter().map(|&index| snapshot.listeners[index].name.as_str());
    let hosts = matcher.hosts.iter().map(|host| match host {
        // A suffix starts with a dot and an exact host never does.
        HostPattern::Exact(host) | HostPattern::Suffix(host) => host.as_str(),
    });
    let item = Item::new("route").text(&route.name).action(&route.action, snapshot);
    let item = item.set(listeners).set(hosts).set(matcher.methods.iter().map(String::as_str));
    let item = item.path(&matcher.path);
    let item = [&matcher.headers, &matcher.query, &matcher.cookies]
        .into_iter()
        .fold(item, |item, conditions| item.conditions(conditions));
    item.timeouts(&route.timeouts).finish()
}

fn settings(snapshot: &Snapshot) -> [u64; 8] {
    let status = snapshot.status.map(|address| address.to_string()).unwrap_or_default();
    [
        workers(&snapshot.workers),
        Item::new("io").number(snapshot.io as u64).finish(),
        Item::new("status").text(&status).finish(),
        access_log(&snapshot.access_log),
        snapshot.trusted_proxies.ranges().fold(Item::new("trusted_proxies"), |item, range| item.text(&range)).finish(),
        Item::new("forwarded").number(snapshot.forwarded as u64).finish(),
        limits(&snapshot.limits),
        Item::new("timeouts").timeouts(&snapshot.timeouts).finish(),
    ]
}

fn workers(workers: &Workers) -> u64 {
    let cpus: &[usize] = match workers {
        Workers::Auto => &[],
        Workers::Cpus(cpus) => cpus,
    };
    cpus.iter().fold(Item::new("workers"), |item, &cpu| item.number(cpu as u64)).finish()
}

fn access_log(log: &AccessLog) -> u64 {
    let item = Item::new("access_log");
    match log {
        AccessLog::Off => item.bytes(&[0]),
        AccessLog::Stdout => item.bytes(&[1]),
        AccessLog::File(file) => log_file(item.bytes(&[2]), file),
    }
    .finish()
}

fn log_file(item: Item, file: &LogFile) -> Item {
    let LogFile { path, writer, rotate, keep } = file;
    let millis = |duration: Option<Duration>| duration.map(|duration| duration.as_millis() as u64);
    let files = keep.files.map(|files| files as u64);
    let path = path.as_os_str().as_encoded_bytes();
    [rotate.size, millis(rotate.every), files, keep.bytes, millis(keep.age)]
        .into_iter()
        .fold(item.number(path.len() as u64).bytes(path).number(*writer as u64), Item::optional)
}

fn limits(limits: &Limits) -> u64 {
    let Limits { head_bytes, target_bytes, fields, body_bytes, connections, requests_per_connection } = *limits;
    [head_bytes, target_bytes, fields, connections]
        .into_iter()
        .fold(Item::new("limits"), |item, number| item.number(number as u64))
        .optional(body_bytes)
        .optional(requests_per_connection)
        .finish()
}
