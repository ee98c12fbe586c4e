//! Tokens granted, read, revoked, and those that are none.

use super::*;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use tollgate_domain::{Made, SecretText, credential::Wanted};

struct Known(Vec<Client>);

impl Clients for Known {
    fn client(&self, id: &str) -> Option<Client> {
        self.0.iter().find(|client| client.credential.id == id).cloned()
    }
}

fn client(seed: u8, tenant: &str, expires_s: Option<u64>) -> (Client, SecretText) {
    let wanted =
        Wanted { application: "shop".parse().unwrap(), kind: CredentialKind::OauthClient, title: None, expires_s };
    let made = Made { by: "ann".parse().unwrap(), at_s: 1, note: None };
    let (credential, text) = Credential::issue(wanted, &[seed; 38], made).unwrap();
    let scopes = ["read", "write"].map(str::to_owned).into();
    (Client { credential, tenant: tenant.to_owned(), scopes }, text)
}

fn issuer(algorithm: Algorithm) -> Issuer {
    let ring = KeyRing::generate(algorithm, 1).unwrap();
    Issuer::new("https://keys.example".into(), "https://api.example".into(), ring)
}

fn field(client: &Client, text: &SecretText) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(format!("{}:{}", client.credential.id, text.reveal())))
}

fn claims(token: &str) -> Value {
    let part = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL.decode(part).unwrap()).unwrap()
}

const GRANT: &[u8] = b"grant_type=client_credentials&scope=read";

#[test]
fn a_token_says_who_may_what_until_when() {
    for algorithm in [Algorithm::EdDSA, Algorithm::ES256] {
        let (issuer, (shop, text)) = (issuer(algorithm), client(1, "acme", None));
        let request = TokenRequest::read(GRANT, Some(&field(&shop, &text))).unwrap();
        let clients = Known(vec![shop.clone()]);
        let token = issuer.grant(&request, &clients, 1000, [7; 16]).unwrap();
        assert_eq!((token.expires_in, token.scope.as_str(), token.token_type), (TOKEN_LIFETIME_S, "read", "Bearer"));
        let expected = json!({
            "iss": "https://keys.example", "aud": "https://api.example", "sub": "shop", "application": "shop",
            "client_id": shop.credential.id, "tenant": "acme", "scope": "read", "iat": 1000, "exp": 1000 + TOKEN_LIFETIME_S,
            "jti": URL.encode([7; 16]),
        });
        assert_eq!(claims(&token.access_token), expected);
        let header = decode_header(&token.access_token).unwrap();
        assert_eq!((header.typ.as_deref(), header.alg), (Some("at+jwt"), jwa(algorithm)));
        assert_eq!(issuer.ring().jwks()["keys"][0]["kid"], header.kid.unwrap());
    }
}

/// RFC 6749, section 3.3: a scope has one word at least.
#[test]
fn a_token_without_scopes_says_nothing_of_them() {
    let (issuer, (mut shop, text)) = (issuer(Algorithm::EdDSA), client(1, "acme", None));
    shop.scopes.clear();
    let (form, field) = (b"grant_type=client_credentials", field(&shop, &text));
    let clients = Known(vec![shop]);
    let token = issuer.grant(&TokenRequest::read(form, Some(&field)).unwrap(), &clients, 1000, [7; 16]).unwrap();
    assert_eq!((&claims(&token.access_token)["scope"], &json!(token)["scope"]), (&Value::Null, &Value::Null));
    let asked = format!("token={}", token.access_token);
    let known = issuer.introspect(asked.as_bytes(), Some(&field), &clients, 1001, |_| false).unwrap();
    assert_eq!((known.active, &json!(known)["scope"]), (true, &Value::Null));
}

#[test]
fn whoever_is_not_known_gets_none_and_is_not_told_why() {
    let issuer = issuer(Algorithm::EdDSA);
    let (good, text) = client(1, "acme", Some(2000));
    let (other, _) = client(2, "acme", None);
    let (mut key, key_text) = client(3, "acme", None);
    key.credential.kind = CredentialKind::ApiKey;
    let (mut revoked, revoked_text) = client(4, "acme", None);
    revoked.credential.revoke(5);
    let clients = Known(vec![good.clone(), other.clone(), key.clone(), revoked.clone()]);
    let ask = |field: &str, now_s| {
        let request = TokenRequest::read(GRANT, Some(field)).unwrap();
        issuer.grant(&request, &clients, now_s, [0; 16])
    };
    ask(&field(&good, &text), 1999).unwrap();
    let (nobody, nobody_text) = client(9, "acme", None);
    let errors = [
        ask(&field(&good, &text), 2000),
        ask(&field(&other, &text), 1000),
        ask(&field(&key, &key_text), 1000),
        ask(&field(&revoked, &revoked_text), 1000),
        ask(&field(&nobody, &nobody_text), 1000),
    ];
    for error in errors {
        assert_eq!(error.unwrap_err(), unknown());
    }
    let wrong = |form: &[u8]| {
        let request = TokenRequest::read(form, Some(&field(&good, &text))).unwrap();
        issuer.grant(&request, &clients, 1000, [0; 16]).unwrap_err().error
    };
    assert_eq!(wrong(b"grant_type=password"), OauthErrorCode::UnsupportedGrantType);
    assert_eq!(wrong(b"grant_type=client_credentials&scope=read+admin"), OauthErrorCode::InvalidScope);
    // What would take any token of ours that names it.
    let elsewhere = b"grant_type=client_credentials&resource=https%3A%2F%2Fbank.example";
    assert_eq!(wrong(elsewhere), OauthErrorCode::InvalidTarget);
    let ours = b"grant_type=client_credentials&resource=https%3A%2F%2Fapi.example";
    let request = TokenRequest::read(ours, Some(&field(&good, &text))).unwrap();
    assert_eq!(claims(&issuer.grant(&request, &clients, 1000, [0; 16]).unwrap().access_token)["aud"], issuer.audience);
}

#[test]
fn a_token_is_active_until_it_ends_or_is_ended() {
    let (mut issuer, (shop, text)) = (issuer(Algorithm::EdDSA), client(1, "acme", None));
    let (sibling, sibling_text) = client(2, "acme", None);
    let (stranger, stranger_text) = client(3, "other", None);
    let clients = Known(vec![shop.clone(), sibling.clone(), stranger.clone()]);
    let request = TokenRequest::read(GRANT, Some(&field(&shop, &text))).unwrap();
    let token = issuer.grant(&request, &clients, 1000, [1; 16]).unwrap().access_token;
    // The key that signed it is retired meanwhile.
    issuer.ring.rotate(Algorithm::EdDSA, 1001).unwrap();
    issuer.ring.rotate(Algorithm::EdDSA, 1002).unwrap();
    let form = format!("token={token}");
    let mut revoked: Vec<Ended> = Vec::new();
    let active = |by: &str, form: &str, revoked: &[Ended], now_s| {
        issuer.introspect(form.as_bytes(), Some(by), &clients, now_s, |ended| revoked.contains(ended)).unwrap().active
    };
    let (own, near, far) = (field(&shop, &text), field(&sibling, &sibling_text), field(&stranger, &stranger_text));
    assert!(active(&own, &form, &revoked, 1001) && active(&near, &form, &revoked, 1001));
    assert!(!active(&far, &form, &revoked, 1001), "another tenant's");
    assert!(!active(&own, &form, &revoked, 1000 + TOKEN_LIFETIME_S));
    assert!(!active(&own, "token=abc", &revoked, 1001));
    for (by, ends) in [(&near, false), (&own, true)] {
        issuer
            .revoke(form.as_bytes(), Some(by), &clients, 1001)
            .unwrap()
            .into_iter()
            .for_each(|ended| revoked.push(ended));
        assert_eq!(!active(&own, &form, &revoked, 1001), ends);
    }
    // A secret that is revoked takes the tokens it has got along.
    let mut without = clients.0.clone();
    without[0].credential.revoke(1001);
    let seen = issuer.introspect(form.as_bytes(), Some(&near), &Known(without), 1001, |_| false).unwrap();
    assert!(!seen.active);
    assert_eq!(
        serde_json::to_value(Introspection { active: false, claims: None }).unwrap(),
        json!({ "active": false })
    );
}

#[test]
fn a_forged_token_is_none() {
    let (ours, (shop, text)) = (issuer(Algorithm::EdDSA), client(1, "acme", None));
    let clients = Known(vec![shop.clone()]);
    let request = TokenRequest::read(GRANT, Some(&field(&shop, &text))).unwrap();
    let token = ours.grant(&request, &clients, 1000, [1; 16]).unwrap().access_token;
    let parts: Vec<_> = token.split('.').collect();
    let kid = ours.ring().jwks()["keys"][0]["kid"].as_str().unwrap().to_owned();
    let header = |value: Value| URL.encode(value.to_string());
    let theirs = issuer(Algorithm::EdDSA).grant(&request, &clients, 1000, [1; 16]).unwrap().access_token;
    let forged = [
        format!("{}.{}.", header(json!({ "alg": "none", "kid": kid })), parts[1]),
        format!("{}.{}.{}", header(json!({ "alg": "HS256", "kid": kid })), parts[1], parts[2]),
        format!("{}.{}.{}", parts[0], parts[1], theirs.split('.').nth(2).unwrap()),
        format!("{}.{}.{}", parts[0], URL.encode("{}"), parts[2]),
        theirs,
    ];
    for token in forged {
        assert!(ours.read(&token).is_none(), "{token}");
    }
    assert!(ours.read(&token).is_some());
}
