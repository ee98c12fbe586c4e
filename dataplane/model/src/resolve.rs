//! What is written to what is run: the only way to a [`Snapshot`].
//!
//! Each part of the file has a module here that reads its raw structs and returns resolved ones. A mistake is put into
//! the [`Report`] and a stand-in returned, so that the rest is judged too; a snapshot is only handed out when the
//! report stayed empty.

mod access_log;
mod actions;
mod addresses;
mod listeners;
mod matches;
mod node;
mod report;
mod routes;
mod upstreams;
mod values;

use std::collections::BTreeMap;

use report::{Report, plural};
use serde_saphyr::Location;

use crate::{
    digest,
    error::ConfigErrors,
    near,
    raw::{self, Text},
    snapshot::Snapshot,
    source::Source,
};

/// Resolves a file.
pub(crate) fn resolve(name: &str, text: &str, raw: &raw::File, source: &dyn Source) -> Result<Snapshot, ConfigErrors> {
    let report = &mut Report::new(name, text, source);
    node::version(report, raw.version.as_ref());
    let workers = node::workers(report, raw.workers.as_ref());
    let io = node::io(report, raw.io.as_ref());
    let status = node::status(report, raw.status.as_ref());
    let access_log = access_log::access_log(report, raw.access_log.as_ref());
    let trusted_proxies = node::trusted_proxies(report, &raw.trusted_proxies);
    let forwarded = node::forwarded(report, raw.forwarded.as_ref());
    let limits = node::limits(report, &raw.limits);
    let timeouts = node::timeouts(report, &raw.timeouts);
    let (listeners, listener_names) = listeners::listeners(report, raw.listeners.as_ref(), status);
    let (upstreams, upstream_names) = upstreams::upstreams(report, &raw.upstreams);
    let routes = routes::routes(report, &raw.routes, &listener_names, &upstream_names, &timeouts);
    report.finish()?;
    let mut snapshot = Snapshot {
        generation: 1,
        digest: 0,
        workers,
        io,
        status,
        access_log,
        listeners,
        upstreams,
        routes,
        trusted_proxies,
        forwarded,
        limits,
        timeouts,
    };
    snapshot.digest = digest::digest(&snapshot);
    Ok(snapshot)
}

/// The names of the listeners, upstreams or routes, and the index each stands for.
struct Names {
    /// `listener`, `upstream` or `route`.
    kind: &'static str,
    /// By resolved name: its index, and the line it is written at.
    known: BTreeMap<String, (usize, u64)>,
}

impl Names {
    fn new(kind: &'static str) -> Self {
        Self { kind, known: BTreeMap::new() }
    }

    /// Takes the `name` of an item; `owner` is the place of the whole item.
    fn define(&mut self, report: &mut Report<'_>, owner: Location, raw: Option<&Text>, index: usize) -> Option<String> {
        let raw = report.required(raw, "name", owner)?;
        let name = report.parse(raw, "a name", values::name)?;
        if let Some((_, line)) = self.known.get(&name) {
            let message = format!("the {} name `{}` is used twice, first in line {line}", self.kind, raw.value);
            report.error(raw.referenced, message, None);
            return None;
        }
        self.known.insert(name.clone(), (index, raw.referenced.line()));
        Some(name)
    }

    /// The index of the item a value names.
    fn find(&self, report: &mut Report<'_>, raw: &Text) -> Option<usize> {
        let name = report.text(raw)?;
        if let Some(&(index, _)) = self.known.get(name.as_ref()) {
            return Some(index);
        }
        let kind = self.kind;
        // A near miss of a referenced value would tell what the value is.
        let near = (name == raw.value).then(|| near::nearest(&name, self.known.keys().map(String::as_str))).flatten();
        let message = match near {
            Some(near) => format!("{kind} `{}` is not defined, did you mean `{near}`?", raw.value),
            None => format!("{kind} `{}` is not defined", raw.value),
        };
        let help = (near.is_none() && self.known.is_empty())
            .then(|| format!("there is no {kind}: add one to `{}`", plural(kind)));
        report.error(raw.referenced, message, help);
        None
    }
}
