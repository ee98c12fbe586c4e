//! The contract's own judgement of what was compiled, before any node sees it.
//!
//! Policies and options are passed on in the contract's words, so that what is wrong in them is found here, by resolving
//! the items of one part beside the settings of the node. One line of the text is one item, which leads a mistake back to
//! the operation it comes from. That two parts take the same requests is not seen here:
//! they are compared by their footprints (`Compiled`).

use crate::{
    delta::{Item, Kind},
    settings::Settings,
};
use serde_json::Value;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use tollgate_domain::{Code, Refusal};
use tollgate_model::{ConfigError, Configuration, Match, NoSource};

/// Requests that a route takes, as a hash: two routes with the same cannot stand beside each other.
pub(crate) type Footprint = u64;

/// Those of the routes among `items`, sorted.
///
/// # Errors
/// What the contract refuses, by the place in the record.
pub(crate) fn judge(settings: &Settings, items: &[Item]) -> Result<Vec<Footprint>, Vec<Refusal>> {
    let (text, lines) = text(settings, items);
    let configuration = Configuration::parse("compiled", &text, &NoSource)
        .map_err(|errors| errors.as_slice().iter().map(|error| refusal(error, &lines)).collect::<Vec<_>>())?;
    let mut footprints: Vec<_> =
        configuration.snapshot().routes.iter().flat_map(|route| footprints(&route.matcher)).collect();
    footprints.sort_unstable();
    footprints.dedup();
    Ok(footprints)
}

/// A whole configuration, and the place of each of its lines.
fn text<'i>(settings: &Settings, items: &'i [Item]) -> (String, Vec<&'i str>) {
    let mut node = settings.node.clone();
    Kind::ALL.iter().for_each(|kind| drop(node.remove(kind.key())));
    let mut text = Value::Object(node).to_string();
    text.pop();
    let mut lines = vec![""];
    for kind in Kind::ALL {
        text.push_str(&format!(",\"{}\":[", kind.key()));
        let mut comma = "";
        for item in items.iter().filter(|item| item.kind == kind) {
            text.push_str(comma);
            text.push('\n');
            text.push_str(&item.text);
            lines.push(&item.place);
            comma = ",";
        }
        text.push(']');
    }
    text.push('}');
    (text, lines)
}

fn refusal(error: &ConfigError, lines: &[&str]) -> Refusal {
    let place = error.line.checked_sub(1).and_then(|above| lines.get(above)).copied().unwrap_or_default();
    let remedy = error.help.clone().unwrap_or_else(|| "look it up in the manual of the configuration".to_owned());
    Refusal::new(Code::InvalidValue, place, error.message.clone(), remedy)
}

fn footprints(taken: &Match) -> Vec<Footprint> {
    let shape = taken.path.shape();
    let hosts: Vec<_> = if taken.hosts.is_empty() { vec![None] } else { taken.hosts.iter().map(Some).collect() };
    let methods: Vec<_> = if taken.methods.is_empty() { vec![None] } else { taken.methods.iter().map(Some).collect() };
    let pairs = hosts.iter().flat_map(|host| methods.iter().map(move |method| (host, method)));
    let footprint = |(host, method)| {
        // The same in every run, which the hasher of a map is not.
        let mut hasher = DefaultHasher::new();
        (host, method, &shape, &taken.headers, &taken.query).hash(&mut hasher);
        hasher.finish()
    };
    pairs.map(footprint).collect()
}
