//! `plans`: the rules that hold for whoever has subscribed with them.
//!
//! Part of `resolve`, before the applications that name them. A rule of a plan counts for the plan (`plans/NAME`), on all
//! routes together; what it counts by is who calls, and nothing of a route.

use std::sync::Arc;

use super::{
    Change, Inherited,
    names::{Defined, Removal},
    policies::{Owner, plan_rules},
    report::Report,
    state::{Kept, State, has_reference},
};
use crate::{
    digest, limits,
    plan::Plan,
    raw::{self, Location, Spanned},
    rule::{KeyPart, Rule},
};

/// Brings the plans of a change into `state`; says which go. With `all`, what they take from the settings has changed.
pub(super) fn apply(report: &mut Report<'_>, state: &mut State, change: &Change, all: bool) -> Vec<Removal> {
    let mut defined = Defined::new("plan");
    let names: Vec<Option<String>> =
        change.plans.iter().map(|raw| defined.define(report, raw.referenced, raw.value.name.as_ref())).collect();
    let plans = &state.snapshot.plans;
    let removals = match change.is_whole {
        true => defined.left_out(plans),
        false => defined.removed(report, plans, &change.removed.plans),
    };
    let gone: usize = removals.iter().filter_map(|gone| plans.get(gone.slot)).map(|plan| plan.expressions()).sum();
    state.index.expressions -= gone;
    state.plans(change.is_whole).remove(&removals);
    if all && !change.is_whole {
        again(report, state, &defined);
    }
    for (raw, name) in change.plans.iter().zip(names) {
        let plan = plan(report, raw, name.as_deref().unwrap_or_default());
        if let (Some(rules), Some(name)) = (plan, name) {
            let text = raw.value.to_canonical().into_boxed_str();
            put(state, Plan { name, rules }, text, raw.referenced, change.is_whole);
        }
    }
    if let Some(raw) = change.plans.first().filter(|_| state.index.expressions > limits::EXPRESSIONS_MAX) {
        let message = format!("routes and plans have at most {} regular expressions", limits::EXPRESSIONS_MAX);
        report.error(raw.referenced, message, None);
    }
    removals
}

fn put(state: &mut State, plan: Plan, text: Box<str>, place: Location, is_whole: bool) {
    let plans = &state.snapshot.plans;
    let before = plans.slot(&plan.name).and_then(|slot| plans.get(slot)).map_or(0, |old| old.expressions());
    state.index.expressions = state.index.expressions - before + plan.expressions();
    let hash = if has_reference(&text) { digest::written("plan", &text) } else { digest::item("plan", &plan) };
    state.plans(is_whole).put(plan, Kept { text, place, hash });
}

/// Resolves the plans that the change does not name.
fn again(report: &mut Report<'_>, state: &mut State, defined: &Defined) {
    let slots: Vec<u32> = state.snapshot.plans.entries().map(|(slot, _)| slot).collect();
    for slot in slots {
        let (Some(kept), Some(old)) = (state.written.plans.get(slot).cloned(), state.snapshot.plans.get(slot).cloned())
        else {
            continue;
        };
        if defined.has(&old.name) {
            continue;
        }
        report.fallback = kept.place;
        let raw = Spanned { value: raw::Plan::of_canonical(&kept.text), referenced: kept.place };
        if let Some(rules) = plan(report, &raw, &old.name) {
            put(state, Plan { name: old.name.clone(), rules }, kept.text.clone(), kept.place, false);
        }
        report.fallback = Location::UNKNOWN;
    }
}

fn plan(report: &mut Report<'_>, item: &Spanned<raw::Plan>, name: &str) -> Option<Vec<Arc<Rule>>> {
    let raw::Plan { name: _, throttle, quota, concurrency } = &item.value;
    let rules = plan_rules(report, [throttle.as_ref(), quota.as_ref(), concurrency.as_ref()], Owner::Plan(name))?;
    if rules.len() > limits::PLAN_RULES_MAX {
        let message = format!("a plan has up to {} rules", limits::PLAN_RULES_MAX);
        report.error(item.referenced, message, None);
    }
    for rule in &rules {
        if rule.key.iter().any(|part| matches!(part, KeyPart::Route | KeyPart::Path(_))) {
            let message = format!("rule `{}` of a plan counts by a route", rule.id.name);
            let help = "write `api`, or let the rule be of the route's own policies".to_owned();
            report.error(item.referenced, message, Some(help));
        }
    }
    Some(rules)
}

/// Whether what plans take from the settings is another than before.
pub(super) fn inherit_anew(before: &Inherited<'_>, now: &Inherited<'_>) -> bool {
    (before.has_cluster, before.has_strict) != (now.has_cluster, now.has_strict)
}
