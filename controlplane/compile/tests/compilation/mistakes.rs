//! What cannot be compiled: told by its record and place, while everything else goes on.

use crate::world::{Records, World, name};
use serde_json::{Value, json};
use tollgate_compile::{Change, Compiled, Delta, Record, Settings};
use tollgate_domain::{Canary, Release};

/// An API, with some of its keys replaced.
fn spec(version: &str, changed: &Value) -> Value {
    let mut spec = json!({
        "name": "orders", "version": version, "base_path": "/orders", "upstream": { "endpoints": [ { "address": "10.0.0.1:80" } ] },
        "operations": [ { "name": "list", "method": "GET", "path": "/list" } ],
    });
    spec.as_object_mut().unwrap().extend(changed.as_object().unwrap().clone());
    spec
}

fn world(apis: &[Value]) -> World {
    let apis: Vec<_> = apis
        .iter()
        .map(|spec| json!({ "lifecycle": "published", "revisions": [spec], "publish": { "production": { "revision": 1 } } }))
        .collect();
    let whole = json!({ "tenant": { "name": "acme" }, "environments": [ { "name": "production" } ], "apis": apis });
    World::read(&whole.to_string())
}

fn compile(world: &World) -> Delta {
    let mut compiled = Compiled::new(Settings::default());
    compiled.compile(world, &Change::everything(world).unwrap()).unwrap()
}

/// The first mistake: its place and whole text.
fn mistake(delta: &Delta) -> (String, String) {
    let refusal = delta.failed.first().and_then(|failure| failure.refusals.first()).expect("a mistake");
    (refusal.place.clone(), refusal.to_string())
}

#[test]
fn what_is_wrong_is_told_by_its_place() {
    let operation = |changed: Value| {
        let mut operation = json!({ "name": "list", "method": "GET", "path": "/list" });
        operation.as_object_mut().unwrap().extend(changed.as_object().unwrap().clone());
        json!({ "operations": [operation] })
    };
    let rows = [
        (
            json!({ "upstream": { "endpoints": [ { "address": "${var:HOST}:80" } ] } }),
            "upstream.endpoints[0].address",
            "`HOST`",
        ),
        (
            json!({ "upstream": { "endpoints": [ { "address": "a:80" } ], "options": { "balanced": "x" } } }),
            "upstream",
            "did you mean `balance`",
        ),
        (
            json!({ "policies": { "throttle": [ { "name": "a", "key": "client_ip", "limitt": 1 } ] } }),
            "operations.list",
            "did you mean `limit`",
        ),
        (operation(json!({ "policies": { "priority": "utmost" } })), "operations.list", "utmost"),
        (
            operation(json!({ "policies": { "identify": "off" }, "scopes": ["read"] })),
            "operations.list.scopes",
            "nobody is asked",
        ),
        (operation(json!({ "path": "/a/{b*}/c" })), "operations.list", "must stand last"),
    ];
    for (changed, place, text) in rows {
        let delta = compile(&world(&[spec("1", &changed)]));
        let (found, whole) = mistake(&delta);
        assert_eq!(found, place, "{changed}: {whole}");
        assert!(whole.contains(text), "{changed}: {whole}");
        assert!(delta.is_empty());
    }
}

#[test]
fn what_no_layer_alone_is_wrong_in() {
    let mut torn =
        world(&[spec("1", &json!({ "policies": { "throttle": [ { "name": "a", "key": "node", "limit": 1 } ] } }))]);
    torn.of("acme").tenant.policies = serde_json::from_value(json!({ "throttle": "off" })).unwrap();
    assert_eq!(mistake(&compile(&torn)).0, "operations.list.policies.throttle");

    let no_upstream = world(&[json!({
        "name": "orders", "version": "1", "base_path": "/orders",
        "operations": [ { "name": "list", "method": "GET", "path": "/list" } ],
    })]);
    assert_eq!(mistake(&compile(&no_upstream)).0, "upstream");

    // Two versions in the same place.
    let nowhere = json!({ "versioning": { "in": "none" } });
    let (_, whole) = mistake(&compile(&world(&[spec("1", &nowhere), spec("2", &nowhere)])));
    assert!(whole.contains("matches the same requests"), "{whole}");
}

#[test]
fn a_canary_asks_for_the_same_path() {
    let elsewhere = json!({ "upstream": { "path": "/v2", "endpoints": [ { "address": "10.0.0.2:80" } ] } });
    let mut world = world(&[spec("1", &json!({}))]);
    let records = world.of("acme");
    let mut api = records.apis.values().next().unwrap().clone();
    api.revise(serde_json::from_value(spec("1", &elsewhere)).unwrap()).unwrap();
    records.freeze(&mut api);
    let release = Release { revision: 1, canary: Some(Canary { revision: 2, percent: 5 }) };
    records.publish(&name("production"), &api.api_name(), Some(release));
    assert_eq!(mistake(&compile(&world)).0, "operations.list.canary");
}

#[test]
fn what_fails_stays_as_it_was() {
    let mut world = world(&[spec("1", &json!({})), spec("1", &json!({ "name": "stock", "base_path": "/stock" }))]);
    let mut compiled = Compiled::new(Settings::default());
    compiled.compile(&world, &Change::everything(&world).unwrap()).unwrap();
    let records = world.of("acme");
    let mut api = records.apis.values().next().unwrap().clone();
    let wrong = json!({ "policies": { "cors": { "origin": "x" } } });
    api.revise(serde_json::from_value(spec("1", &wrong)).unwrap()).unwrap();
    records.freeze(&mut api);
    records.publish(&name("production"), &api.api_name(), Some(Release::of(2)));
    records.tenant.policies = serde_json::from_value(json!({ "priority": "high" })).unwrap();
    let delta = compiled.compile(&world, &[Change::new(name("acme"), Record::Tenant)]).unwrap();
    assert_eq!(delta.failed.len(), 1);
    let set: Vec<_> = delta.set.keys().map(|(_, name)| name.as_str()).collect();
    assert_eq!((set, delta.remove.len()), (vec!["acme.production.stock_1.list"], 0));

    world.of("acme").publish(&name("production"), &api.api_name(), Some(Release::of(1)));
    let mended = Record::Publication(name("production"), api.api_name());
    let delta = compiled.compile(&world, &[Change::new(name("acme"), mended)]).unwrap();
    assert_eq!((delta.failed.len(), delta.set.len()), (0, 1), "the policies of the tenant come now");
}

/// Tenants share a node, so one may not take the requests of another, nor learn who has them.
#[test]
fn two_tenants_at_one_address() {
    let mut both = world(&[spec("1", &json!({}))]);
    let mut other = both.of("acme").clone();
    other.tenant.name = name("zeta");
    both.tenants.insert(name("zeta"), other);
    let mut compiled = Compiled::new(Settings::default());
    let delta = compiled.compile(&both, &Change::everything(&both).unwrap()).unwrap();
    assert_eq!((delta.failed.len(), delta.set.len()), (1, 2));
    assert_eq!(delta.failed[0].tenant, name("zeta"));
    let (place, whole) = mistake(&delta);
    assert!(place == "base_path" && !whole.contains("acme"), "{whole}");

    // Once the first is gone, the other may have it.
    let records: &mut Records = both.of("acme");
    records.publish(&name("production"), &"orders@1".parse().unwrap(), None);
    let changes = ["acme", "zeta"].map(|tenant| Change::new(name(tenant), Record::Environment(name("production"))));
    let delta = compiled.compile(&both, &changes).unwrap();
    assert_eq!((delta.failed.len(), delta.set.len(), delta.remove.len()), (0, 2, 2));
}

#[test]
fn a_plan_that_the_contract_refuses_lets_nobody_pass() {
    let whole = json!({
        "tenant": { "name": "acme" }, "environments": [],
        "plans": [ { "name": "gold", "throttle": [ { "name": "a", "limit": 1, "mode": "leased" } ] } ],
        "applications": [ { "name": "shop", "credentials": { "aaaaaaaa": {} }, "subscriptions": { "x@1": ["gold", "approved"] } } ],
    });
    let mut world = World::read(&whole.to_string());
    let mut compiled = Compiled::new(Settings::default());
    let delta = compiled.compile(&world, &Change::everything(&world).unwrap()).unwrap();
    assert_eq!(mistake(&delta).0, "plan gold");
    assert!(delta.notes[0].message.contains("waits for its plan"));
    assert!(!delta.set.values().any(|text| text.contains("subscriptions")));

    world.of("acme").plans.get_mut(&name("gold")).unwrap().throttle[0].mode = None;
    let delta = compiled.compile(&world, &[Change::new(name("acme"), Record::Plan(name("gold")))]).unwrap();
    let text = delta.set.values().last().unwrap();
    assert!(delta.set.len() == 2 && text.contains("acme.gold"), "the application follows: {text}");
}
