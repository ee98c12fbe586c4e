//! What a compilation takes from the node that it is for.

use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use tollgate_domain::Name;

/// What a compilation takes from the node that it is for.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The environments that the node serves, by name, of every tenant. `None`: all.
    pub environments: Option<BTreeSet<Name>>,
    /// How requests say who calls where no policy tells: `identify` of the contract.
    pub identify: Value,
    /// The issuer of the tokens that OAuth clients get. `None`: there are none, and such credentials are left out.
    pub issuer: Option<String>,
    /// The node's own configuration without its items, as the contract has it: what is compiled is judged with it.
    /// References in it are not followed, so a value that is one must be written out or left out here.
    pub node: Map<String, Value>,
}

impl Default for Settings {
    fn default() -> Self {
        let mut node = Map::new();
        node.insert("version".to_owned(), json!(1));
        node.insert("listeners".to_owned(), json!([{ "name": "any", "bind": "127.0.0.1:0" }]));
        let identify = json!([{ "api_key": { "header": "X-API-Key" } }]);
        Self { environments: None, identify, issuer: None, node }
    }
}

impl Settings {
    pub(crate) fn serves(&self, environment: &Name) -> bool {
        self.environments.as_ref().is_none_or(|environments| environments.contains(environment))
    }
}
