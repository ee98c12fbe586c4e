//! What becomes of endpoints and requests that fail: `health`, `outliers` and `retries` of an upstream.
//!
//! Part of `resolve`: a mistake goes to the report and the default takes its place. Where two values must be in order,
//! one that was left out follows the one that was written.

use std::time::Duration;

use super::{percent, small};
use crate::{
    limits,
    raw::{self, Spanned, Text},
    resolve::report::Report,
    upstream::{HealthCheck, Outliers, Probe, Retries, RetryOn},
};
use tollgate_document::{Count, Percent, Quantity as _};
use tollgate_pattern::{HostPattern, Refusal, authority};

const INTERVAL: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_secs(2);
const HEALTHY: Count = Count(2);
const UNHEALTHY: Count = Count(3);
const STATUS: (u16, u16) = (200, 299);

const CONSECUTIVE: u32 = 5;
const REQUESTS_MIN: Count = Count(20);
const WINDOW: Duration = Duration::from_secs(10);
const EJECTION: Duration = Duration::from_secs(10);
const EJECTION_MAX: Duration = Duration::from_secs(300);
const EJECTED_MAX: Percent = Percent(50);

const ATTEMPTS: Count = Count(3);
const BUDGET: Percent = Percent(20);
const BUDGET_MIN: Count = Count(10);
const BACKOFF: Duration = Duration::from_millis(25);
const BACKOFF_MAX: Duration = Duration::from_millis(250);

pub(super) fn health(report: &mut Report<'_>, raw: Option<&Spanned<raw::Health>>) -> Option<HealthCheck> {
    let raw = raw?;
    match (&raw.value.http, &raw.value.tcp) {
        (Some(http), None) => {
            let raw::HttpProbe { path, host, status, interval, timeout, healthy, unhealthy } = &http.value;
            let probe = Probe::Http {
                path: path
                    .as_ref()
                    .and_then(|raw| report.parse(raw, "a path to ask for", probe_path))
                    .unwrap_or_else(|| "/".to_owned()),
                host: host.as_ref().and_then(|raw| report.parse(raw, "a host", probe_host)),
                status: statuses(report, status.as_ref()),
            };
            Some(check(report, probe, [interval, timeout], [healthy, unhealthy]))
        }
        (None, Some(tcp)) => {
            let raw::TcpProbe { interval, timeout, healthy, unhealthy } = &tcp.value;
            Some(check(report, Probe::Tcp, [interval, timeout], [healthy, unhealthy]))
        }
        _ => {
            let help = "write `{ http: { path: /healthz } }` or `{ tcp: {} }`".to_owned();
            report.error(raw.referenced, "`health` has one of `http` and `tcp`".to_owned(), Some(help));
            None
        }
    }
}

fn check(
    report: &mut Report<'_>,
    probe: Probe,
    [interval, timeout]: [&Option<Text>; 2],
    [healthy, unhealthy]: [&Option<Text>; 2],
) -> HealthCheck {
    HealthCheck {
        probe,
        interval: report.quantity_or(interval.as_ref(), &limits::CHECK_INTERVAL, INTERVAL),
        timeout: report.quantity_or(timeout.as_ref(), &limits::DURATION, TIMEOUT),
        healthy: small(report.quantity_or(healthy.as_ref(), &limits::CHECKS, HEALTHY)),
        unhealthy: small(report.quantity_or(unhealthy.as_ref(), &limits::CHECKS, UNHEALTHY)),
    }
}

fn probe_path(text: &str) -> Result<String, Refusal> {
    if !text.starts_with('/') || !text.bytes().all(|byte| byte.is_ascii_graphic()) || text.contains('#') {
        return Err((format!("`{text}` cannot be asked for"), Some("write it like `/healthz`".to_owned())));
    }
    match text.len() <= limits::VALUE_BYTES_MAX {
        true => Ok(text.to_owned()),
        false => Err((format!("a path to ask for has at most {} bytes", limits::VALUE_BYTES_MAX), None)),
    }
}

fn probe_host(text: &str) -> Result<String, Refusal> {
    match authority(text) {
        Ok((HostPattern::Exact(_), _)) => Ok(text.to_owned()),
        _ => Err((format!("`{text}` is not a host"), Some("write it like `api.example.com`".to_owned()))),
    }
}

fn statuses(report: &mut Report<'_>, raw: Option<&Spanned<Vec<Text>>>) -> Vec<(u16, u16)> {
    let Some(raw) = raw else { return vec![STATUS] };
    if raw.value.is_empty() || raw.value.len() > limits::CHECK_STATUSES_MAX {
        report.error(raw.referenced, format!("there must be 1 to {} statuses", limits::CHECK_STATUSES_MAX), None);
    }
    raw.value.iter().filter_map(|text| report.parse(text, "a status like `200`", status)).collect()
}

/// `200` or `200-299`.
fn status(text: &str) -> Result<(u16, u16), Refusal> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let number = |text: &str| Count::parse(text).and_then(|count| u16::try_from(count.0).ok());
    match (number(first), number(last)) {
        (Some(first), Some(last)) if first >= 200 && first <= last && last < 600 => Ok((first, last)),
        _ => Err((format!("`{text}` is no final status"), Some("from 200 to 599, like `200` or `200-299`".to_owned()))),
    }
}

pub(super) fn outliers(report: &mut Report<'_>, raw: Option<&Spanned<raw::Outliers>>) -> Option<Outliers> {
    let raw = raw?;
    let raw::Outliers { consecutive, failures, requests_min, window, ejection, ejection_max, ejected_max } = &raw.value;
    let (ejection, ejection_max) =
        in_order(report, ("ejection", ejection, EJECTION), ("ejection_max", ejection_max, EJECTION_MAX));
    let outliers = Outliers {
        consecutive: match consecutive {
            None => Some(CONSECUTIVE),
            raw => report.quantity_or_word(raw.as_ref(), "off", &limits::CONSECUTIVE).map(small),
        },
        failures: report.quantity_or_word(failures.as_ref(), "off", &limits::SHARE).map(percent),
        requests_min: small(report.quantity_or(requests_min.as_ref(), &limits::WINDOW_REQUESTS, REQUESTS_MIN)),
        window: report.quantity_or(window.as_ref(), &limits::DURATION, WINDOW),
        ejection,
        ejection_max,
        ejected_max: percent(report.quantity_or(ejected_max.as_ref(), &limits::SHARE, EJECTED_MAX)),
    };
    if let (Some(consecutive), None, None) = (consecutive, &outliers.consecutive, &outliers.failures)
        && consecutive.value == "off"
    {
        let help = "set `failures`, or leave `outliers` out".to_owned();
        report.error(consecutive.referenced, "nothing would make an endpoint an outlier".to_owned(), Some(help));
    }
    Some(outliers)
}

/// A duration and the most it may become.
pub(in crate::resolve) fn in_order(
    report: &mut Report<'_>,
    (low_key, low, low_default): (&str, &Option<Text>, Duration),
    (high_key, high, high_default): (&str, &Option<Text>, Duration),
) -> (Duration, Duration) {
    let high_written = high.as_ref().and_then(|raw| report.quantity(raw, &limits::DURATION));
    let low_default = high_written.map_or(low_default, |high| low_default.min(high));
    let low_value = report.quantity_or(low.as_ref(), &limits::DURATION, low_default);
    let high_value = high_written.unwrap_or_else(|| high_default.max(low_value));
    if let Some(raw) = high.as_ref().filter(|_| high_value < low_value) {
        let help = format!("from {} to {}", low_value.show(), limits::DURATION.end().show());
        report.error(raw.referenced, format!("`{high_key}` is less than `{low_key}`"), Some(help));
    }
    (low_value, high_value)
}

pub(super) fn retries(report: &mut Report<'_>, raw: &raw::Retries) -> Retries {
    let raw::Retries { attempts, on, budget, budget_min, backoff, backoff_max } = raw;
    let (backoff, backoff_max) =
        in_order(report, ("backoff", backoff, BACKOFF), ("backoff_max", backoff_max, BACKOFF_MAX));
    Retries {
        attempts: small(report.quantity_or(attempts.as_ref(), &limits::ATTEMPTS, ATTEMPTS)),
        on: retry_on(report, on.as_ref()),
        budget: percent(report.quantity_or(budget.as_ref(), &limits::RETRY_BUDGET, BUDGET)),
        budget_min: small(report.quantity_or(budget_min.as_ref(), &limits::RETRIES_MIN, BUDGET_MIN)),
        backoff,
        backoff_max,
    }
}

fn retry_on(report: &mut Report<'_>, raw: Option<&Spanned<Vec<Text>>>) -> RetryOn {
    let mut on = RetryOn::default();
    let Some(raw) = raw else { return RetryOn { connect: true, ..on } };
    let words = ["connect", "closed", "timeout", "502", "503", "504"].map(|word| (word, Some(word)));
    for text in &raw.value {
        let switch = match report.word(Some(text), "on", &words, None) {
            Some("connect") => &mut on.connect,
            Some("closed") => &mut on.closed,
            Some("timeout") => &mut on.timeout,
            Some("502") => &mut on.bad_gateway,
            Some("503") => &mut on.unavailable,
            Some("504") => &mut on.gateway_timeout,
            _ => continue,
        };
        if std::mem::replace(switch, true) {
            report.error(text.referenced, format!("`{}` is in `on` twice", text.value), None);
        }
    }
    on
}

/// `dns`.
pub(in crate::resolve) fn ttl_bounds(report: &mut Report<'_>, raw: &raw::Dns) -> (Duration, Duration) {
    const TTL_MIN: Duration = Duration::from_secs(1);
    const TTL_MAX: Duration = Duration::from_secs(300);
    in_order(report, ("ttl_min", &raw.ttl_min, TTL_MIN), ("ttl_max", &raw.ttl_max, TTL_MAX))
}
