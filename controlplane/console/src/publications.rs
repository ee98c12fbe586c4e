//! What is published where, its history, and the way back; for those who may see APIs.
//!
//! Every page asks the admin API in the name of who is signed in; a change is a form that comes back with its proof. What the
//! API refuses is shown on the page that asked, with what had been filled in.

use crate::{
    Console,
    failure::{Failure, Trouble},
    get, post,
    sessions::Notice,
    visit::{Outcome, Visit},
};
use axum::{Router, http::StatusCode};
use serde_json::{Value, json};
use std::sync::Arc;

const ONE: &str = "/console/publications/{api}/{environment}";

pub(crate) fn routes() -> Router<Console> {
    Router::new()
        .route("/console/publications", get(list))
        .route("/console/publications/{api}", get(first))
        .route(ONE, get(|visit: Arc<Visit>| async move { show(&visit, None).await }))
        .route(&format!("{ONE}/publish"), post(publish))
        .route(&format!("{ONE}/rollback"), post(rollback))
        .route(&format!("{ONE}/withdraw"), post(withdraw))
}

async fn list(visit: Arc<Visit>) -> Outcome {
    let search = visit.query.text("search");
    let mut ask = visit.to("listApis").query("search", search);
    if let Some(cursor) = visit.query.some("cursor") {
        ask = ask.query("cursor", cursor);
    }
    let page = visit.get(ask.query("limit", "50")).await?;
    let environments = visit.all(visit.to("listEnvironments")).await?;
    let mut apis = Vec::new();
    for api in page["items"].as_array().into_iter().flatten() {
        let name = api_name(&api["spec"]);
        let publications = visit.all(visit.to("listPublications").path("api", &name)).await?;
        let row = environments.iter().map(|environment| {
            let found = publications.iter().find(|one| one["environment"] == environment["name"]);
            json!({ "environment": environment["name"], "release": found.map_or(&Value::Null, |one| &one["release"]) })
        });
        apis.push(json!({
            "api": name, "title": api["spec"]["title"], "lifecycle": api["lifecycle"], "served": row.collect::<Vec<_>>(),
        }));
    }
    let values = json!({ "apis": apis, "environments": environments, "next": page["next"], "search": search });
    Ok(visit.page("publications.html", values))
}

/// `orders@1.0`.
pub(crate) fn api_name(spec: &Value) -> String {
    format!("{}@{}", spec["name"].as_str().unwrap_or_default(), spec["version"].as_str().unwrap_or_default())
}

/// The page of an API is that of its first environment.
async fn first(visit: Arc<Visit>) -> Outcome {
    let environments = visit.all(visit.to("listEnvironments")).await?;
    let Some(name) = environments.first().and_then(|one| one["name"].as_str()) else { return Err(Failure::Missing) };
    Ok(visit.redirect(&format!("/console/publications/{}/{name}", visit.named("api"))))
}

async fn show(visit: &Arc<Visit>, trouble: Option<&Trouble>) -> Outcome {
    let api = visit.get(visit.about("getApi", &["api"])).await?;
    let environments = visit.all(visit.to("listEnvironments")).await?;
    if !environments.iter().any(|one| one["name"].as_str() == Some(visit.named("environment"))) {
        return Err(Failure::Missing);
    }
    let mut revisions = visit.all(visit.about("listRevisions", &["api"])).await?;
    let history = visit.all(visit.about("listHistory", &["api", "environment"])).await;
    // Nothing was published there yet.
    let mut history = match history {
        Err(Failure::Refused(refused)) if refused.status == 404 => Vec::new(),
        other => other?,
    };
    revisions.reverse();
    history.reverse();
    let status = trouble.map_or(StatusCode::OK, Trouble::status);
    let values = json!({
        "api": visit.named("api"), "record": api, "environment": visit.named("environment"),
        "environments": environments, "revisions": revisions, "current": history.first().unwrap_or(&Value::Null),
        "history": history, "trouble": Trouble::shown(trouble),
    });
    Ok(visit.page_with(status, "publication.html", values))
}

/// Sends a form of the page; what is refused is shown beside its fields.
async fn change(visit: &Arc<Visit>, form: &'static str, endpoint: &'static str, body: Value, said: &str) -> Outcome {
    let ask = visit.about(endpoint, &["api", "environment"]);
    let ask = if body.is_null() { ask } else { ask.body(&body) };
    match visit.ask(ask).await {
        Err(failure) => show(visit, Some(&Trouble::of(form, failure, visit)?)).await,
        Ok(_) => {
            let (api, environment) = (visit.named("api"), visit.named("environment"));
            let notice = Notice::Done(format!("{api} {said} {environment}."));
            Ok(visit.done(&format!("/console/publications/{api}/{environment}"), notice))
        }
    }
}

async fn publish(visit: Arc<Visit>) -> Outcome {
    let number = |name: &str| visit.form.some(name).map(|text| text.parse::<u32>().unwrap_or(u32::MAX));
    let canary = number("canary.revision").map(|revision| {
        let percent = visit.form.text("canary.percent").parse::<u8>().unwrap_or_default();
        json!({ "revision": revision, "percent": percent })
    });
    let body = json!({ "revision": number("revision"), "canary": canary, "note": visit.form.some("note") });
    change(&visit, "publish", "publish", body, "is published in").await
}

async fn rollback(visit: Arc<Visit>) -> Outcome {
    let to = visit.form.text("to").parse::<u32>().unwrap_or_default();
    change(&visit, "rollback", "rollback", json!({ "to": to }), "is rolled back in").await
}

async fn withdraw(visit: Arc<Visit>) -> Outcome {
    change(&visit, "withdraw", "withdraw", Value::Null, "is withdrawn from").await
}
