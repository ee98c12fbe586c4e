//! `listeners`: at least one, and no two at the same address.

use std::{net::SocketAddr, sync::Arc};

use serde_saphyr::Spanned;

use super::{Names, addresses, report::Report, tls};
use crate::{limits, raw, snapshot::Listener};

/// Resolves the listeners; `status` is an address that is taken already.
pub(super) fn listeners(
    report: &mut Report<'_>,
    raw: Option<&Spanned<Vec<Spanned<raw::Listener>>>>,
    status: Option<SocketAddr>,
) -> (Vec<Listener>, Names) {
    let mut names = Names::new("listener");
    let mut listeners: Vec<Listener> = Vec::new();
    let help = "add one like `listeners: [ { name: public, bind: 127.0.0.1:8080 } ]`";
    let Some(raw) = report.required_at_top(raw, "listeners", help) else { return (listeners, names) };
    if raw.value.is_empty() || raw.value.len() > limits::LISTENERS_MAX {
        report.error(raw.referenced, format!("there must be 1 to {} listeners", limits::LISTENERS_MAX), None);
    }
    for (index, item) in raw.value.iter().enumerate() {
        let name = names.define(report, item.referenced, item.value.name.as_ref(), index);
        let bind = bind(report, item, &listeners, status);
        let tls = item.value.tls.as_ref().and_then(|raw| tls::listener(report, raw)).map(Arc::new);
        if let (Some(name), Some(bind)) = (name, bind) {
            listeners.push(Listener { name, bind, tls });
        }
    }
    (listeners, names)
}

fn bind(
    report: &mut Report<'_>,
    item: &Spanned<raw::Listener>,
    listeners: &[Listener],
    status: Option<SocketAddr>,
) -> Option<SocketAddr> {
    let raw = report.required(item.value.bind.as_ref(), "bind", item.referenced)?;
    let bind = addresses::bind(report, raw)?;
    let taken = |other: SocketAddr| bind.port() != 0 && bind == other;
    if status.is_some_and(taken) {
        report.error(raw.referenced, format!("`{}` is the address of `status`", raw.value), None);
        return None;
    }
    if listeners.iter().any(|listener| taken(listener.bind)) {
        report.error(raw.referenced, format!("`{}` is the address of another listener", raw.value), None);
        return None;
    }
    Some(bind)
}
