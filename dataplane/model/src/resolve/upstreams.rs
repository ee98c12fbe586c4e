//! `upstreams`: their endpoints, how one is chosen, and their connections. What becomes of endpoints and requests that
//! fail is in `recovery`.
//!
//! Part of `resolve`, before the routes that use them. Only those that a change names are resolved; whether one that goes is
//! still used is judged with the routes. Names of endpoints stay names: they are resolved while the node runs, so that a name without an address is no mistake.

mod recovery;

pub(super) use recovery::{in_order, ttl_bounds};

use std::{sync::Arc, time::Duration};

use ahash::AHashSet;

use super::{
    Change, addresses, matches,
    names::{Defined, Removal},
    policies,
    report::Report,
    resilience,
    state::{Kept, State, has_reference},
    tls,
};
use crate::{
    digest, limits,
    raw::{self, OrWord, Spanned, Text, canonical},
    upstream::{Balance, Connections, Endpoint, HashKey, Upstream},
};
use tollgate_document::{Count, Percent};
use tollgate_pattern::Refusal;

const IDLE_MAX: Count = Count(256);
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
const UNLIMITED: &str = "unlimited";

/// Brings the upstreams of a change into `state`; says which go.
pub(super) fn apply(report: &mut Report<'_>, state: &mut State, change: &Change) -> Vec<Removal> {
    let mut defined = Defined::new("upstream");
    let names: Vec<Option<String>> =
        change.upstreams.iter().map(|raw| defined.define(report, raw.referenced, raw.value.name.as_ref())).collect();
    let upstreams = &state.snapshot.upstreams;
    let removals = match change.is_whole {
        true => defined.left_out(upstreams),
        false => defined.removed(report, upstreams, &change.removed.upstreams),
    };
    let mut pair = state.upstreams(change.is_whole);
    pair.remove(&removals);
    for (raw, name) in change.upstreams.iter().zip(&names) {
        // Even one with a mistake is put in, so that the routes that use it are judged.
        let upstream = upstream(report, raw, name.clone().unwrap_or_default());
        if name.is_none() {
            continue;
        }
        let text = canonical::text(&raw.value).into_boxed_str();
        let hash = match has_reference(&text) {
            // What is in the files is told by no reference.
            true => digest::written("upstream", &text).wrapping_add(digest::item("files", &tls::files_to(&upstream))),
            false => digest::item("upstream", &upstream),
        };
        pair.put(upstream, Kept { text, place: raw.referenced, hash });
    }
    resilience::fallbacks(report, state, change, &names, &removals);
    removals
}

fn upstream(report: &mut Report<'_>, item: &Spanned<raw::Upstream>, name: String) -> Upstream {
    let raw = &item.value;
    let endpoints = endpoints(report, item);
    let balance = balance(report, raw.balance.as_ref());
    let tls = raw.tls.as_ref().and_then(|raw| tls::upstream(report, raw, &endpoints));
    Upstream {
        name,
        endpoints,
        slow_start: slow_start(report, raw.slow_start.as_ref(), &balance),
        balance,
        health: recovery::health(report, raw.health.as_ref()),
        outliers: recovery::outliers(report, raw.outliers.as_ref()),
        breaker: resilience::breaker(report, raw.breaker.as_ref()),
        adaptive_concurrency: resilience::adaptive_concurrency(report, raw.adaptive_concurrency.as_ref()),
        throughput: policies::throughput(report, raw.throughput.as_ref()),
        hedge: resilience::hedge(report, raw.hedge.as_ref()),
        retries: recovery::retries(report, &raw.retries),
        connections: connections(report, &raw.connections),
        tls: tls.map(Arc::new),
    }
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
pub(super) fn small(count: Count) -> u32 {
    u32::try_from(count.0).unwrap_or(u32::MAX)
}

/// A share whose range ends far below the largest number of 32 bits.
pub(super) fn percent(share: Percent) -> u32 {
    small(Count(share.0))
}

fn balance(report: &mut Report<'_>, raw: Option<&Spanned<OrWord<raw::Balance>>>) -> Balance {
    let Some(raw) = raw else { return Balance::RoundRobin };
    match &raw.value {
        OrWord::Word(word) => {
            let words = [("round_robin", 0), ("least_requests", 1), ("power_of_two", 2), ("consistent_hash", 3)];
            let word = Spanned { value: word.clone(), referenced: raw.referenced };
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
