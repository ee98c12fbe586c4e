//! Who calls: keys in fields and parameters, what an endpoint is told, plans, and that a credential goes no further.

use crate::gateway::{Gateway, ORIGINS, get, problem, routed};
use serde_json::{Value, json};
use std::{rc::Rc, time::Duration};
use tollgate_http::Reason;
use tollgate_model::key_proof;
use tollgate_sim::{Answer, Head, ISSUER, Origin, Reply, Request, jwks, token};

const KEY: &str = "tg_lasting_key";

fn hash(key: &str) -> String {
    key_proof(key.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Two applications, a plan of three requests a minute, and one key that has ended.
fn node() -> String {
    format!(
        "plans: [ {{ name: gold, throttle: [ {{ name: three, key: subscription, limit: 3, per: minute }} ] }} ]
applications:
  - name: mobile
    tenant: acme
    credentials:
      - {{ id: k1, sha256: {}, scopes: [read] }}
      - {{ id: old, sha256: {}, expires: 1 }}
      - {{ id: web, issuer: '{ISSUER}', client_id: web }}
    subscriptions: [ {{ api: orders@v1, plan: gold }} ]
  - {{ name: other, credentials: [ {{ id: k2, sha256: {} }} ], subscriptions: [ {{ api: orders@v1, plan: gold }} ] }}
",
        hash(KEY),
        hash("tg_old"),
        hash("tg_other"),
    )
}

const ROUTE: &str = "match: { path: '/orders/*' }, upstream: a, policies: { \
    identify: [ { api_key: { header: X-API-Key, query: api_key } } ], authorize: { api: orders@v1 } }";
const SCOPED: &str = "match: { path: '/scoped' }, upstream: a, policies: { \
    identify: [ { api_key: { header: X-API-Key } }, { anonymous: true } ], \
    authorize: { api: users, subscription: optional, scopes: [read] } }";
const CLOSED: &str = "match: { path: '/closed' }, upstream: a, policies: { \
    identify: [ { api_key: { header: X-API-Key } } ], authorize: { api: users } }";
const OPEN: &str = "match: { path: '/open' }, upstream: a, policies: { \
    identify: [ { api_key: { header: X-API-Key } }, { anonymous: true } ], \
    throttle: [ { name: one, key: application, limit: 1, per: hour } ] }";
/// Seconds since 1970 that no run reaches.
const LATER_S: u64 = 100_000_000_000;

/// A route that takes tokens, and keys after them.
fn tokens() -> String {
    let jwt = format!("issuer: '{ISSUER}', audience: [api], jwks: '{}'", jwks());
    format!(
        "match: {{ path: '/tokens/*' }}, upstream: a, policies: {{ identify: [ {{ jwt: {{ {jwt} }} }}, \
         {{ api_key: {{ header: X-API-Key }} }} ], authorize: {{ api: orders@v1, scopes: [read] }}, \
         throttle: [ {{ name: each, key: 'claim:sub', limit: 100, per: hour }} ] }}"
    )
}

fn claims(changes: &Value) -> Value {
    let mut claims = json!({ "aud": "api", "client_id": "web", "exp": LATER_S, "scope": "read", "sub": "alice" });
    for (name, value) in changes.as_object().expect("a mapping") {
        claims[name] = value.clone();
    }
    claims
}

fn with_token(number: u8, changes: &Value) -> Request {
    with("/tokens/1", &format!("Authorization: Bearer {}\r\n", token(number, claims(changes))))
}

const PLAIN: &str = "match: { path: '/plain' }, upstream: a";

struct Asked {
    replies: Vec<Reply>,
    seen: Vec<Head>,
    records: Vec<String>,
}

fn ask(requests: Vec<Request>) -> Asked {
    let gateway = Gateway::start_node(&node(), &[ROUTE, SCOPED, CLOSED, OPEN, PLAIN, &tokens()]);
    let origins: Vec<Rc<Origin>> =
        ORIGINS.map(|at| Origin::start(&gateway.world, at, |_: &Head| Answer::new(b"content".to_vec()))).into();
    let client = gateway.ask(requests);
    gateway.simulation.run_for(Duration::from_secs(1));
    let seen = origins.iter().flat_map(|origin| origin.seen().iter().map(|seen| seen.head.clone()).collect::<Vec<_>>());
    let seen = seen.collect();
    let replies = client.take().into_iter().map(|reply| reply.expect("an answer")).collect();
    Asked { replies, seen, records: gateway.end().records }
}

fn with(target: &str, fields: &str) -> Request {
    Request { target: target.to_owned(), fields: fields.to_owned(), ..get(1) }
}

fn keyed(target: &str, key: &str) -> Request {
    with(target, &format!("X-API-Key: {key}\r\n"))
}

fn statuses(replies: &[Reply]) -> Vec<u16> {
    replies.iter().map(|reply| reply.head.status()).collect()
}

#[test]
fn a_key_opens_its_api_and_stays_here() {
    let asked = ask(vec![
        with("/orders/1?a=1", &format!("X-API-Key: {KEY}\r\nX-Consumer-Tenant: evil\r\n")),
        with(&format!("/orders/2?a=1&api_key={KEY}&b"), ""),
        with(&format!("/orders/3?api%5fkey={}", KEY.replace('_', "%5F")), ""),
        keyed("/orders/4", "tg_other"),
    ]);
    assert_eq!(statuses(&asked.replies), [200; 4]);
    let targets: Vec<_> = asked.seen.iter().map(|head| head.word(1).to_owned()).collect();
    assert_eq!(targets, ["/orders/1?a=1", "/orders/2?a=1&b", "/orders/3", "/orders/4"]);
    for head in &asked.seen {
        assert!(!format!("{head:?}").contains("tg_"), "a credential went on: {head:?}");
        assert_eq!(head.field("x-consumer-plan"), Some("gold"));
    }
    let told = |at: usize, name: &str| asked.seen[at].field(&format!("x-consumer-{name}")).map(str::to_owned);
    for at in 0..3 {
        assert_eq!(told(at, "application").as_deref(), Some("mobile"));
        assert_eq!((told(at, "tenant").as_deref(), told(at, "credential-id").as_deref()), (Some("acme"), Some("k1")));
    }
    assert_eq!((told(3, "application").as_deref(), told(3, "tenant")), (Some("other"), None));
    assert!(asked.records[1].contains("\"application\":\"mobile\",\"credential_id\":\"k1\""), "{}", asked.records[1]);
    assert!(asked.records.iter().all(|record| !record.contains("tg_")));
}

#[test]
fn what_is_missing_is_told_and_nothing_else() {
    let asked = ask(vec![
        with("/orders/1", ""),
        keyed("/orders/2", "tg_nobody"),
        keyed("/orders/3", "tg_old"),
        keyed("/closed", KEY),
        keyed("/scoped", "tg_other"),
        with("/scoped", ""),
        keyed("/scoped", KEY),
    ]);
    let reasons = [
        Reason::CredentialMissing,
        Reason::CredentialInvalid,
        Reason::CredentialExpired,
        Reason::NotSubscribed,
        Reason::ScopeMissing,
        Reason::CredentialMissing,
    ];
    for (reply, reason) in asked.replies.iter().zip(reasons) {
        problem(reply, reason);
        let challenge = reply.head.field("www-authenticate");
        assert_eq!(challenge.is_some(), reason.status() == 401, "{reason:?}");
        let body = String::from_utf8_lossy(&reply.body);
        assert!(!body.contains("mobile") && !body.contains("tg_"), "{body}");
        assert!(!reply.last, "the connection goes on");
    }
    assert_eq!(asked.replies[0].head.field("www-authenticate"), Some("ApiKey header=\"X-API-Key\", query=\"api_key\""));
    assert_eq!((asked.replies[6].head.status(), asked.seen.len()), (200, 1));
    assert!(asked.records[3].contains("\"application\":\"mobile\"") && asked.records[3].contains("not_subscribed"));
    assert!(!asked.records[1].contains("application"), "{}", asked.records[1]);
}

#[test]
fn a_plan_holds_for_each_subscription_by_itself() {
    let mut requests: Vec<_> = (0..4).map(|_| keyed("/orders/1", KEY)).collect();
    requests.extend((0..4).map(|_| keyed("/orders/1", "tg_other")));
    let asked = ask(requests);
    assert_eq!(statuses(&asked.replies), [200, 200, 200, 429, 200, 200, 200, 429]);
    problem(&asked.replies[3], Reason::Throttled);
    assert_eq!(asked.replies[2].head.field("ratelimit"), Some("\"three\";r=0;t=60"));
    assert!(asked.records[3].contains("\"throttled_by\":\"three\""), "{}", asked.records[3]);
}

#[test]
fn anonymous_requests_go_on_as_nobodys_and_nobody_can_claim_to_be_somebody() {
    let forged = "X-Consumer-Application: mobile\r\nX_Consumer_Plan: gold\r\n";
    let asked = ask(vec![with("/open", forged), keyed("/open", KEY), with("/open", ""), with("/plain", forged)]);
    assert_eq!(statuses(&asked.replies), [200, 200, 429, 200], "each caller has its own count, and nobody has one");
    for (head, application) in asked.seen.iter().zip([None, Some("mobile"), None]) {
        assert_eq!((head.field("x-consumer-application"), head.field("x_consumer_plan")), (application, None));
    }
}

#[test]
fn a_token_is_verified_once_and_its_caller_known() {
    let gateway = Gateway::start_node(&node(), &[&tokens()]);
    let origin = Origin::start(&gateway.world, ORIGINS[0], |_: &Head| Answer::new(b"content".to_vec()));
    let three = vec![with_token(1, &json!({})), with_token(1, &json!({})), with_token(1, &json!({ "sub": "bob" }))];
    let client = gateway.ask(three);
    gateway.simulation.run_for(Duration::from_secs(1));
    let replies: Vec<Reply> = client.take().into_iter().map(|reply| reply.expect("an answer")).collect();
    assert_eq!(statuses(&replies), [200, 200, 200]);
    assert_eq!(gateway.offload().begun(), 2, "what was verified is remembered");
    let told: Vec<_> = origin.seen().iter().map(|seen| seen.head.clone()).collect();
    for (head, subject) in told.iter().zip(["alice", "alice", "bob"]) {
        assert_eq!((head.field("x-consumer-application"), head.field("authorization")), (Some("mobile"), None));
        assert_eq!(
            (head.field("x-consumer-subject"), head.field("x-consumer-credential-id")),
            (Some(subject), Some("web"))
        );
    }
    // `each` and the plan's `three`.
    let left = |at: usize| replies[at].head.field("ratelimit").unwrap_or_default().to_owned();
    assert!(left(1).contains("\"each\";r=98") && left(2).contains("\"each\";r=99"), "{} {}", left(1), left(2));
    assert!(left(2).contains("\"three\";r=0"), "{}", left(2));
    gateway.end();
}

#[test]
fn tokens_that_are_not_for_us_are_refused() {
    let wrong = [
        (with_token(2, &json!({})), Reason::CredentialInvalid),
        (with_token(1, &json!({ "aud": "others" })), Reason::CredentialInvalid),
        (with_token(1, &json!({ "exp": 1 })), Reason::CredentialExpired),
        (with_token(1, &json!({ "nbf": LATER_S - 1 })), Reason::CredentialInvalid),
        (with_token(1, &json!({ "client_id": "nobody" })), Reason::NotSubscribed),
        (with_token(1, &json!({ "scope": "write" })), Reason::ScopeMissing),
        (with("/tokens/1", "Authorization: Bearer x\r\n"), Reason::CredentialInvalid),
        (with("/tokens/1", &format!("Authorization: Bearer {}\r\n", "x".repeat(9_000))), Reason::CredentialInvalid),
        (with("/tokens/1", "Authorization: Basic eDp5\r\n"), Reason::CredentialMissing),
    ];
    let (requests, reasons): (Vec<_>, Vec<_>) = wrong.into_iter().unzip();
    let asked = ask(requests);
    for (reply, reason) in asked.replies.iter().zip(reasons) {
        problem(reply, reason);
        let challenge = reply.head.field("www-authenticate");
        match reason {
            Reason::NotSubscribed => assert_eq!(challenge, None),
            Reason::ScopeMissing => {
                assert_eq!(challenge, Some("Bearer error=\"insufficient_scope\", scope=\"read\""));
            }
            Reason::CredentialMissing => assert_eq!(challenge, Some("Bearer")),
            _ => assert_eq!(challenge, Some("Bearer error=\"invalid_token\"")),
        }
    }
    assert_eq!(asked.seen.len(), 0);
}

#[test]
fn without_room_for_a_check_a_request_is_refused_and_the_worker_goes_on() {
    let gateway = Gateway::start_node(&node(), &[&tokens()]);
    let _origin = Origin::start(&gateway.world, ORIGINS[0], |_: &Head| Answer::new(b"content".to_vec()));
    let ask = |requests| {
        let client = gateway.ask(requests);
        gateway.simulation.run_for(Duration::from_secs(1));
        client.take().into_iter().map(|reply| reply.expect("an answer")).collect::<Vec<Reply>>()
    };
    assert_eq!(statuses(&ask(vec![with_token(1, &json!({}))])), [200]);
    gateway.offload().refuse(true);
    let replies = ask(vec![with_token(1, &json!({ "jti": 1 })), with_token(1, &json!({})), keyed("/tokens/1", KEY)]);
    problem(&replies[0], Reason::Overloaded);
    assert_eq!((statuses(&replies), replies[0].head.field("retry-after")), (vec![503, 200, 200], Some("1")));
    gateway.offload().refuse(false);
    assert_eq!(
        statuses(&ask(vec![with_token(1, &json!({ "jti": 1, "sub": "eve" }))])),
        [429],
        "the plan's three are used"
    );
    gateway.end();
}

#[test]
fn a_token_that_was_verified_ends_with_the_publish_that_revokes_it() {
    let gateway = Gateway::start_node(&node(), &[&tokens()]);
    let _origin = Origin::start(&gateway.world, ORIGINS[0], |_: &Head| Answer::new(b"content".to_vec()));
    let both = || {
        let client = gateway.ask(vec![with_token(1, &json!({ "jti": "a" })), with_token(1, &json!({ "jti": "b" }))]);
        gateway.simulation.run_for(Duration::from_secs(30));
        client.take().into_iter().map(|reply| reply.expect("an answer")).collect::<Vec<Reply>>()
    };
    assert_eq!(statuses(&both()), [200, 200]);
    let publish = |node: &str| {
        gateway.publish(routed(&[&tokens()], node), Vec::new());
        gateway.simulation.run_for(Duration::from_secs(30));
    };
    publish(&node().replace("client_id: web", "client_id: web, revoked: [a]"));
    let replies = both();
    assert_eq!(statuses(&replies), [401, 200]);
    problem(&replies[0], Reason::CredentialInvalid);
    assert_eq!(gateway.offload().begun(), 2, "nothing was verified anew");
    publish(&node());
    assert_eq!(statuses(&both()), [200, 200]);
    gateway.end();
}

#[test]
fn a_token_is_not_to_blame_for_keys_that_nobody_has_fetched() {
    let jwt = format!("issuer: '{ISSUER}', audience: [api], jwks_url: 'https://issuer.test/keys'");
    let route = format!(
        "match: {{ path: '/tokens/*' }}, upstream: a, policies: {{ identify: [ {{ jwt: {{ {jwt} }} }}, \
         {{ api_key: {{ header: X-API-Key }} }} ] }}"
    );
    let gateway = Gateway::start_node(&node(), &[&route]);
    let _origin = Origin::start(&gateway.world, ORIGINS[0], |_: &Head| Answer::new(b"content".to_vec()));
    let client = gateway.ask(vec![with_token(1, &json!({})), with_token(1, &json!({})), keyed("/tokens/1", KEY)]);
    gateway.simulation.run_for(Duration::from_secs(1));
    let replies: Vec<Reply> = client.take().into_iter().map(|reply| reply.expect("an answer")).collect();
    assert_eq!(statuses(&replies), [503, 503, 200]);
    problem(&replies[0], Reason::KeysUnavailable);
    assert_eq!(replies[0].head.field("retry-after"), Some("1"));
    assert_eq!(gateway.offload().begun(), 2, "it is not remembered");
    gateway.end();
}
