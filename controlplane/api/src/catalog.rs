//! The catalog: what members of a tenant find and can subscribe to.
//!
//! Only what is listed by its lifecycle and visible to who asks is there, without what is for its publishers alone:
//! upstreams, policies, labels of programs.

use crate::{
    answer::Answer,
    call::Call,
    endpoint::{Endpoint, Outcome, PAGE},
    problem::Problem,
    resource::page,
};
use serde_json::{Value, json};
use tollgate_domain::{Action, Api, ApiName, Environment, Product, Publication, Revision, Search, Viewer};
use tollgate_store::{Query, Record, Records as _, Rows, revision_key};

const SEARCH: &[(&str, &str)] =
    &[PAGE[0], PAGE[1], ("search", "Words, and `name:`, `version:`, `tag:`, `plan:`, `state:`; all must hold.")];

pub(crate) const ENDPOINTS: &[Endpoint] = &[
    Endpoint::get("/tenants/{tenant}/catalog/apis", "findApis", "APIs that can be found.", apis)
        .query(SEARCH)
        .bodies("", "[Found]")
        .may(Action::ReadCatalog),
    Endpoint::get(
        "/tenants/{tenant}/catalog/apis/{api}",
        "findApi",
        "One of the APIs that can be found, and where it is served.",
        api,
    )
    .bodies("", "FoundApi")
    .may(Action::ReadCatalog),
    Endpoint::get("/tenants/{tenant}/catalog/products", "findProducts", "Products that can be found.", products)
        .query(PAGE)
        .bodies("", "[Found]")
        .may(Action::ReadCatalog),
];

fn viewer(call: &Call) -> Result<Viewer<'_>, Problem> {
    let actor = &call.permit()?.actor;
    Ok(Viewer { member: Some((&actor.tenant, &actor.member)) })
}

fn apis(call: &Call, rows: &dyn Rows) -> Outcome {
    let search = Search::read(call.query.get("search").map_or("", String::as_str))?;
    let (tenant, viewer) = (call.tenant()?, viewer(call)?);
    let found = rows.load_page::<Api>(&call.page(Query::of(Api::KIND, call.space()?))?)?;
    let is_found =
        |api: &Api| api.lifecycle.is_listed() && api.spec.visibility.admits(tenant, viewer) && search.admits(api);
    Ok(page(found, |kept| is_found(&kept.record).then(|| shown(&kept.record))))
}

fn api(call: &Call, rows: &dyn Rows) -> Outcome {
    let kept = rows.load::<Api>(call.space()?, &call.api()?.to_string())?.ok_or_else(Problem::not_found)?;
    let api = kept.record;
    if !(api.lifecycle.is_listed() && api.spec.visibility.admits(call.tenant()?, viewer(call)?)) {
        return Err(Problem::not_found());
    }
    let mut shown = shown(&api);
    shown["served"] = served(call, rows, &api.api_name())?.into();
    Ok(Answer::of(&shown))
}

/// Where requests for an API go, by environment: hosts, path, and what else they need.
fn served(call: &Call, rows: &dyn Rows, api: &ApiName) -> Result<Vec<Value>, Problem> {
    let (space, name) = (call.space()?, api.to_string());
    let mut served = Vec::new();
    let query = Query { parent: Some(&name), ..Query::of(Publication::KIND, space) };
    for publication in rows.load_page::<Publication>(&query)?.rows.into_iter().map(|kept| kept.record) {
        let Some(release) = publication.release else { continue };
        let revision = rows.load::<Revision>(space, &revision_key(api, release.revision))?;
        let environment = rows.load::<Environment>(space, publication.environment.as_str())?;
        let (Some(revision), Some(environment)) = (revision, environment) else { continue };
        let environment = environment.record;
        // What was published once can be published: this has no mistakes.
        let Ok(spec) = revision.record.materialize(&environment.name, &publication.variables) else { continue };
        let places = spec.versioning.places(&spec.base_path, &spec.version, &[]);
        let Some(place) = places.into_iter().next() else { continue };
        served.push(json!({
            "environment": environment.name,
            "title": environment.title,
            "hosts": if spec.hosts.is_empty() { environment.hosts } else { spec.hosts },
            "stage": environment.stage,
            "path": place.path,
            "header": place.header.map(|(name, value)| json!({ "name": name, "value": value })),
            "query": place.query.map(|(name, value)| json!({ "name": name, "value": value })),
        }));
    }
    Ok(served)
}

fn shown(api: &Api) -> Value {
    let spec = &api.spec;
    json!({
        "name": spec.name,
        "version": spec.version,
        "title": spec.title,
        "description": spec.description,
        "tags": spec.tags,
        "plans": spec.plans,
        "subscription": spec.subscription,
        "lifecycle": api.lifecycle,
        "deprecation": api.deprecation,
        "has_document": spec.document.is_some(),
    })
}

fn products(call: &Call, rows: &dyn Rows) -> Outcome {
    let (tenant, viewer) = (call.tenant()?, viewer(call)?);
    let found = rows.load_page::<Product>(&call.page(Query::of(Product::KIND, call.space()?))?)?;
    let shown = |product: &Product| {
        json!({
            "name": product.name, "title": product.title, "description": product.description,
            "tags": product.tags, "apis": product.apis, "plans": product.plans,
        })
    };
    Ok(page(found, |kept| kept.record.visibility.admits(tenant, viewer).then(|| shown(&kept.record))))
}
