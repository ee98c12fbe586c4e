//! Every example of the manual loads, and the manual names every key.

use std::{fs, path::Path};

use tollgate_model::Configuration;

use crate::source::{WORLD, good, read};

const MANUAL: &str = include_str!("../../../../docs/users/configure.md");

/// Each block marked `yaml` of each page for users is a whole file; one that begins with its kind is the control plane's.
#[test]
fn every_example_for_users_loads() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/users");
    let mut blocks = 0;
    for page in fs::read_dir(folder).unwrap() {
        let text = fs::read_to_string(page.unwrap().path()).unwrap();
        let all = text.split("```yaml\n").skip(1).filter_map(|block| block.split("```").next());
        for block in all.filter(|block| !block.starts_with("kind: ")) {
            good(block);
            blocks += 1;
        }
    }
    assert!(blocks >= 5, "{blocks} examples found");
}

/// Each block marked `json` of the manual is a patch of its smallest file.
#[test]
fn every_patch_of_the_manual_applies() {
    let first = MANUAL.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let first = Configuration::parse("gateway.yaml", first, &WORLD).unwrap();
    let patches = MANUAL.split("```json\n").skip(1).filter_map(|block| block.split("```").next());
    let applied = patches.map(|patch| first.patch("a patch", patch, &WORLD).unwrap_or_else(|error| panic!("{error}")));
    assert_eq!(applied.count(), 1);
}

/// Where keys stand; `?` is one that there is not.
const CONTEXTS: &[&str] = &[
    "?: 1",
    "status: { ?: 1 }",
    "access_log: { ?: 1 }",
    "access_log: { rotate: { ?: 1 } }",
    "access_log: { keep: { ?: 1 } }",
    "listeners: [ { ?: 1 } ]",
    "listeners: [ { tls: { ?: 1 } } ]",
    "listeners: [ { tls: { certificates: [ { ?: 1 } ] } } ]",
    "listeners: [ { tls: { client_auth: { ?: 1 } } } ]",
    "upstreams: [ { tls: { ?: 1 } } ]",
    "upstreams: [ { ?: 1 } ]",
    "upstreams: [ { endpoints: [ { ?: 1 } ] } ]",
    "upstreams: [ { balance: { ?: 1 } } ]",
    "upstreams: [ { balance: { consistent_hash: { ?: 1 } } } ]",
    "upstreams: [ { health: { ?: 1 } } ]",
    "upstreams: [ { health: { http: { ?: 1 } } } ]",
    "upstreams: [ { health: { tcp: { ?: 1 } } } ]",
    "upstreams: [ { outliers: { ?: 1 } } ]",
    "upstreams: [ { breaker: { ?: 1 } } ]",
    "upstreams: [ { breaker: { slow: { ?: 1 } } } ]",
    "upstreams: [ { breaker: { fallback: { ?: 1 } } } ]",
    "upstreams: [ { breaker: { fallback: { cache: { ?: 1 } } } } ]",
    "upstreams: [ { adaptive_concurrency: { ?: 1 } } ]",
    "upstreams: [ { throughput: { ?: 1 } } ]",
    "upstreams: [ { hedge: { ?: 1 } } ]",
    "upstreams: [ { retries: { ?: 1 } } ]",
    "shedding: { ?: 1 }",
    "routes: [ { policies: { faults: { ?: 1 } } } ]",
    "routes: [ { policies: { faults: { delay: { ?: 1 } } } } ]",
    "routes: [ { policies: { faults: { abort: { ?: 1 } } } } ]",
    "upstreams: [ { connections: { ?: 1 } } ]",
    "dns: { ?: 1 }",
    "quota_store: { ?: 1 }",
    "cluster: { ?: 1 }",
    "routes: [ { ?: 1 } ]",
    "routes: [ { match: { ?: 1 } } ]",
    "routes: [ { match: { headers: [ { ?: 1 } ] } } ]",
    "routes: [ { upstreams: [ { ?: 1 } ] } ]",
    "routes: [ { rewrite: { ?: 1 } } ]",
    "routes: [ { redirect: { ?: 1 } } ]",
    "routes: [ { answer: { ?: 1 } } ]",
    "routes: [ { answer: { headers: [ { ?: 1 } ] } } ]",
    "routes: [ { timeouts: { ?: 1 } } ]",
    "tracing: { ?: 1 }",
    "limits: { ?: 1 }",
    "defaults: { ?: 1 }",
    "policy_sets: [ { ?: 1 } ]",
    "routes: [ { policies: { ?: 1 } } ]",
    "routes: [ { policies: { ip: { ?: 1 } } } ]",
    "routes: [ { policies: { cors: { ?: 1 } } } ]",
    "routes: [ { policies: { limits: { ?: 1 } } } ]",
    "routes: [ { policies: { request_query: { ?: 1 } } } ]",
    "routes: [ { policies: { throttle: [ { ?: 1 } ] } } ]",
    "routes: [ { policies: { quota: [ { when: { ?: 1 } } ] } } ]",
    "routes: [ { policies: { quota: [ { overrides: [ { ?: 1 } ] } ] } } ]",
    "routes: [ { policies: { identify: [ { ?: 1 } ] } } ]",
    "routes: [ { policies: { identify: [ { api_key: { ?: 1 } } ] } } ]",
    "routes: [ { policies: { authorize: { ?: 1 } } } ]",
    "plans: [ { ?: 1 } ]",
    "applications: [ { ?: 1 } ]",
    "applications: [ { credentials: [ { ?: 1 } ] } ]",
    "applications: [ { subscriptions: [ { ?: 1 } ] } ]",
    "timeouts: { ?: 1 }",
    "tuning: { ?: 1 }",
    "tuning: { idle: { ?: 1 } }",
    "routes: [ { policies: { identify: [ { jwt: { ?: 1 } } ] } } ]",
];

/// The reader lists the keys a mapping may have; each must have a row in the manual.
#[test]
fn the_manual_names_every_key() {
    let mut keys = 0;
    for context in CONTEXTS {
        let errors = read(&context.replace('?', "no_such_key")).unwrap_err();
        let help = errors.as_slice()[0].help.clone().unwrap();
        for key in help.strip_prefix("allowed here: ").unwrap().split(", ") {
            keys += 1;
            let named = [format!("`{key}`"), format!(".{key}`"), format!("{{ {key}:"), format!(", {key}:")];
            assert!(named.iter().any(|form| MANUAL.contains(form)), "`{key}` of `{context}` is not in the manual");
        }
    }
    assert_eq!(keys, 319, "a key came or went: read the manual once more");
}
