//! The digest tells contents apart and nothing else.

use tollgate_model::Configuration;

use crate::source::{WORLD, file, good};

const UPSTREAMS: [&str; 2] = [
    "  - { name: a, endpoints: [ { address: 127.0.0.1:9001 } ] }\n",
    "  - { name: b, endpoints: [ { address: 127.0.0.1:9002 } ] }\n",
];
const ROUTES: [&str; 2] = [
    "  - { name: x, match: { listeners: [inner, public], hosts: [a.test, b.test], path: /x, methods: [GET, PUT] }, upstream: a }\n",
    "  - { name: y, match: { path: /y }, upstream: b }\n",
];

fn digest(rest: &str) -> u64 {
    good(&file(rest)).digest
}

fn base() -> String {
    format!("upstreams:\n{}routes:\n{}", UPSTREAMS.concat(), ROUTES.concat())
}

#[test]
fn a_reordered_file_has_the_same_digest() {
    let [one, two] = UPSTREAMS;
    let [first, second] = ROUTES;
    assert_eq!(digest(&base()), digest(&format!("routes:\n{second}{first}upstreams:\n{two}{one}")));
    assert_eq!(digest(&base()), digest(&base().replace("[a.test, b.test]", "[b.test, A.test]")));
    assert_eq!(digest(&base()), digest(&base().replace("[GET, PUT]", "[PUT, GET]")));
    let conditions = |text: &str| digest(&base().replace("path: /y", &format!("path: /y, headers: [{text}]")));
    assert_eq!(conditions("{ name: A }, { name: b, exact: c }"), conditions("{ name: B, exact: c }, { name: a }"));
    let listeners =
        "version: 1\nlisteners:\n  - { name: inner, bind: 127.0.0.1:0 }\n  - { name: public, bind: 127.0.0.1:8080 }\n";
    assert_eq!(digest(&base()), good(&format!("{listeners}{}", base())).digest);
}

/// What is in the files counts, not what they are called.
#[test]
fn certificates_are_part_of_the_digest() {
    let tls = |listener: &str, upstream: &str| {
        good(&format!(
            "version: 1\nlisteners: [ {{ name: a, bind: 127.0.0.1:1{listener} }} ]\n\
             upstreams: [ {{ name: u, endpoints: [ {{ address: 127.0.0.1:1 }} ]{upstream} }} ]\n"
        ))
        .digest
    };
    let pair = ", tls: { certificates: [ { cert_file: a.pem, key_file: k.pem } ]";
    let listener = |more: &str| tls(&format!("{pair}{more} }}"), "");
    let upstream = |inside: &str| tls("", &format!(", tls: {{ {inside} }}"));
    let all = [
        tls("", ""),
        listener(""),
        tls(&pair.replace("a.pem", "b.pem").replace(']', "] }"), ""),
        tls(&pair.replace("k.pem", "l.pem").replace(']', "] }"), ""),
        listener(", min_version: 1.3"),
        listener(", client_auth: { ca_file: c.pem }"),
        listener(", client_auth: { ca_file: d.pem }"),
        listener(", client_auth: { mode: optional, ca_file: c.pem }"),
        upstream(""),
        upstream("verify: false"),
        upstream("server_name: a.test"),
        upstream("ca_file: c.pem"),
        upstream("min_version: 1.3"),
        upstream("client_certificate: { cert_file: a.pem, key_file: k.pem }"),
        // With a reference, what is written counts, and the files all the same.
        tls(&pair.replace("a.pem", "'${env:ORDERS}.pem'").replace(']', "] }"), ""),
        tls(&pair.replace("a.pem", "'${env:ORDERS}.pem'").replace("k.pem", "l.pem").replace(']', "] }"), ""),
        upstream("server_name: '${env:ORDERS}'"),
        upstream("server_name: '${env:ORDERS}', ca_file: c.pem"),
    ];
    let distinct: std::collections::BTreeSet<_> = all.iter().collect();
    assert_eq!(distinct.len(), all.len());
}

#[test]
fn a_default_written_out_has_the_same_digest() {
    let written =
        "status: { bind: 127.0.0.1:9901 }\nworkers: auto\nlimits: { fields: 100 }\ntimeouts: { keep_alive: 75000ms }\n";
    assert_eq!(digest(&base()), digest(&format!("{}{written}", base())));
}

/// What a route comes to counts, not where it is written.
#[test]
fn policies_count_for_the_routes_that_have_them() {
    let (deny, base) = ("{ ip: { deny: [10.0.0.0/8, 10.1.0.0/16] } }", base());
    let of_route = |text: &str| base.replace("upstream: a }", &format!("upstream: a, policies: {text} }}"));
    let set = format!("policy_sets: [ {{ name: s, policies: {deny} }} ]\n");
    assert_eq!(digest(&of_route(deny)), digest(&format!("{}{set}", of_route("{ use: [s] }"))));
    assert_eq!(digest(&base), digest(&format!("{base}{set}")), "a set that nobody uses is nothing");
    let all = format!("defaults: {{ policies: {deny} }}\n");
    assert_ne!(digest(&base), digest(&format!("{base}{all}")));
    assert_ne!(digest(&of_route("{ defaults: off }")), digest(&format!("{}{all}", of_route("{ defaults: off }"))));
    let off = base.replace(" }, upstream:", " }, policies: { ip: off }, upstream:");
    assert_eq!(digest(&base), digest(&format!("{off}{all}")));
}

/// The first upstream with one more key.
fn more(base: &str, key: &str) -> String {
    base.replace("9001 } ] }", &format!("9001 }} ], {key} }}"))
}

#[test]
fn any_change_of_an_upstream_changes_the_digest() {
    let base = base();
    let changed = [
        base.replace("9001", "9003"),
        base.replace("9001 }", "9001, weight: 2 }"),
        base.replace("9001 }", "9001 }, { address: 127.0.0.1:9009, backup: true }"),
        base.replace("9001 }", "9001 }, { address: 127.0.0.1:9009 }"),
        base.replace("127.0.0.1:9001", "'unix:/127.0.0.1:9001'"),
        more(&base, "balance: least_requests"),
        more(&base, "balance: power_of_two"),
        more(&base, "balance: { consistent_hash: { key: path } }"),
        more(&base, "balance: { consistent_hash: { key: client_ip } }"),
        more(&base, "balance: { consistent_hash: { key: client_ip, load_max: 125% } }"),
        more(&base, "slow_start: 1s"),
        more(&base, "health: { tcp: {} }"),
        more(&base, "health: { http: {} }"),
        more(&base, "health: { http: { path: /x } }"),
        more(&base, "health: { http: { status: [200] } }"),
        more(&base, "outliers: {}"),
        more(&base, "outliers: { failures: 5% }"),
        more(&base, "breaker: {}"),
        more(&base, "breaker: { failures: 10% }"),
        more(&base, "breaker: { count: 5 }"),
        more(&base, "breaker: { consecutive: 5 }"),
        more(&base, "breaker: { slow: { over: 1s } }"),
        more(&base, "breaker: { slow: { over: 2s } }"),
        more(&base, "breaker: { slow: { over: 1s, share: 9% } }"),
        more(&base, "breaker: { requests_min: 5 }"),
        more(&base, "breaker: { window: 5s }"),
        more(&base, "breaker: { open: 3s }"),
        more(&base, "breaker: { open_max: 3m }"),
        more(&base, "breaker: { probes: 1 }"),
        more(&base, "breaker: { fallback: { upstream: b } }"),
        more(&base, "breaker: { fallback: { answer: { status: 200 } } }"),
        more(&base, "breaker: { fallback: { answer: { status: 201 } } }"),
        more(&base, "breaker: { fallback: { cache: {} } }"),
        more(&base, "breaker: { fallback: { cache: { bytes_max: 1MiB } } }"),
        more(&base, "breaker: { fallback: { cache: { answer_bytes_max: 1KiB } } }"),
        more(&base, "breaker: { fallback: { cache: { age_max: 1s } } }"),
        more(&base, "adaptive_concurrency: {}"),
        more(&base, "adaptive_concurrency: { min: 2 }"),
        more(&base, "adaptive_concurrency: { max: 20 }"),
        more(&base, "adaptive_concurrency: { tolerance: 200% }"),
        more(&base, "throughput: { limit: 5 }"),
        more(&base, "throughput: { limit: 6 }"),
        more(&base, "throughput: { limit: 5, per: minute }"),
        more(&base, "throughput: { limit: 5, burst: 6 }"),
        more(&base, "hedge: { after: 1s }"),
        more(&base, "hedge: { after: 2s }"),
        more(&base, "retries: { attempts: 1 }"),
        more(&base, "retries: { on: [closed] }"),
        more(&base, "retries: { on: [timeout] }"),
        more(&base, "connections: { max: 1 }"),
        more(&base, "connections: { requests_max: 1 }"),
    ];
    all_differ(&changed);
}

#[test]
fn any_change_of_a_route_changes_the_digest() {
    let base = base();
    let changed = [
        // Each value stays, at another owner.
        base.replace("9001", "temporary").replace("9002", "9001").replace("temporary", "9002"),
        base.replace("upstream: a", "upstream: b"),
        base.replace("[inner, public]", "[public]"),
        base.replace("a.test", "c.test"),
        base.replace("a.test", "'*.a.test'"),
        base.replace("[GET, PUT]", "[GET]"),
        base.replace("path: /y", "path: /z"),
        base.replace("path: /y", "path: '/{y}'"),
        base.replace("path: /y", "path: '/{y*}'"),
        base.replace("upstream: b", "upstreams: [ { name: b }, { name: a } ]"),
        base.replace("upstream: b", "upstreams: [ { name: b }, { name: a, weight: 2 } ]"),
        base.replace("upstream: b", "upstream: b, rewrite: { path: /z }"),
        base.replace("upstream: b", "upstream: b, rewrite: { path: '{path}' }"),
        base.replace("upstream: b", "redirect: { to: /z }"),
        base.replace("upstream: b", "redirect: { to: '/z?' }"),
        base.replace("upstream: b", "redirect: { to: /z, status: 308 }"),
        base.replace("upstream: b", "redirect: { to: 'http://{host}/' }"),
        base.replace("upstream: b", "answer: { status: 200 }"),
        base.replace("upstream: b", "answer: { status: 200, body: a }"),
        base.replace("upstream: b", "answer: { status: 200, body: a, content_type: a/b }"),
        base.replace("upstream: b", "answer: { status: 200, headers: [ { name: a, value: b } ] }"),
        base.replace("path: /y", "path_regex: /y"),
        base.replace("path: /y", "path: /y, headers: [ { name: k } ]"),
        base.replace("path: /y", "path: /y, headers: [ { name: k, exact: v } ]"),
        base.replace("path: /y", "path: /y, headers: [ { name: k, prefix: v } ]"),
        base.replace("path: /y", "path: /y, headers: [ { name: k, regex: v } ]"),
        base.replace("path: /y", "path: /y, query: [ { name: k } ]"),
        base.replace("path: /y", "path: /y, cookies: [ { name: k } ]"),
        base.replace("name: y", "name: z"),
        base.replace("path: /y }", "path: /y }, timeouts: { idle: 1s }"),
        base.replace("path: /y }", "path: /y }, timeouts: { request: 1s }"),
    ];
    all_differ(&changed);
}

#[test]
fn any_change_of_a_rule_changes_the_digest() {
    let base = base();
    let of_route = |text: &str| {
        base.replace("path: /y }, upstream: b", &format!("path: /y }}, upstream: b, policies: {{ {text} }}"))
    };
    let throttle = |more: &str| of_route(&format!("throttle: [ {{ name: rule, key: client_ip, limit: 1{more} }} ]"));
    let quota = |more: &str| of_route(&format!("quota: [ {{ name: rule, key: node, limit: 1, {more} }} ]"));
    let changed = [
        throttle(""),
        throttle("0"),
        throttle(", per: minute"),
        throttle(", burst: 2"),
        throttle(", ipv4_prefix: 24"),
        throttle(", ipv6_prefix: 56"),
        throttle(", cost: request_bytes"),
        throttle(", cost: 'response_header:x'"),
        throttle(", shadow: true"),
        throttle(", keys_max: 2000"),
        throttle(", answer: { status: 503 }"),
        throttle(", when: { methods: [GET] }"),
        throttle(", when: { paths: [/a] }"),
        throttle(", when: { headers: [ { name: a } ] }"),
        throttle(", when: { query: [ { name: a } ] }"),
        throttle(", overrides: [ { addresses: ['::1'], exclude: true } ]"),
        throttle(", overrides: [ { addresses: ['::1'], limit: 2 } ]"),
        throttle("").replace("name: rule", "name: other"),
        throttle("").replace("client_ip", "node"),
        throttle("").replace("client_ip", "'header:a'"),
        throttle("").replace("client_ip", "'query:a'"),
        throttle("").replace("throttle", "concurrency"),
        quota("per: hour"),
        quota("per: day"),
        quota("per: day, time_zone: Europe/Berlin"),
        quota("per: cycle, anchor: 2026-01-01"),
        quota("per: cycle, anchor: 2026-01-02"),
        quota("per: cycle, anchor: 2026-01-01, months: 3"),
        of_route("bandwidth: [ { name: rule, key: node, limit: 1KiB } ]"),
        of_route("bandwidth: [ { name: rule, key: node, limit: 1KiB, direction: response } ]"),
    ];
    all_differ(&changed);
}

/// An application was hashed with the plan it had, which may go in the patch that takes it away.
#[test]
fn applications_and_their_plans_may_go_together() {
    let plan =
        "plans: [ { name: gold } ]\napplications: [ { name: shop, subscriptions: [ { api: a, plan: gold } ] } ]\n";
    let before = Configuration::parse("a", &file(&format!("{}{plan}", base())), &WORLD).unwrap();
    let delta = "base: 1\nremoved: { plans: [gold], applications: [shop] }\n";
    let after = before.patch("a patch", delta, &WORLD).unwrap();
    assert_eq!(after.snapshot().digest, digest(&base()));
}

#[test]
fn any_change_of_the_settings_changes_the_digest() {
    let base = base();
    let changed = [
        format!("{base}dns: {{ servers: [127.0.0.1] }}\n"),
        format!("{base}quota_store: off\n"),
        format!("{base}quota_store: {{ path: x }}\n"),
        format!("{base}quota_store: {{ every: 2s }}\n"),
        format!("{base}workers: [0]\n"),
        format!("{base}workers: [0, 1]\n"),
        format!("{base}workers: [1, 0]\n"),
        format!("{base}io: epoll\n"),
        format!("{base}status: off\n"),
        format!("{base}status: {{ socket: x }}\n"),
        format!("{base}status: {{ bind: 127.0.0.1:9901, socket: x }}\n"),
        format!("{base}access_log: off\n"),
        format!("{base}access_log: {{ path: x }}\n"),
        format!("{base}access_log: {{ path: x, writer: direct }}\n"),
        format!("{base}access_log: {{ path: x, writer: auto }}\n"),
        format!("{base}access_log: {{ path: x, rotate: {{ size: 1MiB }} }}\n"),
        format!("{base}access_log: {{ path: x, rotate: {{ every: 1h }} }}\n"),
        format!("{base}access_log: {{ path: x, rotate: {{ every: 1h }}, keep: {{ files: 9 }} }}\n"),
        format!("{base}access_log: {{ path: x, rotate: {{ every: 1h }}, keep: {{ bytes: 1MiB }} }}\n"),
        format!("{base}access_log: {{ path: x, rotate: {{ every: 1h }}, keep: {{ age: 1h }} }}\n"),
        format!("{base}trusted_proxies: [10.0.0.0/8]\n"),
        format!("{base}trusted_proxies: ['::/8']\n"),
        format!("{base}forwarded: off\n"),
        format!("{base}tracing: {{ accept: trusted }}\n"),
        format!("{base}tracing: {{ generate: true }}\n"),
        format!("{base}tracing: {{ generate: true, sampled_percent: 10 }}\n"),
        format!("{base}shedding: {{}}\n"),
        format!("{base}shedding: {{ delay: 1s }}\n"),
        format!("{base}shedding: {{ interval: 1s }}\n"),
        format!("{base}limits: {{ fields: 99 }}\n"),
        format!("{base}limits: {{ body_bytes: 0 }}\n"),
        format!("{base}timeouts: {{ drain: 1s }}\n"),
        format!("{base}timeouts: {{ linger: 1s }}\n"),
        format!("{base}timeouts: {{ tunnel: 1s }}\n"),
        format!("{base}tuning: {{ profile: memory }}\n"),
        format!("{base}tuning: {{ ring_entries: 512 }}\n"),
        format!("{base}tuning: {{ buffer_bytes: 48KiB }}\n"),
        format!("{base}tuning: {{ buffers_kept: 256 }}\n"),
        format!("{base}tuning: {{ turn_budget: 64 }}\n"),
        format!("{base}tuning: {{ task_budget: 64 }}\n"),
        format!("{base}tuning: {{ idle: {{ spin_us: 1 }} }}\n"),
        format!("{base}tuning: {{ backlog: 64 }}\n"),
        format!("{base}tuning: {{ offload_threads: 1 }}\n"),
        format!("{base}tuning: {{ huge_pages: off }}\n"),
        format!("{base}tuning: {{ busy_connections: 0 }}\n"),
        format!("{base}tuning: {{ handshakes_per_turn: 3 }}\n"),
        format!("{base}tuning: {{ park_after: 1s }}\n"),
    ];
    all_differ(&changed);
}

/// Checks that each of these files and [`base`] has a digest of its own.
fn all_differ(changed: &[String]) {
    let mut digests: Vec<u64> = changed.iter().map(|text| digest(text)).collect();
    digests.push(digest(&base()));
    digests.sort_unstable();
    digests.dedup();
    assert_eq!(digests.len(), changed.len() + 1);
}

#[test]
fn any_change_of_policies_changes_the_digest() {
    let policies = [
        "ip: { deny: [10.0.0.0/8] }",
        "ip: { allow: [10.0.0.0/8] }",
        "ip: { deny: [10.0.0.0/9] }",
        "limits: { body_bytes: 1 }",
        "limits: { body_bytes: unlimited }",
        "limits: { fields: 9 }",
        "request_headers: { remove: [A] }",
        "response_headers: { remove: [A] }",
        "request_query: { remove: [A] }",
        "request_headers: { set: [ { name: A, value: b } ] }",
        "request_headers: { add: [ { name: A, value: b } ] }",
        "mock: { status: 200 }",
        "priority: low",
        "priority: high",
        "faults: { delay: { fixed: 1s } }",
        "faults: { delay: { fixed: 1s, percent: 5 } }",
        "faults: { abort: { status: 500 } }",
        "faults: { abort: { status: 501 } }",
        "cors: { origins: ['*'] }",
        "cors: { origins: ['https://a.test'] }",
        "cors: { origins: ['https://*.test'] }",
        "cors: { origins_regex: ['https://a.test'] }",
        "cors: { origins: ['https://a.test'], credentials: true }",
        "cors: { origins: ['*'], methods: [PUT] }",
        "cors: { origins: ['*'], headers: ['*'] }",
        "cors: { origins: ['*'], headers: [a] }",
        "cors: { origins: ['*'], expose: [a] }",
        "cors: { origins: ['*'], max_age: 0s }",
    ];
    all_differ(&policies.map(|text| base().replace("path: /y }", &format!("path: /y }}, policies: {{ {text} }}"))));
}

/// The digest is compared between nodes and over restarts, so its value may not drift. It last changed when it
/// came to be derived from the structs themselves; a new field changes it too, last `huge_pages`.
#[test]
fn the_digest_of_a_known_file_is_known() {
    assert_eq!(format!("{:016x}", digest(&base())), "d10baaf0f80205c0");
}
