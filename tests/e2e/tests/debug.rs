//! The debugger: a test request through an environment and at a node, which shows every phase and spends nothing.

use serde_json::{Value, json};
use tollgate_e2e::{ORDERS, Platform, origin, until};

/// An API in front of an origin that an environment's variable names, and an application with a key.
fn published(platform: &Platform, upstream: &str) -> String {
    let managed = format!(
        "kind: Environment\nname: production\nhosts: [ test ]\nvariables: {{ ORIGIN: '{upstream}' }}\n---\n\
         kind: Plan\nname: two\nquota: [ {{ name: two, limit: 2, per: day }} ]\n"
    );
    let _ = platform.done(&["apply", "-f", &platform.put("managed.yaml", &managed)]);
    let document = platform.put("orders.yaml", ORDERS);
    let _ = platform.done(&["import", "openapi", &document, "--upstream", "${var:ORIGIN}", "--plan", "two"]);
    let _ = platform.done(&["publish", "orders@1.0", "production"]);
    let shop =
        "kind: Application\nname: shop\n---\nkind: Subscription\napplication: shop\ntarget: orders@1.0\nplan: two\n";
    let _ = platform.done(&["apply", "-f", &platform.put("shop.yaml", shop)]);
    let key = platform.done(&["keys", "shop", "issue"]);
    key["secret"].as_str().expect("the text is shown once").to_owned()
}

fn debug(platform: &Platform, key: &str) -> Value {
    let key = format!("X-API-Key: {key}");
    platform.done(&["debug", "--environment", "production", "/orders/hello", "-H", &key])
}

fn phase<'s>(said: &'s Value, name: &str) -> &'s Value {
    let phases = said["phases"].as_array().expect("a list");
    phases.iter().find(|phase| phase["phase"] == name).unwrap_or_else(|| panic!("no {name} in {said}"))
}

#[test]
fn a_test_request_shows_every_phase_and_spends_no_quota() {
    let origin = origin();
    let platform = Platform::start();
    let upstream = origin.address().to_string();
    let key = published(&platform, &upstream);
    until("the key at the gateway", || (debug(&platform, &key)["status"] == 200).then_some(()));
    for _ in 0..5 {
        let said = debug(&platform, &key);
        assert_eq!((&said["status"], &said["environment"]), (&json!(200), &json!("production")), "{said}");
        assert!(phase(&said, "identify")["facts"]["credential"].is_string(), "{said}");
        assert_eq!(phase(&said, "authorize")["verdict"], "passed");
        assert_eq!(phase(&said, "throttle")["facts"], json!({ "limit": "2", "remaining": "1" }));
        assert_eq!(phase(&said, "connect")["what"], upstream.as_str());
        assert_eq!(phase(&said, "response")["facts"]["status"], "200");
        let publication = &said["publications"][0];
        assert_eq!((&publication["api"], &publication["number"]), (&json!("orders@1.0"), &json!(1)));
        assert_eq!(publication["variables"], json!({ "ORIGIN": upstream }));
        assert!(!said.to_string().contains(&key));
    }
    let fields = format!("X-API-Key: {key}\r\n");
    assert_eq!([0; 3].map(|_| platform.ask("/orders/hello", &fields).status), [200, 200, 429]);
    let said = debug(&platform, &key);
    assert_eq!((&said["status"], &phase(&said, "throttle")["reason"]), (&json!(429), &json!("quota_exceeded")));
    let row = json!([{ "application": "shop", "api": "orders@1.0", "ok": 2, "throttled": 1, "errors": 0 }]);
    until("the counts of what was asked for", || (platform.done(&["usage"]) == row).then_some(()));

    let refused = debug(&platform, "tg_wrong");
    assert_eq!(
        (&refused["status"], &phase(&refused, "identify")["reason"]),
        (&json!(401), &json!("credential_invalid"))
    );
    let missing = platform.verb(&["debug", "--environment", "staging", "/"]);
    assert!(!missing.status.success());
    let framed = platform.verb(&["debug", "--environment", "production", "/", "-H", "Content-Length: 3"]);
    assert!(String::from_utf8_lossy(&framed.stderr).contains("leave it out"), "{framed:?}");
}
