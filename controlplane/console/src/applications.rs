//! Applications of who is signed in (or all, for those who see all): credentials, subscriptions, what their plans allow.
//!
//! The text of a credential is on the page after the one it was asked for on, once, and nowhere else.

use crate::{
    Console, approvals,
    failure::{Failure, Trouble},
    get, now, post,
    publications::api_name,
    sessions::Notice,
    usage::Used,
    visit::{Outcome, Visit},
};
use axum::{Router, http::StatusCode};
use serde_json::{Value, json};
use std::sync::Arc;
use tollgate_domain::{Name, Target};
use zeroize::Zeroizing;

const ONE: &str = "/console/applications/{application}";

pub(crate) fn routes() -> Router<Console> {
    Router::new()
        .route(
            "/console/applications",
            get(|visit: Arc<Visit>| async move { list(&visit, None).await }).merge(post(create)),
        )
        .route(ONE, get(|visit: Arc<Visit>| async move { show(&visit, None).await }))
        .route(&format!("{ONE}/delete"), post(delete))
        .route(&format!("{ONE}/keys"), post(issue))
        .route(&format!("{ONE}/keys/{{id}}/rotate"), post(rotate))
        .route(&format!("{ONE}/keys/{{id}}/revoke"), post(revoke))
        .route(&format!("{ONE}/subscriptions"), post(subscribe))
        .route(&format!("{ONE}/subscriptions/{{target}}/end"), post(unsubscribe))
}

async fn list(visit: &Arc<Visit>, trouble: Option<&Trouble>) -> Outcome {
    let mut ask = visit.to("listApplications");
    if let Some(cursor) = visit.query.some("cursor") {
        ask = ask.query("cursor", cursor);
    }
    let page = visit.get(ask).await?;
    let values = json!({ "applications": page["items"], "next": page["next"], "trouble": Trouble::shown(trouble) });
    let status = trouble.map_or(StatusCode::OK, Trouble::status);
    Ok(visit.page_with(status, "applications.html", values))
}

async fn create(visit: Arc<Visit>) -> Outcome {
    let name = visit.form.text("name");
    if let Err(refusal) = name.parse::<Name>() {
        let trouble = Trouble::at("create", "name", &refusal.what, &refusal.remedy, &visit);
        return list(&visit, Some(&trouble)).await;
    }
    let body = json!({ "title": visit.form.some("title"), "description": visit.form.some("description") });
    match visit.ask(visit.to("putApplication").path("name", name).body(&body).if_absent()).await {
        Ok(_) => Ok(visit.done(&format!("/console/applications/{name}"), Notice::Done(format!("{name} was made.")))),
        // One of somebody else is as if it were not there, but the name is taken.
        Err(Failure::Refused(refused)) if matches!(refused.status, 404 | 412) => {
            let trouble = Trouble::at("create", "name", "this name is taken", "choose another name", &visit);
            list(&visit, Some(&trouble)).await
        }
        Err(failure) => list(&visit, Some(&Trouble::of("create", failure, &visit)?)).await,
    }
}

async fn show(visit: &Arc<Visit>, trouble: Option<&Trouble>) -> Outcome {
    let application = visit.get(visit.to("getApplication").path("name", visit.named("application"))).await?;
    let mut credentials = visit.all(visit.about("listCredentials", &["application"])).await?;
    let mut subscriptions = visit.all(visit.about("listApplicationSubscriptions", &["application"])).await?;
    let now_s = now().as_secs();
    for credential in &mut credentials {
        let is_over = |key: &str| credential[key].as_u64().is_some_and(|at_s| at_s <= now_s);
        let state = if is_over("revoked_s") {
            "revoked"
        } else if is_over("expires_s") {
            "expired"
        } else {
            "valid"
        };
        credential["state"] = json!(state);
    }
    credentials.sort_by_key(|one| (one["state"] != "valid", std::cmp::Reverse(one["made"]["at_s"].as_u64())));
    let counts = visit.all(visit.to("listUsage").query("application", visit.named("application"))).await?;
    for subscription in &mut subscriptions {
        subscription["used"] = used(visit, subscription);
        subscription["counted"] = counted(&counts, subscription);
    }
    let (plans, offers) = (approvals::plans(visit).await?, offers(visit).await?);
    let has_usage = subscriptions.iter().any(|subscription| !subscription["used"].is_null());
    let values = json!({
        "application": application, "credentials": credentials, "subscriptions": subscriptions, "plans": plans,
        "offers": offers, "has_usage": has_usage, "trouble": Trouble::shown(trouble),
        "wanted": visit.query.text("target"),
    });
    let status = trouble.map_or(StatusCode::OK, Trouble::status);
    Ok(visit.page_with(status, "application.html", values))
}

/// What a subscription has used, by rule; null if nobody knows.
fn used(visit: &Visit, subscription: &Value) -> Value {
    let text = |key: &str| subscription[key].as_str().unwrap_or_default();
    let (Some(usage), Some(member)) = (&visit.console.usage, visit.member()) else { return Value::Null };
    let (Ok(application), Ok(target)) = (text("application").parse::<Name>(), text("target").parse::<Target>()) else {
        return Value::Null;
    };
    let shown = |one: Used| (one.rule.to_string(), json!({ "used": one.used, "ends_s": one.ends_s }));
    let used = usage.of(member.tenant(), &application, &target);
    used.map_or(Value::Null, |used| Value::Object(used.into_iter().map(shown).collect()))
}

/// Requests of the last 24 hours to the API of a subscription. Null for a product: its requests are counted under its APIs.
fn counted(counts: &[Value], subscription: &Value) -> Value {
    let target = subscription["target"].as_str().unwrap_or_default();
    if !target.contains('@') {
        return Value::Null;
    }
    let is_of = |row: &&Value| {
        let rest = row["api"].as_str().and_then(|api| api.strip_prefix(target));
        // Operations that can be subscribed to stand behind their API.
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let sum = |key: &str| counts.iter().filter(is_of).filter_map(|row| row[key].as_u64()).sum::<u64>();
    json!({ "ok": sum("ok"), "throttled": sum("throttled"), "errors": sum("errors") })
}

/// What can be subscribed to: targets with their plans.
async fn offers(visit: &Visit) -> Result<Vec<Value>, Failure> {
    let apis = visit.all(visit.to("findApis")).await?;
    let products = visit.all(visit.to("findProducts")).await?;
    let is_open = |api: &&Value| api["lifecycle"] != "deprecated";
    let apis = apis.iter().filter(is_open).map(|api| (api_name(api), api));
    let products = products.iter().map(|product| (product["name"].as_str().unwrap_or_default().to_owned(), product));
    let offers = apis.chain(products).filter(|(_, one)| one["plans"].as_array().is_some_and(|plans| !plans.is_empty()));
    Ok(offers.map(|(target, one)| json!({ "target": target, "title": one["title"], "plans": one["plans"] })).collect())
}

fn here(visit: &Visit) -> String {
    format!("/console/applications/{}", visit.named("application"))
}

async fn delete(visit: Arc<Visit>) -> Outcome {
    let name = visit.named("application");
    if visit.form.text("name") != name {
        let remedy = format!("type `{name}`");
        let trouble = Trouble::at("delete", "name", "this is not its name", &remedy, &visit);
        return show(&visit, Some(&trouble)).await;
    }
    visit.ask(visit.to("deleteApplication").path("name", name)).await?;
    Ok(visit
        .done("/console/applications", Notice::Done(format!("{name} was deleted, with its keys and subscriptions."))))
}

/// A page that shows what was issued, once.
fn issued(visit: &Visit, what: &str, body: &Value) -> Outcome {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (id, text) = (text(&body["credential"]["id"]), Zeroizing::new(text(&body["secret"])));
    Ok(visit.done(&here(visit), Notice::Issued { what: what.to_owned(), id, text }))
}

async fn issue(visit: Arc<Visit>) -> Outcome {
    let is_client = visit.form.text("kind") == "oauth_client";
    let days = visit.form.some("days").map(|text| text.parse::<u64>().ok().filter(|days| (1..=3650).contains(days)));
    let Some(days) = days.map_or(Some(None), |days| days.map(Some)) else {
        let trouble = Trouble::at("issue", "days", "this is no number of days", "write 1 to 3650, or nothing", &visit);
        return show(&visit, Some(&trouble)).await;
    };
    let body = json!({
        "kind": if is_client { "oauth_client" } else { "api_key" },
        "title": visit.form.some("title"),
        "expires_s": days.map(|days| now().as_secs() + days * 86_400),
    });
    match visit.get(visit.about("issueCredential", &["application"]).body(&body)).await {
        Ok(body) => issued(&visit, if is_client { "client" } else { "key" }, &body),
        Err(failure) => show(&visit, Some(&Trouble::of("issue", failure, &visit)?)).await,
    }
}

async fn rotate(visit: Arc<Visit>) -> Outcome {
    match visit.get(visit.about("rotateCredential", &["application", "id"]).body(&json!({}))).await {
        Ok(body) => issued(&visit, "key", &body),
        Err(failure) => show(&visit, Some(&Trouble::of("keys", failure, &visit)?)).await,
    }
}

async fn revoke(visit: Arc<Visit>) -> Outcome {
    visit.ask(visit.about("revokeCredential", &["application", "id"])).await?;
    Ok(visit.done(&here(&visit), Notice::Done(format!("{} is revoked.", visit.named("id")))))
}

async fn subscribe(visit: Arc<Visit>) -> Outcome {
    // One field for both, so that only what there is can be chosen without a script.
    let Some((target, plan)) = visit.form.text("offer").split_once(' ') else {
        let trouble = Trouble::at("subscribe", "offer", "nothing is chosen", "choose an API and a plan", &visit);
        return show(&visit, Some(&trouble)).await;
    };
    let ask = visit.about("subscribe", &["application"]).path("target", target);
    match visit.get(ask.body(&json!({ "plan": plan, "note": visit.form.some("note") }))).await {
        Ok(body) if body["state"] == "pending" => {
            let notice = format!("A publisher of {target} is asked to approve the subscription.");
            Ok(visit.done(&here(&visit), Notice::Done(notice)))
        }
        Ok(_) => Ok(visit.done(&here(&visit), Notice::Done(format!("Subscribed to {target} under {plan}.")))),
        Err(failure) => show(&visit, Some(&Trouble::of("subscribe", failure, &visit)?)).await,
    }
}

async fn unsubscribe(visit: Arc<Visit>) -> Outcome {
    visit.ask(visit.about("unsubscribe", &["application", "target"])).await?;
    Ok(visit.done(&here(&visit), Notice::Done(format!("The subscription to {} has ended.", visit.named("target")))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscription_is_shown_what_was_counted_for_its_target() {
        let row = |api: &str, ok: u64| json!({ "api": api, "ok": ok, "throttled": 1, "errors": 0 });
        let rows = [row("orders@1.0", 2), row("orders@1.0/list", 3), row("orders@1.0.1", 50), row("users@1.0", 7)];
        let of = |target: &str| counted(&rows, &json!({ "target": target }));
        assert_eq!(of("orders@1.0"), json!({ "ok": 5, "throttled": 2, "errors": 0 }));
        assert_eq!(of("other@1.0"), json!({ "ok": 0, "throttled": 0, "errors": 0 }));
        assert_eq!(of("trade"), Value::Null);
    }
}
