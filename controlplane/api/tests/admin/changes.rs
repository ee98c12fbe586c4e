//! Documents that are applied together, and the audit of every change.

use crate::world::World;
use serde_json::{Value, json};

fn documents() -> Value {
    json!({ "documents": [
        { "kind": "Publication", "api": "stock@1", "environment": "test" },
        { "kind": "Subscription", "application": "shop", "target": "stock@1", "plan": "free" },
        { "kind": "Application", "name": "shop" },
        { "kind": "Api", "name": "stock", "version": "1", "base_path": "/stock", "plans": ["free"],
          "upstream": { "endpoints": [{ "address": "127.0.0.1:1" }] },
          "operations": [{ "name": "all", "method": "*", "path": "/{rest*}" }] },
        { "kind": "Plan", "name": "free" },
        { "kind": "Environment", "name": "test" },
    ] })
}

fn said(answer: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    answer["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| (text(&change["name"]), text(&change["change"])))
        .collect()
}

#[test]
fn documents_are_applied_in_any_order_and_twice_is_once() {
    let world = World::new();
    let apply =
        |query: &str, body: &Value| world.ask("POST", &format!("/tenants/acme/apply{query}"), &world.owner, body);
    let first = apply("", &documents()).done();
    let names: Vec<_> = said(&first).into_iter().map(|(name, change)| format!("{name} {change}")).collect();
    assert_eq!(
        names,
        [
            "test created",
            "free created",
            "stock@1 created",
            "stock@1/test created",
            "shop created",
            "shop/stock@1 created"
        ]
    );
    let mark = |world: &World| world.get("/tenants/acme/audit", &world.owner).done()["items"].as_array().unwrap().len();
    let before = mark(&world);
    assert!(said(&apply("", &documents()).done()).iter().all(|(_, change)| change == "unchanged"));
    assert_eq!(mark(&world), before, "what does not change has no event");
    let exported = world.get("/tenants/acme/export", &world.owner).done();
    assert!(said(&apply("?dry_run=true&prune=true", &exported).done()).iter().all(|(_, change)| change == "unchanged"));
}

#[test]
fn it_is_all_or_nothing() {
    let world = World::new();
    let mut wrong = documents();
    wrong["documents"][1]["plan"] = json!("none");
    let refused = world.ask("POST", "/tenants/acme/apply", &world.owner, &wrong);
    assert_eq!(
        (refused.status, &refused.body["errors"][0]["place"]),
        (422, &json!("documents[1].plan")),
        "{refused:?}"
    );
    assert_eq!(world.get("/tenants/acme/plans", &world.owner).done()["items"], json!([]));
    for document in [json!({}), json!({ "kind": "Plam" }), json!({ "kind": "Plan", "name": "a", "limit": 1 })] {
        let answer = world.ask("POST", "/tenants/acme/apply", &world.owner, &json!({ "documents": [document] }));
        assert_eq!(answer.status, 422, "{answer:?}");
    }
}

#[test]
fn pruning_removes_what_is_of_a_kind_that_was_named_and_in_no_document() {
    let world = World::new();
    let apply =
        |query: &str, body: &Value| world.ask("POST", &format!("/tenants/acme/apply{query}"), &world.owner, body);
    apply("", &documents()).done();
    let plans = json!({ "documents": [{ "kind": "Plan", "name": "other" }] });
    assert_eq!(apply("?prune=true", &plans).status, 409, "the plan is in use");
    apply("", &plans).done();
    let mut without = documents();
    without["documents"].as_array_mut().unwrap().push(json!({ "kind": "Plan", "name": "free-too" }));
    let changes = said(&apply("?prune=true", &without).done());
    assert!(changes.contains(&("other".to_owned(), "deleted".to_owned())), "{changes:?}");
    assert_eq!(world.get("/tenants/acme/apis", &world.owner).done()["items"].as_array().unwrap().len(), 1);
}

#[test]
fn a_difference_is_told_with_its_place() {
    let world = World::new();
    world.ask("POST", "/tenants/acme/apply", &world.owner, &documents()).done();
    let mut other = documents();
    other["documents"][3]["upstream"]["endpoints"][0]["address"] = json!("127.0.0.1:2");
    let diff = world.ask("POST", "/tenants/acme/apply?dry_run=true", &world.owner, &other).done();
    let api = diff["changes"].as_array().unwrap().iter().find(|change| change["kind"] == "Api").unwrap();
    let expected =
        json!([{ "place": "upstream.endpoints[0].address", "before": "127.0.0.1:1", "after": "127.0.0.1:2" }]);
    assert_eq!((&api["change"], &api["differences"]), (&json!("changed"), &expected));
}

#[test]
fn a_publication_that_is_made_is_a_change() {
    let world = World::new();
    let mut all = documents();
    all["documents"][3]["upstream"]["endpoints"][0]["address"] = json!("${var:STOCK}");
    all["documents"][5]["variables"] = json!({ "STOCK": "127.0.0.1:1" });
    let apply = |query: &str, body: &Value| {
        world.ask("POST", &format!("/tenants/acme/apply{query}"), &world.owner, body).done()
    };
    apply("", &all);
    all["documents"][5]["variables"] = json!({ "STOCK": "127.0.0.1:2" });
    for query in ["?dry_run=true", ""] {
        let answer = apply(query, &all);
        let told = answer["changes"].as_array().unwrap().iter().find(|told| told["kind"] == "Publication").unwrap();
        let expected = json!([{ "place": "variables.STOCK", "before": "127.0.0.1:1", "after": "127.0.0.1:2" }]);
        assert_eq!((&told["change"], &told["differences"]), (&json!("changed"), &expected), "{query}");
    }
    assert!(said(&apply("", &all)).iter().all(|(_, change)| change == "unchanged"));
}

#[test]
fn every_change_is_told_with_who_what_before_and_after() {
    let world = World::new();
    let put = |body: Value| {
        let fields = [("x-request-id", "r-7")];
        world.with("PUT", "/tenants/acme/plans/gold", &world.owner, &fields, body.to_string()).done()
    };
    put(json!({}));
    put(json!({ "title": "Gold" }));
    world.ask("DELETE", "/tenants/acme/plans/gold", &world.owner, &json!({})).done();
    let events = world.get("/tenants/acme/audit?kind=plan&key=gold", &world.owner).done();
    let events = events["items"].as_array().unwrap();
    let actions: Vec<_> = events.iter().map(|event| event["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["plan.delete", "plan.write", "plan.write"]);
    let (gold, plain) = (json!({ "name": "gold", "title": "Gold" }), json!({ "name": "gold" }));
    let told: Vec<_> = events.iter().map(|event| (event.get("before"), event.get("after"))).collect();
    assert_eq!(told, [(Some(&gold), None), (Some(&plain), Some(&gold)), (None, Some(&plain))]);
    assert!(events.iter().all(|event| event["by"] == "ann" && event["tenant"] == "acme"));
    assert_eq!(events[1]["request_id"], "r-7");
}
