//! Security requirements of a document as `identify`, and what tokens must have been granted.
//!
//! Each alternative of a requirement is a way to say who calls. Keys in header fields and query parameters are known here;
//! tokens need an issuer, which no document names so that it could be trusted, and are notes, as everything else is.

use super::Notes;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use tollgate_openapi::{Need, Scheme, SchemeKind};

/// `None`: what the node says.
pub(super) fn identify(need: &Need, schemes: &[Scheme], place: &str, notes: &mut Notes) -> Option<Value> {
    if need.is_empty() || need.iter().all(BTreeMap::is_empty) {
        return Some("off".into());
    }
    let mut methods: Vec<Value> = Vec::new();
    for alternative in need.iter().filter(|alternative| !alternative.is_empty()) {
        if alternative.len() > 1 {
            notes.add(place, "schemes that are needed together are not known here");
            continue;
        }
        for name in alternative.keys() {
            match schemes.iter().find(|scheme| scheme.name == *name).map(|scheme| &scheme.kind) {
                Some(SchemeKind::HeaderKey(field)) => methods.push(json!({ "api_key": { "header": field } })),
                Some(SchemeKind::QueryKey(parameter)) => methods.push(json!({ "api_key": { "query": parameter } })),
                Some(SchemeKind::Bearer) => {
                    notes.add(place, format!("`{name}` asks for a token: say in `identify` whose tokens are accepted"));
                }
                Some(SchemeKind::Basic | SchemeKind::Other(_)) => {
                    notes.add(place, format!("`{name}` is a scheme that is not known here"));
                }
                None => notes.add(place, format!("the scheme `{name}` is not defined")),
            }
        }
    }
    let mut seen = BTreeSet::new();
    methods.retain(|method| seen.insert(method.to_string()));
    if methods.is_empty() {
        return None;
    }
    if need.iter().any(BTreeMap::is_empty) {
        methods.push(json!({ "anonymous": true }));
    }
    Some(methods.into())
}

/// Those that every alternative asks for.
pub(super) fn scopes(need: Option<&Need>) -> BTreeSet<String> {
    let alternatives = need.into_iter().flatten();
    let sets = alternatives.map(|alternative| alternative.values().flatten().cloned().collect::<BTreeSet<_>>());
    sets.reduce(|one, other| &one & &other).unwrap_or_default()
}
