//! Subscriptions that wait to be decided, and those that were.

use crate::{
    Console,
    failure::Failure,
    get, post,
    sessions::Notice,
    visit::{Outcome, Visit},
};
use axum::Router;
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::Arc};
use tollgate_domain::subscription::DECISIONS;

pub(crate) fn routes() -> Router<Console> {
    Router::new()
        .route("/console/approvals", get(list))
        .route("/console/approvals/{application}/{target}", post(decide))
}

/// The state that is looked at: one of those that there are.
fn state(visit: &Visit) -> &'static str {
    let wanted = visit.query.text("state");
    DECISIONS.iter().map(|(state, _)| state.as_str()).find(|state| *state == wanted).unwrap_or("pending")
}

async fn list(visit: Arc<Visit>) -> Outcome {
    if !visit.may("DecideSubscriptions") {
        return Err(Failure::Missing);
    }
    let state = state(&visit);
    let mut ask = visit.to("listSubscriptions").query("state", state);
    if let Some(cursor) = visit.query.some("cursor") {
        ask = ask.query("cursor", cursor);
    }
    let page = visit.get(ask).await?;
    let plans = plans(&visit).await?;
    let next =
        |state: &str| DECISIONS.iter().find(|(from, _)| from.as_str() == state).map_or(&[][..], |(_, next)| *next);
    let decisions: Vec<_> = next(state).iter().map(|state| state.as_str()).collect();
    let states: Vec<_> = DECISIONS.iter().map(|(state, _)| state.as_str()).collect();
    Ok(visit.page(
        "approvals.html",
        json!({
            "state": state, "states": states, "decisions": decisions, "subscriptions": page["items"],
            "next": page["next"], "plans": plans,
        }),
    ))
}

/// Name -> plan.
pub(crate) async fn plans(visit: &Visit) -> Result<BTreeMap<String, Value>, Failure> {
    let plans = visit.all(visit.to("listPlans")).await?;
    Ok(plans.into_iter().filter_map(|plan| Some((plan["name"].as_str()?.to_owned(), plan))).collect())
}

async fn decide(visit: Arc<Visit>) -> Outcome {
    let ask = visit.about("decideSubscription", &["application", "target"]);
    let decision = json!({ "state": visit.form.text("state"), "note": visit.form.some("note") });
    let decided = visit.get(ask.body(&decision)).await?;
    let text = |name: &str| decided[name].as_str().unwrap_or_default().to_owned();
    let notice = format!("The subscription of {} to {} is {}.", text("application"), text("target"), text("state"));
    Ok(visit.done("/console/approvals", Notice::Done(notice)))
}
