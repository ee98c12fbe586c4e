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
use std::collections::BTreeSet;
use tollgate_domain::{Action, Api, ApiName, Environment, Product, Publication, Revision, Search};
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

fn apis(call: &Call, rows: &dyn Rows) -> Outcome {
    let search = Search::read(call.query.get("search").map_or("", String::as_str))?.without_labels()?;
    let permit = call.permit()?;
    let found = rows.load_page::<Api>(&call.page(Query::of(Api::KIND, call.space()?))?)?;
    let is_found = |api: &Api| api.is_found(&permit.tenant, permit.viewer()) && search.admits(api);
    Ok(page(found, |kept| is_found(&kept.record).then(|| shown(&kept.record))))
}

fn api(call: &Call, rows: &dyn Rows) -> Outcome {
    let kept = rows.load::<Api>(call.space()?, &call.api()?.to_string())?.ok_or_else(Problem::not_found)?;
    let api = kept.record;
    let permit = call.permit()?;
    if !api.is_found(&permit.tenant, permit.viewer()) {
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
    let (space, permit) = (call.space()?, call.permit()?);
    let mut found = rows.load_page::<Product>(&call.page(Query::of(Product::KIND, space))?)?;
    found.rows.retain(|kept| kept.record.visibility.admits(&permit.tenant, permit.viewer()));
    let named = found.rows.iter().flat_map(|kept| kept.record.apis.iter().map(|part| part.api.clone()));
    let mut listed = BTreeSet::new();
    for name in named.collect::<BTreeSet<_>>() {
        let api = rows.load::<Api>(space, &name.to_string())?;
        listed.extend(api.filter(|kept| kept.record.is_found(&permit.tenant, permit.viewer())).map(|_| name));
    }
    let shown = |product: &Product| {
        let apis: Vec<_> = product.apis.iter().filter(|part| listed.contains(&part.api)).collect();
        json!({
            "name": product.name, "title": product.title, "description": product.description,
            "tags": product.tags, "apis": apis, "plans": product.plans,
        })
    };
    Ok(page(found, |kept| Some(shown(&kept.record))))
}
