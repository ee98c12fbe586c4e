//! `quota_store` and `cluster`: where counts of limits outlive the node, and what nodes share.
//!
//! Part of `resolve`. Nothing is opened or asked here.

use std::time::Duration;

use super::{node, report::Report};
use crate::{
    cluster::{Cluster, ClusterStore, QuotaStore, Secret},
    limits,
    raw::{self, Location, OrWord, Spanned, Text},
};
use tollgate_document::Count;
use tollgate_pattern::Refusal;

const EVERY: Duration = Duration::from_secs(1);
const TIMEOUT: Duration = Duration::from_millis(100);
const PREFIX: &str = "tollgate";
const REFERENCE: &str = "write `${file:/run/secrets/cluster}` or `${env:SECRET}`";
const URL: &str = "write `redis://host:6379`, `rediss://host:6379` or `unix:///path`";

/// `None` for `off`.
pub(super) fn quota_store(
    report: &mut Report<'_>,
    raw: Option<&Spanned<OrWord<raw::QuotaStore>>>,
) -> Option<QuotaStore> {
    let Some(raw) = raw else { return Some(QuotaStore { path: None, every: EVERY }) };
    let raw = node::shape_or(report, raw, "off")?;
    let path = raw.path.as_ref().and_then(|path| node::path(report, path, "path"));
    Some(QuotaStore { path, every: report.quantity_or(raw.every.as_ref(), &limits::QUOTA_STORE_EVERY, EVERY) })
}

pub(super) fn cluster(report: &mut Report<'_>, raw: Option<&Spanned<raw::Cluster>>) -> Option<Cluster> {
    let Spanned { value: raw, referenced, .. } = raw?;
    let store = store(report, raw, *referenced);
    let secret = report.required(raw.secret.as_ref(), "secret", *referenced).and_then(|raw| secret(report, raw));
    let nodes = report.required(raw.nodes.as_ref(), "nodes", *referenced);
    let nodes = nodes.and_then(|raw| report.quantity(raw, &limits::NODES));
    let timeout = report.quantity_or(raw.timeout.as_ref(), &limits::STORE_TIMEOUT, TIMEOUT);
    let prefix = raw.prefix.as_ref().and_then(|raw| report.parse(raw, "a prefix", prefix));
    let prefix = prefix.unwrap_or_else(|| PREFIX.to_owned());
    Some(Cluster { store: store?, secret: secret?, nodes: nodes.unwrap_or(Count(1)).0, timeout, prefix })
}

/// One of the two there are.
fn store(report: &mut Report<'_>, raw: &raw::Cluster, at: Location) -> Option<ClusterStore> {
    // One that cannot be read is told of already, and is no lack of a store.
    let is_written = raw.control_plane.is_some();
    let words = [("true", true), ("false", false)];
    let is_fed = report.word(raw.control_plane.as_ref(), "control_plane", &words, is_written);
    match (&raw.redis, &raw.control_plane) {
        (Some(raw), _) if !is_fed => Some(ClusterStore::Redis(urls(report, raw))),
        (None, _) if is_fed => Some(ClusterStore::ControlPlane),
        (Some(_), Some(raw)) => {
            let help = "leave out one of them: nodes take shares from one store".to_owned();
            report.error(raw.referenced, "`redis` and `control_plane` exclude each other".to_owned(), Some(help));
            None
        }
        _ => {
            let help = "add `redis: [..]`, or `control_plane: true` on nodes that a control plane feeds".to_owned();
            report.error(at, "there is no store for the cluster".to_owned(), Some(help));
            None
        }
    }
}

fn urls(report: &mut Report<'_>, raw: &Spanned<Vec<Text>>) -> Vec<Secret> {
    if raw.value.is_empty() || raw.value.len() > limits::STORE_URLS_MAX {
        let message = format!("there must be 1 to {} addresses", limits::STORE_URLS_MAX);
        report.error(raw.referenced, message, Some(URL.to_owned()));
    }
    raw.value.iter().filter_map(|raw| url(report, raw)).collect()
}

fn url(report: &mut Report<'_>, raw: &Text) -> Option<Secret> {
    if raw.value.contains('@') && !raw.value.contains("${") {
        written(report, raw.referenced, "an address with a password", "write `${env:REDIS_URL}`");
        return None;
    }
    report.parse(raw, "the address of a Redis", |text| {
        match text.split_once("://") {
            Some(("redis" | "rediss", rest)) if !matches!(rest.chars().next(), None | Some('/')) => Ok(text),
            Some(("unix", path)) if path.starts_with('/') => Ok(text),
            _ => Err((format!("`{text}` is not the address of a Redis"), Some(URL.to_owned()))),
        }
        .map(|text| Secret(text.into()))
    })
}

fn secret(report: &mut Report<'_>, raw: &Text) -> Option<Secret> {
    if !raw.value.contains("${") {
        written(report, raw.referenced, "`secret` holds the secret itself", REFERENCE);
        return None;
    }
    report.parse(raw, "a secret of 16 to 256 visible characters", |text| {
        let valid = limits::TOKEN_BYTES.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        let refusal = || ("`secret` has no reference".to_owned(), Some(REFERENCE.to_owned()));
        valid.then(|| Secret(text.into())).ok_or_else(refusal)
    })
}

/// A secret is not written in a file that is shown, sent and kept in many places; its line is not quoted.
fn written(report: &mut Report<'_>, at: Location, what: &str, help: &str) {
    report.error_unquoted(at, what.to_owned(), Some(help.to_owned()));
}

fn prefix(text: &str) -> Result<String, Refusal> {
    let valid = (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    let help = "1 to 64 letters, digits, `.`, `_`, `-`".to_owned();
    valid.then(|| text.to_owned()).ok_or_else(|| (format!("`{text}` is not a prefix"), Some(help)))
}
