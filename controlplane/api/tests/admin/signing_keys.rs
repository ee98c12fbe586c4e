//! The keys that tokens are signed with, as operators see and rotate them.

use crate::world::World;
use serde_json::json;

#[test]
fn an_operator_rotates_keys_and_the_old_ones_stay_told() {
    let world = World::new();
    let rotate = |query: &str, token: &str| {
        world.ask("POST", &format!("/signing-keys/rotate{query}"), token, &json!({ "algorithm": "ES256" }))
    };
    let before = world.get("/signing-keys", &world.owner);
    rotate("?dry_run=true", &world.owner).done();
    assert_eq!(world.get("/signing-keys", &world.owner).etag(), before.etag());
    let after = rotate("", &world.owner).done();
    let [before, keys] = [&before.body["keys"], &after["keys"]].map(|keys| keys.as_array().unwrap());
    assert_eq!((before.len(), keys.len()), (2, 3));
    assert_eq!((&keys[0]["jwk"], &keys[1]), (&before[0]["jwk"], &before[1]), "told before it signs, and after");
    assert!(keys[0]["retired_s"].is_u64() && keys[1].get("retired_s").is_none());
    assert_eq!(keys[2]["jwk"]["alg"], "ES256");
    assert!(!after.to_string().contains("private"));
    // An owner who is no operator does not.
    let owner = world.member("acme", "olga", &["owner"]);
    assert_eq!(rotate("", &owner).code(), "role_required");
    assert_eq!(world.get("/signing-keys", &owner).code(), "role_required");
}

#[test]
fn a_rotation_has_an_audit_event_without_secrets() {
    use tollgate_store::{AuditQuery, Space, Transactions as _};
    let world = World::new();
    world.ask("POST", "/signing-keys/rotate", &world.owner, &json!({})).done();
    let of = Some(("signing_keys", "tokens"));
    let query = AuditQuery { space: Some(Space::Installation), of, before: None, limit: 10 };
    let page = world.store.read(|rows| rows.audit(&query)).unwrap();
    let event = &page.events[0];
    assert_eq!((page.events.len(), event.action.as_str()), (1, "signing_keys.rotate"));
    assert_eq!(event.by.as_ref().map(ToString::to_string).as_deref(), Some("ann"));
    assert!(event.before.is_some() && !serde_json::to_string(event).unwrap().contains("private"));
}
