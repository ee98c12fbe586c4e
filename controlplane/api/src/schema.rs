//! Schemas of what is sent and answered, by the names that endpoints call them.
use serde_json::{Map, Value, json};

pub(crate) fn all() -> Value {
    let mut all = Map::new();
    for endpoint in crate::endpoints() {
        for name in [endpoint.body, endpoint.answer] {
            if !name.is_empty() {
                all.insert(name.to_owned(), json!({ "type": "object" }));
            }
        }
    }
    all.insert("Problem".to_owned(), json!({ "type": "object" }));
    Value::Object(all)
}
