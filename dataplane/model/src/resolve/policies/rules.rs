//! `throttle`, `quota`, `concurrency` and `bandwidth`: rules that can be kept, and none that refuses everything.
//!
//! Part of `resolve`. The four are written alike; a key of one that stands in another is refused here. Who is allowed
//! otherwise is in `overrides`, whom a request is counted for in `key`.

mod key;
mod overrides;

use std::{sync::Arc, time::Duration};

use super::{Owner, said};
use crate::{
    digest, limits,
    policies::RateLimitFields,
    raw::{self, Location, OrWord, Spanned, Text},
    resolve::{actions, matches, names::Defined, report::Report, values},
    rule::{Allowance, Calendar, Cost, Direction, Mode, Period, Rule, RuleId, RuleKind, StoreLost, When},
};
use tollgate_document::{Count, Size};
use tollgate_pattern::{PathPattern, Refusal};

/// The policies that are lists of rules.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Throttle,
    Quota,
    Concurrency,
    Bandwidth,
}

/// What a layer says of each [`Kind`].
pub(super) type Said = [super::Said<Vec<Arc<Rule>>>; Kind::ALL.len()];

impl Kind {
    pub(super) const ALL: [Self; 4] = [Self::Throttle, Self::Quota, Self::Concurrency, Self::Bandwidth];

    /// The key in the file.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Throttle => "throttle",
            Self::Quota => "quota",
            Self::Concurrency => "concurrency",
            Self::Bandwidth => "bandwidth",
        }
    }

    fn written(self, raw: &raw::Policies) -> Option<&Spanned<OrWord<Vec<Spanned<raw::Rule>>>>> {
        match self {
            Self::Throttle => raw.throttle.as_ref(),
            Self::Quota => raw.quota.as_ref(),
            Self::Concurrency => raw.concurrency.as_ref(),
            Self::Bandwidth => raw.bandwidth.as_ref(),
        }
    }
}

/// What a layer says of the rules.
pub(super) fn read(report: &mut Report<'_>, raw: &raw::Policies, owner: Owner<'_>) -> Said {
    Kind::ALL.map(|kind| said(report, kind.written(raw), |report, raw, at| rules(report, raw, at, kind, owner)))
}

/// The rules of a plan: throttles, quotas, concurrency.
pub(in crate::resolve) fn of_plan(
    report: &mut Report<'_>,
    lists: [Option<&Spanned<Vec<Spanned<raw::Rule>>>>; 3],
    owner: Owner<'_>,
) -> Option<Vec<Arc<Rule>>> {
    let mut all = Vec::new();
    for (kind, raw) in [Kind::Throttle, Kind::Quota, Kind::Concurrency].into_iter().zip(lists) {
        if let Some(raw) = raw {
            all.extend(rules(report, &raw.value, raw.referenced, kind, owner)?);
        }
    }
    Some(all)
}

/// Puts a layer on those before: what it has of a name takes the place of what there is.
pub(super) fn put_on(said: &Said, rules: &mut Vec<Arc<Rule>>) {
    for (kind, said) in Kind::ALL.iter().zip(said) {
        match said {
            super::Said::Nothing => {}
            super::Said::Off => rules.retain(|rule| rule.id.policy != kind.as_str()),
            super::Said::Own(own) => {
                let replaced = |rule: &Rule| own.iter().any(|own| own.id.name == rule.id.name);
                rules.retain(|rule| rule.id.policy != kind.as_str() || !replaced(rule));
                rules.extend(own.iter().cloned());
            }
        }
    }
}

/// Regular expressions of rules.
pub(super) fn expressions(said: &Said) -> usize {
    let own = said.iter().filter_map(|said| if let super::Said::Own(rules) = said { Some(rules) } else { None });
    own.flatten().filter_map(|rule| rule.when.as_deref()).map(When::expressions).sum()
}

/// `rate_limit_fields`.
pub(super) fn fields(report: &mut Report<'_>, raw: Option<&Text>) -> Option<RateLimitFields> {
    let words = [
        ("standard", RateLimitFields::Standard),
        ("x_ratelimit", RateLimitFields::Legacy),
        ("both", RateLimitFields::Both),
        ("off", RateLimitFields::Off),
    ];
    raw.map(|raw| report.word(Some(raw), "rate_limit_fields", &words, RateLimitFields::Standard))
}

fn rules(
    report: &mut Report<'_>,
    raw: &[Spanned<raw::Rule>],
    at: Location,
    kind: Kind,
    owner: Owner<'_>,
) -> Option<Vec<Arc<Rule>>> {
    if raw.is_empty() || raw.len() > limits::RULES_MAX {
        let help = Some("write `off` for none".to_owned());
        report.error(at, format!("`{}` has 1 to {} rules", kind.as_str(), limits::RULES_MAX), help);
        return None;
    }
    let mut defined = Defined::new(kind.as_str());
    let mut rules = Vec::with_capacity(raw.len());
    for item in raw {
        let name = defined.define(report, item.referenced, item.value.name.as_ref());
        let rule = rule(report, item, name, kind, owner);
        rules.extend(rule.map(Arc::new));
    }
    (rules.len() == raw.len()).then_some(rules)
}

fn rule(
    report: &mut Report<'_>,
    item: &Spanned<raw::Rule>,
    name: Option<String>,
    kind: Kind,
    owner: Owner<'_>,
) -> Option<Rule> {
    let raw = &item.value;
    refuse_foreign(report, raw, kind);
    let key = key::key(report, item, owner);
    let allowance = allowance(report, [&raw.limit, &raw.per, &raw.burst], item.referenced, kind);
    let cost = raw.cost.as_ref().map_or(Some(Cost::Units(1)), |raw| report.parse(raw, "a cost", cost));
    let units = if let Some(Cost::Units(units)) = cost { units } else { 1 };
    if let (Some(allowance), Some(raw)) = (allowance, &raw.cost) {
        affordable(report, raw.referenced, units, &allowance);
    }
    let overrides = overrides::overrides(report, raw.overrides.as_ref(), key.as_deref(), (allowance, units), kind);
    let when = raw.when.as_ref().map(|raw| when(report, raw));
    let answer = raw.answer.as_ref().map(|raw| actions::answer(report, &raw.value, raw.referenced).map(Arc::new));
    let shadow = truth(report, raw.shadow.as_ref(), "shadow");
    let keys_max = report.quantity_or(raw.keys_max.as_ref(), &limits::KEYS, limits::KEYS_DEFAULT).index();
    let mode = mode(report, raw, cost.as_ref().unwrap_or(&Cost::Units(1)));
    let scope = scope(report, raw, owner);
    let mut rule = Rule {
        kind: what(report, item, kind)?,
        id: RuleId { scope: scope?.into(), policy: kind.as_str(), name: name?.into() },
        key: key?,
        allowance: allowance?,
        overrides: overrides?,
        cost: cost?,
        when: when.map_or(Some(None), |when| when.map(|when| Some(Arc::new(when))))?,
        shadow,
        answer: answer.map_or(Some(None), |answer| answer.map(Some))?,
        keys_max,
        mode,
        hash: 0,
    };
    let hash = digest::item("rule", &rule.content());
    rule.hash = hash;
    Some(rule)
}

/// Refuses what would refuse every request.
fn affordable(report: &mut Report<'_>, at: Location, units: u64, allowance: &Allowance) {
    if units > allowance.burst {
        let message = "every request costs more than the rule ever holds".to_owned();
        report.error(at, message, Some(format!("at most {}", allowance.burst)));
    }
}

/// What it counts together with.
fn scope(report: &mut Report<'_>, raw: &raw::Rule, owner: Owner<'_>) -> Option<String> {
    let Some(raw) = &raw.scope else { return Some(owner.scope()) };
    if !matches!(owner, Owner::Route(..)) {
        let help = "leave it out: such a rule counts for all routes together that have it".to_owned();
        report.error(raw.referenced, "`scope` is for rules of routes".to_owned(), Some(help));
        return None;
    }
    report.parse(raw, "a scope", values::name).map(|name| format!("shared/{name}"))
}

/// Where it is counted.
fn mode(report: &mut Report<'_>, raw: &raw::Rule, cost: &Cost) -> Mode {
    let lost = [("share", StoreLost::Share), ("open", StoreLost::Open), ("closed", StoreLost::Closed)];
    let lost = report.word(raw.store_lost.as_ref(), "store_lost", &lost, StoreLost::Share);
    let modes = [("node", Mode::Node), ("leased", Mode::Leased(lost)), ("strict", Mode::Strict(lost))];
    let mode = report.word(raw.mode.as_ref(), "mode", &modes, Mode::Node);
    if let (Some(raw), Mode::Leased(_) | Mode::Strict(_), false) = (&raw.mode, mode, report.has_cluster) {
        let help = "add `cluster: { redis: [..], secret: .., nodes: .. }`".to_owned();
        report.error(raw.referenced, format!("there is no store for `{}`", raw.value), Some(help));
    } else if let (Some(raw), Mode::Strict(_), false) = (&raw.mode, mode, report.has_strict) {
        let help =
            "write `mode: leased`, or name a store in `cluster.redis` in the place of `control_plane`".to_owned();
        report.error(raw.referenced, "the control plane does not decide on single requests".to_owned(), Some(help));
    }
    if let (Some(raw), Mode::Node) = (&raw.store_lost, mode) {
        let help = "add `mode: leased` or `mode: strict`, or leave it out".to_owned();
        report.error(raw.referenced, "`store_lost` is for `mode: leased` and `strict`".to_owned(), Some(help));
    }
    if let (Some(raw), Mode::Strict(_), Cost::RequestBytes | Cost::ResponseBytes | Cost::ResponseField(_)) =
        (&raw.cost, mode, cost)
    {
        let help = "write a number, or `mode: leased`".to_owned();
        report.error(raw.referenced, "`mode: strict` decides before this cost is known".to_owned(), Some(help));
    }
    mode
}

/// Keys that are of another kind of rule.
fn refuse_foreign(report: &mut Report<'_>, raw: &raw::Rule, kind: Kind) {
    use Kind::{Bandwidth, Concurrency, Quota, Throttle};
    let at = |raw: &Option<Text>| raw.as_ref().map(|raw| raw.referenced);
    let table: [(&str, Option<Location>, &[Kind]); 11] = [
        ("per", at(&raw.per), &[Throttle, Quota]),
        ("burst", at(&raw.burst), &[Throttle, Bandwidth]),
        ("time_zone", at(&raw.time_zone), &[Quota]),
        ("anchor", at(&raw.anchor), &[Quota]),
        ("months", at(&raw.months), &[Quota]),
        ("direction", at(&raw.direction), &[Bandwidth]),
        ("cost", at(&raw.cost), &[Throttle, Quota]),
        ("shadow", at(&raw.shadow), &[Throttle, Quota, Concurrency]),
        ("answer", raw.answer.as_ref().map(|raw| raw.referenced), &[Throttle, Quota, Concurrency]),
        ("mode", at(&raw.mode), &[Throttle, Quota]),
        ("store_lost", at(&raw.store_lost), &[Throttle, Quota]),
    ];
    for (key, at, kinds) in table {
        if let Some(at) = at.filter(|_| !kinds.contains(&kind)) {
            let owners: Vec<String> = kinds.iter().map(|kind| format!("`{}`", kind.as_str())).collect();
            let help = format!("it belongs to {}", owners.join(" and "));
            report.error(at, format!("`{key}` does not belong to `{}`", kind.as_str()), Some(help));
        }
    }
}

/// `throughput` of an upstream: a bucket as that of a `throttle`.
pub(in crate::resolve) fn throughput(
    report: &mut Report<'_>,
    raw: Option<&Spanned<raw::Throughput>>,
) -> Option<Allowance> {
    let raw::Throughput { limit, per, burst } = &raw?.value;
    allowance(report, [limit, per, burst], raw?.referenced, Kind::Throttle)
}

fn allowance(
    report: &mut Report<'_>,
    [limit, per, burst]: [&Option<Text>; 3],
    at: Location,
    kind: Kind,
) -> Option<Allowance> {
    let raw = report.required(limit.as_ref(), "limit", at)?;
    let limit = amount(report, raw, kind);
    let per = match kind {
        Kind::Throttle => self::per(report, per.as_ref())?,
        Kind::Bandwidth => Duration::from_secs(1),
        Kind::Quota | Kind::Concurrency => Duration::ZERO,
    };
    let burst = burst.as_ref().map(|raw| self::burst(report, raw, kind, limit, per));
    let limit = limit?;
    Some(Allowance { limit, per, burst: burst.unwrap_or(Some(limit))? })
}

/// A `limit`.
fn amount(report: &mut Report<'_>, raw: &Text, kind: Kind) -> Option<u64> {
    let counts = match kind {
        Kind::Bandwidth => return report.quantity(raw, &limits::BANDWIDTH).map(|Size(bytes)| bytes),
        Kind::Throttle => &limits::THROTTLE,
        Kind::Quota => &limits::QUOTA,
        Kind::Concurrency => &limits::CONCURRENCY,
    };
    report.quantity(raw, counts).map(|Count(units)| units)
}

/// A `burst` of a bucket that gains `limit` every `per`.
fn burst(report: &mut Report<'_>, raw: &Text, kind: Kind, limit: Option<u64>, per: Duration) -> Option<u64> {
    let burst = match kind {
        Kind::Bandwidth => report.quantity(raw, &limits::BANDWIDTH)?.0,
        _ => report.quantity(raw, &limits::BURST)?.0,
    };
    let most = limits::FILL_MAX.as_nanos() / per.as_nanos().max(1) * u128::from(limit?);
    if u128::from(burst) > most {
        let message = "it would take more than a year until this burst is there again".to_owned();
        report.error(raw.referenced, message, Some(format!("at most {most}")));
        return None;
    }
    Some(burst)
}

fn per(report: &mut Report<'_>, raw: Option<&Text>) -> Option<Duration> {
    let Some(raw) = raw else { return Some(Duration::from_secs(1)) };
    report.parse(raw, "a `per`", |text| match text {
        "second" => Ok(Duration::from_secs(1)),
        "minute" => Ok(Duration::from_secs(60)),
        "hour" => Ok(Duration::from_secs(3600)),
        "day" | "week" | "month" | "cycle" => {
            let help = "a bucket fills per second, minute or hour; a limit per calendar window is a `quota`".to_owned();
            Err((format!("a bucket has no `per` of a {text}"), Some(help)))
        }
        _ => Err((format!("unknown `per` `{text}`"), Some("allowed here: second, minute, hour".to_owned()))),
    })
}

fn cost(text: &str) -> Result<Cost, Refusal> {
    match text {
        "request_bytes" => return Ok(Cost::RequestBytes),
        "response_bytes" => return Ok(Cost::ResponseBytes),
        _ => {}
    }
    if let Some(name) = text.strip_prefix("response_header:") {
        matches::token(name, "a header field", "X-Cost")?;
        return Ok(Cost::ResponseField(name.to_ascii_lowercase()));
    }
    let units = text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten();
    units.filter(|units| limits::COST.contains(units)).map(Cost::Units).ok_or_else(|| {
        let (low, high) = limits::COST.into_inner();
        let help =
            format!("a number from {low} to {high}, `request_bytes`, `response_bytes` or `response_header:X-Cost`");
        (format!("`{text}` is not a cost"), Some(help))
    })
}

fn what(report: &mut Report<'_>, item: &Spanned<raw::Rule>, kind: Kind) -> Option<RuleKind> {
    let directions = [("request", Direction::Request), ("response", Direction::Response)];
    Some(match kind {
        Kind::Throttle => RuleKind::Throttle,
        Kind::Concurrency => RuleKind::Concurrency,
        Kind::Bandwidth => {
            let raw = item.value.direction.as_ref();
            RuleKind::Bandwidth(report.word(raw, "direction", &directions, Direction::Request))
        }
        Kind::Quota => RuleKind::Quota(calendar(report, item)?),
    })
}

fn calendar(report: &mut Report<'_>, item: &Spanned<raw::Rule>) -> Option<Calendar> {
    let raw = &item.value;
    let words = [("hour", 'h'), ("day", 'd'), ("week", 'w'), ("month", 'm'), ("cycle", 'c')];
    let per = report.required(raw.per.as_ref(), "per", item.referenced);
    let per = per.map(|raw| report.word(Some(raw), "per", &words, 'd'));
    let zone = raw.time_zone.as_ref().map_or(Some("UTC".to_owned()), |raw| report.parse(raw, "a time zone", zone));
    if let Some(raw) = raw.anchor.as_ref().or(raw.months.as_ref()).filter(|_| per.is_some_and(|per| per != 'c')) {
        let message = "only a quota per `cycle` has `anchor` and `months`".to_owned();
        report.error(raw.referenced, message, Some("write `per: cycle`".to_owned()));
    }
    let period = match per? {
        'h' => Period::Hour,
        'd' => Period::Day,
        'w' => Period::Week,
        'm' => Period::Month,
        _ => {
            let months = report.quantity_or(raw.months.as_ref(), &limits::MONTHS, Count(1)).0;
            let anchor = report.required(raw.anchor.as_ref(), "anchor", item.referenced)?;
            Period::Cycle { anchor: report.parse(anchor, "a date", date)?, months: months as u16 }
        }
    };
    Some(Calendar { period, time_zone: zone?.into() })
}

fn zone(text: &str) -> Result<String, Refusal> {
    let refusal = || {
        let help = "write a name of the IANA database, like `Europe/Berlin`".to_owned();
        (format!("there is no time zone `{text}`"), Some(help))
    };
    jiff::tz::TimeZone::get(text).map(|_| text.to_owned()).map_err(|_| refusal())
}

fn date(text: &str) -> Result<(i16, i8, i8), Refusal> {
    let date: Option<jiff::civil::Date> = text.parse().ok().filter(|_| text.len() == "2026-01-31".len());
    let refusal = || (format!("`{text}` is not a day"), Some("write it like `2026-01-31`".to_owned()));
    date.map(|date| (date.year(), date.month(), date.day())).ok_or_else(refusal)
}

fn when(report: &mut Report<'_>, raw: &Spanned<raw::When>) -> Option<When> {
    let raw::When { paths, methods, headers, query, cookies } = &raw.value;
    let is_empty = paths.is_none() && methods.is_none() && headers.is_none() && query.is_none() && cookies.is_none();
    if is_empty {
        report.error(raw.referenced, "`when` is empty".to_owned(), Some("leave it out for all requests".to_owned()));
    }
    bounded(report, "paths", paths.as_ref(), limits::WHEN_PATHS_MAX);
    let mut parsed: Vec<PathPattern> = Vec::new();
    for raw in paths.iter().flat_map(|raw| &raw.value) {
        parsed.push(report.parse(raw, "a path pattern", PathPattern::parse)?);
    }
    let methods = matches::methods(report, methods.as_ref());
    let [headers, query, cookies] = matches::values(report, [headers, query, cookies]);
    Some(When { paths: parsed, methods: methods?, headers: headers?, query: query?, cookies: cookies? })
}

/// Refuses a list without entries or with too many.
fn bounded(report: &mut Report<'_>, key: &str, raw: Option<&Spanned<Vec<Text>>>, most: usize) {
    if let Some(raw) = raw.filter(|raw| raw.value.is_empty() || raw.value.len() > most) {
        report.error(raw.referenced, format!("`{key}` has 1 to {most} entries"), None);
    }
}

fn truth(report: &mut Report<'_>, raw: Option<&Text>, key: &str) -> bool {
    report.word(raw, key, &[("true", true), ("false", false)], false)
}
