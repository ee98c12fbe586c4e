//! What holds for all endpoints: problems, conditions, keys of requests, dry runs, pages.

use crate::world::{World, api, text};
use serde_json::json;
use std::collections::BTreeSet;

#[test]
fn a_refusal_is_a_problem_document_with_its_places() {
    let world = World::new();
    let rows = [
        ("PUT", "/tenants/acme/plans/gold", r#"{"throttle":[{"name":"a","limit":0}]}"#, 422, "throttle[0].limit"),
        ("PUT", "/tenants/acme/plans/gold", r#"{"throtle":[]}"#, 422, ""),
        ("PUT", "/tenants/acme/plans/gold", r#"{"throttle":[{"name":"a","limit":"x"}]}"#, 422, "throttle[0].limit"),
        ("PUT", "/tenants/acme/plans/gold", r#"{"name":"silver"}"#, 422, "name"),
        ("PUT", "/tenants/acme/plans/gold", "{", 422, ""),
        ("PUT", "/tenants/acme/plans/gold", "{} x", 422, ""),
        ("PUT", "/tenants/acme/plans/Gold!", "{}", 404, ""),
        ("PUT", "/tenants/acme/products/p", r#"{"apis":[{"api":"no@1"}]}"#, 422, "apis[0].api"),
        ("PUT", "/tenants/acme/apis/a@1", r#"{"base_path":"/a","plans":["no"]}"#, 422, "plans"),
        ("GET", "/tenants/acme/apis?limit=0", "", 422, "limit"),
        ("GET", "/tenants/acme/apis?cursor=zz", "", 422, "cursor"),
        ("GET", "/tenants/acme/apis?search=colour:red", "", 422, "search"),
        ("GET", "/tenants/acme/apis?colour=red", "", 422, "colour"),
        ("GET", "/tenants/acme/apis?limit=1&limit=2", "", 422, "limit"),
        ("PUT", "/tenants/acme/plans/gold?dry_run=maybe", "{}", 422, "dry_run"),
        ("POST", "/tenants/acme/apply?prune=no", r#"{"documents":[]}"#, 422, "prune"),
        ("POST", "/tenants/acme/apply", r#"{"documents":[{"kind":"Subscription"}]}"#, 422, "documents[0]"),
        ("PUT", "/tenants/acme", r#"{"title":1}"#, 422, "title"),
        ("PUT", "/tenants/acme", r#"{"titel":1}"#, 422, "titel"),
        ("GET", "/tenants/acme/catalog/apis?search=label:team", "", 422, "search"),
        ("GET", "/no/such/path", "", 404, ""),
        ("GET", "/tenants/%FF", "", 404, ""),
        ("PATCH", "/tenants/acme/plans/gold", "{}", 405, ""),
    ];
    for (method, path, body, status, place) in rows {
        let answer = world.with(method, path, &world.owner, &[("x-request-id", "r-1")], body.to_owned());
        assert_eq!(answer.status, status, "{method} {path} {body}: {answer:?}");
        assert_eq!(answer.headers["content-type"], "application/problem+json");
        assert_eq!((&answer.body["status"], &answer.body["request_id"]), (&json!(status), &json!("r-1")));
        if !place.is_empty() {
            assert_eq!(answer.body["errors"][0]["place"], place, "{answer:?}");
        }
    }
}

#[test]
fn a_record_is_written_as_it_was_read_or_not_at_all() {
    let world = World::new();
    let path = "/tenants/acme/plans/gold";
    let put = |fields: &[(&str, &str)], body: &str| world.with("PUT", path, &world.owner, fields, body.to_owned());
    let first = put(&[("if-none-match", "*")], "{}");
    assert_eq!(first.status, 201);
    let etag = first.etag();
    assert_eq!(put(&[("if-none-match", "*")], "{}").status, 412);
    let second = put(&[("if-match", &etag)], r#"{"title":"Gold"}"#);
    assert_eq!(second.status, 200);
    let late = put(&[("if-match", &etag)], r#"{"title":"Late"}"#);
    assert_eq!((late.status, late.code()), (412, "precondition_failed"));
    assert!(late.body["detail"].as_str().unwrap().contains(second.etag().as_str()));
    // The same again is no change: the tag stays, and there is no event.
    assert_eq!(put(&[], r#"{"title":"Gold"}"#).etag(), second.etag());
    let events = world.get("/tenants/acme/audit?kind=plan&key=gold", &world.owner).done();
    assert_eq!(events["items"].as_array().unwrap().len(), 2);
    assert_eq!(put(&[("if-match", "7 or 8")], "{}").status, 422);
    for field in ["if-match", "if-none-match", "idempotency-key"] {
        let unreadable = put(&[(field, "é")], "{}");
        assert_eq!((unreadable.status, unreadable.code()), (400, "invalid_field"), "{field}");
    }
    let gone = |tag: &str| world.with("DELETE", path, &world.owner, &[("if-match", tag)], String::new()).status;
    assert_eq!((gone(&etag), gone(&second.etag()), gone(&second.etag())), (412, 204, 404));
}

#[test]
fn a_request_with_a_key_is_done_once() {
    let (world, _) = World::furnished();
    world.ask("PUT", "/tenants/acme/applications/shop", &world.owner, &json!({})).done();
    let path = "/tenants/acme/applications/shop/credentials";
    let issue =
        |key: &str, body: &str| world.with("POST", path, &world.owner, &[("idempotency-key", key)], body.to_owned());
    let [first, again, other] = [issue("k1", "{}"), issue("k1", "{}"), issue("k2", "{}")];
    assert_eq!((first.status, &first.body), (201, &again.body));
    assert_ne!(first.body["secret"], other.body["secret"]);
    let reused = issue("k1", r#"{"title":"x"}"#);
    assert_eq!((reused.status, reused.code()), (422, "idempotency_key_reused"));
    assert_eq!(world.get(path, &world.owner).done()["items"].as_array().unwrap().len(), 2);
    // What is refused is not kept.
    assert_eq!(issue("k3", r#"{"expires_s":1}"#).status, 422);
    assert_eq!(issue("k3", "{}").status, 201);
    // After a day it is another request.
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    tollgate_api::forget(world.store.as_ref(), now).unwrap();
    assert_eq!(issue("k1", "{}").body, first.body);
    tollgate_api::forget(world.store.as_ref(), now + std::time::Duration::from_secs(25 * 3600)).unwrap();
    assert_ne!(issue("k1", "{}").body["secret"], first.body["secret"]);
}

#[test]
fn words_for_people_are_bounded() {
    let (world, _) = World::furnished();
    let put = |path: &str, body: &serde_json::Value| world.ask("PUT", path, &world.owner, body);
    put("/tenants/acme/applications/shop", &json!({})).done();
    let long = "é".repeat(257);
    for (path, body, place) in [
        ("/tenants/acme/apis/orders@1.0/publications/production", json!({ "note": long }), "note"),
        ("/tenants/acme/apis/orders@1.0/revisions", json!({ "note": long }), "note"),
        ("/tenants/acme/applications/shop/credentials", json!({ "title": long }), "title"),
        ("/tenants/acme/members/ann/tokens", json!({ "title": long }), "title"),
    ] {
        let answer = world.ask("POST", path, &world.owner, &body);
        assert_eq!((answer.status, answer.code()), (422, "too_many"), "{path}: {answer:?}");
        assert_eq!(answer.body["errors"][0]["place"], place, "{path}");
    }
}

#[test]
fn a_dry_run_answers_and_changes_nothing() {
    let world = World::new();
    let ask = |method: &str, path: &str| world.ask(method, &format!("{path}?dry_run=true"), &world.owner, &api());
    let answer = world.ask("PUT", "/tenants/acme/plans/gold?dry_run=true", &world.owner, &json!({}));
    assert_eq!((answer.status, answer.headers["dry-run"].to_str().unwrap()), (201, "true"));
    assert_eq!(world.get("/tenants/acme/plans/gold", &world.owner).status, 404);
    assert_eq!(ask("PUT", "/tenants/acme/apis/a@1").status, 422);
    for plan in ["gold", "asked"] {
        world.ask("PUT", &format!("/tenants/acme/plans/{plan}"), &world.owner, &json!({})).done();
    }
    assert_eq!(ask("PUT", "/tenants/acme/apis/a@1").status, 201);
    assert_eq!(world.get("/tenants/acme/apis", &world.owner).done()["items"], json!([]));
    let events = world.get("/tenants/acme/audit", &world.owner).done();
    assert!(!events.to_string().contains("a@1"));
}

#[test]
fn pages_have_everything_once() {
    let world = World::new();
    for at in 0..25 {
        world.ask("PUT", &format!("/tenants/acme/plans/p-{at}"), &world.owner, &json!({})).done();
    }
    for (list, key, count) in [("plans", "name", 25), ("audit", "id", 27)] {
        let (mut seen, mut path) = (BTreeSet::new(), format!("/tenants/acme/{list}?limit=7"));
        let mut pages = 0;
        loop {
            let page = world.get(&path, &world.owner).done();
            let items = page["items"].as_array().unwrap();
            assert!(items.iter().all(|item| seen.insert(text(&item[key]))) && items.len() <= 7);
            pages += 1;
            let Some(next) = page["next"].as_str() else { break };
            path = format!("/tenants/acme/{list}?limit=7&cursor={next}");
        }
        assert!((seen.len(), pages) == (count, 4), "{list}: {} in {pages}", seen.len());
    }
}
