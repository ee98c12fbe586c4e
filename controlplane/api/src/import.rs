//! An OpenAPI document as the working copy of an API.
//!
//! What the document says becomes base path, upstream, operations and policies; what the gateway cannot do with it is a
//! note. An API that is there already keeps what no document says: plans, visibility, labels, upstreams of environments.

use crate::{call::Call, problem::Problem};
use axum::http::StatusCode;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use tollgate_domain::{
    ApiSpec, Code, Document, Endpoint, Name, Operation, Policies, Refusal, Refusals, Upstream, Version, VersionPlace,
    VersionScheme, policies::POLICIES,
};
use tollgate_openapi::{Import, Note, Stage};

/// What was read.
pub(crate) struct Taken {
    pub(crate) spec: ApiSpec,
    pub(crate) document: Document,
    pub(crate) notes: Vec<Value>,
}

/// Reads the document of the body.
pub(crate) fn read(call: &Call) -> Result<Taken, Problem> {
    let text = call.text()?;
    if text.is_empty() {
        let detail = "the body has to be an OpenAPI document, as YAML or JSON";
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_value", detail));
    }
    let import = tollgate_openapi::import(text).map_err(|error| mistakes(&error))?;
    let mut notes: Vec<_> = import.notes.iter().map(shown).collect();
    let document = Document::new(text.to_owned());
    let name = match call.query.get("name") {
        Some(name) => name.parse::<Name>().map_err(|refusal| refusal.inside("name"))?,
        None => Name::slug(&import.name).ok_or_else(|| {
            Problem::invalid("name", "the title of the document makes no name", "give one: `?name=orders`")
        })?,
    };
    let version = call.query.get("version").cloned().unwrap_or_else(|| version(&import.version));
    let version: Version = version.parse().map_err(|refusal: Refusal| refusal.inside("version"))?;
    let upstream = upstream(call, &import);
    let policies = policies(&import.policies, "", &mut notes);
    let operations = operations(&import, &mut notes);
    let plans = call.query.get("plan").map(|plan| plan.parse::<Name>()).transpose()?;
    let base_path = if import.base_path.is_empty() { "/".to_owned() } else { import.base_path.clone() };
    let spec = ApiSpec {
        name,
        version,
        title: filled(import.title, 256),
        description: filled(import.description, 16_384),
        tags: BTreeSet::new(),
        labels: BTreeMap::new(),
        visibility: tollgate_domain::Visibility::default(),
        base_path,
        hosts: Vec::new(),
        // The base path of a document says already where this version is.
        versioning: VersionScheme { r#in: VersionPlace::None, ..VersionScheme::default() },
        subscription: tollgate_domain::Need::default(),
        plans: plans.into_iter().collect(),
        upstream,
        upstreams: BTreeMap::new(),
        policies,
        operations,
        document: Some(document.digest.clone()),
    };
    Ok(Taken { spec, document, notes })
}

/// `spec` with what is said of the API besides its document.
pub(crate) fn onto(spec: ApiSpec, before: &ApiSpec) -> ApiSpec {
    let plans = spec.plans.union(&before.plans).cloned().collect();
    ApiSpec {
        plans,
        tags: before.tags.clone(),
        labels: before.labels.clone(),
        visibility: before.visibility.clone(),
        hosts: before.hosts.clone(),
        versioning: before.versioning.clone(),
        subscription: before.subscription,
        upstream: spec.upstream.or_else(|| before.upstream.clone()),
        upstreams: before.upstreams.clone(),
        ..spec
    }
}

fn mistakes(error: &tollgate_openapi::ImportError) -> Problem {
    let refusal = |mistake: &tollgate_openapi::Mistake| {
        let place =
            if mistake.line > 0 { format!("line {} {}", mistake.line, mistake.place) } else { mistake.place.clone() };
        Refusal::new(Code::InvalidValue, place, mistake.message.clone(), "mend the document")
    };
    let found: Vec<_> = error.0.iter().map(refusal).collect();
    match Refusals::none(found) {
        Err(refusals) => refusals.into(),
        Ok(()) => Problem::invalid("", "the document cannot be used", "mend it"),
    }
}

fn shown(note: &Note) -> Value {
    json!({ "place": note.place, "line": note.line, "message": note.message })
}

fn filled(text: String, chars_max: usize) -> Option<String> {
    Some(text).filter(|text| !text.is_empty()).map(|text| text.chars().take(chars_max).collect())
}

/// What is no version in a document is made one.
fn version(text: &str) -> String {
    let spelled: String = text
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') { c } else { '-' })
        .take(32)
        .collect();
    let spelled = spelled.trim_start_matches(['.', '-', '_']).to_owned();
    if spelled.is_empty() { "1".to_owned() } else { spelled }
}

/// Where requests go: what the call says, or the servers for production.
fn upstream(call: &Call, import: &Import) -> Option<Upstream> {
    // The base path is the API's own, and its endpoints have it too.
    let path = Some(import.base_path.clone()).filter(|path| !path.is_empty());
    let endpoint = |address| Endpoint { address, weight: None };
    if let Some(address) = call.query.get("upstream") {
        return Some(Upstream { endpoints: vec![endpoint(address.clone())], path, options: BTreeMap::new() });
    }
    let origins = import.endpoints.iter().filter(|found| found.stage == Stage::Production);
    let origins: Vec<_> = origins.map(|found| found.origin.as_str()).collect();
    let is_tls = origins.first()?.starts_with("https://");
    let address = |origin: &&str| {
        let (scheme, host) = origin.split_once("://")?;
        let port = if scheme == "https" { 443 } else { 80 };
        let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let same = (scheme == "https") == is_tls;
        same.then(|| endpoint(if has_port { host.to_owned() } else { format!("{host}:{port}") }))
    };
    let endpoints = origins.iter().filter_map(address).collect();
    let options = if is_tls { BTreeMap::from([("tls".to_owned(), json!({}))]) } else { BTreeMap::new() };
    Some(Upstream { endpoints, path, options })
}

/// Those that a tenant may use; a note for each other.
fn policies(found: &tollgate_openapi::Policies, place: &str, notes: &mut Vec<Value>) -> Policies {
    let mut policies = Policies::default();
    for (name, value) in found {
        if POLICIES.contains(&name.as_str()) {
            policies.entries.insert(name.clone(), value.clone());
        } else {
            notes.push(json!({ "place": place, "line": 0, "message": format!("there is no policy `{name}`") }));
        }
    }
    policies
}

fn operations(import: &Import, notes: &mut Vec<Value>) -> Vec<Operation> {
    let mut names = BTreeSet::new();
    let mut operations = Vec::new();
    for found in &import.operations {
        let place = format!("{} {}", found.method, found.template);
        let (path, is_whole) = path(&found.template);
        if !is_whole {
            let message = "a segment of text and parameters is matched as one parameter";
            notes.push(json!({ "place": place, "line": 0, "message": message }));
        }
        operations.push(Operation {
            name: unique(&found.name, &mut names),
            method: found.method.clone(),
            path,
            title: filled(found.summary.clone(), 256),
            scopes: scopes(found.need.as_ref().or(import.need.as_ref())),
            policies: policies(&found.policies, &place, notes),
            mock: None,
        });
    }
    operations
}

/// A name that no other operation has.
fn unique(text: &str, taken: &mut BTreeSet<Name>) -> Name {
    let mut at = 1_u32;
    loop {
        let wanted = if at == 1 { text.to_owned() } else { format!("{text}-{at}") };
        let name = Name::slug(&wanted).or_else(|| Name::slug(&format!("operation-{at}")));
        if let Some(name) = name
            && taken.insert(name.clone())
        {
            return name;
        }
        at += 1;
    }
}

/// A template as the contract has it, and whether it matches the same.
fn path(template: &str) -> (String, bool) {
    let mut is_whole = true;
    let segment = |(at, text): (usize, &str)| {
        let is_parameter = text.starts_with('{') && text.ends_with('}') && !text[1..].contains('{');
        if !text.contains('{') || is_parameter {
            let spelled = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' };
            return if is_parameter {
                format!("{{{}}}", text[1..text.len() - 1].chars().map(spelled).collect::<String>())
            } else {
                text.to_owned()
            };
        }
        is_whole = false;
        format!("{{segment_{at}}}")
    };
    let segments: Vec<_> = template.split('/').enumerate().map(segment).collect();
    (segments.join("/"), is_whole)
}

/// The scopes of the first alternative that has some.
fn scopes(need: Option<&tollgate_openapi::Need>) -> BTreeSet<String> {
    let alternatives = need.into_iter().flatten();
    let scopes = alternatives.map(|schemes| schemes.values().flatten().cloned().collect::<BTreeSet<_>>());
    scopes.into_iter().find(|scopes| !scopes.is_empty()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_versions_and_names_become_those_of_the_domain() {
        let rows = [
            ("/orders/{id}", "/orders/{id}", true),
            ("/orders/{order-id}/x", "/orders/{order_id}/x", true),
            ("/files/{name}.{ext}", "/files/{segment_2}", false),
            ("/", "/", true),
        ];
        for (template, expected, is_whole) in rows {
            assert_eq!(path(template), (expected.to_owned(), is_whole), "{template}");
        }
        assert_eq!([version("1.2.0"), version("v2 beta"), version(" "), version("")], ["1.2.0", "v2-beta", "1", "1"]);
        let mut taken = BTreeSet::new();
        let names = ["listOrders", "list-Orders", "listorders", "..."].map(|text| unique(text, &mut taken).to_string());
        assert_eq!(names, ["listorders", "list-orders", "listorders-2", "operation-1"]);
    }
}
