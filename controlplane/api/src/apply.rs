//! Many documents at once: what they say becomes what there is, in one transaction or not at all.
//!
//! ```text
//! { kind: Api, name: orders, ... }  -> in the order of KINDS -> written, or told as it is -> changes with differences
//! prune: what is of one of the kinds that were named and in no document goes, in the opposite order
//! ```
//!
//! `dry_run` makes a diff of it. Each document needs the action its kind is written by. `export` gives the documents that
//! lead to what there is; credentials, members and history are in none.

use crate::{
    answer::Answer,
    apis,
    call::{self, Call, Permit},
    change::Change,
    endpoint::{Endpoint, Outcome},
    limits::DOCUMENTS_MAX,
    problem::Problem,
    publications::{self, Publish},
    resource::{self, Resource},
    subscriptions,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use tollgate_domain::{
    Action, Api, ApiName, ApiSpec, Application, Canary, Environment, Name, Plan, Product, Publication, Subscription,
    Target,
};
use tollgate_store::{Error, Expect, Query, Record, Records as _, Rows, Space, publication_key, subscription_key};
use utoipa::ToSchema;

pub(crate) const ENDPOINTS: &[Endpoint] = &[
    Endpoint::post("/tenants/{tenant}/apply", "apply", "Makes what there is what the documents say.", apply)
        .query(&[("prune", "`true`: what is of a kind among the documents and in none of them goes.")])
        .bodies("Documents", "Changes")
        .may(Action::ReadCatalog),
    Endpoint::get("/tenants/{tenant}/export", "export", "Documents that lead to what there is.", export)
        .bodies("", "Documents")
        .may(Action::ReadApis),
];

/// In the order in which they refer to each other; only what is published is subscribed to.
pub(crate) const KINDS: [&str; 7] =
    ["Environment", "Plan", "Api", "Publication", "Product", "Application", "Subscription"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Documents {
    documents: Vec<Map<String, Value>>,
}

/// What an environment serves of an API.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Published {
    /// The API, with its version: `orders@1.0`.
    api: ApiName,
    /// Where to.
    environment: Name,
    /// Left out: the working copy, frozen.
    #[serde(default)]
    revision: Option<u32>,
    /// A revision that some requests get.
    #[serde(default)]
    canary: Option<Canary>,
    /// Why.
    #[serde(default)]
    note: Option<String>,
}

/// What an application may call.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Subscribed {
    /// Who calls.
    application: Name,
    /// An API with its version (`orders@1.0`), or a product.
    target: Target,
    /// How much it may use.
    plan: Name,
}

/// A document, where it stood among the others.
struct Document {
    at: usize,
    /// Index in `KINDS`.
    kind: usize,
    body: Map<String, Value>,
}

fn apply(change: &mut Change<'_>) -> Outcome {
    let call = change.call;
    let is_pruned = call.flag("prune")?;
    let Documents { documents } = call.body()?;
    if documents.len() > DOCUMENTS_MAX {
        let what = format!("there are {} documents", documents.len());
        return Err(Problem::invalid("documents", what, format!("send at most {DOCUMENTS_MAX} at one time")));
    }
    let mut documents =
        documents.into_iter().enumerate().map(|(at, body)| document(at, body)).collect::<Result<Vec<_>, _>>()?;
    documents.sort_by_key(|document| (document.kind, document.at));
    let mut kinds = BTreeSet::new();
    let mut named = BTreeSet::new();
    let mut changes = Vec::new();
    for Document { at, kind, body } in documents {
        let place = format!("documents[{at}]");
        let (key, told) = one(change, kind, body).map_err(|problem| problem.inside(&place))?;
        changes.push(told);
        kinds.insert(kind);
        if !named.insert((kind, key.clone())) {
            let what = format!("the {} `{key}` is there twice", KINDS[kind]);
            return Err(Problem::invalid(&place, what, "take one out"));
        }
    }
    if is_pruned {
        prune(change, &kinds, &named, &mut changes)?;
    }
    Ok(Answer::of(&json!({ "changes": changes })))
}

fn document(at: usize, mut body: Map<String, Value>) -> Result<Document, Problem> {
    let place = format!("documents[{at}].kind");
    let remedy = format!("write one of {}", KINDS.join(", "));
    let Some(Value::String(kind)) = body.remove("kind") else {
        return Err(Problem::invalid(&place, "a document says what it is", remedy));
    };
    let found = KINDS.iter().position(|known| *known == kind);
    let kind = found.ok_or_else(|| Problem::invalid(&place, format!("there is no kind `{kind}`"), remedy))?;
    Ok(Document { at, kind, body })
}

/// Does what one document says. Gives the key of its record and what has changed.
fn one(change: &mut Change<'_>, kind: usize, body: Map<String, Value>) -> Result<(String, Value), Problem> {
    match KINDS[kind] {
        "Environment" => whole::<Environment>(change, kind, body),
        "Plan" => whole::<Plan>(change, kind, body),
        "Product" => whole::<Product>(change, kind, body),
        "Application" => whole::<Application>(change, kind, body),
        "Api" => api(change, kind, body),
        "Subscription" => subscription(change, kind, body),
        _ => publication(change, kind, body),
    }
}

/// Runs `work` as somebody who may do `action` only as far as it reaches for them.
fn reaching<T>(
    change: &mut Change<'_>,
    action: Action,
    work: impl FnOnce(&mut Change<'_>) -> Result<T, Problem>,
) -> Result<T, Problem> {
    let mut permit = change.call.permit()?.clone();
    permit.reach = permit.actor.may(action, &permit.tenant)?;
    let call = change.call.with(permit);
    work(&mut Change { call: &call, rows: change.rows, touched: change.touched })
}

fn whole<R: Resource>(
    change: &mut Change<'_>,
    kind: usize,
    body: Map<String, Value>,
) -> Result<(String, Value), Problem> {
    reaching(change, R::WRITE, |change| {
        let space = change.call.space()?;
        let record: R = resource::record(body, change)?;
        let key = record.key();
        let before = change.load::<R>(space, &key)?.map(|kept| json!(kept.record));
        resource::write(change, &record, Expect::Any)?;
        let after = json!(record);
        Ok((key.clone(), told(kind, &key, before.as_ref(), Some(&after))))
    })
}

fn api(change: &mut Change<'_>, kind: usize, body: Map<String, Value>) -> Result<(String, Value), Problem> {
    reaching(change, Action::WriteApis, |change| {
        let spec: ApiSpec = call::read(body)?;
        let key = spec.api_name().to_string();
        let before = change.load::<Api>(change.call.space()?, &key)?.map(|kept| json!(kept.record.spec));
        let (api, _) = apis::write(change, spec, Expect::Any)?;
        Ok((key.clone(), told(kind, &key, before.as_ref(), Some(&json!(api.spec)))))
    })
}

fn subscription(change: &mut Change<'_>, kind: usize, body: Map<String, Value>) -> Result<(String, Value), Problem> {
    let Subscribed { application, target, plan } = call::read(body)?;
    reaching(change, Action::Subscribe, |change| {
        let space = change.call.space()?;
        let found = change.load::<Application>(space, application.as_str())?;
        let permit = change.call.permit()?;
        if !found.is_some_and(|kept| kept.record.is_visible(permit)) {
            let what = format!("there is no application `{application}`");
            return Err(Problem::invalid("application", what, "create it first"));
        }
        let key = subscription_key(&application, &target);
        let before = change.load::<Subscription>(space, &key)?.map(|kept| said(&kept.record));
        let (subscription, _) = subscriptions::ask(change, &application, target, &plan, None, Expect::Any)?;
        Ok((key.clone(), told(kind, &key, before.as_ref(), Some(&said(&subscription)))))
    })
}

/// What a document says of a subscription.
fn said(subscription: &Subscription) -> Value {
    json!({
        "application": subscription.application, "target": subscription.target, "plan": subscription.plan,
    })
}

fn publication(change: &mut Change<'_>, kind: usize, body: Map<String, Value>) -> Result<(String, Value), Problem> {
    let Published { api, environment, revision, canary, note } = call::read(body)?;
    reaching(change, Action::Publish, |change| {
        let key = publication_key(&api, &environment);
        let before = change.load::<Publication>(change.call.space()?, &key)?.map(|kept| served(&kept.record));
        let wanted = Publish { revision, canary, note };
        let (next, _, is_made) = publications::publish(change, &api, &environment, wanted, Expect::Any)?;
        let mut told = told(kind, &key, before.as_ref(), Some(&served(&next)));
        // One that serves what was served is made all the same when it moves the lifecycle.
        if is_made && before.is_some() {
            told["change"] = json!("changed");
        }
        Ok((key, told))
    })
}

/// What of a publication makes it another one.
fn served(publication: &Publication) -> Value {
    json!({ "release": publication.release, "variables": publication.variables })
}

/// What has become of a record.
fn told(kind: usize, key: &str, before: Option<&Value>, after: Option<&Value>) -> Value {
    let change = match (before, after) {
        (None, _) => "created",
        (Some(_), None) => "deleted",
        (Some(before), Some(after)) if before == after => "unchanged",
        _ => "changed",
    };
    let mut told = json!({ "kind": KINDS[kind], "name": key, "change": change });
    if let (Some(before), Some(after)) = (before, after) {
        let mut found = Vec::new();
        differences("", before, after, &mut found);
        told["differences"] = Value::Array(found);
    }
    told
}

/// Where two values differ.
fn differences(place: &str, before: &Value, after: &Value, found: &mut Vec<Value>) {
    let inner = |key: &str| if place.is_empty() { key.to_owned() } else { format!("{place}.{key}") };
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => {
            let keys: BTreeSet<_> = before.keys().chain(after.keys()).collect();
            for key in keys {
                let [before, after] = [before, after].map(|map| map.get(key).unwrap_or(&Value::Null));
                differences(&inner(key), before, after, found);
            }
        }
        (Value::Array(before), Value::Array(after)) if before.len() == after.len() => {
            for (at, (before, after)) in before.iter().zip(after).enumerate() {
                differences(&format!("{place}[{at}]"), before, after, found);
            }
        }
        _ if before == after => {}
        _ => found.push(json!({ "place": place, "before": before, "after": after })),
    }
}

/// Removes what is of one of `kinds` and not `named`.
fn prune(
    change: &mut Change<'_>,
    kinds: &BTreeSet<usize>,
    named: &BTreeSet<(usize, String)>,
    changes: &mut Vec<Value>,
) -> Result<(), Problem> {
    for &kind in kinds.iter().rev() {
        let gone: Vec<_> =
            keys(change, kind)?.into_iter().filter(|key| !named.contains(&(kind, key.clone()))).collect();
        for key in gone {
            let removed = match KINDS[kind] {
                "Environment" => erased::<Environment>(change, &key),
                "Plan" => erased::<Plan>(change, &key),
                "Product" => erased::<Product>(change, &key),
                "Application" => erased::<Application>(change, &key),
                "Api" => reaching(change, Action::WriteApis, |change| {
                    let name: ApiName = key.parse()?;
                    apis::erase(change, &name, Expect::Any)
                }),
                "Subscription" => {
                    reaching(change, Action::Subscribe, |change| subscriptions::end(change, &key, Expect::Any))
                }
                _ => reaching(change, Action::Publish, |change| {
                    let (api, environment) = key.split_once('/').ok_or_else(Problem::not_found)?;
                    publications::end(change, &api.parse()?, &environment.parse()?, Expect::Any)
                }),
            };
            removed.map_err(|problem| problem.inside(&format!("{} {key}", KINDS[kind])))?;
            changes.push(told(kind, &key, Some(&Value::Null), None));
        }
    }
    Ok(())
}

fn erased<R: Resource>(change: &mut Change<'_>, key: &str) -> Result<(), Problem> {
    reaching(change, R::WRITE, |change| resource::erase::<R>(change, key, Expect::Any))
}

/// The keys of what there is of a kind and is for who asks.
fn keys(change: &Change<'_>, kind: usize) -> Result<Vec<String>, Problem> {
    let permit = change.call.permit()?;
    let own_applications = |action: Action| permit.actor.may(action, &permit.tenant);
    match KINDS[kind] {
        "Environment" => of::<Environment>(change, |_| true),
        "Plan" => of::<Plan>(change, |_| true),
        "Product" => of::<Product>(change, |_| true),
        "Api" => of::<Api>(change, |_| true),
        "Publication" => of::<Publication>(change, |publication| publication.release.is_some()),
        "Application" => {
            let reach = own_applications(Application::WRITE)?;
            let permit = Permit { reach, ..permit.clone() };
            of::<Application>(change, |application| application.is_visible(&permit))
        }
        _ => {
            let reach = own_applications(Action::Subscribe)?;
            let permit = Permit { reach, ..permit.clone() };
            let own: BTreeSet<_> =
                of::<Application>(change, |application| application.is_visible(&permit))?.into_iter().collect();
            of::<Subscription>(change, |subscription| own.contains(subscription.application.as_str()))
        }
    }
}

fn of<R: Record>(change: &Change<'_>, wanted: impl Fn(&R) -> bool) -> Result<Vec<String>, Problem> {
    let all = change.all::<R>(&Query::of(R::KIND, change.call.space()?))?;
    Ok(all.iter().filter(|record| wanted(record)).map(Record::key).collect())
}

fn export(call: &Call, rows: &dyn Rows) -> Outcome {
    let space = call.space()?;
    let mut documents = Vec::new();
    exported::<Environment>(rows, space, "Environment", &mut documents, |record| Some(json!(record)))?;
    exported::<Plan>(rows, space, "Plan", &mut documents, |record| Some(json!(record)))?;
    exported::<Api>(rows, space, "Api", &mut documents, |api| Some(json!(api.spec)))?;
    exported::<Publication>(rows, space, "Publication", &mut documents, |publication| {
        let release = publication.release?;
        let mut said = json!({
            "api": publication.api, "environment": publication.environment, "revision": release.revision,
        });
        if let Some(canary) = release.canary {
            said["canary"] = json!(canary);
        }
        Some(said)
    })?;
    exported::<Product>(rows, space, "Product", &mut documents, |record| Some(json!(record)))?;
    exported::<Application>(rows, space, "Application", &mut documents, |record| Some(json!(record)))?;
    exported::<Subscription>(rows, space, "Subscription", &mut documents, |record| Some(said(record)))?;
    Ok(Answer::of(&json!({ "documents": documents })))
}

fn exported<R: Record>(
    rows: &dyn Rows,
    space: Space<'_>,
    kind: &str,
    documents: &mut Vec<Value>,
    said: impl Fn(&R) -> Option<Value>,
) -> Result<(), Problem> {
    rows.for_each::<R>(&Query::of(R::KIND, space), |kept| {
        if let Some(Value::Object(body)) = said(&kept.record) {
            let mut document = Map::from_iter([("kind".to_owned(), json!(kind))]);
            document.extend(body);
            documents.push(Value::Object(document));
        }
        Ok::<_, Error>(())
    })?;
    Ok(())
}
