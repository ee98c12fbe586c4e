//! From an OpenAPI document that was read to an API of ours: what its publisher begins with.
//!
//! ```text
//! text -> tollgate_openapi::import -> Import -> spec_of -> Imported { spec, notes } -> publisher
//! ```
//!
//! The base path of the document stays that of the API, and is what stands before all paths at its upstream too; the
//! version is told by the document and by no request. Security schemes become `identify`, examples of responses the mocks
//! of a prototype. What a document says and an API here cannot is a note with its place; nothing is left out in silence.

mod example;
mod path;
mod security;

use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use tollgate_domain::{
    ApiSpec, Endpoint, Name, Operation, Policies, Upstream, Version, VersionPlace, VersionScheme, Visibility,
    limits::{DESCRIPTION_CHARS_MAX, NAME_CHARS_MAX, TAGS_MAX, TITLE_CHARS_MAX, VERSION_CHARS_MAX},
    policies::POLICIES,
};
use tollgate_openapi::{Import, Note, Stage};

/// Where requests of a sandbox go: the environment of this name.
const SANDBOX: &str = "sandbox";

/// An API out of a document.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    /// The API. It has no `document` yet: that is for whoever keeps documents.
    pub spec: ApiSpec,
    /// What of the document has no effect, or another than it says: those of the import and ours.
    pub notes: Vec<Note>,
}

/// What is written down on the way.
struct Notes(Vec<Note>);

impl Notes {
    fn add(&mut self, place: &str, message: impl Into<String>) {
        self.0.push(Note { place: place.to_owned(), line: 0, message: message.into() });
    }
}

/// The API that a document describes. It may still be refused when it is saved (`ApiSpec::check`), as what a publisher
/// writes may.
#[must_use]
pub fn spec_of(import: &Import) -> Imported {
    let mut notes = Notes(import.notes.clone());
    // A slug, unless the title is made of other letters than ours.
    let name = Name::slug(&import.name).unwrap_or_else(|| named("api"));
    let base_path = match import.base_path.as_str() {
        "" => format!("/{name}"),
        path => path::encoded(path),
    };
    let (upstream, upstreams) = upstreams(import, &mut notes);
    let spec = ApiSpec {
        version: version(&import.version, &mut notes),
        title: cut(&import.title, TITLE_CHARS_MAX),
        description: cut(&import.description, DESCRIPTION_CHARS_MAX),
        tags: tags(import),
        labels: BTreeMap::new(),
        visibility: Visibility::default(),
        base_path,
        hosts: Vec::new(),
        versioning: VersionScheme { r#in: VersionPlace::None, ..VersionScheme::default() },
        subscription: tollgate_domain::Need::default(),
        plans: BTreeSet::new(),
        upstream,
        upstreams,
        policies: policies(&import.policies, import.need.as_ref(), import, "#", &mut notes),
        operations: operations(import, &mut notes),
        document: None,
        name,
    };
    Imported { spec, notes: notes.0 }
}

/// `text` is a slug.
fn named(text: &str) -> Name {
    Name::slug(text).expect("lower-case letters are a slug")
}

fn cut(text: &str, chars_max: usize) -> Option<String> {
    (!text.is_empty()).then(|| text.chars().take(chars_max).collect())
}

fn tags(import: &Import) -> BTreeSet<Name> {
    let tags = import.operations.iter().flat_map(|operation| &operation.tags);
    tags.filter_map(|tag| Name::slug(tag)).collect::<BTreeSet<_>>().into_iter().take(TAGS_MAX).collect()
}

fn version(text: &str, notes: &mut Notes) -> Version {
    if let Ok(version) = text.parse() {
        return version;
    }
    let valid = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let near: String = text.chars().map(|c| if valid(c) { c } else { '-' }).take(VERSION_CHARS_MAX).collect();
    let near = near.trim_start_matches(['.', '-', '_']);
    let version = near.parse().or_else(|_| "1".parse()).expect("a digit is a version");
    notes.add("#/info/version", format!("`{text}` is no version here: it became `{version}`"));
    version
}

/// That of all environments, and that of the sandbox.
fn upstreams(import: &Import, notes: &mut Notes) -> (Option<Upstream>, BTreeMap<Name, Upstream>) {
    let of = |stage| {
        let origins = import.endpoints.iter().filter(move |endpoint| endpoint.stage == stage);
        origins.map(|endpoint| endpoint.origin.as_str()).collect::<Vec<_>>()
    };
    let mut upstream = |stage| upstream(&of(stage), &import.base_path, notes);
    let (production, sandbox) = (upstream(Stage::Production), upstream(Stage::Sandbox));
    if production.is_none() && sandbox.is_none() {
        notes.add("#/servers", "no server has a host: the API needs an upstream before it is published");
    }
    (production, sandbox.map(|sandbox| (named(SANDBOX), sandbox)).into_iter().collect())
}

fn upstream(origins: &[&str], path: &str, notes: &mut Notes) -> Option<Upstream> {
    let is_tls = origins.first()?.starts_with("https://");
    let mut endpoints: Vec<Endpoint> = Vec::new();
    for origin in origins {
        let address = address(origin);
        let is_of_another = is_tls && endpoints.first().is_some_and(|first| host(&first.address) != host(&address));
        if origin.starts_with("https://") != is_tls || is_of_another {
            let why = "an upstream is spoken to without TLS, or with certificates for one name";
            notes.add("#/servers", format!("`{origin}` is left out: {why}"));
            continue;
        }
        if endpoints.iter().all(|endpoint| endpoint.address != address) {
            endpoints.push(Endpoint { address, weight: None });
        }
    }
    let tls = is_tls.then(|| ("tls".to_owned(), json!({})));
    let path = (!path.is_empty()).then(|| path::encoded(path));
    Some(Upstream { endpoints, path, options: tls.into_iter().collect() })
}

/// With the port of its scheme, if it has none.
fn address(origin: &str) -> String {
    let (scheme, authority) = origin.split_once("://").unwrap_or(("http", origin));
    // A colon inside of brackets is of an address.
    let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
    match (has_port, scheme) {
        (true, _) => authority.to_owned(),
        (_, "https") => format!("{authority}:443"),
        _ => format!("{authority}:80"),
    }
}

fn host(address: &str) -> &str {
    address.rsplit_once(':').map_or(address, |(host, _)| host)
}

/// Those of vendors' extensions, and who may call.
fn policies(
    written: &tollgate_openapi::Policies,
    need: Option<&tollgate_openapi::Need>,
    import: &Import,
    place: &str,
    notes: &mut Notes,
) -> Policies {
    let mut policies = Policies::default();
    for (policy, value) in written {
        if POLICIES.contains(&policy.as_str()) {
            policies.entries.insert(policy.clone(), value.clone());
        } else {
            notes.add(place, format!("`{policy}` is no policy of an API"));
        }
    }
    if !policies.entries.contains_key("identify")
        && let Some(identify) = need.and_then(|need| security::identify(need, &import.schemes, place, notes))
    {
        policies.entries.insert("identify".to_owned(), identify);
    }
    policies
}

fn operations(import: &Import, notes: &mut Notes) -> Vec<Operation> {
    let (mut names, mut taken, mut operations) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
    for operation in &import.operations {
        let method = if operation.method == "ANY" { "*".to_owned() } else { operation.method.clone() };
        let place = place_of(operation);
        let (path, is_exact) = path::of(operation, &import.base_path);
        if !is_exact {
            notes.add(&place, format!("a segment has text beside a parameter: `{path}` takes more than that"));
        }
        if !taken.insert((method.clone(), path::shape(&path))) {
            notes.add(&place, "is left out: another operation takes its requests");
            continue;
        }
        if operation.is_deprecated {
            notes.add(&place, "callers are not told that it is deprecated: deprecate a whole version");
        }
        let need = operation.need.as_ref();
        operations.push(Operation {
            name: unique(&mut names, &operation.name),
            method,
            path,
            title: cut(&operation.summary, TITLE_CHARS_MAX),
            scopes: security::scopes(need.or(import.need.as_ref())),
            policies: policies(&operation.policies, need, import, &place, notes),
            mock: example::mock(&import.document, operation, &place, notes),
        });
    }
    operations
}

fn place_of(operation: &tollgate_openapi::Operation) -> String {
    let template = operation.template.replace('~', "~0").replace('/', "~1");
    format!("#/paths/{template}/{}", operation.method.to_ascii_lowercase())
}

/// `listOrders` is `list-orders`.
fn unique(names: &mut BTreeSet<Name>, text: &str) -> Name {
    let mut words = String::new();
    let mut after_lower = false;
    for c in text.chars() {
        if c.is_ascii_uppercase() && after_lower {
            words.push('-');
        }
        after_lower = c.is_ascii_lowercase() || c.is_ascii_digit();
        words.push(c);
    }
    let first = Name::slug(&words).unwrap_or_else(|| named("operation"));
    let mut name = first.clone();
    let mut number = 1_u32;
    while !names.insert(name.clone()) {
        number += 1;
        let suffix = format!("-{number}");
        let front: String = first.as_str().chars().take(NAME_CHARS_MAX - suffix.len()).collect();
        name = named(&format!("{front}{suffix}"));
    }
    name
}
