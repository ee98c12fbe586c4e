//! A line as a route of the contract: match, what is done, and the policies of all levels.
//!
//! What is done follows the lifecycle: requests are forwarded, mocks answer, or every request is refused. Of a canary the
//! contract can say where requests go, not what holds for them: so both revisions share the policies of the one that most
//! requests get, and a request that only the canary takes goes to it alone.

use crate::{
    answer,
    api::Served,
    delta::{Item, Kind},
    layers::{self, Policies},
    lines::Line,
    names,
    settings::Settings,
    upstream,
};
use serde_json::{Value, json};
use tollgate_domain::{
    ApiSpec, Code, Environment, Level, Lifecycle, Name, Operation, Refusal, Tenant, api::Need, lifecycle::Serving,
    policies::effective,
};

/// The header field that tells an environment where it has a stage.
const STAGE: &str = "X-Stage";

/// What a version is compiled in.
pub(crate) struct Around<'a> {
    pub(crate) tenant: &'a Tenant,
    pub(crate) environment: &'a Environment,
    pub(crate) settings: &'a Settings,
    /// All that is served of the API.
    pub(crate) versions: &'a [Served],
}

impl Around<'_> {
    /// What all names begin with.
    pub(crate) fn place(&self) -> (&Name, &Name) {
        (&self.tenant.name, &self.environment.name)
    }
}

/// The route of a line, which may share its requests with the canary.
pub(crate) fn item(
    one: &Served,
    line: &Line<'_>,
    share: Option<(&Line<'_>, u8)>,
    around: &Around<'_>,
) -> Result<Item, Vec<Refusal>> {
    let mut route = begin(&one.spec, line, around);
    let serving = one.api.lifecycle.serving();
    match serving {
        Serving::Requests => {
            let name = |is_canary| names::upstream(around.place(), &one.spec.api_name(), is_canary);
            if let Some((beside, percent)) = share {
                if beside.asked != line.asked {
                    return Err(vec![other_path(line)]);
                }
                let weights = [(name(false), 100 - percent), (name(true), percent)];
                route["upstreams"] =
                    weights.into_iter().map(|(name, weight)| json!({ "name": name, "weight": weight })).collect();
            } else {
                route["upstream"] = name(false).into();
            }
            forward(&mut route, &one.spec, line);
        }
        Serving::Mocks => route["answer"] = answer::of_mock(line.operation.mock.as_ref()),
        Serving::Refusals | Serving::Nothing => route["answer"] = answer::blocked(),
    }
    if matches!(serving, Serving::Requests | Serving::Mocks) {
        finish(&mut route, policies(one, &one.spec, line, around)?);
    }
    Ok(Item::new(Kind::Route, &route, place_of(line.operation)))
}

/// The route of a line that only the canary has.
pub(crate) fn of_canary(
    one: &Served,
    spec: &ApiSpec,
    line: &Line<'_>,
    has_upstream: bool,
    around: &Around<'_>,
) -> Result<Item, Vec<Refusal>> {
    let mut route = begin(spec, line, around);
    route["name"] = names::of_canary(&line.name).into();
    route["upstream"] = names::upstream(around.place(), &spec.api_name(), has_upstream).into();
    forward(&mut route, spec, line);
    finish(&mut route, policies(one, spec, line, around)?);
    Ok(Item::new(Kind::Route, &route, place_of(line.operation)))
}

fn place_of(operation: &Operation) -> String {
    format!("operations.{}", operation.name)
}

/// Name and match.
fn begin(spec: &ApiSpec, line: &Line<'_>, around: &Around<'_>) -> Value {
    let mut taken = json!({ "path": line.path });
    let hosts = if spec.hosts.is_empty() { &around.environment.hosts } else { &spec.hosts };
    if !hosts.is_empty() {
        taken["hosts"] = json!(hosts);
    }
    if line.operation.method != "*" {
        taken["methods"] = json!([line.operation.method]);
    }
    let condition = |(name, value): &(String, String)| json!({ "name": name, "exact": value });
    let stage = around.environment.stage.as_ref().map(|stage| (STAGE.to_owned(), stage.clone()));
    let headers: Vec<Value> = stage.iter().chain(&line.header).map(condition).collect();
    if !headers.is_empty() {
        taken["headers"] = headers.into();
    }
    if let Some(query) = &line.query {
        taken["query"] = json!([condition(query)]);
    }
    json!({ "name": line.name, "match": taken })
}

/// What an upstream is asked for, and how long that may take.
fn forward(route: &mut Value, spec: &ApiSpec, line: &Line<'_>) {
    if line.asked != line.path {
        route["rewrite"] = json!({ "path": line.asked });
    }
    if let Some(timeouts) = upstream::timeouts(spec) {
        route["timeouts"] = timeouts.clone();
    }
}

fn finish(route: &mut Value, policies: Policies) {
    if !policies.is_empty() {
        route["policies"] = policies.into();
    }
}

fn other_path(line: &Line<'_>) -> Refusal {
    let what = "the canary asks its upstream for another path than the revision it stands beside";
    let remedy = "give both upstreams the same `path`, or publish one revision alone";
    Refusal::new(Code::InvalidValue, format!("{}.canary", place_of(line.operation)), what, remedy)
}

/// Those of tenant, API and operation, who may call, and what is told of a deprecation.
fn policies(one: &Served, spec: &ApiSpec, line: &Line<'_>, around: &Around<'_>) -> Result<Policies, Vec<Refusal>> {
    let (place, api, operation) = (around.place(), spec.api_name(), line.operation);
    let layers = [
        (Level::Tenant, &around.tenant.policies),
        (Level::Api, &spec.policies),
        (Level::Operation, &operation.policies),
    ];
    let scope = |level| match level {
        Level::Operation => names::route(place, &api.name, Some(api.version.as_str()), operation.name.as_str()),
        Level::Api => names::scope_of_api(place, &api),
        _ => names::scope_of_tenant(place),
    };
    let inside =
        |refusals: Vec<Refusal>| refusals.into_iter().map(|one| one.inside(&place_of(operation))).collect::<Vec<_>>();
    let mut policies = layers::fold(&effective(&layers), &scope).map_err(inside)?;
    who_calls(&mut policies, one, spec, operation, around)?;
    if one.api.lifecycle == Lifecycle::Deprecated
        && let Some(deprecation) = &one.api.deprecation
    {
        layers::put_on(&mut policies, "response_headers", answer::deprecation(deprecation, line, around));
    }
    Ok(policies)
}

/// `identify` and `authorize`: what no layer says is what the node and the API say.
fn who_calls(
    policies: &mut Policies,
    one: &Served,
    spec: &ApiSpec,
    operation: &Operation,
    around: &Around<'_>,
) -> Result<(), Vec<Refusal>> {
    if policies.get("identify").is_some_and(layers::is_off) {
        if !operation.scopes.is_empty() {
            let what = "scopes are asked for where nobody is asked who they are";
            let remedy = "take `identify: off` or the scopes out";
            let place = format!("{}.scopes", place_of(operation));
            return Err(vec![Refusal::new(Code::InvalidValue, place, what, remedy)]);
        }
        policies.remove("authorize");
        return Ok(());
    }
    policies.entry("identify").or_insert_with(|| identify(spec, around));
    let said = policies.get("authorize").cloned().unwrap_or_else(|| json!({}));
    if layers::is_off(&said) {
        return Ok(());
    }
    // What is no mapping is for the contract to refuse.
    let Value::Object(mut authorize) = said else { return Ok(()) };
    let api = spec.api_name();
    let name = match one.single.contains(&operation.name) {
        true => names::operation(&around.tenant.name, &api, &operation.name),
        false => names::api(&around.tenant.name, &api),
    };
    authorize.insert("api".to_owned(), name.into());
    if spec.subscription == Need::Optional {
        authorize.entry("subscription").or_insert_with(|| "optional".into());
    }
    if !operation.scopes.is_empty() {
        let scopes = authorize.entry("scopes").or_insert_with(|| json!([]));
        let more: Vec<Value> = operation.scopes.iter().map(|scope| json!(scope)).collect();
        scopes.as_array_mut().into_iter().for_each(|scopes| scopes.extend(more.clone()));
    }
    policies.insert("authorize".to_owned(), authorize.into());
    Ok(())
}

fn identify(spec: &ApiSpec, around: &Around<'_>) -> Value {
    let mut identify = around.settings.identify.clone();
    let is_anonymous = |methods: &[Value]| methods.iter().any(|method| method.get("anonymous").is_some());
    if spec.subscription == Need::Optional
        && let Some(methods) = identify.as_array_mut().filter(|methods| !is_anonymous(methods))
    {
        methods.push(json!({ "anonymous": true }));
    }
    identify
}
