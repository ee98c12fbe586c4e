//! APIs: working copies, lifecycle, revisions, copies.
//!
//! What is written is the `ApiSpec`; what is answered is the whole `Api`, with its lifecycle and the number of its last
//! revision. A published API is not deleted: it is withdrawn first.

use crate::{
    answer::Answer,
    call::{self, Call},
    change::{Change, Written},
    endpoint::{Endpoint, Outcome, PAGE},
    import,
    problem::Problem,
    records::unused,
    resource::{exists, named, page},
};
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeSet;
use tollgate_domain::{
    Action, Api, ApiName, ApiSpec, Deprecation, Digest, Document, Lifecycle, Plan, Product, Publication, Revision,
    Search, Subscription, Target,
};
use tollgate_store::{Expect, PastPublication, Query, Record, Records as _, Rows, revision_key};

const SEARCH: &[(&str, &str)] = &[
    PAGE[0],
    PAGE[1],
    ("search", "Words, and `name:`, `version:`, `tag:`, `plan:`, `state:`, `label:NAME=VALUE`; all must hold."),
];
const IMPORT: &[(&str, &str)] = &[
    ("name", "Its name; left out: made of the title."),
    ("version", "Its version; left out: that of the document."),
    ("upstream", "`host:port` of an endpoint; left out: the servers of the document."),
    ("plan", "A plan that it can be subscribed to under."),
];
const ONE: &str = "/tenants/{tenant}/apis/{api}";

pub(crate) const ENDPOINTS: &[Endpoint] = &[
    Endpoint::get("/tenants/{tenant}/apis", "listApis", "Lists APIs.", list)
        .query(SEARCH)
        .bodies("", "[Api]")
        .may(Action::ReadApis),
    Endpoint::post(
        "/tenants/{tenant}/apis",
        "importApi",
        "Creates or changes an API out of an OpenAPI document.",
        take,
    )
    .query(IMPORT)
    .bodies("Document", "Imported")
    .may(Action::WriteApis),
    Endpoint::get(ONE, "getApi", "One of the APIs.", get).bodies("", "Api").may(Action::ReadApis),
    Endpoint::put(ONE, "putApi", "Writes the working copy of an API.", put)
        .bodies("ApiSpec", "Api")
        .may(Action::WriteApis),
    Endpoint::delete(ONE, "deleteApi", "Deletes an API that is published nowhere.", delete).may(Action::WriteApis),
    Endpoint::get(
        "/tenants/{tenant}/apis/{api}/document",
        "getApiDocument",
        "The OpenAPI document it came with.",
        document,
    )
    .bodies("", "Document")
    .may(Action::ReadCatalog),
    Endpoint::post("/tenants/{tenant}/apis/{api}/copy", "copyApi", "Begins another API or version with it.", copy)
        .bodies("Copy", "Api")
        .may(Action::WriteApis),
    Endpoint::post("/tenants/{tenant}/apis/{api}/lifecycle", "moveApi", "Moves its lifecycle.", step)
        .bodies("Step", "Api")
        .may(Action::Publish),
    Endpoint::get("/tenants/{tenant}/apis/{api}/revisions", "listRevisions", "Lists its revisions.", revisions)
        .query(PAGE)
        .bodies("", "[RevisionHead]")
        .may(Action::ReadApis),
    Endpoint::post("/tenants/{tenant}/apis/{api}/revisions", "freezeApi", "Freezes the working copy.", freeze)
        .bodies("Note", "Revision")
        .may(Action::WriteApis),
    Endpoint::get("/tenants/{tenant}/apis/{api}/revisions/{number}", "getRevision", "One of its revisions.", revision)
        .bodies("", "Revision")
        .may(Action::ReadApis),
];

/// Words of who makes a change.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Note {
    #[serde(default)]
    note: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Copy {
    to: ApiName,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    to: Lifecycle,
    #[serde(default)]
    deprecation: Option<Deprecation>,
}

fn list(call: &Call, rows: &dyn Rows) -> Outcome {
    let search = Search::read(call.query.get("search").map_or("", String::as_str))?;
    let found = rows.load_page::<Api>(&call.page(Query::of(Api::KIND, call.space()?))?)?;
    Ok(page(found, |kept| search.admits(&kept.record).then(|| json!(kept.record))))
}

fn get(call: &Call, rows: &dyn Rows) -> Outcome {
    let kept = rows.load::<Api>(call.space()?, &call.api()?.to_string())?.ok_or_else(Problem::not_found)?;
    Ok(Answer::of(&kept.record).tagged(kept.etag))
}

fn put(change: &mut Change<'_>) -> Outcome {
    let call = change.call;
    let ApiName { name, version } = call.api()?;
    let mut body = call.body()?;
    named(&mut body, "name", name.as_str())?;
    named(&mut body, "version", version.as_str())?;
    let (api, written) = write(change, call::read(body)?, call.expect()?)?;
    let answer = if written.is_new { Answer::created(&api) } else { Answer::of(&api) };
    Ok(answer.tagged(written.etag))
}

/// Writes a working copy, of a new API or of one that there is.
pub(crate) fn write(change: &mut Change<'_>, spec: ApiSpec, expect: Expect) -> Result<(Api, Written), Problem> {
    let space = change.call.space()?;
    for plan in &spec.plans {
        exists::<Plan>(change, space, plan.as_str(), "plans")?;
    }
    if let Some(document) = &spec.document {
        exists::<Document>(change, space, document.as_str(), "document")?;
    }
    let before = change.load::<Api>(space, &spec.api_name().to_string())?;
    expect.check(before.as_ref().map(|kept| kept.etag))?;
    let (api, document) = match before {
        None => (Api::create(spec, change.call.made(None)?)?, None),
        Some(kept) => {
            let (mut api, document) = (kept.record.clone(), kept.record.spec.document);
            api.revise(spec)?;
            (api, document)
        }
    };
    let written = change.save(space, &api, expect, "write")?;
    forget(change, document)?;
    Ok((api, written))
}

/// Removes documents that no API and no revision names any more.
fn forget(change: &mut Change<'_>, documents: impl IntoIterator<Item = Digest>) -> Result<(), Problem> {
    let space = change.call.space()?;
    for digest in documents {
        let named = |kind| change.rows.count(&Query { target: Some(digest.as_str()), ..Query::of(kind, space) });
        if named(Api::KIND)? + named(Revision::KIND)? == 0 {
            change.remove::<Document>(space, digest.as_str(), Expect::Any)?;
        }
    }
    Ok(())
}

fn take(change: &mut Change<'_>) -> Outcome {
    let call = change.call;
    let space = call.space()?;
    let taken = import::read(call)?;
    let notes = taken.notes.clone();
    change.save(space, &taken.document, Expect::Any, "write")?;
    let before = change.load::<Api>(space, &taken.spec.api_name().to_string())?;
    let spec = match &before {
        // What no document says stays as it is.
        Some(kept) => taken.onto(&kept.record.spec),
        None => taken.spec,
    };
    let (api, written) = write(change, spec, call.expect()?)?;
    let body = json!({ "api": api, "notes": notes });
    let answer = if written.is_new { Answer::created(&body) } else { Answer::of(&body) };
    Ok(answer.tagged(written.etag))
}

fn document(call: &Call, rows: &dyn Rows) -> Outcome {
    let (space, permit) = (call.space()?, call.permit()?);
    let kept = rows.load::<Api>(space, &call.api()?.to_string())?.ok_or_else(Problem::not_found)?;
    let is_found = kept.record.is_found(&permit.tenant, permit.viewer());
    if !is_found && !permit.also(Action::ReadApis) {
        return Err(Problem::not_found());
    }
    let digest = kept.record.spec.document.ok_or_else(Problem::not_found)?;
    let document = rows.load::<Document>(space, digest.as_str())?.ok_or_else(Problem::not_found)?;
    Ok(Answer::of(&document.record))
}

fn copy(change: &mut Change<'_>) -> Outcome {
    let call = change.call;
    let Copy { to } = call.body()?;
    let from = change.wanted::<Api>(call.space()?, &call.api()?.to_string())?;
    let (api, written) =
        write(change, from.record.spec.copy_as(to), Expect::Absent).map_err(|problem| problem.inside("to"))?;
    Ok(Answer::created(&api).tagged(written.etag))
}

fn step(change: &mut Change<'_>) -> Outcome {
    let call = change.call;
    let Step { to, deprecation } = call.body()?;
    let space = call.space()?;
    let mut kept = change.wanted::<Api>(space, &call.api()?.to_string())?;
    kept.record.step(to, deprecation, call.now_s())?;
    let written = change.save(space, &kept.record, call.expect()?, "lifecycle")?;
    Ok(Answer::of(&kept.record).tagged(written.etag))
}

fn revisions(call: &Call, rows: &dyn Rows) -> Outcome {
    let (space, name) = (call.space()?, call.api()?.to_string());
    rows.load::<Api>(space, &name)?.ok_or_else(Problem::not_found)?;
    let query = Query { parent: Some(&name), ..Query::of(Revision::KIND, space) };
    let found = rows.load_page::<Revision>(&call.page(query)?)?;
    let shown = |revision: Revision| json!({ "api": revision.api, "number": revision.number, "digest": revision.digest, "made": revision.made });
    Ok(page(found, |kept| Some(shown(kept.record))))
}

fn revision(call: &Call, rows: &dyn Rows) -> Outcome {
    let key = revision_key(&call.api()?, call.named("number")?);
    let kept = rows.load::<Revision>(call.space()?, &key)?.ok_or_else(Problem::not_found)?;
    Ok(Answer::of(&kept.record).tagged(kept.etag))
}

fn freeze(change: &mut Change<'_>) -> Outcome {
    let call = change.call;
    let Note { note } = call.body()?;
    let mut kept = change.wanted::<Api>(call.space()?, &call.api()?.to_string())?;
    call.expect()?.check(Some(kept.etag))?;
    let revision = frozen(change, &mut kept.record, note)?;
    Ok(Answer::of(&revision))
}

/// The working copy as a revision: a new one, or the last if it is the same.
pub(crate) fn frozen(change: &mut Change<'_>, api: &mut Api, note: Option<String>) -> Result<Revision, Problem> {
    let space = change.call.space()?;
    let Some(revision) = api.freeze(change.call.made(note)?)? else {
        let key = revision_key(&api.api_name(), api.revision);
        return Ok(change.wanted::<Revision>(space, &key)?.record);
    };
    change.save(space, &revision, Expect::Absent, "freeze")?;
    change.save(space, api, Expect::Any, "freeze")?;
    Ok(revision)
}

fn delete(change: &mut Change<'_>) -> Outcome {
    let call = change.call;
    erase(change, &call.api()?, call.expect()?)?;
    Ok(Answer::done())
}

/// Removes an API with its revisions and history, if nobody needs it any more: one that is created again begins anew.
pub(crate) fn erase(change: &mut Change<'_>, name: &ApiName, expect: Expect) -> Result<(), Problem> {
    let space = change.call.space()?;
    let key = name.to_string();
    let kept = change.wanted::<Api>(space, &key)?;
    expect.check(Some(kept.etag))?;
    let publications =
        change.all::<Publication>(&Query { parent: Some(&key), ..Query::of(Publication::KIND, space) })?;
    let served = publications.iter().filter(|publication| publication.release.is_some());
    let published_in: Vec<_> = served.map(|publication| publication.environment.clone()).collect();
    let target = Target::Api(name.clone()).to_string();
    let subscribed = Query { target: Some(&target), ..Query::of(Subscription::KIND, space) };
    kept.record.check_removal(&published_in, change.rows.count(&subscribed)?)?;
    let has_it = |product: &Product| product.apis.iter().any(|part| part.api == *name);
    unused(change, &Query::of(Product::KIND, space), has_it, "take it out there first")?;
    let revisions = change.all::<Revision>(&Query { parent: Some(&key), ..Query::of(Revision::KIND, space) })?;
    let documents: BTreeSet<_> = revisions.into_iter().filter_map(|revision| revision.spec.document).collect();
    for publication in &publications {
        change.gone::<PastPublication>(space, &publication.key())?;
    }
    change.gone::<Publication>(space, &key)?;
    change.gone::<Revision>(space, &key)?;
    change.remove::<Api>(space, &key, expect)?;
    forget(change, documents.into_iter().chain(kept.record.spec.document).collect::<BTreeSet<_>>())
}
