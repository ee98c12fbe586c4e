//! Breakers, adaptive limits, hedges, faults and shedding: what is written to what is run.
//!
//! Part of `resolve`: a mistake goes to the report and the default takes its place. That the upstream of a fallback is there
//! is judged when all upstreams are.

use std::{sync::Arc, time::Duration};

use super::{
    Change, actions,
    names::{Names, Removal},
    node,
    report::Report,
    state::State,
    upstreams::{in_order, percent, small},
    values,
};
use crate::{
    limits,
    raw::{self, Location, OrWord, Spanned, Text},
    resilience::{AdaptiveConcurrency, Breaker, Cache, Fallback, Faults, Hedge, Priority, Shedding},
};
use tollgate_document::{Count, Percent, Quantity as _, Size};

const HALF: Percent = Percent(50);
const ALL: Count = Count(100);
const REQUESTS_MIN: Count = Count(20);
const WINDOW: Duration = Duration::from_secs(10);
const OPEN: Duration = Duration::from_secs(5);
const OPEN_MAX: Duration = Duration::from_secs(60);
const PROBES: Count = Count(3);
const MIN: Count = Count(4);
const MAX: Count = Count(1000);
const TOLERANCE: Percent = Percent(150);
const DELAY: Duration = Duration::from_millis(50);
const INTERVAL: Duration = Duration::from_millis(100);
const CACHE_BYTES: Size = Size(64 << 20);
const CACHED_ANSWER_BYTES: Size = Size(256 << 10);
const CACHE_AGE: Duration = Duration::from_secs(3600);

pub(super) fn breaker(report: &mut Report<'_>, raw: Option<&Spanned<raw::Breaker>>) -> Option<Breaker> {
    let at = raw?.referenced;
    let raw = &raw?.value;
    let share = |report: &mut Report<'_>, raw: &Option<Text>| match raw {
        None => Some(HALF),
        raw => report.quantity_or_word(raw.as_ref(), "off", &limits::SHARE),
    };
    let (open, open_max) = in_order(report, ("open", &raw.open, OPEN), ("open_max", &raw.open_max, OPEN_MAX));
    let breaker = Breaker {
        failures: share(report, &raw.failures).map(percent),
        count: report.quantity_or_word(raw.count.as_ref(), "off", &limits::BREAKER_COUNT).map(small),
        consecutive: report.quantity_or_word(raw.consecutive.as_ref(), "off", &limits::CONSECUTIVE).map(small),
        slow: raw.slow.as_ref().and_then(|raw| {
            let over = report.required(raw.value.over.as_ref(), "over", raw.referenced)?;
            let over = report.quantity(over, &limits::DURATION)?;
            Some((over, percent(report.quantity_or(raw.value.share.as_ref(), &limits::SHARE, HALF))))
        }),
        requests_min: small(report.quantity_or(raw.requests_min.as_ref(), &limits::BREAKER_COUNT, REQUESTS_MIN)),
        window: report.quantity_or(raw.window.as_ref(), &limits::CHECK_INTERVAL, WINDOW),
        open,
        open_max,
        probes: small(report.quantity_or(raw.probes.as_ref(), &limits::CHECKS, PROBES)),
        fallback: raw.fallback.as_ref().map_or(Fallback::Off, |raw| fallback(report, raw)),
    };
    if raw.failures.as_ref().is_some_and(|raw| raw.value == "off")
        && (&breaker.count, &breaker.consecutive, &raw.slow.is_some()) == (&None, &None, &false)
    {
        let help = "set `count`, `consecutive` or `slow`, or leave `breaker` out".to_owned();
        report.error(at, "nothing would open the breaker".to_owned(), Some(help));
    }
    Some(breaker)
}

fn fallback(report: &mut Report<'_>, raw: &Spanned<OrWord<raw::Fallback>>) -> Fallback {
    if matches!(&raw.value, OrWord::Word(word) if word == "cache") {
        let help = "write `{ cache: {} }` for its defaults".to_owned();
        report.error(raw.referenced, "`cache` is a mapping".to_owned(), Some(help));
        return Fallback::Off;
    }
    let Some(shape) = node::shape_or(report, raw, "off") else { return Fallback::Off };
    match (&shape.upstream, &shape.answer, &shape.cache) {
        // Whether there is such an upstream, and what is wrong with the reference, is told when all are there.
        (Some(name), None, None) => values::substitute(&name.value, report.source)
            .map_or(Fallback::Off, |name| Fallback::Upstream(name.into_owned())),
        (None, Some(raw), None) => actions::answer(report, &raw.value, raw.referenced)
            .map_or(Fallback::Off, |answer| Fallback::Answer(Arc::new(answer))),
        (None, None, Some(raw)) => Fallback::Cache(cache(report, &raw.value)),
        _ => {
            let help = "or write `off`".to_owned();
            let message = "`fallback` has one of `upstream`, `answer` and `cache`".to_owned();
            report.error(raw.referenced, message, Some(help));
            Fallback::Off
        }
    }
}

fn cache(report: &mut Report<'_>, raw: &raw::Cache) -> Cache {
    let bytes_max = report.quantity_or(raw.bytes_max.as_ref(), &limits::CACHE_BYTES, CACHE_BYTES);
    let answer_bytes_max =
        report.quantity_or(raw.answer_bytes_max.as_ref(), &limits::CACHED_ANSWER_BYTES, CACHED_ANSWER_BYTES);
    if let Some(raw) = raw.answer_bytes_max.as_ref().filter(|_| answer_bytes_max > bytes_max) {
        let help = format!("from {} to {}", limits::CACHED_ANSWER_BYTES.start().show(), bytes_max.show());
        report.error(raw.referenced, "`answer_bytes_max` is more than `bytes_max`".to_owned(), Some(help));
    }
    Cache {
        bytes_max: bytes_max.0,
        answer_bytes_max: answer_bytes_max.0,
        age_max: report.quantity_or(raw.age_max.as_ref(), &limits::CACHE_AGE, CACHE_AGE),
    }
}

/// Judges the upstreams that fallbacks of a change name, and that none goes which a fallback needs.
pub(super) fn fallbacks(
    report: &mut Report<'_>,
    state: &State,
    change: &Change,
    names: &[Option<String>],
    removals: &[Removal],
) {
    let upstreams = &state.snapshot.upstreams;
    for (raw, name) in change.upstreams.iter().zip(names) {
        let fallback = raw.value.breaker.as_ref().and_then(|raw| raw.value.fallback.as_ref());
        let Some(Spanned {
            value: OrWord::Shape(raw::Fallback { upstream: Some(raw), answer: None, cache: None }),
            ..
        }) = fallback
        else {
            continue;
        };
        let slot = Names { kind: "upstream", items: upstreams }.find(report, raw);
        if slot.is_some() && slot == name.as_ref().and_then(|name| upstreams.slot(name)).map(|slot| slot as usize) {
            let help = "name another upstream".to_owned();
            report.error(raw.referenced, "an upstream cannot be its own fallback".to_owned(), Some(help));
        }
    }
    for gone in removals.iter().filter(|gone| gone.place != Location::UNKNOWN) {
        let users = |upstream: &crate::Upstream| {
            upstream.breaker.as_ref().is_some_and(|breaker| match &breaker.fallback {
                Fallback::Upstream(name) => **name == *gone.name,
                _ => false,
            })
        };
        if let Some((slot, _)) = upstreams.entries().find(|(_, entry)| users(&entry.item)) {
            let user = state.written.upstreams.name(slot);
            let message = format!("upstream `{}` is the fallback of upstream `{user}`", gone.written);
            report.error(gone.place, message, Some("change or remove what uses it in the same patch".to_owned()));
        }
    }
}

pub(super) fn adaptive_concurrency(
    report: &mut Report<'_>,
    raw: Option<&Spanned<raw::AdaptiveConcurrency>>,
) -> Option<AdaptiveConcurrency> {
    let raw::AdaptiveConcurrency { min, max, tolerance } = &raw?.value;
    let range = &limits::ADAPTIVE;
    let most = max.as_ref().and_then(|raw| report.quantity(raw, range));
    let low = report.quantity_or(min.as_ref(), range, Count(MIN.0.min(most.map_or(MIN.0, |most| most.0))));
    let high = most.unwrap_or(Count(MAX.0.max(low.0)));
    if let Some(raw) = max.as_ref().filter(|_| high < low) {
        let help = format!("from {} to {}", low.show(), range.end().show());
        report.error(raw.referenced, "`max` is less than `min`".to_owned(), Some(help));
    }
    Some(AdaptiveConcurrency {
        min: small(low),
        max: small(high),
        tolerance: percent(report.quantity_or(tolerance.as_ref(), &limits::TOLERANCE, TOLERANCE)),
    })
}

pub(super) fn hedge(report: &mut Report<'_>, raw: Option<&Spanned<raw::Hedge>>) -> Option<Hedge> {
    let after = report.required(raw?.value.after.as_ref(), "after", raw?.referenced)?;
    Some(Hedge { after: report.quantity(after, &limits::DURATION)? })
}

pub(super) fn faults(report: &mut Report<'_>, raw: &raw::Faults, at: Location) -> Option<Faults> {
    let share = |report: &mut Report<'_>, raw: &Option<Text>| {
        small(report.quantity_or(raw.as_ref(), &limits::FAULT_PERCENT, ALL))
    };
    if raw.delay.is_none() && raw.abort.is_none() {
        report.error(at, "`delay` or `abort` is missing".to_owned(), None);
    }
    let delay = raw.delay.as_ref().and_then(|raw| {
        let fixed = report.required(raw.value.fixed.as_ref(), "fixed", raw.referenced)?;
        Some((report.quantity(fixed, &limits::LINGER)?, share(report, &raw.value.percent)))
    });
    let abort = raw.abort.as_ref().and_then(|raw| {
        let status = report.required(raw.value.status.as_ref(), "status", raw.referenced)?;
        let status = report.quantity(status, &limits::ABORT_STATUS)?;
        Some((u16::try_from(status.0).ok()?, share(report, &raw.value.percent)))
    });
    Some(Faults { delay, abort })
}

pub(super) fn priority(report: &mut Report<'_>, raw: Option<&Text>) -> Option<Priority> {
    use Priority::{Critical, High, Low, Normal};
    let words = [("low", Low), ("normal", Normal), ("high", High), ("critical", Critical)];
    report.word(raw, "priority", &words.map(|(word, priority)| (word, Some(priority))), None)
}

pub(super) fn shedding(report: &mut Report<'_>, raw: Option<&Spanned<OrWord<raw::Shedding>>>) -> Option<Shedding> {
    let raw::Shedding { delay, interval } = node::shape_or(report, raw?, "off")?;
    Some(Shedding {
        delay: report.quantity_or(delay.as_ref(), &limits::DURATION, DELAY),
        interval: report.quantity_or(interval.as_ref(), &limits::CHECK_INTERVAL, INTERVAL),
    })
}
