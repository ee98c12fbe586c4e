//! The thin path from end to end: a document is imported and published, somebody subscribes and calls within a plan, and a bad
//! revision is rolled back, all through the real binary over loopback.

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use tollgate_e2e::{Connection, ORDERS, Platform, Response, origin, until};

const MANAGED: &str = "\
kind: Environment
name: production
---
kind: Plan
name: three
throttle: [ { name: three, limit: 3, per: hour } ]
";

/// Everything up to a key: what is managed, an imported API in front of `upstream`, its publication and a subscription.
fn published(platform: &Platform, upstream: &str) -> String {
    published_as(platform, upstream, ORDERS)
}

fn published_as(platform: &Platform, upstream: &str, document: &str) -> String {
    let managed = platform.put("managed.yaml", MANAGED);
    let changes = platform.done(&["apply", "-f", &managed]);
    assert_eq!(changes[0]["change"], "created", "{changes}");
    let document = platform.put("orders.yaml", document);
    let api = platform.done(&["import", "openapi", &document, "--upstream", upstream, "--plan", "three"]);
    assert_eq!(api["api"], "orders@1.0", "{api}");
    let publication = platform.done(&["publish", "orders@1.0", "production"]);
    assert_eq!((&publication["publication"], &publication["revision"]), (&json!(1), &json!(1)));
    let shop = platform.put(
        "shop.yaml",
        "kind: Application\nname: shop\n---\nkind: Subscription\napplication: shop\ntarget: orders@1.0\nplan: three\n",
    );
    let _ = platform.done(&["apply", "-f", &shop]);
    let key = platform.done(&["keys", "shop", "issue", "--title", "laptop"]);
    key["secret"].as_str().expect("the text is shown once").to_owned()
}

fn status(platform: &Platform, target: &str, key: &str) -> u16 {
    let fields = if key.is_empty() { String::new() } else { format!("X-API-Key: {key}\r\n") };
    platform.ask(target, &fields).status
}

/// Waits until a request is answered like this.
fn until_status(platform: &Platform, target: &str, key: &str, wanted: u16) {
    until(&format!("{wanted} for {target}"), || (status(platform, target, key) == wanted).then_some(()));
}

#[test]
fn from_a_document_to_a_metered_call_and_back() {
    let origin = origin();
    let platform = Platform::start();
    let key = published(&platform, &origin.address().to_string());
    until_status(&platform, "/orders/hello", "", 401);
    let refused = platform.ask("/orders/hello", "");
    assert_eq!(refused.field("content-type"), Some("application/problem+json"));
    assert_eq!(status(&platform, "/orders/hello", "tg_wrong"), 401);
    // Whether the key is there already is seen without using it: the first answer with it that is no 401 counts.
    until_status(&platform, "/orders/hello", &key, 200);
    assert_eq!([0; 2].map(|_| status(&platform, "/orders/hello", &key)), [200; 2]);
    let limited = platform.ask("/orders/hello", &format!("X-API-Key: {key}\r\n"));
    assert_eq!(limited.status, 429, "{}", limited.text());

    // A bad revision takes the operation away; the rollback brings it back.
    let bad = platform.put("bad.yaml", &ORDERS.replace("/hello", "/goodbye"));
    let _ = platform.done(&["import", "openapi", &bad]);
    assert_eq!(platform.done(&["publish", "orders@1.0", "production"])["revision"], 2);
    until_status(&platform, "/orders/hello", "", 404);
    let back = platform.done(&["rollback", "orders@1.0", "production"]);
    assert_eq!((&back["publication"], &back["restores"], &back["revision"]), (&json!(3), &json!(1), &json!(1)));
    until_status(&platform, "/orders/hello", "", 401);

    let events = platform.done(&["audit"]);
    let actions: Vec<_> = events.as_array().unwrap().iter().filter_map(|event| event["action"].as_str()).collect();
    for action in ["publication.rollback", "publication.publish", "credential.issue", "subscription.ask", "api.write"] {
        assert!(actions.contains(&action), "{action} in {actions:?}");
    }
    assert!(!events.to_string().contains(&key));
}

#[test]
fn what_applications_use_is_counted_exactly() {
    let origin = origin();
    let platform = Platform::start();
    let key = published(&platform, &origin.address().to_string());
    until_status(&platform, "/orders/hello", "", 401);
    until("the key", || (status(&platform, "/orders/hello", &key) != 401).then_some(()));
    // One was let in above, two more are; what is published anew meanwhile takes no count away.
    let mut statuses = vec![200];
    for round in 0..3 {
        statuses.extend([0; 4].map(|_| status(&platform, "/orders/hello", &key)));
        let another = platform.put("other.yaml", &format!("kind: Application\nname: other-{round}\n"));
        let _ = platform.done(&["apply", "-f", &another]);
        assert_eq!(platform.done(&["publish", "orders@1.0", "production"])["running"], 1);
    }
    let count = |wanted: u16| statuses.iter().filter(|status| **status == wanted).count();
    assert_eq!((count(200), count(429), statuses.len()), (3, 10, 13), "{statuses:?}");
    let row = json!({ "application": "shop", "api": "orders@1.0", "ok": 3, "throttled": 10, "errors": 0 });
    let usage = ["usage", "--application", "shop"];
    until("the counts at the control plane", || (platform.done(&usage) == json!([row])).then_some(()));
    assert_eq!(platform.done(&["usage", "--api", "orders@1.0", "--since", "7d"]), json!([row]));
    assert_eq!(platform.done(&["usage", "--application", "other-1"]), json!([]));
    let hours = platform.done(&["usage", "--hours"]);
    assert!(hours[0]["hour_s"].as_u64().is_some_and(|hour_s| hour_s % 3600 == 0), "{hours}");
    // A stop hands over what was counted last.
    assert_eq!(status(&platform, "/orders/hello", &key), 429);
    let platform = platform.stopped_and_restarted();
    let row = json!({ "application": "shop", "api": "orders@1.0", "ok": 3, "throttled": 11, "errors": 0 });
    assert_eq!(platform.done(&["usage"]), json!([row]));
}

#[test]
fn what_was_acknowledged_is_served_again_after_a_crash() {
    let origin = origin();
    let platform = Platform::start();
    let key = published(&platform, &origin.address().to_string());
    let platform = platform.crashed_and_restarted();
    // From the first request on: what is published is there before the gateway listens.
    assert_eq!([status(&platform, "/orders/hello", ""), status(&platform, "/orders/hello", &key)], [401, 200]);
    assert!(!platform.process.errors().contains("setup token"));
    // Its file says nothing of what is published, and does not take it away when it is read again.
    platform.process.signal(Signal::SIGHUP);
    until("the file to be read again", || platform.process.errors().contains("(signal)").then_some(()));
    assert_eq!(status(&platform, "/orders/hello", ""), 401);
}

#[test]
fn files_lead_to_what_there_is_and_back() {
    let platform = Platform::start();
    let key = published(&platform, "127.0.0.1:9");
    assert!(key.starts_with("tg_"));
    let exported = platform.verb(&["export"]);
    let file = platform.put("all.yaml", &String::from_utf8(exported.stdout).unwrap());
    assert_eq!(platform.done(&["diff", "-f", &file, "--prune"]), json!([]));
    let other = std::fs::read_to_string(&file).unwrap().replace("limit: 3", "limit: 5");
    let other = platform.put("all.yaml", &other);
    let diff = platform.done(&["diff", "-f", &other]);
    assert_eq!((&diff[0]["name"], &diff[0]["after"]), (&json!("three"), &json!("5")), "{diff}");
    let wrong = platform.put("wrong.yaml", "kind: Plan\nname: x\nthrottle: [ { name: a, limit: 0 } ]\n");
    let refused = platform.verb(&["apply", "-f", &wrong]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(1) && said.contains("wrong.yaml document 1: throttle[0].limit"), "{said}");
}

/// The documents of the page for users, in the order in which it says what to do.
#[test]
fn the_page_for_users_leads_to_a_key() {
    let page = include_str!("../../../docs/users/publish.md");
    let blocks = page.split("```yaml\n").skip(1).filter_map(|block| block.split("```").next());
    let mut documents = blocks.filter(|block| block.starts_with("kind: "));
    let platform = Platform::start();
    let mut apply = |name: &str| {
        let file = platform.put(name, documents.next().expect("the page has two files"));
        platform.done(&["apply", "-f", &file])
    };
    apply("acme.yaml");
    let document = platform.put("orders.yaml", ORDERS);
    let _ = platform.done(&["import", "openapi", &document, "--upstream", "127.0.0.1:9", "--plan", "gold"]);
    let _ = platform.done(&["publish", "orders@1.0", "production"]);
    apply("shop.yaml");
    let key = platform.done(&["keys", "shop", "issue", "--title", "laptop"]);
    assert!(key["secret"].as_str().is_some_and(|text| text.starts_with("tg_")), "{key}");
    assert_eq!(documents.next(), None);
}

/// An API that lets in whoever is known in any way, and a client of it.
fn published_with_client(platform: &Platform, upstream: &str) -> Value {
    let document = ORDERS.replace("security: [ { key: [] } ]\n", "");
    let _ = published_as(platform, upstream, &document);
    platform.done(&["keys", "shop", "issue", "--oauth"])
}

/// Asks for a token on the gateway's listener; gives the answer.
fn token(platform: &Platform, client: &Value, more: &str) -> Response {
    let [id, secret] = ["id", "secret"].map(|key| client[key].as_str().expect("a client has both"));
    let form = format!("grant_type=client_credentials&client_id={id}&client_secret={secret}{more}");
    let length = form.len();
    let mut connection = Connection::open(platform.address);
    connection.send(format!(
        "POST /oauth2/token HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Length: {length}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\n\r\n{form}"
    ));
    connection.response()
}

/// The header field with a new token.
fn bearer(platform: &Platform, client: &Value) -> String {
    let answer = token(platform, client, "");
    assert_eq!(answer.status, 200, "{}", answer.text());
    let token: Value = serde_json::from_slice(&answer.body).expect("the token endpoint answers in JSON");
    format!("Authorization: Bearer {}\r\n", token["access_token"].as_str().expect("a 200 has a token"))
}

#[test]
fn a_client_gets_a_token_on_the_listener_and_calls_with_it() {
    let origin = origin();
    let platform = Platform::start();
    let client = published_with_client(&platform, &origin.address().to_string());
    let elsewhere = token(&platform, &client, "&resource=https%3A%2F%2Fbank.example");
    assert!(elsewhere.status == 400 && elsewhere.text().contains("invalid_target"), "{}", elsewhere.text());
    let bearer = bearer(&platform, &client);
    until("200 with the token", || (platform.ask("/orders/hello", &bearer).status == 200).then_some(()));
    assert_eq!(platform.ask("/orders/hello", &bearer.replace("Bearer ey", "Bearer ez")).status, 401);
}

/// Tokens of the key before, and of the one after, are good without anybody noticing.
#[test]
fn a_key_that_is_rotated_is_good_until_its_tokens_end() {
    let origin = origin();
    let platform = Platform::start();
    let client = published_with_client(&platform, &origin.address().to_string());
    let keys = platform.done(&["signing-keys"]);
    let before = bearer(&platform, &client);
    until("200 with the token", || (platform.ask("/orders/hello", &before).status == 200).then_some(()));
    let rotated = platform.done(&["signing-keys", "rotate"]);
    assert_eq!((&rotated[0]["kid"], &rotated[0]["does"]), (&keys[0]["kid"], &json!("retired")), "{rotated}");
    assert_eq!((&rotated[1]["kid"], &rotated[1]["does"]), (&keys[1]["kid"], &json!("signs")));
    let after = bearer(&platform, &client);
    assert_ne!(before.split('.').next(), after.split('.').next(), "it is signed with another key");
    assert_eq!([&before, &after].map(|bearer| platform.ask("/orders/hello", bearer).status), [200; 2]);
    // The third is told to the gateway before it signs anything.
    let _ = platform.done(&["signing-keys", "rotate"]);
    let third = bearer(&platform, &client);
    // The plan is used up: 429, and nobody unknown.
    until("a token of the newer key", || (platform.ask("/orders/hello", &third).status == 429).then_some(()));
}
