//! An OpenAPI document as the working copy of an API.
//!
//! What it becomes is decided in `compile`; here is what the request says besides: name, version, upstream, plan. An API
//! that is there already keeps what no document says: plans, visibility, labels, hosts, upstreams of environments.

use crate::{call::Call, problem::Problem};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tollgate_compile::spec_of;
use tollgate_domain::{ApiSpec, Code, Document, Endpoint, Name, Refusal, Refusals, Upstream};
use tollgate_openapi::{ImportError, Mistake, Note};

/// What was read.
pub(crate) struct Taken {
    pub(crate) spec: ApiSpec,
    pub(crate) document: Document,
    pub(crate) notes: Vec<Value>,
    /// The request says where requests go.
    pub(crate) has_upstream: bool,
}

/// Reads the document of the body.
pub(crate) fn read(call: &Call) -> Result<Taken, Problem> {
    let text = call.text()?;
    if text.is_empty() {
        return Err(Problem::invalid("", "there is no body", "send an OpenAPI document, as YAML or JSON"));
    }
    let import = tollgate_openapi::import(text).map_err(|error| mistakes(&error))?;
    let document = Document::new(text.to_owned());
    let imported = spec_of(&import);
    let mut spec = imported.spec;
    if let Some(name) = parameter(call, "name")? {
        spec.name = name;
    }
    if let Some(version) = parameter(call, "version")? {
        spec.version = version;
    }
    spec.plans.extend(parameter::<Name>(call, "plan")?);
    if let Some(address) = call.query.get("upstream") {
        // The base path of the document is that of its servers, too.
        let path = Some(import.base_path.clone()).filter(|path| !path.is_empty());
        let endpoints = vec![Endpoint { address: address.clone(), weight: None }];
        spec.upstream = Some(Upstream { endpoints, path, options: BTreeMap::new() });
    }
    spec.document = Some(document.digest.clone());
    let has_upstream = call.query.contains_key("upstream");
    Ok(Taken { spec, document, notes: imported.notes.iter().map(shown).collect(), has_upstream })
}

/// A parameter of the query.
fn parameter<T: std::str::FromStr<Err = Refusal>>(call: &Call, name: &str) -> Result<Option<T>, Problem> {
    let read = call.query.get(name).map(|text| text.parse::<T>()).transpose();
    Ok(read.map_err(|refusal| refusal.inside(name))?)
}

impl Taken {
    /// The API with what is said of it besides its document. Where requests go stays, too, unless the request says it: the
    /// servers of a document are often those of its author.
    pub(crate) fn onto(self, before: &ApiSpec) -> ApiSpec {
        let Self { spec, has_upstream, .. } = self;
        let upstream = if has_upstream { spec.upstream } else { before.upstream.clone().or(spec.upstream) };
        ApiSpec {
            plans: spec.plans.union(&before.plans).cloned().collect(),
            labels: before.labels.clone(),
            visibility: before.visibility.clone(),
            hosts: before.hosts.clone(),
            versioning: before.versioning.clone(),
            subscription: before.subscription,
            upstream,
            upstreams: spec.upstreams.into_iter().chain(before.upstreams.clone()).collect(),
            ..spec
        }
    }
}

fn mistakes(error: &ImportError) -> Problem {
    let refusal = |mistake: &Mistake| {
        let line = if mistake.line > 0 { format!("line {} ", mistake.line) } else { String::new() };
        let place = format!("{line}{}", mistake.place);
        Refusal::new(Code::InvalidValue, place, mistake.message.clone(), "mend the document")
    };
    match Refusals::none(error.0.iter().map(refusal).collect()) {
        Err(refusals) => refusals.into(),
        Ok(()) => Problem::invalid("", "the document cannot be used", "mend it"),
    }
}

fn shown(note: &Note) -> Value {
    json!({ "place": note.place, "line": note.line, "message": note.message })
}
