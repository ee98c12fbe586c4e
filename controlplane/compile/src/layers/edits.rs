//! `request_headers`, `response_headers`, `request_query`: edits of several layers, made one after the other, as one.
//!
//! One layer removes, then sets, then adds. So a later `remove` or `set` of a name takes back what was set or added
//! before, and a later `add` stands behind it: whatever was there, the result is the same.

use serde_json::{Map, Value, json};

/// Edits in the making.
#[derive(Default)]
struct Edits {
    remove: Vec<String>,
    set: Vec<Value>,
    add: Vec<Value>,
}

/// `None` if one of `layers` is none of edits. `same` tells whether two names are.
pub(crate) fn join(layers: &[&Value], same: fn(&str, &str) -> bool) -> Option<Value> {
    let mut edits = Edits::default();
    for layer in layers {
        edits.put_on(layer.as_object()?, same)?;
    }
    let lists = [("remove", json!(edits.remove)), ("set", edits.set.into()), ("add", edits.add.into())];
    let there = lists.into_iter().filter(|(_, list)| list != &json!([]));
    Some(Value::Object(there.map(|(key, list)| (key.to_owned(), list)).collect()))
}

impl Edits {
    fn put_on(&mut self, layer: &Map<String, Value>, same: fn(&str, &str) -> bool) -> Option<()> {
        for name in list(layer, "remove")? {
            let name = name.as_str()?;
            self.forget(name, same);
            self.remove.push(name.to_owned());
        }
        let set = list(layer, "set")?;
        for entry in set {
            self.forget(entry["name"].as_str()?, same);
        }
        self.set.extend(set.iter().cloned());
        self.add.extend(list(layer, "add")?.iter().cloned());
        layer.keys().all(|key| ["remove", "set", "add"].contains(&key.as_str())).then_some(())
    }

    /// Nothing that was said of `name` before matters any more.
    fn forget(&mut self, name: &str, same: fn(&str, &str) -> bool) {
        let other = |entry: &Value| !entry["name"].as_str().is_some_and(|known| same(known, name));
        self.remove.retain(|known| !same(known, name));
        self.set.retain(other);
        self.add.retain(other);
    }
}

fn list<'l>(layer: &'l Map<String, Value>, key: &str) -> Option<&'l [Value]> {
    layer.get(key).map_or(Some(&[]), |list| list.as_array().map(Vec::as_slice))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Makes the edits one after the other: the slow truth.
    fn made(fields: &mut Vec<(String, String)>, edits: &Value) {
        let names = |key: &str| edits[key].as_array().cloned().unwrap_or_default();
        let pair = |entry: &Value| (entry["name"].as_str().unwrap().to_owned(), entry["value"].to_string());
        fields.retain(|(name, _)| !names("remove").iter().any(|gone| gone == name.as_str()));
        let set: Vec<_> = names("set").iter().map(pair).collect();
        fields.retain(|(name, _)| !set.iter().any(|(other, _)| other == name));
        fields.extend(set);
        fields.extend(names("add").iter().map(pair));
    }

    fn layer() -> impl Strategy<Value = Value> {
        let name = || prop::sample::select(vec!["a", "b", "c"]);
        let pairs = || {
            let pair = (name(), 0..9_u32).prop_map(|(name, value)| json!({"name": name, "value": value}));
            prop::collection::vec(pair, 0..3)
        };
        let remove = prop::collection::vec(name(), 0..3);
        (remove, pairs(), pairs()).prop_map(|(remove, set, add)| json!({"remove": remove, "set": set, "add": add}))
    }

    proptest! {
        #[test]
        fn one_layer_does_what_several_did(layers in prop::collection::vec(layer(), 1..4), there in "[abcd]{0,4}") {
            let mut slow: Vec<_> = there.chars().map(|name| (name.to_string(), "0".to_owned())).collect();
            let mut fast = slow.clone();
            layers.iter().for_each(|layer| made(&mut slow, layer));
            made(&mut fast, &join(&layers.iter().collect::<Vec<_>>(), |one, other| one == other).unwrap());
            // Fields of different names have no order among each other.
            slow.sort_by(|one, other| one.0.cmp(&other.0));
            fast.sort_by(|one, other| one.0.cmp(&other.0));
            prop_assert_eq!(slow, fast);
        }
    }
}
