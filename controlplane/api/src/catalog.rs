//! The catalog: what members of a tenant find and can subscribe to.
//!
//! Only what is listed by its lifecycle and visible to who asks is there, without what is for its publishers alone:
//! upstreams, policies, labels of programs.

use crate::{
    call::Call,
    endpoint::{Endpoint, Outcome, PAGE},
    resource::page,
};
use serde_json::{Value, json};
use tollgate_domain::{Action, Api, Product, Search, Viewer};
use tollgate_store::{Query, Record, Records as _, Rows};

const SEARCH: &[(&str, &str)] =
    &[PAGE[0], PAGE[1], ("search", "Words, and `name:`, `version:`, `tag:`, `plan:`, `state:`; all must hold.")];

pub(crate) const ENDPOINTS: &[Endpoint] = &[
    Endpoint::get("/tenants/{tenant}/catalog/apis", "findApis", "APIs that can be found.", apis)
        .query(SEARCH)
        .bodies("", "[Found]")
        .may(Action::ReadCatalog),
    Endpoint::get("/tenants/{tenant}/catalog/products", "findProducts", "Products that can be found.", products)
        .query(PAGE)
        .bodies("", "[Found]")
        .may(Action::ReadCatalog),
];

fn viewer(call: &Call) -> Result<Viewer<'_>, crate::problem::Problem> {
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
