//! What a good file means: defaults, overrides, names resolved to indices.

use std::{path::Path, time::Duration};

use tollgate_model::{
    AccessLog, Action, Balance, ClusterStore, Configuration, Forwarded, HashKey, HostPattern, IoDriver, PathMatch,
    Piece, Probe, RetryOn, Segment, TraceAccept, Tracing, Workers, load,
};

use crate::source::{WORLD, World, file, good, read};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn what_is_left_out_has_its_default() {
    let snapshot = good(&file("upstreams: [ { name: a, endpoints: [ { address: 127.0.0.1:1 } ] } ]\n"));
    assert_eq!(snapshot.generation, 1);
    assert_eq!(snapshot.workers, Workers::Auto);
    assert_eq!(snapshot.io, IoDriver::Auto);
    let status = snapshot.status.unwrap();
    assert_eq!(status.bind.unwrap().to_string(), "127.0.0.1:9901");
    assert!(status.socket.is_none() && status.token.is_none());
    assert!(snapshot.access_log == AccessLog::Stdout);
    assert_eq!(snapshot.forwarded, Forwarded::XForwarded);
    assert_eq!((snapshot.tracing.accept, snapshot.tracing.generate), (TraceAccept::All, false));
    assert!(snapshot.trusted_proxies.is_empty());
    let upstream = &snapshot.upstreams[0];
    assert_eq!(upstream.endpoints[0].weight, 1);
    assert_eq!((upstream.connections.idle_max, upstream.connections.idle_timeout), (256, 60 * SECOND));
    let limits = snapshot.limits;
    assert_eq!((limits.head_bytes, limits.target_bytes, limits.fields), (16 << 10, 8 << 10, 100));
    assert_eq!((limits.body_bytes, limits.connections, limits.requests_per_connection), (None, 20_000, None));
    let timeouts = snapshot.timeouts;
    assert_eq!((timeouts.connect, timeouts.first_byte, timeouts.idle), (5 * SECOND, 60 * SECOND, 60 * SECOND));
    assert_eq!((timeouts.request, timeouts.head, timeouts.keep_alive), (None, 10 * SECOND, 75 * SECOND));
    assert_eq!((timeouts.drain, timeouts.linger), (30 * SECOND, 2 * SECOND));
    assert_eq!(timeouts.tunnel, 3600 * SECOND);
}

#[test]
fn what_is_written_counts() {
    let snapshot = good(&file(
        "workers: [1, 0]\nio: epoll\nstatus: off\naccess_log: off\nforwarded: off\ntrusted_proxies: [10.0.0.0/8, ::1]\n\
         tracing: { accept: none, generate: true, sampled_percent: 7 }\n\
         limits: { head_bytes: 4KiB, body_bytes: 10MiB, requests_per_connection: 7 }\n",
    ));
    assert_eq!(snapshot.workers, Workers::Cpus(vec![1, 0]));
    assert_eq!((snapshot.io, snapshot.forwarded), (IoDriver::Epoll, Forwarded::Off));
    assert_eq!(snapshot.status, None);
    assert!(snapshot.access_log == AccessLog::Off);
    assert!(snapshot.trusted_proxies.contains("10.1.2.3".parse().unwrap()));
    assert!(snapshot.trusted_proxies.contains("::1".parse().unwrap()));
    let Tracing { accept, generate, sampled_percent, .. } = snapshot.tracing;
    assert_eq!((accept, generate, sampled_percent), (TraceAccept::None, true, 7));
    let limits = snapshot.limits;
    assert_eq!((limits.body_bytes, limits.requests_per_connection), (Some(10 << 20), Some(7)));
    assert_eq!(limits.target_bytes, 4 << 10, "a target is no longer than a head");
}

#[test]
fn a_token_is_compared_and_never_shown() {
    let snapshot = good(&file("status: { bind: 127.0.0.1:1, socket: run/admin, token: '${file:token}' }\n"));
    let status = snapshot.status.clone().unwrap();
    let token = status.token.as_ref().unwrap();
    assert!(token.is(b"0123456789abcdef") && !token.is(b"0123456789abcdeF") && !token.is(b"0123456789abcdef\n"));
    assert!(!format!("{snapshot:?} {status:?} {token:?}").contains("0123"));
    assert_eq!(status.socket.as_deref(), Some(Path::new("run/admin")));
    let text = file("status: { bind: 127.0.0.1:1, token: '${env:T}' }\n");
    let of = |world| Configuration::parse("gateway.yaml", &text, world).unwrap();
    let (one, two) = (of(&World(&[("T", "0123456789abcdef")])), of(&World(&[("T", "another-secret-one")])));
    assert_eq!(one.snapshot().digest, two.snapshot().digest, "who reads the digest learns nothing of the token");
    let renewed = one.replace("gateway.yaml", &text, &World(&[("T", "another-secret-one")])).unwrap();
    let same = one.replace("gateway.yaml", &text, &World(&[("T", "0123456789abcdef")])).unwrap();
    assert!(!one.snapshot().is_same(renewed.snapshot()) && one.snapshot().is_same(same.snapshot()));
}

#[test]
fn a_route_is_resolved_to_indices_and_patterns() {
    let snapshot = good(&file(
        "upstreams:\n  - { name: a, endpoints: [ { address: 127.0.0.1:1 } ] }\n  - { name: b, endpoints: [ { address: 127.0.0.1:1 } ] }\n\
         routes:\n  - name: r\n    match: { listeners: [inner], hosts: [\"*.Test\", B.test], path: \"/o/{id}/{rest*}\", methods: [PUT, GET] }\n\
         \x20   upstream: b\n    timeouts: { request: 3s }\n",
    ));
    let route = &snapshot.routes[0];
    assert_eq!((route.action.upstreams().collect(), &route.matcher.listeners), (vec![1], &vec![1]));
    let hosts = [HostPattern::Exact("b.test".to_owned()), HostPattern::Suffix(".test".to_owned())];
    assert!(route.matcher.hosts == hosts);
    assert_eq!(route.matcher.methods, ["GET", "PUT"]);
    let segments =
        [Segment::Literal("o".to_owned()), Segment::Parameter("id".to_owned()), Segment::Rest("rest".to_owned())];
    let PathMatch::Pattern(path) = &route.matcher.path else { panic!("a pattern") };
    assert_eq!(path.segments(), segments);
    assert_eq!(route.timeouts.request, Some(3 * SECOND));
    assert_eq!(route.timeouts.head, snapshot.timeouts.head);
}

#[test]
fn a_route_can_take_a_deadline_of_the_node_away() {
    let snapshot = good(&file(
        "timeouts: { request: 1s }\nupstreams: [ { name: a, endpoints: [ { address: 127.0.0.1:1 } ] } ]\n\
         routes:\n  - { name: x, match: { path: /x }, upstream: a }\n\
         \x20 - { name: y, match: { path: /y }, upstream: a, timeouts: { request: none } }\n",
    ));
    assert_eq!(snapshot.routes[0].timeouts.request, Some(SECOND));
    assert_eq!(snapshot.routes[1].timeouts.request, None);
}

#[test]
fn endpoints_are_sockets_files_and_names() {
    let snapshot = good(&file(
        "upstreams: [ { name: a, endpoints: [ { address: \"[::1]:1\" }, { address: \"unix:/run/a.sock\", weight: 2 }, \
         { address: \"Two.Test.:80\", weight: 3, backup: true } ] } ]\n",
    ));
    let endpoints: Vec<_> = snapshot.upstreams[0]
        .endpoints
        .iter()
        .map(|endpoint| (endpoint.address.to_string(), endpoint.weight, endpoint.backup))
        .collect();
    let expected = [("[::1]:1", 1, false), ("unix:/run/a.sock", 2, false), ("two.test:80", 3, true)];
    assert_eq!(endpoints, expected.map(|(address, weight, backup)| (address.to_owned(), weight, backup)));
}

/// The one upstream `a` with these keys.
fn upstream(rest: &str) -> tollgate_model::Upstream {
    let text = format!("upstreams: [ {{ name: a, endpoints: [ {{ address: 127.0.0.1:1 }} ], {rest} }} ]\n");
    good(&file(&text)).upstreams[0].clone()
}

#[test]
fn how_an_endpoint_is_chosen_is_resolved() {
    let hash = |key, load_max| Balance::ConsistentHash { key, load_max };
    for (text, expected) in [
        ("balance: round_robin", Balance::RoundRobin),
        ("balance: least_requests", Balance::LeastRequests),
        ("balance: power_of_two", Balance::PowerOfTwo),
        ("balance: { consistent_hash: { key: 'header:X-User' } }", hash(HashKey::Header("x-user".into()), None)),
        ("balance: { consistent_hash: { key: 'cookie:Sid' } }", hash(HashKey::Cookie("Sid".into()), None)),
        ("balance: { consistent_hash: { key: path, load_max: 125% } }", hash(HashKey::Path, Some(125))),
        ("balance: { consistent_hash: { key: client_ip, load_max: off } }", hash(HashKey::ClientIp, None)),
    ] {
        assert_eq!(upstream(text).balance, expected);
    }
}

#[test]
fn what_is_left_out_of_an_upstream_has_its_default() {
    let upstream = upstream("health: { http: {} }, outliers: {}");
    let check = upstream.health.unwrap();
    assert!(check.probe == Probe::Http { path: "/".into(), host: None, status: vec![(200, 299)] });
    assert_eq!((check.interval, check.timeout, check.healthy, check.unhealthy), (5 * SECOND, 2 * SECOND, 2, 3));
    let outliers = upstream.outliers.unwrap();
    assert_eq!((outliers.consecutive, outliers.failures, outliers.ejected_max), (Some(5), None, 50));
    assert_eq!((outliers.ejection, outliers.ejection_max), (10 * SECOND, 300 * SECOND));
    let retries = upstream.retries;
    assert_eq!((retries.attempts, retries.budget, retries.budget_min), (3, 20, 10));
    assert_eq!(retries.on, RetryOn { connect: true, ..RetryOn::default() });
    assert_eq!((upstream.slow_start, upstream.connections.max), (None, None));
}

#[test]
fn a_longer_first_time_moves_the_longest_that_was_left_out() {
    let outliers = upstream("outliers: { ejection: 10m }").outliers.unwrap();
    assert_eq!((outliers.ejection, outliers.ejection_max), (600 * SECOND, 600 * SECOND));
    let retries = upstream("retries: { backoff_max: 5ms }").retries;
    assert_eq!(retries.backoff, retries.backoff_max);
}

#[test]
fn what_a_route_does_is_resolved() {
    let snapshot = good(&file(
        "upstreams:\n  - { name: a, endpoints: [ { address: 127.0.0.1:1 } ] }\n  - { name: b, endpoints: [ { address: 127.0.0.1:1 } ] }\n\
         routes:\n\
         \x20 - { name: s, match: { path: '/s/{x}/*' }, upstreams: [ { name: b, weight: 0 }, { name: a } ], rewrite: { path: '/v2/{x}-/{rest}' } }\n\
         \x20 - { name: r, match: { path_regex: '/(a)(?<n>.*)' }, redirect: { to: 'https://x.{host}/{n}?q{path}' } }\n\
         \x20 - { name: p, match: { path: /p }, redirect: { to: '{path}/', status: 301 } }\n\
         \x20 - { name: t, match: { path: /t }, answer: { status: 200, body: hi, headers: [ { name: X-A, value: b c } ] } }\n",
    ));
    let action = |index: usize| &snapshot.routes[index].action;
    let Action::Forward(split) = action(0) else { panic!("forwards") };
    assert_eq!(split.shares.iter().map(|share| (share.upstream, share.weight)).collect::<Vec<_>>(), [(1, 0), (0, 1)]);
    let text = |text: &str| Piece::Text(text.to_owned());
    let pieces = [text("/v2/"), Piece::Segment(1), text("-/"), Piece::Rest(2)];
    assert!(split.rewrite.as_ref().unwrap().pieces() == pieces);
    let Action::Redirect(redirect) = action(1) else { panic!("redirects") };
    let pieces = [text("https://x."), Piece::Host, text("/"), Piece::Group(2), text("?q"), Piece::Path];
    assert!(redirect.to.pieces() == pieces && !redirect.keeps_query && redirect.status == 307);
    let Action::Redirect(redirect) = action(2) else { panic!("redirects") };
    assert!(redirect.to.pieces() == [Piece::Path, text("/")] && redirect.keeps_query && redirect.status == 301);
    let Action::Answer(answer) = action(3) else { panic!("answers") };
    assert_eq!(
        (answer.status, answer.body.as_str(), answer.content_type.as_str()),
        (200, "hi", "text/plain; charset=utf-8")
    );
    assert_eq!(answer.headers, [("X-A".to_owned(), "b c".to_owned())]);
}

/// Routes that differ in something that is matched stand side by side.
#[test]
fn routes_that_can_be_told_apart_are_no_conflict() {
    good(&file(
        "upstreams: [ { name: a, endpoints: [ { address: 127.0.0.1:1 } ] } ]\nroutes:\n\
         \x20 - { name: any, match: { path: '/{x}' }, upstream: a }\n\
         \x20 - { name: get, match: { path: '/{y}', methods: [GET] }, upstream: a }\n\
         \x20 - { name: put, match: { path: '/{z}', methods: [PUT] }, upstream: a }\n\
         \x20 - { name: rest, match: { path: '/{x*}' }, upstream: a }\n\
         \x20 - { name: host, match: { hosts: [a.test], path: '/{x}', listeners: [public] }, upstream: a }\n\
         \x20 - { name: inner, match: { hosts: [a.test], path: '/{x}', listeners: [inner] }, upstream: a }\n\
         \x20 - { name: listener, match: { path: '/{x}', listeners: [inner] }, upstream: a }\n\
         \x20 - { name: header, match: { path: '/{x}', headers: [ { name: a } ] }, upstream: a }\n\
         \x20 - { name: value, match: { path: '/{x}', headers: [ { name: a, exact: b } ] }, upstream: a }\n\
         \x20 - { name: query, match: { path: '/{x}', query: [ { name: a } ] }, upstream: a }\n\
         \x20 - { name: cookie, match: { path: '/{x}', cookies: [ { name: a } ] }, upstream: a }\n\
         \x20 - { name: regex, match: { path_regex: '/.*' }, upstream: a }\n\
         \x20 - { name: suffix, match: { hosts: ['*.a.test'], path: '/{x}' }, upstream: a }\n",
    ));
}

/// The file a design discussion starts with, without what later parts of the contract add to it.
#[test]
fn the_first_example_loads() {
    let snapshot = good(
        "version: 1\nworkers: auto                     # one per allowed CPU\nio: auto\nstatus: { bind: 127.0.0.1:9901 }\n\
         access_log: { path: logs/access, format: json }\nlisteners:\n  - { name: public, bind: 0.0.0.0:8080 }\n\
         upstreams:\n  - name: orders\n    endpoints: [ { address: 127.0.0.1:9001 }, { address: 127.0.0.1:9002, weight: 2 } ]\n\
         routes:\n  - name: orders\n    match: { hosts: [api.example.com], path: \"/orders/{rest*}\", methods: [GET, POST] }\n    \
         upstream: orders\n",
    );
    assert_eq!(snapshot.upstreams[0].endpoints.iter().map(|endpoint| endpoint.weight).collect::<Vec<_>>(), [1, 2]);
}

/// As an editor on Windows writes it.
#[test]
fn a_byte_order_mark_and_carriage_returns_change_nothing() {
    let text = file("limits: { fields: 7 }\n");
    let other = format!("\u{feff}{}", text.replace('\n', "\r\n"));
    assert_eq!(good(&text).digest, good(&other).digest);
}

#[test]
fn json_is_read_too() {
    let text =
        r#"{"version": 1, "status": "off", "listeners": [{"name": "a", "bind": "[::1]:0"}], "limits": {"fields": 7}}"#;
    assert_eq!(good(text).limits.fields, 7);
}

#[test]
fn a_file_is_read_through_the_source() {
    assert_eq!(load(Path::new("small.yaml"), &WORLD).unwrap().listeners.len(), 2);
    let errors = load(Path::new("none.yaml"), &WORLD).unwrap_err();
    assert!(errors.to_string().starts_with("error: cannot be read: "), "{errors}");
}

#[test]
fn the_store_of_a_cluster_and_what_is_secret_of_it() {
    let text = "cluster: { redis: [ 'redis://a', 'rediss://u@b:1/2' ], secret: '${file:token}', nodes: 3 }\n";
    let errors = read(&file(text)).unwrap_err().to_string();
    assert!(errors.contains("${env:REDIS_URL}") && !errors.contains("u@b"), "{errors}");
    let text = "cluster: { redis: [ 'redis://a', 'unix:///b' ], secret: '${file:token}', nodes: 3 }\n";
    let snapshot = good(&file(text));
    let cluster = snapshot.cluster.as_ref().unwrap();
    let ClusterStore::Redis(redis) = &cluster.store else { panic!("{:?}", cluster.store) };
    assert_eq!((redis[1].reveal(), cluster.nodes, &*cluster.prefix), ("unix:///b", 3, "tollgate"));
    assert_eq!(cluster.secret.reveal(), "0123456789abcdef");
    assert!(!format!("{cluster:?}").contains("0123"));
    let rule = "{ name: a, key: node, limit: 5, per: day, mode: leased }";
    let route = format!(
        "routes: [ {{ name: r, match: {{ path: / }}, answer: {{ status: 200 }}, policies: {{ quota: [ {rule} ] }} }} ]\n"
    );
    let fed = good(&file(&format!("{route}cluster: {{ control_plane: true, secret: '${{file:token}}', nodes: 2 }}\n")));
    assert_eq!(fed.cluster.as_ref().unwrap().store, ClusterStore::ControlPlane);
    assert!(snapshot.quota_store.as_ref().is_some_and(|store| store.path.is_none() && store.every.as_secs() == 1));
    assert!(good(&file("quota_store: off\n")).quota_store.is_none());
}

/// A profile sets defaults, and what is written goes before it.
#[test]
fn a_profile_sets_what_is_not_written() {
    let tuning = |text: &str| good(&file(text)).tuning;
    assert_eq!(tuning("tuning: { profile: balanced }\n"), tuning(""));
    let (memory, written) = (
        tuning("tuning: { profile: memory }\n"),
        tuning("tuning: { profile: memory, buffers_kept: 99, idle: { spin_us: 7 }, offload_threads: auto }\n"),
    );
    assert_eq!((memory.fixed.buffers_kept, written.fixed.buffers_kept), (64, 99));
    assert_eq!(written.fixed.spin, Duration::from_micros(7));
    assert_eq!((memory.fixed.offload_threads, written.fixed.offload_threads), (Some(1), None));
    assert!(!memory.fixed.huge_pages && tuning("tuning: { profile: memory, huge_pages: allowed }\n").fixed.huge_pages);
    assert_eq!(memory.live, written.live);
    let latency = tuning("tuning: { profile: latency, idle: block }\n");
    assert_eq!(latency.fixed.spin, Duration::ZERO, "the word goes before the profile too");
    let large = tuning("limits: { head_bytes: 31KiB }\ntuning: { profile: memory }\n");
    assert_eq!(large.fixed.buffer_bytes, 32 << 10, "a default buffer holds the heads that may come");
}

/// What a node does that says nothing of it.
#[test]
fn the_defaults_of_tuning() {
    let tuning = good(&file("")).tuning;
    let (fixed, live) = (tuning.fixed, tuning.live);
    assert_eq!((fixed.ring_entries, fixed.buffer_bytes, fixed.buffers_kept), (1024, 63 << 10, 512));
    assert_eq!((fixed.turn_budget, fixed.task_budget, fixed.spin), (512, 32, Duration::ZERO));
    assert_eq!((fixed.backlog, fixed.offload_threads, fixed.huge_pages), (4096, None, true));
    assert_eq!((live.busy_connections, live.handshakes_per_turn), (1024, 2));
    assert_eq!(live.park_after, Duration::from_millis(50));
}
