//! Policies in layers: tenant, product, API, operation, over those of the node.
//!
//! A layer holds what the contract calls `policies`, in the contract's own words; how the layers of one policy meet
//! (rule after rule, or the last one) is the contract's business. Here is decided which layers hold: one with
//! `inherit: false` cuts off all before it, and `POLICY: off` those of that policy. A mistake inside a policy is found
//! when the API is compiled, a wrong name here.

use crate::{
    reference,
    refusal::{Code, Refusal},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// The policies of the contract that a tenant may use.
pub const POLICIES: [&str; 16] = [
    "authorize",
    "bandwidth",
    "concurrency",
    "cors",
    "faults",
    "identify",
    "ip",
    "limits",
    "mock",
    "priority",
    "quota",
    "rate_limit_fields",
    "request_headers",
    "request_query",
    "response_headers",
    "throttle",
];

/// What is said at one place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Policies {
    /// `false`: nothing of the layers before holds here. Left out: `true`.
    #[serde(default = "inherits", skip_serializing_if = "is_true")]
    pub inherit: bool,
    /// Policy -> what the contract takes for it, or `off`.
    #[serde(flatten)]
    pub entries: BTreeMap<String, Value>,
}

/// Where policies are said, from the outermost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// The configuration of the node (`defaults.policies`); not kept here.
    Node,
    /// A tenant.
    Tenant,
    /// A product, for what is subscribed to through it.
    Product,
    /// An API.
    Api,
    /// An operation of an API.
    Operation,
}

/// The layers that hold at a place.
#[derive(Clone, Debug, PartialEq)]
pub struct Effective<'p> {
    /// Whether the policies of the node do.
    pub node: bool,
    /// The others, outermost first; none is empty.
    pub layers: Vec<(Level, &'p Policies)>,
}

impl Default for Policies {
    fn default() -> Self {
        Self { inherit: true, entries: BTreeMap::new() }
    }
}

impl Policies {
    /// Whether nothing is said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.inherit && self.entries.is_empty()
    }

    pub(crate) fn review(&self, level: Level, place: &str, found: &mut Vec<Refusal>) {
        for (name, value) in &self.entries {
            let place = format!("{place}.{name}");
            if !POLICIES.contains(&name.as_str()) {
                found.push(unknown(name, place));
            } else {
                reference::review(value, &place, has_variables(level), found);
            }
        }
    }
}

/// Variables belong to an environment, so only what is published into one can have them.
fn has_variables(level: Level) -> bool {
    matches!(level, Level::Api | Level::Operation)
}

fn unknown(name: &str, place: String) -> Refusal {
    let near = POLICIES.iter().map(|policy| (strsim::damerau_levenshtein(name, policy), policy)).min();
    let near = near.filter(|(distance, _)| *distance <= 2);
    let remedy =
        near.map_or_else(|| format!("use one of {}", POLICIES.join(", ")), |(_, near)| format!("write `{near}`"));
    Refusal::new(Code::UnknownPolicy, place, format!("there is no policy `{name}`"), remedy)
}

/// Which of `layers` (outermost first) hold after what they opt out of.
#[must_use]
pub fn effective<'p>(layers: &[(Level, &'p Policies)]) -> Effective<'p> {
    let cut = layers.iter().rposition(|(_, layer)| !layer.inherit);
    let holding = layers[cut.unwrap_or(0)..].iter().filter(|(_, layer)| !layer.entries.is_empty());
    Effective { node: cut.is_none(), layers: holding.copied().collect() }
}

impl<'p> Effective<'p> {
    /// Where what holds of one policy comes from, outermost first, for people who wonder. The node's come before if
    /// `self.node` and nobody said `off`.
    pub fn of(&self, policy: &str) -> Vec<(Level, &'p Value)> {
        let said = self.layers.iter().filter_map(|(level, layer)| Some((*level, layer.entries.get(policy)?)));
        let said: Vec<_> = said.collect();
        let off = said.iter().rposition(|(_, value)| is_off(value));
        said[off.map_or(0, |at| at + 1)..].to_vec()
    }
}

/// YAML readers differ in whether a bare `off` is a word or a truth value.
fn is_off(value: &Value) -> bool {
    value == "off" || *value == Value::Bool(false)
}

const fn inherits() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
const fn is_true(value: &bool) -> bool {
    *value
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn policies(value: Value) -> Policies {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn a_layer_is_written_flat() {
        let written = json!({"inherit": false, "cors": "off"});
        let layer = policies(written.clone());
        assert!(!layer.inherit && layer.entries.len() == 1);
        assert_eq!(serde_json::to_value(&layer).unwrap(), written);
        assert_eq!(serde_json::to_value(Policies::default()).unwrap(), json!({}));
        assert!(policies(json!({})).is_empty());
    }

    #[test]
    fn layers_hold_unless_they_are_opted_out_of() {
        let rule = json!([{"name": "per-ip"}]);
        let tenant = policies(json!({"throttle": rule, "cors": {"origins": ["*"]}}));
        let rows = [
            (json!({}), true, vec![Level::Tenant], vec![Level::Tenant]),
            (json!({"throttle": rule}), true, vec![Level::Tenant, Level::Api], vec![Level::Tenant, Level::Api]),
            (json!({"throttle": "off"}), true, vec![Level::Tenant, Level::Api], vec![]),
            (json!({"inherit": false}), false, vec![], vec![]),
            (json!({"inherit": false, "throttle": rule}), false, vec![Level::Api], vec![Level::Api]),
        ];
        for (api, node, layers, throttle) in rows {
            let written = policies(api.clone());
            let found = effective(&[(Level::Tenant, &tenant), (Level::Api, &written)]);
            let levels = |layers: Vec<(Level, &Value)>| layers.into_iter().map(|(level, _)| level).collect::<Vec<_>>();
            assert_eq!(found.node, node, "{api}");
            assert_eq!(found.layers.iter().map(|(level, _)| *level).collect::<Vec<_>>(), layers, "{api}");
            assert_eq!(levels(found.of("throttle")), throttle, "{api}");
        }
    }

    #[test]
    fn the_innermost_opt_out_counts() {
        let layer = |inherit: bool| policies(json!({"inherit": inherit, "priority": "high"}));
        let (cuts, adds) = (layer(false), layer(true));
        let layers = [(Level::Tenant, &cuts), (Level::Product, &adds), (Level::Api, &cuts), (Level::Operation, &adds)];
        let levels: Vec<_> = effective(&layers).layers.into_iter().map(|(level, _)| level).collect();
        assert_eq!(levels, [Level::Api, Level::Operation]);
    }

    #[test]
    fn a_wrong_name_is_told_with_the_near_miss() {
        let mut found = Vec::new();
        policies(json!({"throtle": [], "xyzzy": 1, "use": []})).review(Level::Api, "policies", &mut found);
        let told: Vec<_> = found.iter().map(|refusal| refusal.place.as_str()).collect();
        assert_eq!(told, ["policies.throtle", "policies.use", "policies.xyzzy"]);
        assert!(found.iter().all(|refusal| refusal.code == Code::UnknownPolicy));
        assert_eq!(found[0].remedy, "write `throttle`");
    }
}
