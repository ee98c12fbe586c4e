//! `upstreams`: their endpoints, how one is chosen, and their connections. What becomes of endpoints and requests that
//! fail is in `recovery`.
//!
//! Names of endpoints stay names: they are resolved while the node runs, so that a name without an address is no mistake.

mod recovery;

pub(super) use recovery::ttl_bounds;

use std::time::Duration;

use ahash::AHashSet;
use serde_saphyr::Spanned;

use super::{Names, addresses, matches, report::Report};
use crate::{
    host::Refusal,
    limits,
    raw::{self, OrWord, Text},
    scalar::{Count, Percent},
    upstream::{Balance, Connections, Endpoint, HashKey, Upstream},
};

const IDLE_MAX: Count = Count(256);
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
const UNLIMITED: &str = "unlimited";

/// Resolves the upstreams.
pub(super) fn upstreams(report: &mut Report<'_>, raw: &[Spanned<raw::Upstream>]) -> (Vec<Upstream>, Names) {
    let mut names = Names::new("upstream");
    let mut upstreams = Vec::with_capacity(raw.len());
    for (index, item) in raw.iter().enumerate() {
        let name = names.define(report, item.referenced, item.value.name.as_ref(), index);
        let endpoints = endpoints(report, item);
        let balance = balance(report, item.value.balance.as_ref());
        let slow_start = slow_start(report, item.value.slow_start.as_ref(), &balance);
        let health = recovery::health(report, item.value.health.as_ref());
        let outliers = recovery::outliers(report, item.value.outliers.as_ref());
        let retries = recovery::retries(report, &item.value.retries);
        let connections = connections(report, &item.value.connections);
        if let Some(name) = name {
            upstreams.push(Upstream { name, endpoints, balance, slow_start, health, outliers, retries, connections });
        }
    }
    (upstreams, names)
}

fn endpoints(report: &mut Report<'_>, item: &Spanned<raw::Upstream>) -> Vec<Endpoint> {
    let mut endpoints: Vec<Endpoint> = Vec::new();
    let raw = report.required(item.value.endpoints.as_ref(), "endpoints", item.referenced);
    let Some(raw) = raw else { return endpoints };
    let mut seen = AHashSet::new();
    for entry in &raw.value {
        let weight = weight(report, entry.value.weight.as_ref());
        let backup = report.word(entry.value.backup.as_ref(), "backup", &[("true", true), ("false", false)], false);
        let Some(raw) = report.required(entry.value.address.as_ref(), "address", entry.referenced) else { continue };
        let Some(address) = addresses::endpoint(report, raw) else { continue };
        if !seen.insert(address.to_string()) {
            let message = format!("`{}` is an endpoint of this upstream already", raw.value);
            report.error(raw.referenced, message, Some("give an endpoint a larger `weight` for a larger share".into()));
        }
        endpoints.push(Endpoint { address, weight, backup });
    }
    if raw.value.is_empty() || raw.value.len() > limits::ENDPOINTS_MAX {
        report.error(raw.referenced, format!("there must be 1 to {} endpoints", limits::ENDPOINTS_MAX), None);
    } else if !endpoints.is_empty() && endpoints.iter().all(|endpoint| endpoint.backup) {
        let help = "a backup stands in for another: leave `backup` out of at least one".to_owned();
        report.error(raw.referenced, "all endpoints are backups".to_owned(), Some(help));
    }
    endpoints
}

fn weight(report: &mut Report<'_>, raw: Option<&Text>) -> u32 {
    small(report.quantity_or(raw, &limits::WEIGHT, Count(1)))
}

/// A count whose range ends far below the largest number of 32 bits.
fn small(count: Count) -> u32 {
    u32::try_from(count.0).unwrap_or(u32::MAX)
}

/// A share whose range ends far below the largest number of 32 bits.
fn percent(share: Percent) -> u32 {
    small(Count(share.0))
}

fn balance(report: &mut Report<'_>, raw: Option<&Spanned<OrWord<raw::Balance>>>) -> Balance {
    let Some(raw) = raw else { return Balance::RoundRobin };
    match &raw.value {
        OrWord::Word(word) => {
            let words = [("round_robin", 0), ("least_requests", 1), ("power_of_two", 2), ("consistent_hash", 3)];
            let word = Spanned::new(word.clone(), raw.referenced, raw.defined);
            match report.word(Some(&word), "balance", &words, 0) {
                1 => return Balance::LeastRequests,
                2 => return Balance::PowerOfTwo,
                3 => {
                    let help = "write `{ consistent_hash: { key: client_ip } }`".to_owned();
                    report.error(raw.referenced, "`consistent_hash` needs a key".to_owned(), Some(help));
                }
                _ => {}
            }
        }
        OrWord::Shape(shape) => {
            if let Some(hash) = report.required(shape.consistent_hash.as_ref(), "consistent_hash", raw.referenced) {
                return consistent_hash(report, hash);
            }
        }
    }
    Balance::RoundRobin
}

fn consistent_hash(report: &mut Report<'_>, raw: &Spanned<raw::ConsistentHash>) -> Balance {
    let key = report.required(raw.value.key.as_ref(), "key", raw.referenced);
    let key = key.and_then(|key| report.parse(key, "a key to hash", hash_key)).unwrap_or(HashKey::Path);
    let load_max = report.quantity_or_word(raw.value.load_max.as_ref(), "off", &limits::LOAD_MAX).map(percent);
    Balance::ConsistentHash { key, load_max }
}

fn hash_key(text: &str) -> Result<HashKey, Refusal> {
    if let Some(name) = text.strip_prefix("header:") {
        return matches::header_name(name).map(HashKey::Header);
    }
    if let Some(name) = text.strip_prefix("cookie:") {
        return matches::cookie_name(name).map(HashKey::Cookie);
    }
    match text {
        "client_ip" => Ok(HashKey::ClientIp),
        "path" => Ok(HashKey::Path),
        _ => {
            let help = "write `client_ip`, `path`, `header:NAME` or `cookie:NAME`".to_owned();
            Err((format!("`{text}` is not a key to hash"), Some(help)))
        }
    }
}

fn slow_start(report: &mut Report<'_>, raw: Option<&Text>, balance: &Balance) -> Option<Duration> {
    let duration = report.quantity_or_word(raw, "off", &limits::DURATION)?;
    if let (Some(raw), Balance::ConsistentHash { .. }) = (raw, balance) {
        let help = "leave `slow_start` out: a key belongs to its endpoint at once or not at all".to_owned();
        report.error(raw.referenced, "`slow_start` does not go with `consistent_hash`".to_owned(), Some(help));
    }
    Some(duration)
}

fn connections(report: &mut Report<'_>, raw: &raw::Connections) -> Connections {
    let max = report.quantity_or_word(raw.max.as_ref(), UNLIMITED, &limits::CONNECTIONS_PER_ENDPOINT);
    Connections {
        idle_max: report.quantity_or(raw.idle_max.as_ref(), &limits::IDLE_MAX, IDLE_MAX).index(),
        idle_timeout: report.quantity_or(raw.idle_timeout.as_ref(), &limits::DURATION, IDLE_TIMEOUT),
        age_max: report.quantity_or_word(raw.age_max.as_ref(), UNLIMITED, &limits::DURATION),
        max: max.map(Count::index),
        requests_max: report
            .quantity_or_word(raw.requests_max.as_ref(), UNLIMITED, &limits::REQUESTS)
            .map(|count| count.0),
    }
}
