//! What goes with what is removed, and what may not go: blocks, last owners, what others still name.

use crate::world::{World, api, text};
use serde_json::{Value, json};

const ORDERS: &str = "/tenants/acme/apis/orders@1.0";
const PUBLISHED: &str = "/tenants/acme/apis/orders@1.0/publications/production";
const SHOP: &str = "/tenants/acme/applications/shop";
const SUBSCRIPTION: &str = "/tenants/acme/applications/shop/subscriptions/orders@1.0";

/// A developer with the application `shop`, subscribed to what is published.
fn subscribed() -> (World, String) {
    let (world, _) = World::furnished();
    let dev = world.member("acme", "dev", &["developer"]);
    world.ask("PUT", SHOP, &dev, &json!({})).done();
    world.ask("PUT", SUBSCRIPTION, &dev, &json!({ "plan": "gold" })).done();
    (world, dev)
}

#[test]
fn an_api_that_is_created_again_begins_anew() {
    let (world, _) = World::furnished();
    let owner = |method: &str, path: &str, body: Value| world.ask(method, path, &world.owner, &body);
    owner("DELETE", PUBLISHED, json!({})).done();
    owner("DELETE", ORDERS, json!({})).done();
    let mut other = api();
    other["upstream"]["endpoints"][0]["address"] = json!("127.0.0.1:9002");
    owner("PUT", ORDERS, other.clone()).done();
    let none = world.get(&format!("{ORDERS}/revisions"), &world.owner).done();
    assert_eq!(none["items"], json!([]), "the revisions of the one before are gone");
    let first = owner("POST", PUBLISHED, json!({})).done();
    assert_eq!((&first["number"], &first["release"]["revision"]), (&json!(1), &json!(1)));
    let revision = world.get(&format!("{ORDERS}/revisions/1"), &world.owner).done();
    assert_eq!(revision["spec"]["upstream"], other["upstream"]);
    let history = world.get(&format!("{PUBLISHED}/history"), &world.owner).done();
    assert_eq!(history["items"].as_array().unwrap().len(), 1);
    let of = |kind: &str, key: &str| {
        let path = format!("/tenants/acme/audit?kind={kind}&key={key}");
        world.get(&path, &world.owner).done()["items"][1]["action"].clone()
    };
    assert_eq!(of("revision", "orders@1.0/0000000001"), "revision.delete");
    assert_eq!(of("publication", "orders@1.0/production"), "publication.delete");
}

#[test]
fn a_blocked_subscription_is_ended_by_those_who_decide() {
    let (world, dev) = subscribed();
    let decision = format!("{SUBSCRIPTION}/decision");
    world.ask("POST", &decision, &world.owner, &json!({ "state": "blocked" })).done();
    let prune = json!({ "documents": [
        { "kind": "Application", "name": "other" },
        { "kind": "Subscription", "application": "other", "target": "orders@1.0", "plan": "gold" },
    ] });
    let tries = [
        world.ask("DELETE", SUBSCRIPTION, &dev, &json!({})),
        world.ask("DELETE", SHOP, &dev, &json!({})),
        world.ask("POST", "/tenants/acme/apply?prune=true", &dev, &prune),
        world.ask("PUT", SUBSCRIPTION, &dev, &json!({ "plan": "asked" })),
    ];
    for answer in &tries {
        assert_eq!((answer.status, answer.code()), (409, "invalid_transition"), "{answer:?}");
    }
    assert_eq!(world.get(SUBSCRIPTION, &dev).done()["state"], "blocked");
    world.ask("DELETE", SUBSCRIPTION, &world.owner, &json!({})).done();
}

#[test]
fn a_blocked_application_is_let_go_by_those_who_decide() {
    let (world, dev) = subscribed();
    let put = |token: &str, body: Value| world.ask("PUT", SHOP, token, &body);
    assert_eq!(put(&dev, json!({ "blocked": true })).code(), "role_required");
    put(&world.owner, json!({ "owners": ["dev"], "blocked": true })).done();
    assert_eq!(put(&dev, json!({ "title": "Shop" })).done()["blocked"], true, "left out, it stays");
    for answer in [
        put(&dev, json!({ "blocked": false })),
        world.ask("DELETE", SHOP, &dev, &json!({})),
        world.ask(
            "POST",
            "/tenants/acme/apply?prune=true",
            &dev,
            &json!({ "documents": [
            { "kind": "Application", "name": "other" },
        ] }),
        ),
        world.ask(
            "POST",
            "/tenants/acme/apply",
            &dev,
            &json!({ "documents": [
            { "kind": "Application", "name": "shop", "blocked": false },
        ] }),
        ),
    ] {
        assert_eq!((answer.status, answer.code()), (403, "role_required"), "{answer:?}");
    }
    put(&world.owner, json!({ "owners": ["dev"], "blocked": false })).done();
    world.ask("DELETE", SHOP, &dev, &json!({})).done();
}

#[test]
fn nobody_locks_everybody_out() {
    let (world, gus) = World::furnished();
    let ask = |method: &str, path: &str, body: Value| world.ask(method, path, &world.owner, &body);
    let gus_path = "/tenants/globex/members/gus";
    for (method, body) in
        [("PUT", json!({ "roles": ["auditor"] })), ("PUT", json!({ "disabled": true })), ("DELETE", json!({}))]
    {
        let answer = ask(method, gus_path, body);
        assert_eq!((answer.status, answer.code()), (409, "in_use"), "{answer:?}");
    }
    // Who cannot sign in owns nothing.
    ask("PUT", "/tenants/globex/members/ned", json!({ "roles": ["owner"], "disabled": true })).done();
    assert_eq!(ask("DELETE", gus_path, json!({})).status, 409);
    world.member("globex", "pam", &["owner"]);
    let step_down = world.ask("PUT", gus_path, &gus, &json!({ "roles": ["developer"] }));
    assert_eq!(step_down.status, 200, "{step_down:?}");
    // The last operator stays one; an owner of the same name elsewhere is somebody else.
    world.member("acme", "olga", &["owner"]);
    world.member("globex", "ann", &["owner"]);
    let ann = "/tenants/acme/members/ann";
    assert_eq!(ask("PUT", ann, json!({ "roles": ["owner"] })).code(), "in_use");
    assert_eq!(ask("DELETE", ann, json!({})).code(), "in_use");
    ask("PUT", "/tenants/globex/members/ann", json!({ "roles": ["owner"], "operator": true })).done();
    assert_eq!(ask("PUT", ann, json!({ "roles": ["owner"] })).status, 200);
}

#[test]
fn a_document_goes_when_nothing_names_it_any_more() {
    let world = World::new();
    let document = |path: &str| {
        format!(
            "openapi: 3.1.0\ninfo: {{ title: Stock, version: '2' }}\npaths:\n  {path}:\n    get: {{ operationId: item }}\n"
        )
    };
    let import = |query: &str, path: &str| {
        let path = world.with("POST", &format!("/tenants/acme/apis?{query}"), &world.owner, &[], document(path)).done();
        text(&path["api"]["spec"]["document"])
    };
    let is_kept = |digest: &str| {
        use tollgate_store::{Records as _, Space, Transactions as _};
        let acme = "acme".parse().unwrap();
        let kept = world.store.read(|rows| rows.load::<tollgate_domain::Document>(Space::Tenant(&acme), digest));
        kept.unwrap().is_some()
    };
    let first = import("", "/a");
    import("name=other", "/a");
    let second = import("", "/b");
    assert_eq!([&first, &second].map(|digest| is_kept(digest)), [true, true], "the other API has the first");
    world.ask("DELETE", "/tenants/acme/apis/other@2", &world.owner, &json!({})).done();
    assert_eq!([&first, &second].map(|digest| is_kept(digest)), [false, true]);
    world.ask("POST", "/tenants/acme/apis/stock@2/revisions", &world.owner, &json!({})).done();
    let third = import("", "/c");
    assert_eq!([&second, &third].map(|digest| is_kept(digest)), [true, true], "a revision has the second");
    world.ask("DELETE", "/tenants/acme/apis/stock@2", &world.owner, &json!({})).done();
    assert_eq!([&second, &third].map(|digest| is_kept(digest)), [false, false]);
}

#[test]
fn an_application_has_as_many_credentials_as_the_gateway_takes() {
    let (world, dev) = subscribed();
    let all = format!("{SHOP}/credentials");
    let issue = || world.ask("POST", &all, &dev, &json!({}));
    let first = issue().done();
    (1..tollgate_domain::limits::CREDENTIALS_MAX).for_each(|_| drop(issue().done()));
    assert_eq!((issue().status, issue().code().to_owned()), (422, "too_many".to_owned()));
    let rotate = format!("{all}/{}/rotate", text(&first["credential"]["id"]));
    let rotated = |overlap_s: u64| world.ask("POST", &rotate, &dev, &json!({ "overlap_s": overlap_s }));
    assert_eq!(rotated(60).code(), "too_many", "while both go on, they are two");
    rotated(0).done();
    assert_eq!(issue().code(), "too_many");
}
