//! Items of the contract that come and go between two positions.
//!
//! The text of an item is never looked into here: it is what the compiler wrote, byte by byte, on its way to the gateway.
//! Patches one after the other are one (`then`), which is how a node that was away gets all it missed at once.

use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};
use std::collections::{BTreeMap, BTreeSet};

/// Items by kind (the key of the contract: `routes`) and name.
pub type Items = BTreeMap<String, BTreeMap<String, Box<RawValue>>>;
/// Names of items by kind.
pub type Names = BTreeMap<String, BTreeSet<String>>;

/// What comes, and what goes. No name is in both.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Patch {
    /// Items that come, or take the place of those of their name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub changed: Items,
    /// Items that go. A node may lack them already.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub removed: Names,
}

impl Patch {
    /// Adds an item that comes; `text` is JSON.
    ///
    /// # Errors
    /// It is none.
    pub fn set(&mut self, kind: &str, name: String, text: String) -> Result<(), serde_json::Error> {
        let item = RawValue::from_string(text)?;
        self.changed.entry(kind.to_owned()).or_default().insert(name, item);
        Ok(())
    }

    /// Adds an item that goes.
    pub fn remove(&mut self, kind: &str, name: String) {
        self.removed.entry(kind.to_owned()).or_default().insert(name);
    }

    /// Whether nothing comes or goes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changed.values().all(BTreeMap::is_empty) && self.removed.values().all(BTreeSet::is_empty)
    }

    /// About how many bytes it has.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let changed = self.changed.values().flatten().map(|(name, item)| name.len() + item.get().len());
        let removed = self.removed.values().flatten().map(String::len);
        changed.chain(removed).sum()
    }

    /// This, and then `next`.
    #[must_use]
    pub fn then(mut self, next: Self) -> Self {
        for (kind, items) in next.changed {
            if let Some(removed) = self.removed.get_mut(&kind) {
                removed.retain(|name| !items.contains_key(name));
            }
            self.changed.entry(kind).or_default().extend(items);
        }
        for (kind, names) in next.removed {
            if let Some(changed) = self.changed.get_mut(&kind) {
                changed.retain(|name, _| !names.contains(name));
            }
            self.removed.entry(kind).or_default().extend(names);
        }
        self
    }

    /// What leads from the items of `before` to those of `self`, where both are everything there is.
    #[must_use]
    pub fn since(mut self, before: &Items) -> Self {
        for (kind, items) in before {
            let now = self.changed.entry(kind.clone()).or_default();
            for (name, item) in items {
                match now.get(name) {
                    None => drop(self.removed.entry(kind.clone()).or_default().insert(name.clone())),
                    Some(same) if same.get() == item.get() => drop(now.remove(name)),
                    Some(_) => {}
                }
            }
        }
        self
    }

    /// As `PATCH /config` takes it, for the configuration `base`; of what goes only what is there.
    #[must_use]
    pub fn text(&self, base: &str, is_there: impl Fn(&str, &str) -> bool) -> String {
        let mut text = format!("{{\"base\":{},\n\"changed\":{{", Value::from(base));
        text.reserve(self.bytes());
        let kinds = self.changed.iter().filter(|(_, items)| !items.is_empty());
        lists(&mut text, kinds.map(|(kind, items)| (kind, items.values().map(|item| item.get()))));
        text.push_str("},\n\"removed\":{");
        let named = |kind: &str, names: &BTreeSet<String>| {
            let there = names.iter().filter(|name| is_there(kind, name));
            there.map(|name| Value::from(name.as_str()).to_string()).collect::<Vec<_>>()
        };
        let kinds = self.removed.iter().map(|(kind, names)| (kind, named(kind, names)));
        lists(&mut text, kinds.filter(|(_, names)| !names.is_empty()).map(|(kind, names)| (kind, names.into_iter())));
        text.push_str("}}\n");
        text
    }
}

/// Lists of JSON texts, each behind its key.
fn lists<'k, T: Iterator<Item: AsRef<str>>>(text: &mut String, kinds: impl Iterator<Item = (&'k String, T)>) {
    for (at, (kind, entries)) in kinds.enumerate() {
        text.push_str(if at == 0 { "" } else { ",\n" });
        text.push_str(&Value::from(kind.as_str()).to_string());
        text.push_str(":[");
        for (at, entry) in entries.enumerate() {
            text.push_str(if at == 0 { "" } else { ",\n" });
            text.push_str(entry.as_ref());
        }
        text.push(']');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patch(set: &[(&str, u8)], gone: &[&str]) -> Patch {
        let mut patch = Patch::default();
        for (name, value) in set {
            patch.set("routes", (*name).to_owned(), value.to_string()).unwrap();
        }
        gone.iter().for_each(|name| patch.remove("routes", (*name).to_owned()));
        patch
    }

    fn shown(patch: &Patch) -> String {
        let Value::Object(mut all) = serde_json::from_str(&patch.text("1", |_, _| true)).unwrap() else { panic!() };
        all.remove("base");
        Value::Object(all).to_string()
    }

    #[test]
    fn patches_one_after_the_other_are_one() {
        let both = patch(&[("a", 1), ("b", 1)], &["c", "d"]).then(patch(&[("b", 2), ("c", 2)], &["a"]));
        let mut wanted = patch(&[("b", 2), ("c", 2)], &["a", "d"]);
        wanted.removed.entry("routes".to_owned()).or_default();
        assert_eq!(shown(&both), shown(&wanted));
    }

    #[test]
    fn between_two_states_only_what_differs_is_sent() {
        let before = patch(&[("same", 1), ("other", 1), ("gone", 1)], &[]).changed;
        let now = patch(&[("same", 1), ("other", 2), ("new", 2)], &[]).since(&before);
        assert_eq!(shown(&now), shown(&patch(&[("other", 2), ("new", 2)], &["gone"])));
        assert_eq!(
            patch(&[("same", 1)], &[]).since(&patch(&[("same", 1)], &[]).changed).text("7", |_, _| true),
            "{\"base\":\"7\",\n\"changed\":{},\n\"removed\":{}}\n"
        );
    }

    #[test]
    fn what_is_not_there_is_not_taken_away() {
        let text = patch(&[("a", 1)], &["b", "c"]).text("7", |kind, name| kind == "routes" && name == "c");
        assert_eq!(text, "{\"base\":\"7\",\n\"changed\":{\"routes\":[1]},\n\"removed\":{\"routes\":[\"c\"]}}\n");
    }
}
