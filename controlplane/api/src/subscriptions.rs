//! Subscriptions: asking for one, deciding, ending.
//!
//! Whoever owns the application asks; publishers decide. Whether asking is enough is said by the plan.

use crate::{
    answer::Answer,
    call::Call,
    change::{Change, Written},
    endpoint::{Endpoint, Outcome, PAGE},
    problem::Problem,
    resource::page,
};
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeSet;
use tollgate_domain::{
    Action, Api, Application, Lifecycle, Name, Plan, Product, Reach, Subscription, SubscriptionState, Target,
    subscription::Offer,
};
use tollgate_store::{Expect, Query, Record, Records as _, Rows, subscription_key};

const FILTERS: &[(&str, &str)] = &[
    PAGE[0],
    PAGE[1],
    ("state", "`pending`, `approved`, `rejected` or `blocked`."),
    ("target", "An API or a product."),
];
const ONE: &str = "/tenants/{tenant}/applications/{application}/subscriptions/{target}";

pub(crate) const ENDPOINTS: &[Endpoint] = &[
    Endpoint::get(
        "/tenants/{tenant}/subscriptions",
        "listSubscriptions",
        "Lists subscriptions of all applications.",
        list,
    )
    .query(FILTERS)
    .bodies("", "[Subscription]")
    .may(Action::ReadSubscriptions),
    Endpoint::get(
        "/tenants/{tenant}/applications/{application}/subscriptions",
        "listApplicationSubscriptions",
        "Lists the subscriptions of an application.",
        list_of,
    )
    .query(PAGE)
    .bodies("", "[Subscription]")
    .may(Action::ReadSubscriptions),
    Endpoint::get(ONE, "getSubscription", "One of the subscriptions.", get)
        .bodies("", "Subscription")
        .may(Action::ReadSubscriptions),
    Endpoint::put(ONE, "subscribe", "Asks for a subscription, or for another plan.", put)
        .bodies("Subscribe", "Subscription")
        .may(Action::Subscribe),
    Endpoint::delete(ONE, "unsubscribe", "Ends a subscription.", delete).may(Action::Subscribe),
    Endpoint::post(
        "/tenants/{tenant}/applications/{application}/subscriptions/{target}/decision",
        "decideSubscription",
        "Approves, rejects or blocks a subscription.",
        decide,
    )
    .bodies("Decision", "Subscription")
    .may(Action::DecideSubscriptions),
];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Subscribe {
    plan: Name,
    #[serde(default)]
    note: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Decision {
    state: SubscriptionState,
    #[serde(default)]
    note: Option<String>,
}

/// The application of the path, if it is for who asks.
pub(crate) fn application(call: &Call, rows: &dyn Rows) -> Result<Application, Problem> {
    let name: Name = call.named("application")?;
    let kept = rows.load::<Application>(call.space()?, name.as_str())?.ok_or_else(Problem::not_found)?;
    if call.permit()?.reaches(&kept.record.owners) { Ok(kept.record) } else { Err(Problem::not_found()) }
}

fn list(call: &Call, rows: &dyn Rows) -> Outcome {
    let (space, permit) = (call.space()?, call.permit()?);
    let [state, target] = ["state", "target"].map(|key| call.query.get(key).map(String::as_str));
    let found =
        rows.load_page::<Subscription>(&call.page(Query { state, target, ..Query::of(Subscription::KIND, space) })?)?;
    let mut own = BTreeSet::new();
    if permit.reach == Reach::Own {
        for application in found.rows.iter().map(|kept| &kept.record.application).collect::<BTreeSet<_>>() {
            let kept = rows.load::<Application>(space, application.as_str())?;
            own.extend(
                kept.map(|kept| kept.record).filter(|record| permit.reaches(&record.owners)).map(|own| own.name),
            );
        }
    }
    let is_visible =
        |subscription: &Subscription| permit.reach == Reach::All || own.contains(&subscription.application);
    Ok(page(found, |kept| is_visible(&kept.record).then(|| json!(kept.record))))
}

fn list_of(call: &Call, rows: &dyn Rows) -> Outcome {
    let application = application(call, rows)?;
    let query = Query { parent: Some(application.name.as_str()), ..Query::of(Subscription::KIND, call.space()?) };
    Ok(page(rows.load_page::<Subscription>(&call.page(query)?)?, |kept| Some(json!(kept.record))))
}

fn get(call: &Call, rows: &dyn Rows) -> Outcome {
    let key = subscription_key(&application(call, rows)?.name, &call.named::<Target>("target")?);
    let kept = rows.load::<Subscription>(call.space()?, &key)?.ok_or_else(Problem::not_found)?;
    Ok(Answer::of(&kept.record).tagged(kept.etag))
}

fn put(change: &mut Change<'_>) -> Outcome {
    let call = change.call;
    let Subscribe { plan, note } = call.body()?;
    let application = application(call, change.rows)?;
    let (subscription, written) = ask(change, &application.name, call.named("target")?, &plan, note, call.expect()?)?;
    let answer = if written.is_new { Answer::created(&subscription) } else { Answer::of(&subscription) };
    Ok(answer.tagged(written.etag))
}

/// Asks for a subscription. One that there is under the plan already stays as it is.
pub(crate) fn ask(
    change: &mut Change<'_>,
    application: &Name,
    target: Target,
    plan: &Name,
    note: Option<String>,
    expect: Expect,
) -> Result<(Subscription, Written), Problem> {
    let space = change.call.space()?;
    let made = change.call.made(note)?;
    let (plans, lifecycle) = offered(change, &target)?;
    let Some(plan) = change.load::<Plan>(space, plan.as_str())?.map(|kept| kept.record) else {
        return Err(Problem::invalid("plan", format!("there is no plan `{plan}`"), "look at the plans of the target"));
    };
    let offer = Offer { plans: &plans, lifecycle };
    let before = change.load::<Subscription>(space, &subscription_key(application, &target))?;
    expect.check(before.as_ref().map(|kept| kept.etag))?;
    let subscription = match before.map(|kept| kept.record) {
        None => Subscription::ask(application.clone(), target, offer, &plan, made)?,
        Some(kept)
            if kept.plan == plan.name
                && matches!(kept.state, SubscriptionState::Approved | SubscriptionState::Pending) =>
        {
            kept
        }
        Some(mut kept) => {
            kept.ask_again(offer, &plan, made)?;
            kept
        }
    };
    let written = change.save(space, &subscription, expect, "ask")?;
    Ok((subscription, written))
}

/// What a target says of its subscriptions. One that is not for who asks is none.
fn offered(change: &Change<'_>, target: &Target) -> Result<(BTreeSet<Name>, Option<Lifecycle>), Problem> {
    let (space, permit) = (change.call.space()?, change.call.permit()?);
    let sees_all = permit.also(Action::ReadApis);
    let missing = || Problem::invalid("target", format!("there is no `{target}`"), "look at the catalog");
    let key = target.to_string();
    let (plans, visibility, lifecycle) = match target {
        Target::Api(_) => {
            let api = change.load::<Api>(space, &key)?.ok_or_else(missing)?.record;
            (api.spec.plans, api.spec.visibility, Some(api.lifecycle))
        }
        Target::Product(_) => {
            let product = change.load::<Product>(space, &key)?.ok_or_else(missing)?.record;
            (product.plans, product.visibility, None)
        }
    };
    if sees_all || visibility.admits(&permit.tenant, permit.viewer()) { Ok((plans, lifecycle)) } else { Err(missing()) }
}

fn delete(change: &mut Change<'_>) -> Outcome {
    let call = change.call;
    let key = subscription_key(&application(call, change.rows)?.name, &call.named::<Target>("target")?);
    end(change, &key, call.expect()?)?;
    Ok(Answer::done())
}

/// Ends a subscription.
pub(crate) fn end(change: &mut Change<'_>, key: &str, expect: Expect) -> Result<(), Problem> {
    let call = change.call;
    let kept = change.wanted::<Subscription>(call.space()?, key)?;
    kept.record.check_removal(call.permit()?.also(Action::DecideSubscriptions))?;
    change.remove::<Subscription>(call.space()?, key, expect)
}

fn decide(change: &mut Change<'_>) -> Outcome {
    let call = change.call;
    let Decision { state, note } = call.body()?;
    let space = call.space()?;
    let key = subscription_key(&call.named("application")?, &call.named::<Target>("target")?);
    let mut kept = change.wanted::<Subscription>(space, &key)?;
    kept.record.decide(state, call.made(note)?)?;
    let written = change.save(space, &kept.record, call.expect()?, state.as_str())?;
    Ok(Answer::of(&kept.record).tagged(written.etag))
}
