//! Lists of rules: those of a later layer come behind, and take the place of those of their name.

use serde_json::Value;

/// The rules of `value`, each with what it counts for.
pub(crate) fn scoped(value: &Value, scope: &str) -> Value {
    let mut value = value.clone();
    let rules = value.as_array_mut().into_iter().flatten();
    for rule in rules.filter_map(Value::as_object_mut) {
        rule.insert("scope".to_owned(), scope.into());
    }
    value
}

/// `None` if one of them is no list.
pub(crate) fn join(layers: &[Value]) -> Option<Value> {
    let mut rules: Vec<Value> = Vec::new();
    for layer in layers {
        let layer = layer.as_array()?;
        rules.retain(|rule| !layer.iter().any(|own| own["name"] == rule["name"]));
        rules.extend(layer.iter().cloned());
    }
    Some(rules.into())
}
