//! `overrides` of a rule: who has another limit, or none.
//!
//! Part of `resolve`. An override names addresses, or values of one part of the key; for those in it the rule counts with
//! the limit it gives, or not at all.

use super::{Kind, affordable, amount, bounded, burst, truth};
use crate::{
    limits,
    raw::{self, Spanned, Text},
    resolve::{addresses, matches, report::Report},
    rule::{Allowance, KeyPart, Override, Whom},
};

/// Resolves the overrides of a rule with this key and allowance, which are `None` where they have a mistake; each request
/// costs at least so many units.
pub(super) fn overrides(
    report: &mut Report<'_>,
    raw: Option<&Spanned<Vec<Spanned<raw::Override>>>>,
    key: Option<&[KeyPart]>,
    (allowance, units): (Option<Allowance>, u64),
    kind: Kind,
) -> Option<Vec<Override>> {
    let Some(raw) = raw else { return Some(Vec::new()) };
    if raw.value.is_empty() || raw.value.len() > limits::OVERRIDES_MAX {
        report.error(raw.referenced, format!("`overrides` has 1 to {} entries", limits::OVERRIDES_MAX), None);
    }
    let mut overrides = Vec::with_capacity(raw.value.len());
    for item in &raw.value {
        let whom = whom(report, item, key);
        let allowance = other(report, item, allowance, kind);
        if let Some(Some(allowance)) = &allowance {
            affordable(report, item.referenced, units, allowance);
        }
        if let (Some(whom), Some(allowance)) = (whom, allowance) {
            overrides.push(Override { whom, allowance });
        }
    }
    (overrides.len() == raw.value.len()).then_some(overrides)
}

fn whom(report: &mut Report<'_>, item: &Spanned<raw::Override>, key: Option<&[KeyPart]>) -> Option<Whom> {
    let raw::Override { addresses, values, part, .. } = &item.value;
    match (addresses, values) {
        (Some(raw), None) => {
            bounded(report, "addresses", Some(raw), limits::NETWORKS_MAX);
            if let Some(part) = part {
                report.error(part.referenced, "`part` belongs to `values`".to_owned(), Some("leave it out".to_owned()));
            }
            Some(Whom::Addresses(addresses::networks(report, &raw.value)))
        }
        (None, Some(raw)) => {
            bounded(report, "values", Some(raw), limits::OVERRIDES_MAX);
            let part = index(report, item, part.as_ref(), key?)?;
            let values =
                matches::list(report, "values", Some(raw), |report, raw| report.parse(raw, "a value", matches::value));
            Some(Whom::Values { part, values: values? })
        }
        _ => {
            let message = "an override has one of `addresses` and `values`".to_owned();
            report.error(item.referenced, message, None);
            None
        }
    }
}

/// Which part of the key the values are of.
fn index(
    report: &mut Report<'_>,
    item: &Spanned<raw::Override>,
    part: Option<&Text>,
    key: &[KeyPart],
) -> Option<usize> {
    let can = |part: &KeyPart| !matches!(part, KeyPart::ClientIp { .. } | KeyPart::Node);
    let Some(raw) = part else {
        let index = key.iter().position(can).filter(|_| key.len() == 1);
        if index.is_none() {
            let help = "write `part: \"header:X-Tenant\"`, or `addresses` for clients".to_owned();
            report.error(item.referenced, "it is not told of what these are values".to_owned(), Some(help));
        }
        return index;
    };
    let written = |part: &KeyPart| match part {
        KeyPart::Header(name) => format!("header:{name}"),
        KeyPart::Cookie(name) => format!("cookie:{name}"),
        KeyPart::Query(name) => format!("query:{name}"),
        KeyPart::Path(name) => format!("path:{name}"),
        KeyPart::Route => "route".to_owned(),
        KeyPart::Application => "application".to_owned(),
        KeyPart::Credential => "credential".to_owned(),
        KeyPart::Subscription => "subscription".to_owned(),
        KeyPart::Tenant => "tenant".to_owned(),
        KeyPart::Api => "api".to_owned(),
        KeyPart::Claim(name) => format!("claim:{name}"),
        KeyPart::ClientIp { .. } | KeyPart::Node => String::new(),
    };
    report.parse(raw, "a part of the key", |text| {
        let is_it = |part: &KeyPart| match part {
            KeyPart::Header(_) => written(part).eq_ignore_ascii_case(text),
            _ => can(part) && written(part) == text,
        };
        key.iter().position(is_it).ok_or_else(|| {
            let parts: Vec<String> = key.iter().filter(|part| can(part)).map(written).collect();
            let help = match parts.is_empty() {
                true => "the key has none with values; name clients by `addresses`".to_owned(),
                false => format!("allowed here: {}", parts.join(", ")),
            };
            (format!("`{text}` is not a part of the key that has values"), Some(help))
        })
    })
}

/// What they have instead: an allowance, or `None` within for none.
fn other(
    report: &mut Report<'_>,
    item: &Spanned<raw::Override>,
    base: Option<Allowance>,
    kind: Kind,
) -> Option<Option<Allowance>> {
    let raw = &item.value;
    let excluded = truth(report, raw.exclude.as_ref(), "exclude");
    if excluded == (raw.limit.is_some() || raw.burst.is_some()) {
        let message = "an override has a `limit` or `exclude: true`".to_owned();
        report.error(item.referenced, message, None);
        return None;
    }
    if excluded {
        return Some(None);
    }
    let limit = report.required(raw.limit.as_ref(), "limit", item.referenced)?;
    let limit = amount(report, limit, kind)?;
    let base = base?;
    let burst = match &raw.burst {
        Some(raw) if matches!(kind, Kind::Quota | Kind::Concurrency) => {
            let help = Some("it belongs to `throttle` and `bandwidth`".to_owned());
            report.error(raw.referenced, format!("`burst` does not belong to `{}`", kind.as_str()), help);
            return None;
        }
        Some(raw) => burst(report, raw, kind, Some(limit), base.per)?,
        None => in_proportion(base, limit),
    };
    Some(Some(Allowance { limit, per: base.per, burst }))
}

/// As many limits as the rule's own burst is.
fn in_proportion(base: Allowance, limit: u64) -> u64 {
    let burst = u128::from(base.burst) * u128::from(limit) / u128::from(base.limit);
    u64::try_from(burst).unwrap_or(u64::MAX).max(1)
}
