//! `upstreams`: their endpoints, with names resolved to addresses.
//!
//! Part of `resolve`, before the routes that use them. Only those that a change names are resolved; whether one that goes is
//! still used is judged with the routes.

use std::{net::SocketAddr, time::Duration};

use ahash::AHashSet;

use super::{
    Change, addresses,
    names::{Defined, Removal},
    report::Report,
    state::{Kept, State, has_reference},
};
use crate::{
    digest, limits,
    raw::{self, Spanned, Text, canonical},
    scalar::Count,
    snapshot::{Connections, Endpoint, Upstream},
};

const IDLE_MAX: Count = Count(256);
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

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
    for (raw, name) in change.upstreams.iter().zip(names) {
        // Even one with a mistake is put in, so that the routes that use it are judged.
        let upstream = upstream(report, raw, name.clone().unwrap_or_default());
        if name.is_none() {
            continue;
        }
        let text = canonical::text(&raw.value).into_boxed_str();
        let hash = match has_reference(&text) {
            true => digest::written("upstream", &text),
            false => digest::item("upstream", &upstream),
        };
        pair.put(upstream, Kept { text, place: raw.referenced, hash });
    }
    removals
}

fn upstream(report: &mut Report<'_>, item: &Spanned<raw::Upstream>, name: String) -> Upstream {
    let endpoints = endpoints(report, item);
    report.word(item.value.balance.as_ref(), "balance", &[("round_robin", ())], ());
    let connections = connections(report, &item.value.connections);
    Upstream { name, endpoints, connections }
}

fn endpoints(report: &mut Report<'_>, item: &Spanned<raw::Upstream>) -> Vec<Endpoint> {
    let mut endpoints = Vec::new();
    let raw = report.required(item.value.endpoints.as_ref(), "endpoints", item.referenced);
    let Some(raw) = raw else { return endpoints };
    let mut seen = AHashSet::new();
    for entry in &raw.value {
        let weight = weight(report, entry.value.weight.as_ref());
        let Some(address) = report.required(entry.value.address.as_ref(), "address", entry.referenced) else {
            continue;
        };
        for address in endpoint(report, address, &mut seen) {
            endpoints.push(Endpoint { address, weight });
        }
    }
    if raw.value.is_empty() || endpoints.len() > limits::ENDPOINTS_MAX {
        report.error(raw.referenced, format!("there must be 1 to {} endpoints", limits::ENDPOINTS_MAX), None);
    }
    endpoints
}

/// The addresses of an entry. A resolver may name one twice, a file may not.
fn endpoint(report: &mut Report<'_>, raw: &Text, seen: &mut AHashSet<SocketAddr>) -> Vec<SocketAddr> {
    let mut addresses = addresses::endpoint(report, raw);
    addresses.sort_unstable();
    addresses.dedup();
    if addresses.iter().any(|&address| !seen.insert(address)) {
        let help = "give an endpoint a larger `weight` for a larger share".to_owned();
        report.error(raw.referenced, format!("`{}` is an endpoint of this upstream already", raw.value), Some(help));
    }
    addresses
}

fn weight(report: &mut Report<'_>, raw: Option<&Text>) -> u32 {
    let weight = report.quantity_or(raw, &limits::WEIGHT, Count(1)).0;
    u32::try_from(weight).expect("a weight is at most 1000")
}

fn connections(report: &mut Report<'_>, raw: &raw::Connections) -> Connections {
    Connections {
        idle_max: report.quantity_or(raw.idle_max.as_ref(), &limits::IDLE_MAX, IDLE_MAX).index(),
        idle_timeout: report.quantity_or(raw.idle_timeout.as_ref(), &limits::DURATION, IDLE_TIMEOUT),
    }
}
