//! Publications: what environments serve of an API, the history of it, and the way back.
//!
//! Publishing freezes the working copy, unless a revision is named. Publishing what is served already changes nothing.

use crate::{
    answer::Answer,
    apis,
    call::Call,
    change::Change,
    endpoint::{Endpoint, Outcome, PAGE},
    problem::Problem,
    resource::page,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tollgate_domain::{
    Action, Api, ApiName, Canary, Code, Environment, Name, Publication, Refusal, Release, Revision, publication,
};
use tollgate_store::{
    Expect, Kept, PastPublication, Query, Record, Records as _, RecordsMut as _, Rows, past_publication_key,
    publication_key, revision_key,
};

const ONE: &str = "/tenants/{tenant}/apis/{api}/publications/{environment}";

pub(crate) const ENDPOINTS: &[Endpoint] = &[
    Endpoint::get("/tenants/{tenant}/apis/{api}/publications", "listPublications", "Where the API is published.", list)
        .query(PAGE)
        .bodies("", "[Publication]")
        .may(Action::ReadApis),
    Endpoint::get(ONE, "getPublication", "What the environment serves of the API.", get)
        .bodies("", "Publication")
        .may(Action::ReadApis),
    Endpoint::post(ONE, "publish", "Publishes the working copy, or revisions.", post)
        .bodies("Publish", "Publication")
        .may(Action::Publish),
    Endpoint::delete(ONE, "withdraw", "Takes the API out of the environment.", withdraw).may(Action::Publish),
    Endpoint::post(
        "/tenants/{tenant}/apis/{api}/publications/{environment}/rollback",
        "rollback",
        "Goes back to what was served before.",
        rollback,
    )
    .bodies("Rollback", "Publication")
    .may(Action::Publish),
    Endpoint::get(
        "/tenants/{tenant}/apis/{api}/publications/{environment}/history",
        "listHistory",
        "What the environment has served of the API, the oldest first.",
        history,
    )
    .query(PAGE)
    .bodies("", "[Publication]")
    .may(Action::ReadApis),
];

/// What is published.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Publish {
    /// Left out: the working copy, frozen.
    #[serde(default)]
    pub(crate) revision: Option<u32>,
    #[serde(default)]
    pub(crate) canary: Option<Canary>,
    #[serde(default)]
    pub(crate) note: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rollback {
    /// Left out: what was served before what is served now.
    #[serde(default)]
    to: Option<u32>,
    #[serde(default)]
    note: Option<String>,
}

fn list(call: &Call, rows: &dyn Rows) -> Outcome {
    let (space, api) = (call.space()?, call.api()?.to_string());
    rows.load::<Api>(space, &api)?.ok_or_else(Problem::not_found)?;
    let query = Query { parent: Some(&api), ..Query::of(Publication::KIND, space) };
    Ok(page(rows.load_page::<Publication>(&call.page(query)?)?, |kept| Some(json!(kept.record))))
}

fn get(call: &Call, rows: &dyn Rows) -> Outcome {
    let key = publication_key(&call.api()?, &call.named("environment")?);
    let kept = rows.load::<Publication>(call.space()?, &key)?.ok_or_else(Problem::not_found)?;
    Ok(Answer::of(&kept.record).tagged(kept.etag))
}

fn history(call: &Call, rows: &dyn Rows) -> Outcome {
    let (space, key) = (call.space()?, publication_key(&call.api()?, &call.named("environment")?));
    rows.load::<Publication>(space, &key)?.ok_or_else(Problem::not_found)?;
    let query = Query { parent: Some(&key), ..Query::of(PastPublication::KIND, space) };
    Ok(page(rows.load_page::<PastPublication>(&call.page(query)?)?, |kept| Some(json!(kept.record))))
}

fn post(change: &mut Change<'_>) -> Outcome {
    let call = change.call;
    let wanted: Publish = call.body()?;
    let (publication, etag, _) = publish(change, &call.api()?, &call.named("environment")?, wanted, call.expect()?)?;
    Ok(Answer::of(&publication).tagged(etag))
}

/// Publishes; tells whether anything has changed.
pub(crate) fn publish(
    change: &mut Change<'_>,
    name: &ApiName,
    environment: &Name,
    wanted: Publish,
    expect: Expect,
) -> Result<(Publication, u64, bool), Problem> {
    let space = change.call.space()?;
    let mut api = change.wanted::<Api>(space, &name.to_string())?.record;
    let environment = change.wanted::<Environment>(space, environment.as_str())?.record;
    let current = current(change, name, &environment.name)?;
    expect.check(current.as_ref().map(|kept| kept.etag))?;
    let revision = match wanted.revision {
        Some(number) => number,
        None => apis::frozen(change, &mut api, wanted.note.clone())?.number,
    };
    let release = Release { revision, canary: wanted.canary };
    let revisions = revisions(change, name, release)?;
    let made = change.call.made(wanted.note)?;
    let before = api.clone();
    let served = current.as_ref().map(|kept| &kept.record);
    let next = publication::publish(&mut api, &environment, served, release, &revisions, made)?;
    let same = served.is_some_and(|served| served.release == next.release && served.variables == next.variables);
    if let Some(kept) = current.as_ref().filter(|_| same && before == api) {
        return Ok((kept.record.clone(), kept.etag, false));
    }
    let etag = keep(change, &api, current.as_ref(), &next, "publish")?;
    Ok((next, etag, true))
}

fn current(change: &Change<'_>, api: &ApiName, environment: &Name) -> Result<Option<Kept<Publication>>, Problem> {
    change.load(change.call.space()?, &publication_key(api, environment))
}

fn revisions(change: &Change<'_>, api: &ApiName, release: Release) -> Result<Vec<Revision>, Problem> {
    let space = change.call.space()?;
    let mut found = Vec::new();
    for number in release.revisions() {
        found.extend(change.load::<Revision>(space, &revision_key(api, number))?.map(|kept| kept.record));
    }
    Ok(found)
}

/// Writes a publication with its history, and the API it may have moved.
fn keep(
    change: &mut Change<'_>,
    api: &Api,
    current: Option<&Kept<Publication>>,
    next: &Publication,
    verb: &str,
) -> Result<u64, Problem> {
    let space = change.call.space()?;
    change.save(space, api, Expect::Any, verb)?;
    let expect = current.map_or(Expect::Absent, |kept| Expect::Etag(kept.etag));
    let etag = change.rows.publish(space, next, expect)?;
    change.tell(space, (Publication::KIND, next.key(), verb), current.map(|kept| &kept.record), Some(next))?;
    Ok(etag)
}

fn rollback(change: &mut Change<'_>) -> Outcome {
    let call = change.call;
    let Rollback { to, note } = call.body()?;
    let (space, name, environment) = (call.space()?, call.api()?, call.named::<Name>("environment")?);
    let mut api = change.wanted::<Api>(space, &name.to_string())?.record;
    let current = current(change, &name, &environment)?.ok_or_else(Problem::not_found)?;
    call.expect()?.check(Some(current.etag))?;
    let number = to.unwrap_or_else(|| current.record.number.saturating_sub(1));
    let key = past_publication_key(&name, &environment, number);
    let Some(past) = change.load::<PastPublication>(space, &key)? else {
        let what = format!("there is no publication {number} of `{name}` in `{environment}`");
        return Err(Refusal::new(Code::NoSuchPublication, "to", what, "look at the history").into());
    };
    let next = publication::rollback(&mut api, &current.record, &past.record.0, call.made(note)?)?;
    let etag = keep(change, &api, Some(&current), &next, "rollback")?;
    Ok(Answer::of(&next).tagged(etag))
}

fn withdraw(change: &mut Change<'_>) -> Outcome {
    let call = change.call;
    end(change, &call.api()?, &call.named("environment")?, call.expect()?)?;
    Ok(Answer::done())
}

/// Takes an API out of an environment.
pub(crate) fn end(change: &mut Change<'_>, name: &ApiName, environment: &Name, expect: Expect) -> Result<(), Problem> {
    let api = change.wanted::<Api>(change.call.space()?, &name.to_string())?.record;
    let current = current(change, name, environment)?.ok_or_else(Problem::not_found)?;
    expect.check(Some(current.etag))?;
    let next = publication::withdraw(&current.record, change.call.made(None)?)?;
    keep(change, &api, Some(&current), &next, "withdraw")?;
    Ok(())
}
