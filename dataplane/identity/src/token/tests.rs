//! Tokens that hold, and every way known to pass one off as what it is not.

use super::*;
use crate::identify_token;
use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair},
};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, jwk::Jwk};
use serde_json::json;
use std::{rc::Rc, time::Duration};
use tollgate_model::{Application, Applications, Credential, KeySource, Lists, Texts, Who};

const ISSUER: &str = "https://id.test";

/// A key and its public half in a set.
struct Signer {
    key: EncodingKey,
    algorithm: Algorithm,
    jwk: Value,
}

impl Signer {
    fn ed(kid: &str) -> Self {
        let key = Ed25519KeyPair::generate_pkcs8v1(&SystemRandom::new()).unwrap();
        Self::of(EncodingKey::from_ed_der(key.as_ref()), Algorithm::EdDSA, kid)
    }

    fn ec(kid: &str) -> Self {
        let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).unwrap();
        Self::of(EncodingKey::from_ec_der(key.as_ref()), Algorithm::ES256, kid)
    }

    fn of(key: EncodingKey, algorithm: Algorithm, kid: &str) -> Self {
        let mut jwk = serde_json::to_value(Jwk::from_encoding_key(&key, algorithm).unwrap()).unwrap();
        jwk["kid"] = kid.into();
        Self { key, algorithm, jwk }
    }

    fn sign(&self, claims: &Value) -> String {
        let kid = self.jwk["kid"].as_str().map(str::to_owned);
        encode(&Header { kid, ..Header::new(self.algorithm) }, claims, &self.key).unwrap()
    }
}

fn jwt(issuer: &str, signers: &[&Signer]) -> Jwt {
    let set = json!({ "keys": signers.iter().map(|signer| &signer.jwk).collect::<Vec<_>>() });
    Jwt {
        issuer: issuer.to_owned(),
        audience: vec!["orders".to_owned()],
        keys: Keys::Written(Arc::new(KeySet::parse(&set.to_string(), &[]).unwrap())),
        clock_skew: Duration::from_secs(10),
        scopes: "scope".to_owned(),
        application: None,
        needs_credential: false,
    }
}

/// What is told of a token, whether it may change or not.
fn verify(issuers: &[Issuer], token: &[u8]) -> Result<Token, Reason> {
    match super::verify(issuers, token) {
        Verdict::Final(verdict) => verdict,
        Verdict::Passing(reason) => Err(reason),
    }
}

fn of(jwt: Jwt) -> Issuer {
    Issuer::new(Arc::new(jwt), &mut KeyRegistry::default())
}

fn issuer(issuer: &str, signers: &[&Signer]) -> Issuer {
    of(jwt(issuer, signers))
}

fn claims() -> Value {
    json!({ "iss": ISSUER, "aud": ["users", "orders"], "exp": 1000, "nbf": 100, "client_id": "mobile", "azp": "other",
        "sub": "alice", "scope": "read write", "level": 7, "list": [1] })
}

/// The claims with some of them changed, or taken away with null.
fn with(changes: &Value) -> Value {
    let mut claims = claims();
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            value => claims[name] = value.clone(),
        }
    }
    claims
}

#[test]
fn what_a_token_says_is_read() {
    for signer in [Signer::ed("a"), Signer::ec("a")] {
        let issuers = [issuer(ISSUER, &[&signer])];
        let token = verify(&issuers, signer.sign(&claims()).as_bytes()).unwrap();
        assert_eq!(token.client, client_proof(ISSUER, "mobile"));
        assert_eq!((&token.scopes[..], token.subject()), (&["read".to_owned(), "write".to_owned()][..], "alice"));
        assert_eq!((token.claim("level"), token.claim("list"), token.claim("none")), ("7", "", ""));
        let held: Vec<_> = [89, 90, 1009, 1010].map(|now_s| token.holds(now_s).is_ok()).into();
        assert_eq!(held, [false, true, true, false], "from `nbf` to `exp`, and ten seconds more");
        assert_eq!(token.holds(1010), Err(Reason::CredentialExpired));
    }
}

#[test]
fn claims_mean_what_the_issuer_says() {
    let signer = Signer::ed("a");
    let mut jwt = jwt(ISSUER, &[&signer]);
    (jwt.scopes, jwt.application) = ("roles".to_owned(), Some("azp".to_owned()));
    let read = |claims: &Value| verify(&[of(jwt.clone())], signer.sign(claims).as_bytes()).unwrap();
    let token = read(&with(&json!({ "roles": ["a", "b c"], "aud": "orders", "sub": "line\r\nbreak", "nbf": null })));
    assert_eq!(
        (&token.scopes[..], token.client),
        (&["a", "b", "c"].map(str::to_owned)[..], client_proof(ISSUER, "other"))
    );
    assert_eq!((token.subject(), token.not_before_s), ("", 0), "what would break a field is not told");
    assert_eq!(read(&with(&json!({ "azp": null, "roles": 7 }))).client, None);
}

#[test]
fn no_claim_is_lost_among_many() {
    let signer = Signer::ed("a");
    let issuers = [issuer(ISSUER, &[&signer])];
    let filled = |count: usize| {
        let many = (0..count).map(|number| (format!("a{number:02}"), Value::from(number)));
        signer.sign(&with(&Value::Object(many.collect())))
    };
    let scalars = claims().as_object().unwrap().values().filter(|value| !value.is_array()).count();
    let token = verify(&issuers, filled(CLAIMS_MAX - scalars).as_bytes()).unwrap();
    assert_eq!(
        (token.subject(), token.claim("sub"), token.claim("level"), token.claim("a00")),
        ("alice", "alice", "7", "0")
    );
    let refused = verify(&issuers, filled(CLAIMS_MAX - scalars + 1).as_bytes());
    assert_eq!(refused, Err(Reason::CredentialInvalid), "rather than without one of them");
    let long = signer.sign(&with(&json!({ "sub": "x".repeat(CLAIM_BYTES_MAX + 1) })));
    assert_eq!(verify(&issuers, long.as_bytes()).unwrap().subject(), "");
}

#[test]
fn keys_are_found_by_their_name() {
    let (old, new, other) = (Signer::ed("old"), Signer::ec("new"), Signer::ed("old"));
    let issuers = [issuer("https://first.test", &[&other]), issuer(ISSUER, &[&old, &new])];
    for signer in [&old, &new] {
        assert!(verify(&issuers, signer.sign(&claims()).as_bytes()).is_ok());
    }
    // A key of that name, but of somebody else.
    assert_eq!(verify(&issuers, other.sign(&claims()).as_bytes()), Err(Reason::CredentialInvalid));
    let nameless = encode(&Header::new(Algorithm::ES256), &claims(), &new.key).unwrap();
    assert!(verify(&issuers, nameless.as_bytes()).is_ok());
    let mut unknown = Header::new(Algorithm::ES256);
    unknown.kid = Some("gone".to_owned());
    assert!(verify(&issuers, encode(&unknown, &claims(), &new.key).unwrap().as_bytes()).is_err());
}

/// Each with the rest in order, so that it is refused for this alone.
#[test]
fn what_is_wrong_is_refused() {
    let signer = Signer::ec("a");
    let issuers = [issuer(ISSUER, &[&signer])];
    let refused =
        |token: &str| assert_eq!(verify(&issuers, token.as_bytes()), Err(Reason::CredentialInvalid), "{token}");
    for changes in [
        json!({ "iss": "https://evil.test" }),
        json!({ "iss": null }),
        json!({ "aud": "others" }),
        json!({ "aud": ["others"] }),
        json!({ "aud": null }),
        json!({ "exp": null }),
        json!({ "exp": "1000" }),
        json!({ "exp": -1 }),
        json!({ "nbf": "soon" }),
    ] {
        refused(&signer.sign(&with(&changes)));
    }
    let good = signer.sign(&claims());
    let (message, signature) = good.rsplit_once('.').unwrap();
    let (header, payload) = message.split_once('.').unwrap();
    let forged = signer.sign(&with(&json!({ "sub": "admin" })));
    let forged = forged.split('.').nth(1).unwrap();
    for token in [
        format!("{header}.{forged}.{signature}"),
        format!("{header}.{payload}."),
        format!("{header}.{payload}"),
        format!("{good}.x"),
        String::new(),
        "..".to_owned(),
        format!("{good}="),
    ] {
        refused(&token);
    }
}

#[test]
fn an_algorithm_cannot_be_chosen_by_the_token() {
    let signer = Signer::ec("a");
    let issuers = [issuer(ISSUER, &[&signer])];
    let good = signer.sign(&claims());
    let payload = good.split('.').nth(1).unwrap();
    // RFC 8725, section 2.1: none; and a public key that is taken for a shared secret. By hand, since nothing here signs so.
    for header in ["eyJhbGciOiJub25lIn0", "eyJhbGciOiJOb25lIiwia2lkIjoiYSJ9"] {
        assert!(verify(&issuers, format!("{header}.{payload}.").as_bytes()).is_err());
    }
    for secret in [signer.jwk.to_string(), signer.jwk["x"].as_str().unwrap().to_owned()] {
        let mut header = Header::new(Algorithm::HS256);
        header.kid = Some("a".to_owned());
        let token = encode(&header, &claims(), &EncodingKey::from_secret(secret.as_bytes())).unwrap();
        assert!(verify(&issuers, token.as_bytes()).is_err());
    }
    // Signed in order, and refused for what it wants understood.
    let mut critical = Header::new(Algorithm::ES256);
    critical.crit = Some(vec!["b64".to_owned()]);
    assert!(verify(&issuers, encode(&critical, &claims(), &signer.key).unwrap().as_bytes()).is_err());
}

/// The client `mobile` as a credential of an application, with these tokens revoked.
fn mobile(revoked: &[&str]) -> Applications {
    let (scopes, who) = (Texts::default(), Some(Who { issuer: ISSUER, client_id: "mobile" }));
    let proof = client_proof(ISSUER, "mobile").unwrap();
    let credential = Credential { id: "web", proof, who, expires_s: None, scopes, revoked: Texts::default() };
    let lists = Lists { revoked: revoked.to_vec(), ..Lists::default() };
    let mut all = Applications::default();
    all.insert(&Application::new("shop", "", &[(credential, lists)], &[]));
    all
}

#[test]
fn a_token_that_was_revoked_holds_no_more_and_its_siblings_do() {
    let signer = Signer::ed("a");
    let issuers = [issuer(ISSUER, &[&signer])];
    let token = |changes: Value| Rc::new(verify(&issuers, signer.sign(&with(&changes)).as_bytes()).unwrap());
    let (one, other, unnamed) = (token(json!({ "jti": "a" })), token(json!({ "jti": "b" })), token(json!({})));
    let verdict = |revoked: &[&str], token: &Rc<Token>| identify_token(&mobile(revoked), token, 500).map(|_| ());
    assert_eq!(verdict(&[], &one), Ok(()));
    assert_eq!(verdict(&["x", "a"], &one), Err(Reason::CredentialInvalid));
    assert_eq!(verdict(&["a"], &other), Ok(()));
    assert_eq!(verdict(&["a"], &unnamed), Ok(()), "one without a name cannot be meant");
    let of_another = token(json!({ "jti": "a", "client_id": "other" }));
    assert_eq!(verdict(&["a"], &of_another), Ok(()), "it is revoked for its client");
}

#[test]
fn an_issuer_may_want_its_clients_known() {
    let signer = Signer::ed("a");
    let strict = Jwt { needs_credential: true, ..jwt(ISSUER, &[&signer]) };
    let issuers = [issuer(ISSUER, &[&signer]), of(strict)];
    let verdict = |issuer: usize, changes: Value, all: &Applications| {
        let token = verify(&issuers[issuer..], signer.sign(&with(&changes)).as_bytes()).unwrap();
        identify_token(all, &Rc::new(token), 500).map(|caller| caller.name().to_owned())
    };
    let (nobody, none) = (json!({ "client_id": "nobody" }), json!({ "client_id": null, "azp": null }));
    assert_eq!(verdict(0, nobody.clone(), &mobile(&[])), Ok(String::new()));
    for unknown in [nobody, none] {
        assert_eq!(verdict(1, unknown, &mobile(&[])), Err(Reason::CredentialInvalid));
    }
    assert_eq!(verdict(1, json!({}), &mobile(&[])), Ok("shop".to_owned()));
    assert_eq!(verdict(1, json!({}), &Applications::default()), Err(Reason::CredentialInvalid), "it was taken away");
}

#[test]
fn a_token_waits_for_keys_that_are_not_there_yet_and_for_one_that_may_come() {
    let (first, second, stranger) = (Signer::ed("a"), Signer::ed("b"), Signer::ed("c"));
    let source = KeySource { url: "https://id.test/keys".to_owned(), authorities: None, algorithms: Vec::new() };
    let mut registry = KeyRegistry::default();
    let keys = registry.of(&source);
    let fetched = Jwt { keys: Keys::Fetched(source), ..jwt(ISSUER, &[&first]) };
    let issuers = [Issuer::new(Arc::new(fetched), &mut registry)];
    let verdict = |signer: &Signer| verify(&issuers, signer.sign(&claims()).as_bytes()).map(|_| ());
    let set = |signers: &[&Signer]| {
        let Keys::Written(keys) = jwt(ISSUER, signers).keys else { panic!("it is written") };
        KeySet::clone(&keys)
    };
    assert_eq!(verdict(&first), Err(Reason::KeysUnavailable));
    keys.put(set(&[&first]), 1);
    assert_eq!(verdict(&first), Ok(()));
    // Who fetches has just done it: the key is not there.
    assert_eq!(verdict(&second), Err(Reason::CredentialInvalid));
    let passing = super::verify(&issuers, second.sign(&claims()).as_bytes());
    assert_eq!(passing, Verdict::Passing(Reason::CredentialInvalid), "so that it is not remembered");
    keys.allow(true);
    assert_eq!((verdict(&second), verdict(&first)), (Err(Reason::KeysUnavailable), Ok(())));
    let before = issuers[0].version();
    keys.allow(false);
    keys.put(set(&[&first, &second]), 2);
    assert_ne!(issuers[0].version(), before);
    assert_eq!((verdict(&second), verdict(&stranger)), (Ok(()), Err(Reason::CredentialInvalid)));
    keys.put(set(&[&second]), 3);
    assert_eq!(verdict(&first), Err(Reason::CredentialInvalid), "a key that is gone ends its tokens");
}
