//! The whole way of an API through the admin API: imported, published, subscribed to, rolled back, ended.

use crate::world::{World, api, text};
use serde_json::{Value, json};

const DOCUMENT: &str =
    "openapi: 3.1.0\ninfo: { title: Stock, version: '2' }\npaths:\n  /items/{id}:\n    get: { operationId: item }\n";

#[test]
fn an_installation_is_set_up_once() {
    let world = World::new();
    assert!(tollgate_api::setup_token(world.store.as_ref()).unwrap().is_none());
    let again = json!({ "token": "tgs_setup_0", "tenant": "evil", "member": "eve" });
    assert_eq!(world.ask("POST", "/setup", "", &again).status, 401);
    let me = world.get("/me", &world.owner).done();
    assert_eq!((&me["tenant"], &me["member"], &me["operator"]), (&json!("acme"), &json!("ann"), &json!(true)));
}

#[test]
fn a_document_is_imported_and_what_it_does_not_say_stays() {
    let (world, _) = World::furnished();
    let import = |query: &str| {
        world.with("POST", &format!("/tenants/acme/apis?{query}"), &world.owner, &[], DOCUMENT.to_owned())
    };
    let first = import("upstream=127.0.0.1:9&plan=gold");
    assert_eq!(first.status, 201, "{first:?}");
    assert_eq!(first.body["api"]["spec"]["plans"], json!(["gold"]));
    let again = import("");
    assert_eq!((again.status, again.etag()), (200, first.etag()));
    let document = world.get("/tenants/acme/apis/stock@2/document", &world.owner).done();
    assert_eq!(document["text"], DOCUMENT);
    let wrong = world.with("POST", "/tenants/acme/apis", &world.owner, &[], "openapi: 3.1.0\npaths: 7\n".to_owned());
    assert_eq!(wrong.status, 422, "{wrong:?}");
    assert!(wrong.body["errors"][0]["place"].as_str().unwrap().contains('#'), "{wrong:?}");
    let copy = world.ask("POST", "/tenants/acme/apis/stock@2/copy", &world.owner, &json!({ "to": "stock@3" })).done();
    assert_eq!((&copy["spec"]["version"], &copy["lifecycle"]), (&json!("3"), &json!("created")));
}

#[test]
fn publications_have_a_history_and_a_way_back() {
    let (world, _) = World::furnished();
    let one = "/tenants/acme/apis/orders@1.0/publications/production";
    let post = |path: &str, body: Value| world.ask("POST", path, &world.owner, &body);
    let now = world.get(one, &world.owner);
    assert_eq!(post(one, json!({})).etag(), now.etag(), "published twice is published once");
    let mut changed = api();
    changed["upstream"]["endpoints"][0]["address"] = json!("${var:ORDERS}");
    world.ask("PUT", "/tenants/acme/apis/orders@1.0", &world.owner, &changed).done();
    let refused = post(one, json!({}));
    assert_eq!((refused.status, refused.code()), (422, "undefined_variable"), "{refused:?}");
    // A publication that is refused freezes nothing.
    let revisions = "/tenants/acme/apis/orders@1.0/revisions";
    assert_eq!(world.get(revisions, &world.owner).done()["items"].as_array().unwrap().len(), 1);
    let variables = json!({ "variables": { "ORDERS": "127.0.0.1:9002" } });
    world.ask("PUT", "/tenants/acme/environments/production", &world.owner, &variables).done();
    assert_eq!(post(one, json!({ "note": "variables" })).done()["release"]["revision"], 2);
    let canary = json!({ "revision": 1, "canary": { "revision": 2, "percent": 10 } });
    assert_eq!(post(one, canary).done()["number"], 3);
    assert_eq!(post(&format!("{one}/rollback"), json!({ "to": 9 })).status, 409);
    let back = post(&format!("{one}/rollback"), json!({ "to": 1 })).done();
    assert_eq!(
        (&back["number"], &back["restores"], &back["release"]),
        (&json!(4), &json!(1), &json!({ "revision": 1 }))
    );
    assert_eq!(world.ask("DELETE", "/tenants/acme/apis/orders@1.0", &world.owner, &json!({})).status, 409);
    assert_eq!(world.ask("DELETE", "/tenants/acme/environments/production", &world.owner, &json!({})).status, 409);
    world.ask("DELETE", one, &world.owner, &json!({})).done();
    let history = world.get(&format!("{one}/history"), &world.owner).done();
    let numbers: Vec<_> = history["items"].as_array().unwrap().iter().map(|item| item["number"].clone()).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5]);
    assert_eq!(world.ask("DELETE", "/tenants/acme/apis/orders@1.0", &world.owner, &json!({})).status, 204);
}

#[test]
fn a_subscription_waits_for_approval_where_the_plan_wants_it() {
    let (world, _) = World::furnished();
    let dev = world.member("acme", "dev", &["developer"]);
    let found = world.get("/tenants/acme/catalog/apis?search=orders", &dev).done();
    assert_eq!((found["items"][0]["name"].clone(), found["items"][0].get("upstream")), (json!("orders"), None));
    world.ask("PUT", "/tenants/acme/applications/shop", &dev, &json!({})).done();
    let one = "/tenants/acme/applications/shop/subscriptions/orders@1.0";
    let ask = |plan: &str| world.ask("PUT", one, &dev, &json!({ "plan": plan }));
    assert_eq!(ask("none").status, 422);
    assert_eq!(ask("asked").done()["state"], "pending");
    let decide =
        |token: &str, state: &str| world.ask("POST", &format!("{one}/decision"), token, &json!({ "state": state }));
    assert_eq!(decide(&dev, "approved").status, 403);
    let pending = world.get("/tenants/acme/subscriptions?state=pending", &world.owner).done();
    assert_eq!(pending["items"][0]["application"], "shop");
    assert_eq!(decide(&world.owner, "approved").done()["state"], "approved");
    assert_eq!(ask("asked").done()["state"], "approved", "asking for what one has changes nothing");
    assert_eq!(decide(&world.owner, "rejected").status, 409);
    assert_eq!(decide(&world.owner, "blocked").done()["state"], "blocked");
    assert_eq!(ask("gold").status, 409, "nobody walks around a block");
    assert_eq!(world.ask("DELETE", "/tenants/acme/plans/asked", &world.owner, &json!({})).status, 409);
}

#[test]
fn the_catalog_tells_nobody_of_what_they_cannot_find() {
    let (world, _) = World::furnished();
    let dev = world.member("acme", "dev", &["developer"]);
    let mut hidden = api();
    hidden["visibility"] = json!("private");
    world.ask("PUT", "/tenants/acme/apis/secret@1", &world.owner, &hidden).done();
    let apis = json!({ "apis": [{ "api": "orders@1.0" }, { "api": "secret@1" }] });
    world.ask("PUT", "/tenants/acme/products/trade", &world.owner, &apis).done();
    let found = world.get("/tenants/acme/catalog/products", &dev).done();
    assert_eq!(found["items"][0]["apis"], json!([{ "api": "orders@1.0" }]));
}

#[test]
fn a_key_is_shown_once_and_its_hash_never() {
    let (world, _) = World::furnished();
    world.ask("PUT", "/tenants/acme/applications/shop", &world.owner, &json!({})).done();
    let all = "/tenants/acme/applications/shop/credentials";
    let issued = world.ask("POST", all, &world.owner, &json!({ "title": "laptop" })).done();
    let (id, secret) = (text(&issued["credential"]["id"]), text(&issued["secret"]));
    let hash = tollgate_domain::credential::hash(&secret);
    let rotated = world.ask("POST", &format!("{all}/{id}/rotate"), &world.owner, &json!({ "overlap_s": 60 })).done();
    assert_eq!(rotated["credential"]["replaces"], json!(id));
    world.ask("DELETE", &format!("{all}/{id}"), &world.owner, &json!({})).done();
    assert_eq!(world.ask("POST", &format!("{all}/{id}/rotate"), &world.owner, &json!({})).status, 409);
    let list = world.get(all, &world.owner).done();
    let events = world.get("/tenants/acme/audit", &world.owner).done();
    for shown in [&issued["credential"], &rotated["credential"], &list, &events] {
        assert!(!shown.to_string().contains(&secret) && !shown.to_string().contains(&hash), "{shown}");
    }
    assert!(list["items"].as_array().unwrap().iter().any(|one| one["id"] == json!(id) && one["revoked_s"].is_u64()));
    // All of it goes with its application.
    world.ask("DELETE", "/tenants/acme/applications/shop", &world.owner, &json!({})).done();
    world.ask("PUT", "/tenants/acme/applications/shop", &world.owner, &json!({})).done();
    assert_eq!(world.get(all, &world.owner).done()["items"], json!([]));
}

#[test]
fn a_lifecycle_goes_where_it_may() {
    let (world, _) = World::furnished();
    let step = |body: Value| world.ask("POST", "/tenants/acme/apis/orders@1.0/lifecycle", &world.owner, &body);
    assert_eq!((step(json!({ "to": "retired" })).status, step(json!({ "to": "prototyped" })).status), (409, 409));
    let deprecated = step(json!({ "to": "deprecated", "deprecation": { "since_s": 1, "sunset_s": 2 } })).done();
    assert_eq!(deprecated["deprecation"]["sunset_s"], 2);
    assert_eq!(step(json!({ "to": "blocked" })).done()["lifecycle"], "blocked");
    assert_eq!(world.get("/tenants/acme/catalog/apis", &world.owner).done()["items"], json!([]));
}
