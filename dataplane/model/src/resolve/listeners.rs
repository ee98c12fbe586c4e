//! `listeners`: at least one, and no two at the same address.
//!
//! Part of `resolve`, after the settings, since the address of the status is taken too. There are few of them, so each
//! change compares with all (`limits::LISTENERS_MAX`); sockets are opened elsewhere.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
};

use super::{
    Change, addresses,
    names::{Defined, Removal},
    report::Report,
    state::{Kept, State, has_reference},
    tls,
};
use crate::{
    digest, limits,
    raw::{self, Spanned},
    snapshot::Listener,
};

/// Of a listener whose own address is wrong: in nobody's way.
const STAND_IN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

/// Brings the listeners of a change into `state`; says which go.
pub(super) fn apply(report: &mut Report<'_>, state: &mut State, change: &Change) -> Vec<Removal> {
    let mut defined = Defined::new("listener");
    let raw = change.listeners.as_ref();
    if change.is_whole {
        let help = "add one like `listeners: [ { name: public, bind: 127.0.0.1:8080 } ]`";
        if report.required_at_top(raw, "listeners", help).is_none() {
            return Vec::new();
        }
    }
    let entries = raw.map_or(&[][..], |raw| &raw.value);
    let names: Vec<Option<String>> =
        entries.iter().map(|raw| defined.define(report, raw.referenced, raw.value.name.as_ref())).collect();
    let listeners = &state.snapshot.listeners;
    let removals = match change.is_whole {
        true => defined.left_out(listeners),
        false => defined.removed(report, listeners, &change.removed.listeners),
    };
    let mut taken: Vec<SocketAddr> =
        listeners.iter().filter(|old| !defined.has(&old.name)).map(|listener| listener.bind).collect();
    for removal in &removals {
        let gone = listeners.get(removal.slot).map(|listener| listener.bind);
        taken.iter().position(|&bind| Some(bind) == gone).map(|at| taken.swap_remove(at));
    }
    let status = state.snapshot.status.as_ref().and_then(|status| status.bind);
    let mut pair = state.listeners(change.is_whole);
    pair.remove(&removals);
    for (raw, name) in entries.iter().zip(names) {
        let bind = bind(report, raw, &taken, status);
        taken.extend(bind);
        let tls = raw.value.tls.as_ref().and_then(|raw| tls::listener(report, raw)).map(Arc::new);
        let Some(name) = name else { continue };
        let listener = Listener { name, bind: bind.unwrap_or(STAND_IN), tls };
        let text = raw.value.to_canonical().into_boxed_str();
        let hash = match has_reference(&text) {
            // What is in the files is told by no reference.
            true => digest::written("listener", &text).wrapping_add(digest::item("files", &tls::files(&listener))),
            false => digest::item("listener", &listener),
        };
        pair.put(listener, Kept { text, place: raw.referenced, hash });
    }
    judge_count(report, state, change);
    judge_status(report, state, &defined);
    removals
}

fn judge_count(report: &mut Report<'_>, state: &State, change: &Change) {
    let raw = change.listeners.as_ref();
    let count = raw.filter(|_| change.is_whole).map_or(state.snapshot.listeners.len(), |raw| raw.value.len());
    if !(1..=limits::LISTENERS_MAX).contains(&count) {
        let place = raw.map(|raw| raw.referenced);
        let place = place.or_else(|| change.removed.listeners.first().map(|raw| raw.referenced));
        report.error(
            place.unwrap_or_default(),
            format!("there must be 1 to {} listeners", limits::LISTENERS_MAX),
            None,
        );
    }
}

/// A patch can move the status to the address of a listener that it does not name.
fn judge_status(report: &mut Report<'_>, state: &State, defined: &Defined) {
    let bind = state.snapshot.status.as_ref().and_then(|status| status.bind);
    let Some(status) = bind.filter(|bind| bind.port() != 0) else { return };
    let is_there = |listener: &Listener| listener.bind == status && !defined.has(&listener.name);
    let Some((slot, _)) = state.snapshot.listeners.entries().find(|(_, entry)| is_there(&entry.item)) else { return };
    let message = format!("the address of `status` is that of listener `{}`", state.written.listeners.name(slot));
    match &state.written.settings.status {
        Some(raw) => report.error(raw.referenced, message, None),
        None => report.whole_error(message, Some("the default of `status` is 127.0.0.1:9901".to_owned())),
    }
}

fn bind(
    report: &mut Report<'_>,
    item: &Spanned<raw::Listener>,
    others: &[SocketAddr],
    status: Option<SocketAddr>,
) -> Option<SocketAddr> {
    let raw = report.required(item.value.bind.as_ref(), "bind", item.referenced)?;
    let bind = addresses::bind(report, raw)?;
    let taken = |other: SocketAddr| bind.port() != 0 && bind == other;
    if status.is_some_and(taken) {
        report.error(raw.referenced, format!("`{}` is the address of `status`", raw.value), None);
        return None;
    }
    if others.iter().any(|&other| taken(other)) {
        report.error(raw.referenced, format!("`{}` is the address of another listener", raw.value), None);
        return None;
    }
    Some(bind)
}
