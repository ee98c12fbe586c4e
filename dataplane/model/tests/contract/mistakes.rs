//! Mistakes, each with the place it is told at and what is said.
//!
//! `§` marks the place and is taken out of the text; a text without one is a mistake of the whole file.

use crate::source::{file, good, read};

const A: &str = "upstreams: [ { name: a, endpoints: [ { address: 127.0.0.1:1 } ] } ]\n";

/// Reads `text`; says whether the error at the mark holds `expected` and is the only one.
pub(crate) fn check(text: &str, expected: &str) {
    let (line, column) = text.split_once('§').map_or((0, 0), |(before, _)| {
        let start = before.rfind('\n').map_or(0, |end| end + 1);
        (before.matches('\n').count() + 1, before[start..].chars().count() + 1)
    });
    let Err(errors) = read(&text.replace('§', "")) else { panic!("no error in:\n{text}") };
    let shown = errors.to_string();
    let [error] = errors.as_slice() else { panic!("not one error:\n{shown}\n\nin:\n{text}") };
    assert_eq!((error.line, error.column), (line, column), "{shown}\n\nin:\n{text}");
    assert!(shown.contains(expected), "not `{expected}` but:\n{shown}");
}

fn check_all(mistakes: &[(&str, &str)]) {
    for (text, expected) in mistakes {
        check(&file(text), expected);
    }
}

/// Mistakes in one route of the upstream `a`.
fn check_matches(mistakes: &[(&str, &str)]) {
    for (text, expected) in mistakes {
        let route = format!("{A}routes:\n  - {{ name: r, match: {{ {text} }}, upstream: a }}\n");
        check(&file(&route), expected);
    }
}

#[test]
fn of_the_whole_file() {
    for (text, expected) in [
        ("listeners: [ { name: a, bind: 127.0.0.1:0 } ]\n", "`version` is missing"),
        ("version: 1\n", "`listeners` is missing"),
        ("version: §2\nlisteners: [ { name: a, bind: 127.0.0.1:0 } ]\n", "unknown `version` `2`"),
        ("version: 1\nlisteners: §[]\n", "there must be 1 to 256 listeners"),
        ("§[1, 2]\n", "expected a mapping of keys and values"),
        ("§version\n", "expected a mapping of keys and values"),
        ("version: 1\n§version: 1\n", "the key `version` is written twice"),
        ("version: 1\nlisteners: [ §{ name: a\n", "unclosed bracket"),
        ("version: 1\n listeners§: []\n", "mapping values are not allowed"),
        ("version: 1\n---\n§version: 1\n", "a second document begins here"),
    ] {
        check(text, expected);
    }
}

#[test]
fn of_keys() {
    check_all(&[
        ("§upstrems: []\n", "unknown key `upstrems`, did you mean `upstreams`?"),
        ("§policies: {}\n", "unknown key `policies`\n"),
        ("routes:\n  - { name: r, §upstrem: a }\n", "unknown key `upstrem`, did you mean `upstream`?"),
        ("routes:\n  - name: r\n    match:\n      §host: [a]\n", "unknown key `host`, did you mean `hosts`?"),
        (
            "routes: [ { §policis: {} } ]\n",
            "allowed here: name, match, upstream, upstreams, rewrite, redirect, answer, policies, timeouts",
        ),
        ("routes: [ { policies: { §thottle: {} } } ]\n", "allowed here: defaults, use, ip, cors, limits"),
        ("routes: [ { timeouts: { §drain: 1s } } ]\n", "allowed here: connect, first_byte, idle, request, tunnel"),
        ("status: { §bnd: 127.0.0.1:1 }\n", "unknown key `bnd`, did you mean `bind`?"),
        ("access_log: { §file: x }\n", "allowed here: path, format, writer, rotate, keep"),
        ("upstreams: [ { endpoints: [ { §adress: x } ] } ]\n", "unknown key `adress`, did you mean `address`?"),
        ("upstreams: [ { connections: { §idle_maxx: 1 } } ]\n", "did you mean `idle_max`?"),
        ("timeouts: { §conect: 1s }\n", "did you mean `connect`?"),
        ("limits: { §field: 1 }\n", "did you mean `fields`?"),
    ]);
}

#[test]
fn of_shapes() {
    check_all(&[
        ("upstreams: §a\n", "expected a list like `[a, b]`"),
        ("upstreams: [ §a ]\n", "expected a mapping of keys and values"),
        ("upstreams: [ { name: §[a] } ]\n", "expected a single value"),
        ("limits: §5\n", "expected a mapping of keys and values"),
        ("§status: [1]\n", "expected `off` or a mapping like { bind: 127.0.0.1:9901 }"),
        ("status: §on\n", "`on` is not allowed here"),
        ("status: §{}\n", "`bind` is missing"),
        ("status: { bind: 127.0.0.1:1, §tokn: x }\n", "unknown key `tokn`, did you mean `token`?"),
        ("status: { bind: 127.0.0.1:1, socket: §'' }\n", "`socket` is empty"),
        ("status: { socket: /run/a, token: §'${file:token}' }\n", "`token` is for `bind`, which is not there"),
        (
            "status: { bind: 127.0.0.1:1, token: §hunter2 }\n",
            "`token` holds the secret itself\n --> gateway.yaml:5:37\n  = help",
        ),
        ("status: { bind: 127.0.0.1:1, token: §'${env:SECRET}' }\n", "is not a token of 16 to 256 visible characters"),
        ("status: { bind: 127.0.0.1:1, token: §'${file:gone}' }\n", "the file of `${file:gone}` cannot be read"),
        ("status: { bind: §here }\n", "`here` is not an address to listen at"),
        ("access_log: §true\n", "write `off` or a mapping like { path: logs/access.log }"),
        ("access_log: §{ format: json }\n", "`path` is missing"),
        ("access_log: { path: §'' }\n", "`path` is empty"),
        ("access_log: { path: x, format: §jsn }\n", "unknown `format` `jsn`, did you mean `json`?"),
        ("access_log: { path: x, §writers: plain }\n", "unknown key `writers`, did you mean `writer`?"),
        ("access_log: { path: x, writer: §dirct }\n", "unknown `writer` `dirct`, did you mean `direct`?"),
        ("access_log: { path: x, rotate: §1GiB }\n", "expected a mapping of keys and values"),
        ("access_log: { path: x, rotate: §{} }\n", "`rotate` has neither `size` nor `every`"),
        ("access_log: { path: x, rotate: { §sise: 1MiB } }\n", "unknown key `sise`, did you mean `size`?"),
        ("access_log: { path: x, rotate: { size: §100MB } }\n", "`100MB` is not a size"),
        ("access_log: { path: x, rotate: { size: §64KiB } }\n", "from 128KiB to 1024GiB"),
        ("access_log: { path: x, rotate: { every: §daily } }\n", "`daily` is not a duration"),
        ("access_log: { path: x, rotate: { every: §1s } }\n", "from 1m to 8760h"),
        ("access_log: { path: x, keep: §{ files: 3 } }\n", "`keep` has no meaning without `rotate`"),
        ("access_log: { path: x, rotate: { size: 1MiB }, keep: §{} }\n", "none of `files`, `bytes` and `age`"),
        ("access_log: { path: x, rotate: { size: 1MiB }, keep: { §file: 1 } }\n", "did you mean `files`?"),
        ("access_log: { path: x, rotate: { size: 1MiB }, keep: { files: §-1 } }\n", "`-1` is not a whole number"),
        ("access_log: { path: x, rotate: { size: 1MiB }, keep: { bytes: §1KiB } }\n", "from 128KiB to 1048576GiB"),
        ("access_log: { path: x, rotate: { size: 1MiB }, keep: { age: §30d } }\n", "`30d` is not a duration"),
        ("workers: §{ a: 1 }\n", "expected `auto` or a list of CPU ids"),
        ("workers: §2\n", "`2` is not allowed here"),
        ("workers: §[]\n", "`workers` is empty"),
        ("workers: [0, §x]\n", "`x` is not a whole number"),
        ("workers: [0, §1024]\n", "from 0 to 1023"),
        ("workers: [3, §3]\n", "CPU `3` is named twice"),
        ("routes:\n  - match: { hosts: [§*.a.test] }\n", "put quotes around a value"),
        ("routes:\n  - match: { path: /o/§{rest*} }\n", "put quotes around a value"),
        ("routes:\n  - match:\n      path: §{rest}\n", "put quotes around a value"),
    ]);
}

#[test]
fn of_settings() {
    check_all(&[
        ("io: §epol\n", "unknown `io` `epol`, did you mean `epoll`?"),
        ("forwarded: §yes\n", "allowed here: x_forwarded, standard, both, off"),
        ("tracing: { accept: §trustd }\n", "did you mean `trusted`?"),
        ("tracing: { generate: §yes }\n", "allowed here: true, false"),
        ("tracing: { generate: true, sampled_percent: §101 }\n", "from 0 to 100"),
        ("tracing: { sampled_percent: §10 }\n", "add `generate: true`"),
        ("tracing: { §sample: 10 }\n", "unknown key `sample`"),
        ("trusted_proxies: [10.0.0.0/8, §10.0.0.1/8]\n", "write `10.0.0.0/8`"),
        ("trusted_proxies: [§proxy.test]\n", "`proxy.test` is not a network or an address"),
        ("trusted_proxies: [§10.0.0.0/33]\n", "is not a network or an address"),
        ("timeouts: { idle: §0s }\n", "from 1ms to 24h"),
        ("timeouts: { idle: §25h }\n", "`25h` is out of range"),
        ("timeouts: { idle: §60 }\n", "write a duration like `500ms`, `5s`, `2m` or `1h`"),
        ("timeouts: { idle: §none }\n", "`none` is not a duration"),
        ("timeouts: { request: §never }\n", "or `none`"),
        ("timeouts: { request: §0ms }\n", "out of range"),
        ("timeouts: { linger: §2m }\n", "from 1ms to 1m"),
        ("limits: { head_bytes: §32KiB }\n", "from 1KiB to 31KiB"),
        ("limits: { head_bytes: §16KB }\n", "`16KB` is not a size"),
        ("limits: { head_bytes: 2KiB, target_bytes: §4KiB }\n", "`target_bytes` is larger than `head_bytes`"),
        ("limits: { fields: §129 }\n", "from 1 to 128"),
        ("tuning: { profile: §latncy }\n", "did you mean `latency`?"),
        ("tuning: { §ring_entry: 1024 }\n", "did you mean `ring_entries`?"),
        ("tuning: { ring_entries: §1000 }\n", "write 512 or 1024"),
        ("tuning: { ring_entries: §8192 }\n", "from 64 to 4096"),
        ("tuning: { buffer_bytes: §64KiB }\n", "from 24KiB to 63KiB"),
        ("limits: { head_bytes: 31KiB }\ntuning: { buffer_bytes: §24KiB }\n", "at least 32KiB"),
        ("tuning: { idle: §spin }\n", "{ spin_us: 50 }"),
        ("tuning: { idle: §{} }\n", "`spin_us` is missing"),
        ("tuning: { offload_threads: §0 }\n", "or `auto`"),
        ("tuning: { huge_pages: §of }\n", "did you mean `off`?"),
        ("limits: { fields: §-1 }\n", "`-1` is not a whole number"),
        ("limits: { connections: §0 }\n", "out of range"),
        ("limits: { body_bytes: §unlimted }\n", "or `unlimited`"),
        ("limits: { requests_per_connection: §0 }\n", "out of range"),
        ("timeouts: { idle: §'${env:NONE}' }\n", "the environment variable `NONE` is not defined"),
        ("timeouts: { idle: §'${file:x}' }\n", "the file of `${file:x}` cannot be read"),
        ("timeouts: { idle: §'${vault:x}' }\n", "unknown reference `${vault:x}`"),
        ("timeouts: { idle: §'${env:PORT' }\n", "without its `}`"),
    ]);
}

#[test]
fn of_listeners() {
    let head = "version: 1\nlisteners:\n  - { name: public, bind: 127.0.0.1:8080 }\n  - ";
    for (text, expected) in [
        ("§{ name: x }\n", "`bind` is missing"),
        ("§{ bind: 127.0.0.1:1 }\n", "`name` is missing"),
        ("§name: x\n", "`bind` is missing"),
        ("{ name: x, bind: 127.0.0.1:1, §tsl: {} }\n", "unknown key `tsl`, did you mean `tls`?"),
        ("{ name: §public, bind: 127.0.0.1:1 }\n", "the listener name `public` is used twice, first in line 3"),
        ("{ name: §a b, bind: 127.0.0.1:1 }\n", "1 to 64 letters, digits"),
        ("{ name: x, bind: §':80' }\n", "for all addresses write `0.0.0.0:80` or `[::]:80`"),
        ("{ name: x, bind: §localhost:80 }\n", "write `ip:port` or `[ipv6]:port`"),
        ("{ name: x, bind: §127.0.0.1:99999 }\n", "is not an address to listen at"),
        ("{ name: x, bind: §127.0.0.1:8080 }\n", "is the address of another listener"),
        ("{ name: x, bind: §127.0.0.1:9901 }\n", "is the address of `status`"),
    ] {
        check(&format!("{head}{text}"), expected);
    }
}

/// Of TLS: each stands in `tls: { .. }` of a listener.
#[test]
fn of_listener_tls() {
    let pair = |cert: &str, key: &str| format!("certificates: [ {{ cert_file: {cert}, key_file: {key} }} ]");
    for (text, expected) in [
        ("§{}".to_owned(), "`certificates` is missing"),
        ("{ certificates: §[] }".into(), "there must be 1 to 1024 certificates"),
        ("{ §certs: [] }".into(), "unknown key `certs`"),
        ("{ certificates: [ §{ cert_file: a.pem } ] }".into(), "`key_file` is missing"),
        ("{ certificates: [ §{ key_file: a.pem } ] }".into(), "`cert_file` is missing"),
        ("{ certificates: [ { §cert_fil: a.pem } ] }".into(), "unknown key `cert_fil`, did you mean `cert_file`?"),
        (format!("{{ {} }}", pair("§a.perm", "k.pem")), "`a.perm` cannot be read: entity not found"),
        (format!("{{ {} }}", pair("a.pem", "§secret.pem")), "let the user that runs the node read it, and nobody else"),
        (format!("{{ {} }}", pair("§der.pem", "k.pem")), "give a PEM file, which is text"),
        (format!("{{ {} }}", pair("§''", "k.pem")), "the path is empty"),
        (format!("{{ {} }}", pair("§bad.pem", "k.pem")), "`bad.pem`: it is no good"),
        (format!("{{ {} }}", pair("a.pem", "§bad.pem")), "help: take another"),
        (format!("{{ {}, min_version: §1.1 }}", pair("a.pem", "k.pem")), "allowed here: 1.2, 1.3"),
        (format!("{{ {}, client_auth: §{{}} }}", pair("a.pem", "k.pem")), "`ca_file` is missing"),
        (format!("{{ {}, client_auth: {{ ca_file: §bad.pem }} }}", pair("a.pem", "k.pem")), "it is no good"),
        (
            format!("{{ {}, client_auth: {{ mode: §require, ca_file: ca.pem }} }}", pair("a.pem", "k.pem")),
            "unknown `mode` `require`, did you mean `required`?",
        ),
        (
            "{ certificates: [ { cert_file: a+b.pem, key_file: k.pem }, §{ cert_file: b+c.pem, key_file: k.pem } ] }"
                .into(),
            "two certificates are for `b`",
        ),
    ] {
        check(&format!("version: 1\nlisteners:\n  - {{ name: x, bind: 127.0.0.1:1, tls: {text} }}\n"), expected);
    }
    // With a key of another kind both are served.
    let two = "{ certificates: [ { cert_file: a.pem, key_file: k.pem }, { cert_file: a.pem, key_file: l.pem } ] }";
    good(&format!("version: 1\nlisteners:\n  - {{ name: x, bind: 127.0.0.1:1, tls: {two} }}\n"));
}

/// Of TLS: each stands in `tls` of an upstream.
#[test]
fn of_upstream_tls() {
    let endpoint = "{ address: 127.0.0.1:1 }";
    for (endpoints, text, expected) in [
        (endpoint, "{ verify: §yes }", "allowed here: true, false"),
        (endpoint, "{ ca_file: §bad.pem }", "`bad.pem`: it is no good"),
        (endpoint, "{ verify: false, ca_file: §a.pem }", "`ca_file` is of no use with `verify: false`"),
        (endpoint, "{ server_name: §'https://a.test' }", "write it without scheme and port"),
        (endpoint, "{ §sni: a.test }", "unknown key `sni`"),
        (endpoint, "{ client_certificate: §{ cert_file: a.pem } }", "`key_file` is missing"),
        (endpoint, "{ client_certificate: { cert_file: §bad.pem, key_file: k.pem } }", "it is no good"),
        (endpoint, "{ min_version: §1.0 }", "unknown `min_version` `1.0`"),
        ("{ address: localhost:1 }, { address: two.test:1 }", "§{}", "write `server_name`"),
        ("{ address: localhost:1 }, { address: 127.0.0.2:1 }", "§{}", "the endpoints have several names"),
        ("{ address: 'unix:/run/a.sock' }", "§{}", "write `server_name`"),
    ] {
        check(&file(&format!("upstreams:\n  - {{ name: a, endpoints: [ {endpoints} ], tls: {text} }}\n")), expected);
    }
}

#[test]
fn of_upstreams() {
    check_all(&[
        ("upstreams: [ §{ name: a } ]\n", "`endpoints` is missing"),
        ("upstreams: [ { name: a, endpoints: §[] } ]\n", "there must be 1 to 4096 endpoints"),
        ("upstreams: [ { name: a, endpoints: [ §{ weight: 1 } ] } ]\n", "`address` is missing"),
        (
            "upstreams:\n  - { name: a, endpoints: [ { address: 127.0.0.1:1 } ] }\n  - { name: §a, endpoints: [ { address: 127.0.0.1:1 } ] }\n",
            "the upstream name `a` is used twice, first in line 6",
        ),
        (
            "upstreams: [ { name: a, endpoints: [ { address: 127.0.0.1:1 }, { address: §127.0.0.1:1 } ] } ]\n",
            "is an endpoint of this upstream already",
        ),
        (
            "upstreams: [ { name: a, endpoints: §[ { address: 127.0.0.1:1, backup: true } ] } ]\n",
            "all endpoints are backups",
        ),
    ]);
    for (address, expected) in [
        ("127.0.0.1", "write `ip:port`, `[ipv6]:port`, `name:port` or `unix:/path`"),
        ("127.0.0.1:0", "has no port it could be reached at"),
        ("127.0.0:80", "is not an address"),
        ("http://two.test:80/x", "leave `http://` and the path out: `two.test:80`"),
        ("two.test", "is not an address"),
        ("two.test:x", "has no port it could be reached at"),
        ("'*.test:80'", "is not an address"),
        ("'[::1:80'", "is not an address"),
        ("unix:run/a.sock", "write it like `unix:/run/orders.sock`"),
        ("unix:/run/", "does not name a socket by its whole path"),
        ("127.0.0.1:1, weight: 0", ""),
    ] {
        let (address, weight) = address.split_once(", weight: ").map_or((address, None), |(a, w)| (a, Some(w)));
        let entry = match weight {
            None => format!("address: §{address}"),
            Some(weight) => format!("address: {address}, weight: §{weight}"),
        };
        check(&file(&format!("upstreams: [ {{ name: a, endpoints: [ {{ {entry} }} ] }} ]\n")), expected);
    }
}

/// Mistakes in one more key of an upstream.
#[test]
fn of_what_an_upstream_does() {
    for (text, expected) in [
        ("balance: §least_request", "unknown `balance` `least_request`, did you mean `least_requests`?"),
        ("balance: §consistent_hash", "write `{ consistent_hash: { key: client_ip } }`"),
        ("§balance: [a]", "expected a word like `round_robin` or a mapping"),
        ("balance: { consistent_hash: §{} }", "`key` is missing"),
        ("balance: { consistent_hash: { key: §ip } }", "write `client_ip`, `path`, `header:NAME` or `cookie:NAME`"),
        ("balance: { consistent_hash: { key: §'header:a b' } }", "`a b` cannot name a header field"),
        ("balance: { consistent_hash: { key: path, load_max: §100% } }", "from 101% to 1000%, or `off`"),
        ("balance: { consistent_hash: { key: path, load_max: §1.25 } }", "write a share like `20%`"),
        ("balance: { consistent_hash: { key: path } }, slow_start: §5s", "does not go with `consistent_hash`"),
        ("slow_start: §fast", "write a duration like"),
        ("health: §{}", "write `{ http: { path: /healthz } }` or `{ tcp: {} }`"),
        ("health: §{ http: {}, tcp: {} }", "`health` has one of `http` and `tcp`"),
        ("health: { tcp: { §path: / } }", "unknown key `path`"),
        ("health: { http: { path: §healthz } }", "write it like `/healthz`"),
        ("health: { http: { host: §'a b' } }", "write it like `api.example.com`"),
        ("health: { http: { status: [ 200, §100 ] } }", "from 200 to 599, like `200` or `200-299`"),
        ("health: { http: { status: [ §299-200 ] } }", "is no final status"),
        ("health: { http: { status: §[] } }", "there must be 1 to 16 statuses"),
        ("health: { http: { interval: §1ms } }", "from 10ms to 24h"),
        ("health: { http: { healthy: §0 } }", "from 1 to 100"),
        ("outliers: { consecutive: §off }", "set `failures`, or leave `outliers` out"),
        ("outliers: { failures: §0% }", "from 1% to 100%, or `off`"),
        ("outliers: { ejection: 10s, ejection_max: §5s }", "`ejection_max` is less than `ejection`"),
        ("outliers: { ejected_max: §half }", "`half` is not a share"),
        ("retries: { attempts: §11 }", "from 1 to 10"),
        ("retries: { on: [ connect, §500 ] }", "allowed here: connect, closed, timeout, 502, 503, 504"),
        ("retries: { on: [ closed, §closed ] }", "`closed` is in `on` twice"),
        ("retries: { budget: §20 }", "write a share like `20%`"),
        ("retries: { backoff: 1s, backoff_max: §10ms }", "from 1s to 24h"),
        ("connections: { max: §0 }", "from 1 to 65536, or `unlimited`"),
        ("connections: { age_max: §forever }", "write a duration like"),
        ("connections: { §max_idle: 5 }", "unknown key `max_idle`"),
    ] {
        let text = format!("upstreams:\n  - {{ name: a, endpoints: [ {{ address: 127.0.0.1:1 }} ], {text} }}\n");
        check(&file(&text), expected);
    }
    check_all(&[
        ("dns: { servers: §[] }\n", "leave `servers` out for those of the system"),
        ("dns: { servers: [ §dns.test ] }\n", "write `ip` or `ip:port`, like `10.0.0.2` or `10.0.0.2:53`"),
        ("dns: { ttl_min: 10s, ttl_max: §5s }\n", "`ttl_max` is less than `ttl_min`"),
        ("dns: { timeout: §2h }\n", "from 1ms to 1m"),
        ("quota_store: §on\n", "write `off` or a mapping"),
        ("quota_store: { path: §'' }\n", "`path` is empty"),
        ("quota_store: { every: §1ms }\n", "from 100ms to 1h"),
        ("cluster: §{ redis: [ 'redis://a' ], nodes: 3 }\n", "`secret` is missing"),
        ("cluster: { redis: [ 'redis://a' ], secret: §0123456789abcdef, nodes: 3 }\n", "holds the secret itself"),
        ("cluster: §{ secret: '${file:token}', nodes: 3 }\n", "or `control_plane: true`"),
        ("cluster: §{ control_plane: false, secret: '${file:token}', nodes: 3 }\n", "there is no store"),
        ("cluster: { control_plane: §yes, secret: '${file:token}', nodes: 3 }\n", "allowed here: true, false"),
        (
            "cluster: { redis: [ 'redis://a' ], control_plane: §true, secret: '${file:token}', nodes: 3 }\n",
            "leave out one of them",
        ),
        ("cluster: { redis: §[], secret: '${file:token}', nodes: 3 }\n", "there must be 1 to 8 addresses"),
        ("cluster: { redis: [ §'http://a' ], secret: '${file:token}', nodes: 3 }\n", "write `redis://host:6379`"),
        ("cluster: { redis: [ §'redis://:x@a' ], secret: '${file:token}', nodes: 3 }\n", "write `${env:REDIS_URL}`"),
        ("cluster: { redis: [ 'redis://a' ], secret: '${file:token}', nodes: §0 }\n", "from 1 to 1000"),
        ("cluster: { redis: [ 'redis://a' ], secret: '${file:token}', nodes: 3, timeout: §1m }\n", "from 1ms to 10s"),
        ("cluster: { redis: [ 'redis://a' ], secret: '${file:token}', nodes: 3, prefix: §'a b' }\n", "not a prefix"),
    ]);
}

#[test]
fn of_matches() {
    check_matches(&[
        ("path: §orders", "write `/orders`"),
        ("path: §'/a/{rest*}/b'", "so it must stand last"),
        ("path: §'/a/{id}/{id}'", "`id` names two parameters"),
        ("path: §'/a/x{id}'", "`x{id}` mixes a parameter with other text"),
        ("path: §'/a/{}'", "`{}` is not a parameter"),
        ("path: §/a/*/b", "write `{name}` for one segment"),
        ("path: §/a?b", "has no query"),
        ("path: §/a/../b", "has no `..` segment"),
        ("path: §/a%2fb", "write `%2F`"),
        ("path: §/%41", "write `A`"),
        ("path: §'/a b'", "a character that a path cannot have"),
        ("path: /, hosts: §[]", "leave `hosts` out to match any"),
        ("path: /, hosts: [a.test, §A.test]", "`A.test` is in `hosts` twice"),
        ("path: /, hosts: [§'a.test:80']", "a host has no port"),
        ("path: /, hosts: [§'*']", "leave `hosts` out to match any host"),
        ("path: /, hosts: [§'a.*.test']", "write it like `*.example.com`"),
        ("path: /, hosts: [§'é.test']", "`xn--` form"),
        ("path: /, methods: [GET, §get]", "write `GET`"),
        ("path: /, methods: [§'G T']", "is not a method"),
        ("path: /, methods: [GET, §GET]", "`GET` is in `methods` twice"),
        ("path: /, §path_regx: x", "unknown key `path_regx`, did you mean `path_regex`?"),
        ("path: /, path_regex: §'/.*'", "a route has `path` or `path_regex`, not both"),
        ("path_regex: §'/('", "not a regular expression: unclosed group"),
        ("path_regex: §'/a)|(b'", "not a regular expression: unopened group"),
        ("path_regex: §'/[a-z]{1000}{1000}'", "repeat less"),
        ("path: /, headers: §[]", "leave `headers` out to match any"),
        ("path: /, headers: [ §{ exact: x } ]", "`name` is missing"),
        ("path: /, headers: [ { name: §a b } ]", "`a b` cannot name a header field"),
        ("path: /, headers: [ { name: §Host } ]", "write it into `hosts`"),
        ("path: /, headers: [ { name: §Cookie } ]", "name it in `cookies`"),
        ("path: /, headers: [ §{ name: a, exact: b, regex: c } ]", "one of `exact`, `prefix` and `regex`"),
        ("path: /, headers: [ { name: a, regex: §'[' } ]", "not a regular expression: unclosed character class"),
        ("path: /, headers: [ { name: a }, §{ name: A } ]", "this condition is in `headers` twice"),
        ("path: /, headers: [ { name: a, §exakt: b } ]", "unknown key `exakt`, did you mean `exact`?"),
        ("path: /, query: [ { name: §'' } ]", "a name is not empty"),
        ("path: /, cookies: [ { name: §'a;b' } ]", "cannot name a cookie"),
        ("path: /, listeners: [§publik]", "listener `publik` is not defined, did you mean `public`?"),
        ("path: /, listeners: [§other]", "listener `other` is not defined\n"),
    ]);
}

#[test]
fn of_routes() {
    let rest =
        |text: &str| file(&format!("{A}routes:\n  - {{ name: r, match: {{ path: /x }}, upstream: a }}\n  - {text}\n"));
    for (text, expected) in [
        ("§{ name: s, upstream: a }", "`match` is missing"),
        ("{ name: s, match: §{ hosts: [a] }, upstream: a }", "`path` is missing"),
        ("§{ name: s, match: { path: / } }", "`upstream` is missing"),
        ("{ name: §r, match: { path: / }, upstream: a }", "the route name `r` is used twice, first in line 7"),
        ("{ name: s, match: { path: / }, upstream: §b }", "upstream `b` is not defined\n"),
        ("{ name: s, match: §{ path: /x }, upstream: a }", "matches the same requests as route `r` in line 7"),
        ("{ name: s, match: { path: / }, upstream: a, timeouts: { idle: §0s } }", "out of range"),
    ] {
        check(&rest(text), expected);
    }
    check(&file("routes: [ { name: r, match: { path: / }, upstream: §a } ]\n"), "there is no upstream: add one");
}

/// Of what a route does: each takes the place of `upstream` in a route of `/o/{id}/{rest*}`.
#[test]
fn of_actions() {
    for (text, expected) in [
        ("upstream: a, upstreams: §[ { name: a } ]", "`upstreams` cannot stand beside `upstream`"),
        ("upstream: a, redirect: §{ to: / }", "`redirect` cannot stand beside `upstream`"),
        ("redirect: { to: / }, answer: §{ status: 200 }", "one of `upstream`, `upstreams`, `redirect` and `answer`"),
        ("redirect: { to: / }, rewrite: §{ path: / }", "`rewrite` cannot stand beside `redirect`"),
        ("§rewrit: { path: / }", "unknown key `rewrit`, did you mean `rewrite`?"),
        ("upstreams: §[]", "there must be 1 to 10 upstreams"),
        ("upstreams: [ { name: §aa } ]", "upstream `aa` is not defined, did you mean `a`?"),
        ("upstreams: [ { name: a }, { name: §a } ]", "give it a larger `weight`"),
        ("upstreams: [ §{ weight: 2 } ]", "`name` is missing"),
        ("upstreams: [ { name: a, weight: §1001 } ]", "from 0 to 1000"),
        ("upstreams: §[ { name: a, weight: 0 } ]", "all weights are 0"),
        ("upstream: a, rewrite: §{}", "`path` is missing"),
        (
            "upstream: a, rewrite: { path: §'/v2/{ret}' }",
            "`{ret}` is no parameter of this match, did you mean `{rest}`?",
        ),
        ("upstream: a, rewrite: { path: §'/v2/{rest*}' }", "did you mean `{rest}`?"),
        ("upstream: a, rewrite: { path: §'/v2/{host}' }", "allowed here: `{id}`, `{rest}`, `{path}`"),
        ("upstream: a, rewrite: { path: §'/v2/{rest' }", "without its `}`"),
        ("upstream: a, rewrite: { path: §'/v2/rest}' }", "without its `{`"),
        ("upstream: a, rewrite: { path: §'v2/{rest}' }", "write `/v2/{rest}`"),
        ("upstream: a, rewrite: { path: §'{rest}' }", "write `/{rest}`"),
        ("upstream: a, rewrite: { path: §'/a?b={id}' }", "has no query"),
        ("upstream: a, rewrite: { path: §'/../{rest}' }", "has no `..` segment"),
        ("upstream: a, rewrite: { path: §'' }", "1 to 2048 bytes"),
        ("redirect: §{ status: 308 }", "`to` is missing"),
        ("redirect: { to: §orders }", "is not a place to go to"),
        ("redirect: { to: §//other.test/ }", "is not a place to go to"),
        ("redirect: { to: §'https:///{rest}' }", "is not a place to go to"),
        ("redirect: { to: §'ftp://a.test/' }", "like `/new/{rest}` or `https://{host}{path}`"),
        ("redirect: { to: §'https://a.test{rest}' }", "could lead to any host"),
        ("redirect: { to: §'https://{id}.a.test/' }", "could lead to any host"),
        ("redirect: { to: §'https://u@a.test/' }", "no `user@`"),
        ("redirect: { to: §'/a b' }", "` ` cannot stand in a URI"),
        ("redirect: { to: §'/{hots}' }", "did you mean `{host}`?"),
        ("redirect: { to: /, status: §200 }", "`200` is not a status of a redirect"),
        ("answer: §{ body: x }", "`status` is missing"),
        ("answer: { status: §600 }", "from 200 to 599"),
        ("answer: { status: §101 }", "from 200 to 599"),
        ("answer: { status: §304 }", "304 cannot be a fixed answer"),
        ("answer: { status: 204, body: §x }", "an answer of status 204 has no body"),
        ("answer: { status: 200, content_type: §json }", "write it like `application/json`"),
        (
            "answer: { status: 200, headers: [ { name: §Content_Length, value: '1' } ] }",
            "frames the message or concerns one connection",
        ),
        ("answer: { status: 200, headers: [ { name: §Via, value: '1.1 a' } ] }", "is written by the gateway itself"),
        ("answer: { status: 200, headers: [ { name: §Content-Type, value: a/b } ] }", "write `content_type`"),
        ("answer: { status: 200, headers: [ { name: §'a b', value: x } ] }", "cannot name a header field"),
        ("answer: { status: 200, headers: [ { name: a, value: §\"x\\r\\ny: z\" } ] }", "printable ASCII"),
        ("answer: { status: 200, headers: [ §{ name: a } ] }", "`value` is missing"),
    ] {
        let route = format!("{A}routes:\n  - {{ name: r, match: {{ path: '/o/{{id}}/{{rest*}}' }}, {text} }}\n");
        check(&file(&route), expected);
    }
    let long = "x".repeat(tollgate_model::ANSWER_BYTES_MAX + 1);
    let route = format!("routes:\n  - {{ name: r, match: {{ path: / }}, answer: {{ status: 200, body: §{long} }} }}\n");
    check(&file(&route), "a body has at most 8 KiB");
}

/// A parameter of the match that is called as what the gateway knows may begin with anything.
#[test]
fn of_a_redirect_to_a_parameter() {
    for matched in ["path: '/{path*}'", "path_regex: '/(?<path>.+)'"] {
        let route = format!("routes:\n  - {{ name: r, match: {{ {matched} }}, redirect: {{ to: §'{{path}}' }} }}\n");
        check(&file(&route), "is not a place to go to");
    }
}

/// Of policies: each is the `policies` of a route; there is a set `base`.
#[test]
fn of_policies() {
    for (text, expected) in [
        ("use: [§bas]", "policy set `bas` is not defined, did you mean `base`?"),
        ("use: [base, §base]", "`base` is in `use` twice"),
        ("use: §[]", "`use` names 1 to 16 sets"),
        ("defaults: §on", "write `off`, or leave `defaults` out"),
        ("ip: §on", "write `off` or a mapping like { deny: [192.0.2.0/24] }"),
        ("ip: §{}", "`allow` or `deny` is missing"),
        ("ip: { §alow: [::1] }", "unknown key `alow`, did you mean `allow`?"),
        ("ip: { allow: §[] }", "leave `allow` out for none"),
        ("ip: { allow: [§10.0.0.0/40] }", "`10.0.0.0/40` is not a network or an address"),
        ("ip: { deny: [§192.0.2.7/24] }", "write `192.0.2.0/24`"),
        ("ip: { deny: [§'2001:db8::1/32'] }", "write `2001:db8::/32`"),
        ("limits: { head_bytes: §20KiB }", "at most 16384, or raise `limits.head_bytes`"),
        ("limits: { target_bytes: §9KiB }", "`target_bytes` is larger than that of the node"),
        ("limits: { fields: §101 }", "at most 100, or raise `limits.fields`"),
        ("limits: { body_bytes: §1MB }", "or `unlimited`"),
        ("limits: { §connections: 1 }", "allowed here: head_bytes, target_bytes, fields, body_bytes"),
        ("mock: §{ body: x }", "`status` is missing"),
        ("mock: { status: §99 }", "from 200 to 599"),
    ] {
        check_policies(text, expected);
    }
}

#[test]
fn of_rules() {
    for (text, expected) in [
        ("throttle: §[]", "`throttle` has 1 to 16 rules"),
        ("throttle: §on", "write `off` or a list like [ { name: per-ip, key: client_ip, limit: 100 } ]"),
        ("throttle: [ §{ key: node, limit: 1 } ]", "`name` is missing"),
        ("throttle: [ { name: a, key: node, limit: 1 }, { name: §a, key: route, limit: 1 } ]", "is used twice"),
        ("throttle: [ §{ name: a, limit: 1 } ]", "`key` is missing"),
        ("throttle: [ §{ name: a, key: node } ]", "`limit` is missing"),
        ("throttle: [ { name: a, key: node, limit: §0 } ]", "from 1 to 1000000000"),
        ("throttle: [ { name: a, key: node, limit: §-5 } ]", "`-5` is not a whole number"),
        ("throttle: [ { name: a, key: node, limit: 1, per: §day } ]", "a limit per calendar window is a `quota`"),
        ("throttle: [ { name: a, key: node, limit: 1, per: §10s } ]", "allowed here: second, minute, hour"),
        ("throttle: [ { name: a, key: node, limit: 1, burst: §0 } ]", "from 1 to"),
        ("throttle: [ { name: a, key: node, limit: 1, per: hour, burst: §10000 } ]", "at most 8760"),
        ("throttle: [ { name: a, key: node, limit: 5, cost: §6 } ]", "more than the rule ever holds"),
        ("throttle: [ { name: a, key: node, limit: 5, cost: §body } ]", "`request_bytes`, `response_bytes` or"),
        ("throttle: [ { name: a, key: node, limit: 5, §brust: 6 } ]", "unknown key `brust`, did you mean `burst`?"),
        ("throttle: [ { name: a, key: node, limit: 5, time_zone: §UTC } ]", "it belongs to `quota`"),
        ("quota: [ §{ name: a, key: node, limit: 5 } ]", "`per` is missing"),
        ("quota: [ { name: a, key: node, limit: 5, per: §second } ]", "allowed here: hour, day, week, month, cycle"),
        (
            "quota: [ { name: a, key: node, limit: 5, per: day, burst: §9 } ]",
            "it belongs to `throttle` and `bandwidth`",
        ),
        ("quota: [ { name: a, key: node, limit: 5, per: day, time_zone: §Mars } ]", "there is no time zone `Mars`"),
        ("quota: [ §{ name: a, key: node, limit: 5, per: cycle } ]", "`anchor` is missing"),
        ("quota: [ { name: a, key: node, limit: 5, per: cycle, anchor: §2026-02-30 } ]", "`2026-02-30` is not a day"),
        ("quota: [ { name: a, key: node, limit: 5, per: month, anchor: §2026-02-01 } ]", "write `per: cycle`"),
        ("quota: [ { name: a, key: node, limit: §549755813888, per: day } ]", "out of range"),
        ("quota: [ { name: a, key: node, limit: 5, per: day, mode: §global } ]", "unknown `mode` `global`"),
        ("quota: [ { name: a, key: node, limit: 5, per: day, mode: §leased } ]", "add `cluster: { redis"),
        ("quota: [ { name: a, key: node, limit: 5, per: day, mode: §strict } ]", "add `cluster: { redis"),
        ("quota: [ { name: a, key: node, limit: 5, per: day, store_lost: §open } ]", "add `mode: leased`"),
        ("concurrency: [ { name: a, key: node, limit: 5, cost: §2 } ]", "`cost` does not belong to `concurrency`"),
        ("bandwidth: [ { name: a, key: node, limit: §100 } ]", "from 1KiB to 1024GiB"),
        ("bandwidth: [ { name: a, key: node, limit: 1MiB, shadow: §true } ]", "does not belong to `bandwidth`"),
        ("bandwidth: [ { name: a, key: node, limit: 1MiB, direction: §both } ]", "allowed here: request, response"),
        ("throttle: [ { name: a, key: node, limit: 5, keys_max: §10 } ]", "from 1024 to 100000000"),
        ("throttle: [ { name: a, key: node, limit: 5, when: §{} } ]", "`when` is empty"),
        ("throttle: [ { name: a, key: node, limit: 5, when: { paths: [§x] } } ]", "a path starts with `/`"),
        ("throttle: [ { name: a, key: node, limit: 5, answer: §{ body: no } } ]", "`status` is missing"),
        ("rate_limit_fields: §on", "allowed here: standard, x_ratelimit, both, off"),
    ] {
        check_policies(text, expected);
    }
    let rule = |name: usize| format!("{{ name: a{name}, key: node, limit: 1 }}, ");
    let nine: String = (0..9).map(rule).collect();
    let policies = format!("policies: §{{ throttle: [ {nine} ], concurrency: [ {nine} ] }}");
    check(
        &file(&format!("{A}routes:\n  - {{ name: r, match: {{ path: / }}, upstream: a, {policies} }}\n")),
        "16 rules",
    );
}

#[test]
fn of_keys_of_rules() {
    for (text, expected) in [
        ("key: §client_pi", "unknown part of a key `client_pi`, did you mean `client_ip`?"),
        ("key: §[]", "a key has 1 to 8 parts"),
        ("key: §{}", "a part like `client_ip` or a list like [route, client_ip]"),
        ("key: [route, §route]", "`route` is in the key twice"),
        ("key: §[node, client_ip]", "`node` stands alone"),
        ("key: §header", "write it like `header:NAME`"),
        ("key: §'header:a b'", "`a b` cannot name a header field"),
        ("key: §'path:id'", "`{id}` is no parameter of this match"),
        ("key: route, ipv4_prefix: §24", "the key has no `client_ip`"),
        ("key: client_ip, ipv4_prefix: §33", "from 1 to 32"),
        ("key: client_ip, overrides: §[]", "`overrides` has 1 to 1024 entries"),
        ("key: client_ip, overrides: [ §{ limit: 9 } ]", "one of `addresses` and `values`"),
        ("key: client_ip, overrides: [ §{ values: [a], limit: 9 } ]", "or `addresses` for clients"),
        ("key: client_ip, overrides: [ §{ addresses: ['::1'] } ]", "has a `limit` or `exclude: true`"),
        ("key: client_ip, overrides: [ §{ addresses: ['::1'], limit: 9, exclude: true } ]", "has a `limit` or"),
        ("key: client_ip, overrides: [ { addresses: [§x], limit: 9 } ]", "`x` is not a network or an address"),
        ("key: client_ip, cost: 2, overrides: [ §{ addresses: ['::1'], limit: 1 } ]", "every request costs more than"),
        ("key: [route, 'header:A'], overrides: [ §{ values: [a], limit: 9 } ]", "it is not told of what"),
        ("key: 'header:A', overrides: [ { values: [a, §a], limit: 9 } ]", "`a` is in `values` twice"),
        ("key: 'header:A', overrides: [ { values: [a], part: §'header:B', limit: 9 } ]", "allowed here: header:a"),
    ] {
        check_policies(&format!("throttle: [ {{ name: a, limit: 5, {text} }} ]"), expected);
    }
}

#[test]
fn of_rules_that_the_store_decides_on() {
    let cluster = "cluster: { redis: [ 'redis://a' ], secret: '${file:token}', nodes: 3 }\n";
    let rule = "{ name: a, key: node, limit: 5, per: day, mode: strict, cost: §request_bytes }";
    let route = format!(
        "{A}routes:\n  - {{ name: r, match: {{ path: / }}, upstream: a, policies: {{ quota: [ {rule} ] }} }}\n"
    );
    check(&(file(&route) + cluster), "write a number, or `mode: leased`");
    let fed = "cluster: { control_plane: true, secret: '${file:token}', nodes: 3 }\n";
    let strict = route.replace(", cost: §request_bytes", "").replace("mode: strict", "mode: §strict");
    check(&(file(&strict) + fed), "write `mode: leased`, or name a store in `cluster.redis`");
}

fn check_policies(text: &str, expected: &str) {
    let set = "policy_sets: [ { name: base, policies: { ip: { deny: [10.0.0.0/8] } } } ]\n";
    let route =
        format!("{A}{set}routes:\n  - {{ name: r, match: {{ path: / }}, upstream: a, policies: {{ {text} }} }}\n");
    check(&file(&route), expected);
}

#[test]
fn of_changes_of_fields_and_queries() {
    for (text, expected) in [
        ("request_headers: §{}", "one of `remove`, `set` and `add` is missing"),
        ("request_headers: { remove: §[] }", "there must be 1 to 32 entries"),
        ("request_headers: { remove: [§'a b'] }", "`a b` cannot name a header field"),
        ("request_headers: { remove: [§Content-Length] }", "frames the message or concerns one connection"),
        ("request_headers: { set: [ { name: §transfer_encoding, value: x } ] }", "frames the message"),
        ("request_headers: { add: [ { name: §Connection, value: x } ] }", "leave it out"),
        ("request_headers: { set: [ { name: §X-Request-Id, value: x } ] }", "is written by the gateway itself"),
        ("request_headers: { set: [ { name: §X-Forwarded-For, value: x } ] }", "a matter of `forwarded`"),
        ("request_headers: { set: [ { name: §X-Consumer-Plan, value: gold } ] }", "a matter of `identify`"),
        ("request_headers: { remove: [§traceparent] }", "a matter of `tracing`"),
        ("request_headers: { remove: [§Host] }", "write it into `set`"),
        ("request_headers: { set: [ { name: Host, value: §a/b } ] }", "write it like `api.example.com:8443`"),
        ("request_headers: { set: [ { name: Host, value: §'a:99999' } ] }", "`a:99999` is not a host"),
        ("request_headers: { set: [ { name: Host, value: §'a:+80' } ] }", "`a:+80` is not a host"),
        ("request_headers: { set: [ { name: A, value: §\"x\\r\\ny: z\" } ] }", "printable ASCII"),
        ("request_headers: { set: [ §{ name: A } ] }", "`value` is missing"),
        ("request_headers: { set: [ §{ value: A } ] }", "`name` is missing"),
        ("request_headers: { remove: [A], set: [ { name: §a, value: x } ] }", "`a` is removed or set twice"),
        ("response_headers: { set: [ { name: §Date, value: x } ] }", "is written by the gateway itself"),
        (
            "response_headers: { add: [ { name: §Access-Control-Allow-Origin, value: '*' } ] }",
            "write a policy `cors` instead",
        ),
        ("response_headers: { §replace: [] }", "allowed here: remove, set, add"),
        ("request_query: { remove: [§''] }", "a name is not empty"),
        ("request_query: { remove: [a, §a] }", "`a` is removed or set twice"),
    ] {
        check_policies(text, expected);
    }
    let long = "x".repeat(4000);
    let one = format!("response_headers: {{ add: [ {{ name: A, value: {long} }} ] }}");
    let text = format!(
        "{A}defaults: {{ policies: {{ {one} }} }}\nroutes:\n\
         \x20 - {{ name: r, match: {{ path: / }}, upstream: a, policies: §{{ {one} }} }}\n"
    );
    check(&file(&text), "`response_headers` adds more than 4096 bytes");
}

#[test]
fn of_cors() {
    for (text, expected) in [
        ("§{ methods: [GET] }", "`origins` is missing"),
        ("{ origins: §[] }", "`origins` has 1 to 64 entries"),
        ("{ origins: [§app.example.com] }", "write it like `https://app.example.com`"),
        ("{ origins: [§'https://app.example.com/'] }", "write `https://app.example.com`"),
        ("{ origins: [§'https://App.example.com'] }", "write `https://app.example.com`"),
        ("{ origins: [§'https://app.example.com:443'] }", "browsers leave the usual port out"),
        ("{ origins: [§'https://app.*.com'] }", "`*` can only stand for the labels at the front"),
        ("{ origins: [§'null'] }", "`null` is nobody's origin"),
        ("{ origins: §['*', 'https://a.test'] }", "`*` stands for every origin"),
        ("{ origins: ['https://a.test', §'https://a.test'] }", "is in `origins` twice"),
        ("{ origins_regex: [§'https://('] }", "not a regular expression: unclosed group"),
        ("{ origins: ['*'], credentials: §true }", "`credentials` cannot be sent from every origin"),
        ("{ origins: ['https://a.test'], expose: ['*'], credentials: §true }", "`expose` cannot be `*`"),
        ("{ origins: ['*'], credentials: §yes }", "allowed here: true, false"),
        ("{ origins: ['*'], methods: [§get] }", "write `GET`"),
        ("{ origins: ['*'], headers: §['*', X-A] }", "`*` stands for every name"),
        ("{ origins: ['*'], headers: [X-A, §x-a] }", "`x-a` is in `headers` twice"),
        ("{ origins: ['*'], max_age: §25h }", "from 0ms to 24h"),
        ("{ §origin: ['*'] }", "unknown key `origin`, did you mean `origins`?"),
    ] {
        check_policies(&format!("cors: {text}"), expected);
    }
}

#[test]
fn of_policy_sets_and_defaults() {
    check_all(&[
        ("policy_sets: [ §{ policies: {} } ]\n", "`name` is missing"),
        ("policy_sets: [ §{ name: a } ]\n", "`policies` is missing"),
        (
            "policy_sets: [ { name: a, policies: {} }, { name: §a, policies: {} } ]\n",
            "the policy set name `a` is used twice, first in line 5",
        ),
        ("policy_sets: [ { name: a, policies: { use: §[b] } } ]\n", "a set cannot use another"),
        ("policy_sets: [ { name: a, policies: { defaults: §off } } ]\n", "stands in the policies of a route"),
        ("defaults: { policies: { use: [§a] } }\n", "there is no policy set: add one to `policy_sets`"),
        ("defaults: { §policy: {} }\n", "allowed here: policies"),
        ("defaults: { policies: { ip: { deny: [§x] } } }\n", "`x` is not a network or an address"),
    ]);
}

#[test]
fn all_mistakes_are_told_at_one_time() {
    let text = file(
        "io: x\nupstreams: [ { name: orders, endpoints: [ { address: 1 } ] } ]\n\
         routes: [ { name: r, match: { path: x, hosts: ['*'] }, upstream: ordres } ]\n",
    );
    let errors = read(&text).unwrap_err();
    let lines: Vec<usize> = errors.into_iter().map(|error| error.line).collect();
    assert_eq!(lines, [5, 6, 7, 7, 7]);
    let many = format!("timeouts: {{ idle: x }}\nworkers: [{}]\n", vec!["x"; 300].join(", "));
    let errors = read(&file(&many)).unwrap_err();
    assert_eq!(errors.as_slice().len(), 100);
    assert!(errors.to_string().ends_with("error: 201 more like these are not shown"), "{errors}");
}

#[test]
fn an_error_shows_the_line_and_a_caret() {
    let errors =
        read(&file(&format!("{A}routes:\n  - {{ name: r, match: {{ path: / }}, upstream: 'b' }}\n"))).unwrap_err();
    let expected = "error: upstream `b` is not defined\n --> gateway.yaml:7:46\n  |\n\
                    7 |   - { name: r, match: { path: / }, upstream: 'b' }\n  |                                              ^^^\n";
    assert_eq!(format!("{errors}\n"), expected);
}

/// One long line (JSON) is cut around the mistake.
#[test]
fn a_long_line_is_cut() {
    let listeners: Vec<String> = (0..50).map(|id| format!(r#"{{"name": "l{id}", "bind": "127.0.0.1:0"}}"#)).collect();
    let text = format!(r#"{{"version": 1, "listeners": [{}], "io": "x", "forwarded": "off"}}"#, listeners.join(", "));
    let errors = read(&text).unwrap_err();
    let snippet = errors.as_slice()[0].snippet.clone().unwrap();
    assert!(snippet.text.chars().count() <= 120);
    assert_eq!(&snippet.text[snippet.indent..snippet.indent + snippet.width], "\"x\"");
}

/// YAML takes a carriage return alone for a line break too.
#[test]
fn the_line_shown_is_the_one_meant_whatever_ends_the_lines() {
    for line_break in ["\n", "\r\n", "\r"] {
        let text = file(&format!("{A}io: x\n")).replace('\n', line_break);
        let errors = read(&text).unwrap_err();
        let error = &errors.as_slice()[0];
        assert_eq!((error.line, error.snippet.as_ref().unwrap().text.as_str()), (6, "io: x"), "{line_break:?}");
    }
}
