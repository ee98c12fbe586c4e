//! Who calls the real binary: keys, plans, and one that is revoked while it runs.

use serde_json::json;
use tollgate_e2e::{Connection, Folder, Response, Site};

/// Its hash stands in the file.
const KEY: &str = "abc";
const HASH: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

/// A gateway whose route wants a key, and lets three requests a minute pass with it.
fn configured() -> Folder {
    let folder = Folder::new(None);
    let policies =
        "policies: { identify: [ { api_key: { header: X-API-Key, query: key } } ], authorize: { api: orders } }";
    let route = format!("answer: {{ status: 200, body: one }}, {policies} }}\n");
    let items = format!(
        "plans: [ {{ name: free, throttle: [ {{ name: three, key: application, limit: 3, per: hour }} ] }} ]
applications: [ {{ name: mobile, credentials: [ {{ sha256: {HASH} }} ], subscriptions: [ {{ api: orders, plan: free }} ] }} ]
"
    );
    let text = folder.text("one").replace("answer: { status: 200, body: one } }\n", &route);
    folder.put("gateway.yaml", &format!("{text}{items}"));
    folder
}

fn ask(site: &Site, target: &str, fields: &str) -> Response {
    let mut connection = Connection::open(site.address);
    connection.send(format!("GET {target} HTTP/1.1\r\nHost: test\r\n{fields}\r\n"));
    connection.response()
}

#[test]
fn without_a_key_401_with_it_200_and_429_past_the_plan() {
    let folder = configured();
    let site = folder.start(&[], &[]);
    let (with, bad) = (format!("X-API-Key: {KEY}\r\n"), "X-API-Key: abcd\r\n");
    let refused = ask(&site, "/answer", "");
    assert_eq!((refused.status, refused.field("content-type")), (401, Some("application/problem+json")));
    assert_eq!(refused.field("www-authenticate"), Some("ApiKey header=\"X-API-Key\", query=\"key\""));
    assert!(refused.text().contains("\"code\":\"credential_missing\""), "{}", refused.text());
    assert_eq!(ask(&site, "/answer", bad).status, 401);
    let passed =
        [ask(&site, "/answer", &with), ask(&site, &format!("/answer?key={KEY}"), ""), ask(&site, "/answer", &with)];
    assert_eq!(passed.map(|response| response.status), [200; 3]);
    let limited = ask(&site, "/answer", &with);
    assert_eq!(limited.status, 429);
    assert!(limited.text().contains("\"violated\":[\"three\"]"), "{}", limited.text());
}

#[test]
fn a_revoked_key_is_refused_once_the_patch_is_acknowledged() {
    let folder = configured();
    let site = folder.start(&[], &[]);
    let with = format!("X-API-Key: {KEY}\r\n");
    assert_eq!(ask(&site, "/answer", &with).status, 200);
    let (_, before) = site.ask("GET /config", "", "");
    let patch =
        json!({ "base": before["generation"].to_string(), "changed": { "applications": [ { "name": "mobile" } ] } });
    let (status, answer) = site.ask("PATCH /config", "", &patch.to_string());
    assert_eq!(status, 200, "{answer}");
    assert_eq!(ask(&site, "/answer", &with).status, 401);
    let (_, after) = site.ask("GET /config", "", "");
    assert_ne!(before["digest"], after["digest"]);
    assert_eq!((&after["applications"], &after["plans"][0]["name"]), (&json!(1), &json!("free")));
}
