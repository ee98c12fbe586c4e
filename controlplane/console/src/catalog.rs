//! The catalog: what can be found, and one page for each API with its documentation.
//!
//! Who finds what is decided by the admin API. The documentation is rendered from the OpenAPI document that the API came with;
//! one that cannot be read any more is told, and offered as it is.

use crate::{
    Console, approvals,
    failure::Failure,
    get,
    limits::LOOKED_AT_MAX,
    publications::api_name,
    reference::Reference,
    visit::{Outcome, Visit},
};
use axum::{
    Router,
    body::Body,
    http::{HeaderValue, header},
    response::Response,
};
use serde_json::{Value, json};
use std::sync::Arc;

pub(crate) fn routes() -> Router<Console> {
    Router::new()
        .route("/console/catalog", get(list))
        .route("/console/catalog/{api}", get(one))
        .route("/console/catalog/{api}/document", get(document))
}

async fn list(visit: Arc<Visit>) -> Outcome {
    let search = visit.query.text("search");
    let mut cursor = visit.query.some("cursor").map(str::to_owned);
    let (mut apis, mut trouble) = (Vec::new(), Value::Null);
    // Pages have what is left of so many rows after visibility and search: empty ones are not shown as such.
    for _ in 0..LOOKED_AT_MAX {
        let ask = visit.to("findApis").query("search", search);
        let ask = cursor.iter().fold(ask, |ask, cursor| ask.query("cursor", cursor));
        let mut page = match visit.get(ask).await {
            Err(Failure::Refused(refused)) if refused.status == 422 => {
                trouble = json!(
                    refused
                        .refusals
                        .first()
                        .map_or(refused.detail.clone(), |one| format!("{}: {}", one.what, one.remedy))
                );
                break;
            }
            page => page?,
        };
        if let Value::Array(found) = page["items"].take() {
            apis.extend(found);
        }
        cursor = page["next"].as_str().map(str::to_owned);
        if !apis.is_empty() || cursor.is_none() {
            break;
        }
    }
    for api in &mut apis {
        api["api"] = json!(api_name(api));
    }
    let products = if search.is_empty() { visit.all(visit.to("findProducts")).await? } else { Vec::new() };
    let values = json!({ "apis": apis, "products": products, "search": search, "next": cursor, "trouble": trouble });
    Ok(visit.page("catalog.html", values))
}

/// The documentation of an API; why there is none otherwise.
pub(crate) async fn reference(visit: &Visit, api: &Value) -> Result<Result<Reference, String>, Failure> {
    if api["has_document"] != true {
        return Ok(Err("The API came without an OpenAPI document.".to_owned()));
    }
    let document = visit.get(visit.about("getApiDocument", &["api"])).await?;
    let text = document["text"].as_str().unwrap_or_default();
    Ok(Reference::read(text).map_err(|error| format!("Its OpenAPI document cannot be shown: {error}")))
}

async fn one(visit: Arc<Visit>) -> Outcome {
    let api = visit.get(visit.about("findApi", &["api"])).await?;
    let reference = reference(&visit, &api).await?;
    let trouble = reference.as_ref().err().cloned();
    let plans = approvals::plans(&visit).await?;
    let applications = if visit.may("Subscribe") { visit.all(visit.to("listApplications")).await? } else { Vec::new() };
    let values = json!({
        "api": api, "name": visit.named("api"), "reference": reference.ok(), "trouble": trouble, "plans": plans,
        "applications": applications, "gateway": visit.console.gateway.get().map(ToString::to_string),
    });
    Ok(visit.page("api.html", values))
}

/// As it was imported. As text, so that no browser takes it for a page.
async fn document(visit: Arc<Visit>) -> Outcome {
    let document = visit.get(visit.about("getApiDocument", &["api"])).await?;
    let mut response = Response::new(Body::from(document["text"].as_str().unwrap_or_default().to_owned()));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    Ok(response)
}
