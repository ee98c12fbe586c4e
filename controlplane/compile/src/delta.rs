//! What a compilation gives: items of the contract that come and that go, and what could not be compiled.
//!
//! `Delta::patch` is the text that `PATCH /config` takes. An item is kept as its text, which is also what two of them are
//! compared by. What failed is neither set nor removed: a node goes on with what it has of it.

use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};
use tollgate_domain::{ApiName, Name, Refusal, Target};

/// A kind of items, in the order in which they refer to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `upstreams`.
    Upstream,
    /// `routes`.
    Route,
    /// `plans`.
    Plan,
    /// `applications`.
    Application,
}

/// What is compiled at one time, because it depends on each other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// A plan.
    Plan(Name),
    /// The plans of the subscriptions to a target.
    Target(Target),
    /// All versions of an API (its name) in an environment.
    Api(Name, Name),
    /// An application.
    Application(Name),
}

/// An item of the contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) kind: Kind,
    pub(crate) name: String,
    /// JSON.
    pub(crate) text: String,
    /// Where in the records it comes from.
    pub(crate) place: String,
}

/// What changes in the contract.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delta {
    /// Items that come or take the place of those of their name, as JSON.
    pub set: BTreeMap<(Kind, String), String>,
    /// Items that go.
    pub remove: BTreeSet<(Kind, String)>,
    /// What stays as it was because of a mistake.
    pub failed: Vec<Failure>,
    /// What was compiled and does not say all that the records say.
    pub notes: Vec<Note>,
}

/// What could not be compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Whose.
    pub tenant: Name,
    /// What.
    pub part: Part,
    /// Of which version, if it is one of several.
    pub api: Option<ApiName>,
    /// Why; at least one.
    pub refusals: Vec<Refusal>,
}

/// What the contract cannot say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Whose.
    pub tenant: Name,
    /// Of what.
    pub part: Part,
    /// In one sentence without its full stop.
    pub message: String,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Upstream, Self::Route, Self::Plan, Self::Application];

    /// The key of the contract.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Upstream => "upstreams",
            Self::Route => "routes",
            Self::Plan => "plans",
            Self::Application => "applications",
        }
    }
}

impl Item {
    /// `value` has a `name`.
    pub(crate) fn new(kind: Kind, value: &Value, place: String) -> Self {
        let name = value["name"].as_str().unwrap_or_default().to_owned();
        Self { kind, name, text: plain(value).to_string(), place }
    }
}

/// The same with all scalars in quotes: gateways read such items several times faster.
fn plain(value: &Value) -> Value {
    match value {
        Value::Object(members) => members.iter().map(|(key, value)| (key.clone(), plain(value))).collect(),
        Value::Array(items) => items.iter().map(plain).collect(),
        Value::Bool(_) | Value::Number(_) => Value::from(value.to_string()),
        Value::Null | Value::String(_) => value.clone(),
    }
}

impl Delta {
    /// Whether nothing changes. Something may have failed all the same.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.set.is_empty() && self.remove.is_empty()
    }

    /// The items of a kind that are set, by name, as JSON.
    pub fn items(&self, kind: Kind) -> impl Iterator<Item = (&str, &str)> {
        let of_kind = self.set.iter().filter(move |((other, _), _)| *other == kind);
        of_kind.map(|((_, name), text)| (name.as_str(), text.as_str()))
    }

    /// The names of the items of a kind that go.
    pub fn removed(&self, kind: Kind) -> impl Iterator<Item = &str> {
        self.remove.iter().filter(move |(other, _)| *other == kind).map(|(_, name)| name.as_str())
    }

    /// What `PATCH /config` takes; `base` is the generation or the digest that it is for.
    #[must_use]
    pub fn patch(&self, base: &str) -> String {
        let changed = Kind::ALL.map(|kind| list(kind, self.items(kind).map(|(_, text)| text.to_owned())));
        let removed = Kind::ALL.map(|kind| list(kind, self.removed(kind).map(|name| Value::from(name).to_string())));
        let [changed, removed] = [changed, removed].map(|lists| lists.join(",\n"));
        format!("{{\"base\":{},\n\"changed\":{{{changed}}},\n\"removed\":{{{removed}}}}}\n", Value::from(base))
    }
}

fn list(kind: Kind, entries: impl Iterator<Item = String>) -> String {
    format!("\"{}\":[{}]", kind.key(), entries.collect::<Vec<_>>().join(",\n"))
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plan(plan) => write!(f, "plan `{plan}`"),
            Self::Target(target) => write!(f, "plans for `{target}`"),
            Self::Api(environment, api) => write!(f, "API `{api}` in `{environment}`"),
            Self::Application(application) => write!(f, "application `{application}`"),
        }
    }
}
