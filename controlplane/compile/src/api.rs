//! All versions of an API in an environment, as upstreams and routes.
//!
//! ```text
//! publications -> Served: what each version serves -> lines: operation x place of the version -> routes
//! ```
//!
//! Versions are compiled together because of their short forms: which version `v1` leads to depends on all of them. It is
//! the highest that serves; a prototype or a blocked one has a short form only where there is no other. An API that is
//! not served (created, retired, withdrawn) has no routes.

use crate::{
    delta::{Item, Kind},
    lines::{self, Line},
    names,
    route::{self, Around},
    settings::Settings,
    source::Source,
    target::single_operations,
    upstream,
};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use tollgate_domain::{
    Api, ApiName, ApiSpec, Code, Environment, Name, Refusal, Refusals, Release, Tenant, lifecycle::Serving, version,
};

/// What an environment serves of a version.
pub(crate) struct Served {
    pub(crate) api: Api,
    /// The revision that requests get.
    pub(crate) spec: ApiSpec,
    /// The one that is tried, and how many requests of a hundred get it.
    pub(crate) canary: Option<(ApiSpec, u8)>,
    /// Operations with a name of their own for `authorize`.
    pub(crate) single: BTreeSet<Name>,
}

/// What versions are compiled to, and what is wrong with which of them.
#[derive(Default)]
pub(crate) struct Compiled {
    pub(crate) items: Vec<Item>,
    pub(crate) notes: Vec<String>,
    pub(crate) failed: Vec<(ApiName, Vec<Refusal>)>,
}

/// Compiles all versions of the API of this name.
pub(crate) fn compile<S: Source>(
    source: &S,
    settings: &Settings,
    (tenant, environment, name): (&Name, &Name, &Name),
) -> Result<Compiled, S::Error> {
    let mut compiled = Compiled::default();
    if !settings.serves(environment) {
        return Ok(compiled);
    }
    let (Some(tenant), Some(environment)) = (source.tenant(tenant)?, source.environment(tenant, environment)?) else {
        return Ok(compiled);
    };
    let mut versions = Vec::new();
    for api in source.versions(&tenant.name, name)? {
        let api_name = api.api_name();
        match served(source, &tenant, &environment, api)? {
            Ok(found) => versions.extend(found),
            Err(refusals) => compiled.failed.push((api_name, refusals.into_iter().collect())),
        }
    }
    let short = short_forms(&versions);
    for one in &versions {
        let forms = short.get(one.spec.version.as_str()).cloned().unwrap_or_default();
        let around = Around { tenant: &tenant, environment: &environment, settings, versions: &versions };
        match items(one, &forms, &around) {
            Ok((items, notes)) => {
                compiled.items.extend(items);
                compiled.notes.extend(notes);
            }
            Err(refusals) => compiled.failed.push((one.spec.api_name(), refusals)),
        }
    }
    Ok(compiled)
}

/// What of an API is served; `None` if nothing is.
fn served<S: Source>(
    source: &S,
    tenant: &Tenant,
    environment: &Environment,
    api: Api,
) -> Result<Result<Option<Served>, Refusals>, S::Error> {
    let name = api.api_name();
    if api.lifecycle.serving() == Serving::Nothing {
        return Ok(Ok(None));
    }
    let Some(publication) = source.publication(&tenant.name, &environment.name, &name)? else { return Ok(Ok(None)) };
    let Some(release) = publication.release else { return Ok(Ok(None)) };
    let mut specs = Vec::new();
    for number in release.revisions() {
        let revision = source.revision(&tenant.name, &name, number)?;
        let Some(revision) = revision else { return Ok(Err(no_revision(number).into())) };
        match revision.materialize(&environment.name, &publication.variables) {
            Ok(spec) => specs.push(spec),
            Err(refusals) => return Ok(Err(refusals)),
        }
    }
    let single = single_operations(source, &tenant.name, &name)?;
    Ok(Ok(with_specs(api, release, specs, single)))
}

fn with_specs(api: Api, release: Release, specs: Vec<ApiSpec>, single: BTreeSet<Name>) -> Option<Served> {
    let mut specs = specs.into_iter();
    let spec = specs.next()?;
    let canary = specs.next().zip(release.canary).map(|(spec, canary)| (spec, canary.percent));
    Some(Served { api, spec, canary, single })
}

fn no_revision(number: u32) -> Refusal {
    let what = format!("there is no revision {number}");
    Refusal::new(Code::NoSuchRevision, "revision", what, "publish another one")
}

/// Version -> its short forms.
fn short_forms(versions: &[Served]) -> BTreeMap<String, Vec<String>> {
    let of = |wanted: &dyn Fn(Serving) -> bool| {
        let versions = versions.iter().filter(|one| wanted(one.api.lifecycle.serving()));
        versions.map(|one| one.spec.version.clone()).collect::<Vec<_>>()
    };
    // What serves goes before what does not, and a whole version is no short form.
    let mut forms = version::aliases(&of(&|_| true));
    for (form, version) in version::aliases(&of(&|serving| serving == Serving::Requests)) {
        if let Some(best) = forms.get_mut(&form) {
            *best = version;
        }
    }
    let mut short: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (form, version) in forms {
        short.entry(version.to_string()).or_default().push(form);
    }
    short
}

/// The upstreams and routes of a version, and what they do not say.
fn items(one: &Served, short: &[String], around: &Around<'_>) -> Result<(Vec<Item>, Vec<String>), Vec<Refusal>> {
    let place = around.place();
    let own = lines::of(&one.spec, place, short);
    let mut items = Vec::new();
    let tried = canary(one, around)?;
    if one.api.lifecycle.serving() == Serving::Requests {
        items.push(upstream_item(&one.spec, &names::upstream(place, &one.spec.api_name(), false))?);
        items.extend(tried.as_ref().and_then(|tried| tried.upstream.clone()));
    }
    let mut notes = Vec::new();
    let tried_lines: BTreeMap<_, _> = tried.as_ref().map_or_else(BTreeMap::new, |tried| {
        lines::of(tried.spec, place, short).into_iter().map(|line| (line.key(), line)).collect()
    });
    let mut taken = BTreeSet::new();
    for line in &own {
        let beside = tried_lines.get(&line.key());
        let share = tried.as_ref().zip(beside).filter(|(tried, _)| tried.upstream.is_some());
        notes.extend(beside.and_then(|beside| differs(one, line, beside)));
        items.push(route::item(one, line, share.map(|(tried, beside)| (beside, tried.percent)), around)?);
        taken.insert(line.key());
    }
    if let Some(tried) = &tried {
        for (_, line) in tried_lines.iter().filter(|(key, _)| !taken.contains(*key)) {
            items.push(route::of_canary(one, tried.spec, line, tried.upstream.is_some(), around)?);
        }
    }
    notes.dedup();
    Ok((items, notes))
}

/// A revision that is tried, while requests are forwarded.
struct Tried<'s> {
    spec: &'s ApiSpec,
    percent: u8,
    /// `None`: it goes where the other revision goes.
    upstream: Option<Item>,
}

fn canary<'s>(one: &'s Served, around: &Around<'_>) -> Result<Option<Tried<'s>>, Vec<Refusal>> {
    let Some((spec, percent)) = &one.canary else { return Ok(None) };
    if one.api.lifecycle.serving() != Serving::Requests {
        return Ok(None);
    }
    let upstream = upstream_item(spec, &names::upstream(around.place(), &spec.api_name(), true))?;
    let same = upstream::value(&one.spec, "") == upstream::value(spec, "");
    Ok(Some(Tried { spec, percent: *percent, upstream: (!same).then_some(upstream) }))
}

fn upstream_item(spec: &ApiSpec, name: &str) -> Result<Item, Vec<Refusal>> {
    let value = upstream::value(spec, name).ok_or_else(|| {
        let remedy = "add one, or make the API a prototype with mocks";
        vec![Refusal::new(Code::NothingToServe, "upstream", "the API has no upstream in this environment", remedy)]
    })?;
    Ok(Item::new(Kind::Upstream, &value, "upstream".to_owned()))
}

/// Says that the policies of a canary do not hold yet where both revisions take the same requests.
fn differs(one: &Served, line: &Line<'_>, beside: &Line<'_>) -> Option<String> {
    let (spec, _) = one.canary.as_ref()?;
    let said = |spec: &ApiSpec, line: &Line<'_>| -> Value {
        json!([spec.policies, line.operation.policies, line.operation.scopes, spec.subscription])
    };
    let name = one.spec.api_name();
    (said(&one.spec, line) != said(spec, beside))
        .then(|| format!("the policies of the canary of `{name}` hold once it is published alone"))
}
