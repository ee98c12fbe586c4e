//! Applications, plans, and what routes ask of who calls: what is taken, what is refused, and what a patch costs.

use tollgate_model::{Configuration, KeyPart, Keys, Kind, Method, Snapshot, client_proof, key_proof};

use crate::source::{WORLD, file, good, read};

const KEY: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

fn node() -> String {
    file(&format!(
        "plans:
  - name: gold
    throttle: [ {{ name: burst, key: subscription, limit: 100 }} ]
    quota: [ {{ name: monthly, key: [tenant, api], limit: 1000, per: month }} ]
  - {{ name: free, concurrency: [ {{ name: slots, key: application, limit: 2 }} ] }}
applications:
  - name: mobile
    tenant: acme
    credentials:
      - {{ sha256: {KEY}, expires: 2027-01-31T00:00:00Z, scopes: [orders:read] }}
      - {{ id: web, issuer: https://id.test, client_id: \"a\\\"b\", scopes: [all], revoked: [z, 'a\"', z] }}
    subscriptions: [ {{ api: orders@v1, plan: gold }}, {{ api: users }} ]
  - {{ name: bare }}
routes:
  - name: orders
    match: {{ path: /orders }}
    answer: {{ status: 200 }}
    policies:
      identify: [ {{ api_key: {{ header: X-API-Key, query: key }} }}, {{ anonymous: true }} ]
      authorize: {{ api: orders@v1, scopes: [b, a, b], subscription: optional }}
"
    ))
}

fn configuration() -> Configuration {
    Configuration::parse("gateway.yaml", &node(), &WORLD).unwrap_or_else(|errors| panic!("{errors}"))
}

#[test]
fn what_is_written_is_found_by_key_and_by_client() {
    let Snapshot { applications, plans, routes, .. } = good(&node());
    let (mobile, key) = applications.find(&key_proof(b"abc")).unwrap();
    assert_eq!((mobile.name(), mobile.tenant(), key.id), ("mobile", "acme", &KEY[..16]));
    assert_eq!((key.expires_s, key.scopes.iter().next()), (Some(1_801_353_600), Some("orders:read")));
    let (same, client) = applications.find(&client_proof("https://id.test", "a\"b").unwrap()).unwrap();
    assert_eq!((same.name(), client.id), ("mobile", "web"));
    assert_eq!(client.revoked.iter().collect::<Vec<_>>(), ["a\"", "z"]);
    assert!(key.revoked.is_empty());
    let plan = mobile.subscription("orders@v1").unwrap().plan.and_then(|slot| plans.get(slot)).unwrap();
    let rules: Vec<_> = plan.rules.iter().map(|rule| (&*rule.id.scope, &*rule.id.name, &rule.key[..])).collect();
    let quota = ("plans/gold", "monthly", &[KeyPart::Tenant, KeyPart::Api][..]);
    assert_eq!(rules, [("plans/gold", "burst", &[KeyPart::Subscription][..]), quota]);
    assert_eq!(mobile.subscription("users").unwrap().plan, None);
    assert_eq!(applications.get("bare").unwrap().credentials().count(), 0);
    let policies = routes[0].policies.as_deref().unwrap();
    assert!(matches!(policies.identify.as_ref().unwrap().methods[..], [Method::ApiKey(_), Method::Anonymous]));
    let authorize = policies.authorize.as_ref().unwrap();
    assert_eq!(
        (&*authorize.api, &authorize.scopes[..], authorize.needs_subscription),
        ("orders@v1", &["a".to_owned(), "b".to_owned()][..], false)
    );
}

#[test]
fn what_is_exported_is_read_as_the_same() {
    let first = configuration();
    let again = Configuration::parse("exported.json", &first.to_text(), &WORLD).unwrap();
    assert_eq!((again.snapshot().digest, again.to_text()), (first.snapshot().digest, first.to_text()));
    let text = first.application("mobile").unwrap();
    assert!(text.contains(r#""client_id":"a\"b""#) && text.contains(r#""plan":"gold""#), "{text}");
    assert_eq!(first.application("nobody"), None);
    assert_eq!(first.items(Kind::Plan).len(), 2);
}

#[test]
fn a_patch_changes_one_application_and_the_digest_with_it() {
    let first = configuration();
    let patch = |from: &Configuration, changed: &str, removed: &str| {
        let base = from.snapshot().generation;
        let text = format!("{{ base: {base}, changed: {{ {changed} }}, removed: {{ {removed} }} }}");
        from.patch("a patch", &text, &WORLD).map_err(|error| error.to_string())
    };
    let second = patch(
        &first,
        &format!("applications: [ {{ name: mobile, credentials: [ {{ id: k, sha256: {KEY} }} ] }} ]"),
        "",
    )
    .unwrap();
    assert_ne!(second.snapshot().digest, first.snapshot().digest);
    let (mobile, key) = second.snapshot().applications.find(&key_proof(b"abc")).unwrap();
    assert_eq!((mobile.subscriptions().count(), key.id, key.expires_s), (0, "k", None));
    let whole = Configuration::parse("exported.json", &second.to_text(), &WORLD).unwrap();
    assert_eq!(whole.snapshot().digest, second.snapshot().digest, "a patch comes to what the file would");
    let third = patch(&second, "", "applications: [mobile], plans: [gold]").unwrap();
    assert_eq!(third.snapshot().applications.find(&key_proof(b"abc")).map(|_| ()), None);
    assert_eq!((third.snapshot().applications.len(), third.snapshot().plans.len()), (1, 1));
    // A plan that takes the slot of one that goes is not what a subscription to that one means.
    let refused = patch(&first, "plans: [ { name: new } ]", "plans: [gold]").unwrap_err();
    assert!(refused.contains("plan `gold` is used by application `mobile`"), "{refused}");
    let moved = "plans: [ { name: new } ], applications: [ { name: mobile, subscriptions: [ { api: orders@v1, plan: new } ] } ]";
    assert!(patch(&first, moved, "plans: [gold]").is_ok());
    for (changed, removed, expected) in [
        ("", "applications: [nobody]", "application `nobody` is not defined"),
        ("applications: [ { name: bare } ]", "applications: [bare]", "both changed and removed"),
        ("", "applications: [bare, bare]", "removed twice"),
    ] {
        let refused = patch(&first, changed, removed).unwrap_err();
        assert!(refused.contains(expected), "{refused}");
    }
}

#[test]
fn mistakes_are_told_and_keys_are_not() {
    for (text, expected) in [
        ("applications: [ {} ]", "`name` is missing"),
        ("applications: [ { name: a }, { name: a } ]", "the application name `a` is used twice"),
        ("applications: [ { name: a, credentials: [ {} ] } ]", "write `sha256`, or `issuer` and `client_id`"),
        ("applications: [ { name: a, credentials: [ { issuer: x } ] } ]", "a credential is a key or a client"),
        (
            "applications: [ { name: a, credentials: [ { sha256: 12 } ] } ]",
            "write what `printf %s KEY | sha256sum` prints",
        ),
        (
            "applications: [ { name: a, credentials: [ { issuer: x, client_id: y, expires: soon } ] } ]",
            "`soon` is not a time",
        ),
        (
            "applications: [ { name: a, credentials: [ { issuer: x, client_id: y, scopes: ['a b'] } ] } ]",
            "`a b` is not a scope",
        ),
        (
            "applications: [ { name: a, credentials: [ { issuer: x, client_id: y }, { id: z, issuer: x, client_id: y } ] } ]",
            "the application has this credential twice",
        ),
        (
            "applications: [ { name: a, credentials: [ { issuer: x, client_id: y } ] }, { name: b, credentials: [ { issuer: x, client_id: y } ] } ]",
            "this credential is that of application `a` too",
        ),
        ("applications: [ { name: '${env:SECRET}' } ]\nplans: [ { name: a, quota: [] } ]", "`quota` has 1 to 16 rules"),
        ("applications: [ { name: a, tenant: '${env:SECRET}' } ]", "an application has no references"),
        (
            "applications: [ { name: a, credentials: [ { issuer: x, client_id: y, revoked: [''] } ] } ]",
            "`` is not the `jti` of a token",
        ),
        ("applications: [ { name: a, subscriptions: [ { api: 'a b' } ] } ]", "`a b` is not the name of an API"),
        (
            "applications: [ { name: a, subscriptions: [ { api: a }, { api: a } ] } ]",
            "there are two subscriptions to `a`",
        ),
        (
            "plans: [ { name: gold } ]\napplications: [ { name: a, subscriptions: [ { api: a, plan: gald } ] } ]",
            "plan `gald` is not defined, did you mean `gold`?",
        ),
        ("plans: [ { name: a, throttle: [ { name: x, key: route, limit: 1 } ] } ]", "of a plan counts by a route"),
    ] {
        let refused = read(&file(text)).unwrap_err().to_string();
        assert!(refused.contains(expected), "{text}: {refused}");
    }
    let of_key = format!("applications: [ {{ name: a, credentials: [ {{ sha256: {KEY}, revoked: [x] }} ] }} ]");
    let refused = read(&file(&of_key)).unwrap_err().to_string();
    assert!(refused.contains("a key has no tokens that could be `revoked`"), "{refused}");
    let with = |count: usize| {
        let revoked: Vec<_> = (0..count).map(|number| format!("t{number}")).collect();
        let client = format!("issuer: x, client_id: y, revoked: [{}]", revoked.join(", "));
        read(&file(&format!("applications: [ {{ name: a, credentials: [ {{ {client} }} ] }} ]")))
    };
    assert!(with(1000).is_ok());
    assert!(with(1001).unwrap_err().to_string().contains("`revoked` has up to 1000 entries"));
    let refused = read(&file("applications: [ { name: a, credentials: [ { sha256: my-real-key } ] } ]")).unwrap_err();
    assert!(!refused.as_slice()[0].message.contains("my-real-key"));
}

#[test]
fn mistakes_of_policies_are_told() {
    let route = |policies: &str| {
        file(&format!(
            "routes: [ {{ name: r, match: {{ path: / }}, answer: {{ status: 200 }}, policies: {{ {policies} }} }} ]"
        ))
    };
    let key = "identify: [ { api_key: { header: X-API-Key } } ]";
    for (policies, expected) in [
        ("identify: []".to_owned(), "`identify` has 1 to 8 entries"),
        ("identify: [ {} ]".to_owned(), "an entry of `identify` has one key"),
        ("identify: [ { api_key: {} } ]".to_owned(), "`header` or `query` is missing"),
        ("identify: [ { api_key: { header: Host } } ]".to_owned(), "`Host` cannot have a key"),
        ("identify: [ { anonymous: true }, { api_key: { query: k } } ]".to_owned(), "`anonymous` is the last entry"),
        ("identify: [ { anonymous: no } ]".to_owned(), "`no` is not allowed here"),
        ("identify: [ { api_key: { query: k } }, { api_key: { query: k } } ]".to_owned(), "this entry is there twice"),
        ("authorize: { api: a }".to_owned(), "`authorize` cannot be told: no policy identifies who calls"),
        (format!("{key}, authorize: {{}}"), "`api` is missing"),
        (format!("{key}, authorize: {{ api: a, subscription: reqired }}"), "did you mean `required`?"),
        (
            "throttle: [ { name: a, key: application, limit: 1 } ]".to_owned(),
            "rule `a` cannot be told: no policy identifies",
        ),
        (format!("{key}, throttle: [ {{ name: a, key: api, limit: 1 }} ]"), "no policy says of which API the route is"),
    ] {
        let refused = read(&route(&policies)).unwrap_err().to_string();
        assert!(refused.contains(expected), "{policies}: {refused}");
    }
    good(&route(&format!(
        "{key}, authorize: {{ api: a }}, throttle: [ {{ name: a, key: [api, credential], limit: 1 }} ]"
    )));
}

#[test]
fn keys_are_written_or_fetched_from_where_nobody_can_change_them() {
    let route = |keys: &str| {
        let jwt = format!("jwt: {{ issuer: i, audience: [a], {keys} }}");
        let policies = format!("policies: {{ identify: [ {{ {jwt} }} ] }}");
        file(&format!("routes: [ {{ name: r, match: {{ path: / }}, answer: {{ status: 200 }}, {policies} }} ]"))
    };
    let source = |keys: &str| {
        let snapshot = good(&route(keys));
        let policies = snapshot.routes[0].policies.clone().unwrap();
        let Method::Jwt(jwt) = policies.identify.as_ref().unwrap().methods[0].clone() else { panic!("it is one") };
        let Keys::Fetched(source) = jwt.keys.clone() else { panic!("they are fetched") };
        source
    };
    for url in [
        "https://id.test/keys?v=1",
        "https://id.test:8443",
        "https://192.0.2.1/k",
        "http://127.0.0.1:80/k",
        "http://localhost/k",
        "http://[::1]:9/k",
    ] {
        assert_eq!(source(&format!("jwks_url: '{url}'")).url, url);
    }
    let ca = "jwks_ca: '-----BEGIN CERTIFICATE-----'";
    assert!(source(&format!("jwks_url: 'https://id.test', {ca}")).authorities.is_some());
    for (keys, expected) in [
        ("clock_skew: 1s", "an issuer has `jwks` or `jwks_url`"),
        ("jwks: '{}', jwks_url: 'https://id.test'", "an issuer has `jwks` or `jwks_url`"),
        ("jwks_url: 'http://id.test/'", "is plain http to another machine"),
        ("jwks_url: 'http://127.0.0.1.id.test/'", "is plain http to another machine"),
        ("jwks_url: 'ftp://id.test/'", "is neither https nor http"),
        ("jwks_url: 'https://'", "has no host"),
        ("jwks_url: 'https://a/b#c'", "has a fragment or a user"),
        ("jwks_url: 'https://u:p@a/b'", "has a fragment or a user"),
        ("jwks_url: 'https://a:99999/'", "has no such port"),
        ("jwks_url: 'https://a b/'", "is not a URL"),
        ("jwks_url: 'https://a', jwks_ca: x", "there is no certificate in PEM"),
        ("jwks_url: 'http://127.0.0.1', jwks_ca: x", "`jwks_ca` is for a `jwks_url` of https"),
        ("jwks_url: 'https://a', clients: sme", "allowed here"),
    ] {
        let refused = read(&route(keys)).unwrap_err().to_string();
        assert!(refused.contains(expected), "{keys}: {refused}");
    }
}
