//! Breakers, limits and faults of the real binary: all workers see the same, a reload keeps it, and the scrape tells.

use nix::sys::signal::Signal;
use std::net::{SocketAddr, TcpListener};
use tollgate_e2e::{Connection, Folder, Node, Response, cpu, get, until};
use tollgate_loadtest::{Origin, OriginConfig};

/// An address that nobody listens at.
fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    listener.local_addr().expect("it is bound").to_string()
}

#[test]
fn an_open_breaker_is_every_workers_and_the_scrape_says_so() {
    let spare = Origin::start(OriginConfig::default()).expect("loopback has a free port");
    let node = Node::of(&format!(
        "upstreams:\n\
         \x20 - {{ name: gone, endpoints: [ {{ address: \"{}\" }} ], breaker: {{ consecutive: 3, open: 1h, open_max: 1h }} }}\n\
         \x20 - {{ name: covered, endpoints: [ {{ address: \"{}\" }} ], breaker: {{ consecutive: 1, open: 1h, open_max: 1h, \
         fallback: {{ upstream: spare }} }} }}\n\
         \x20 - {{ name: spare, endpoints: [ {{ address: \"{}\" }} ], adaptive_concurrency: {{ max: 50 }} }}\n\
         routes:\n\
         \x20 - {{ name: gone, match: {{ path: /gone }}, upstream: gone }}\n\
         \x20 - {{ name: covered, match: {{ path: '/bytes/*' }}, upstream: covered }}\n\
         \x20 - {{ name: broken, match: {{ path: /broken }}, upstream: spare, policies: {{ faults: {{ abort: {{ status: 418 }} }} }} }}\n",
        nobody(),
        nobody(),
        spare.address()
    ));
    // Each connection may be another worker's.
    let statuses: Vec<u16> = (0..8).map(|_| get(node.address, "/gone").status).collect();
    assert_eq!(statuses, [502, 502, 502, 503, 503, 503, 503, 503]);
    let refused = get(node.address, "/gone");
    assert!(refused.text().contains("\"code\":\"circuit_open\""), "{}", refused.text());
    assert!(refused.field("retry-after").is_some_and(|seconds| seconds.parse::<u32>().is_ok_and(|left| left > 3_000)));
    let covered: Vec<u16> = (0..4).map(|_| get(node.address, "/bytes/10").status).collect();
    assert_eq!(covered, [502, 200, 200, 200]);
    assert_eq!(get(node.address, "/broken").status, 418);
    let log = node.access_log(14);
    assert!(log.contains("\"fault\":\"abort\"") && log.contains("\"reason\":\"circuit_open\""), "{log}");
    let wanted = [
        "tollgate_upstream_breaker_state{upstream=\"gone\",state=\"open\"} 1\n",
        "tollgate_upstream_breaker_state{upstream=\"gone\",state=\"closed\"} 0\n",
        "tollgate_upstream_breaker_transitions_total{upstream=\"covered\",to=\"open\"} 1\n",
        "tollgate_upstream_rejected_total{upstream=\"gone\",by=\"breaker\"} 6\n",
        "tollgate_upstream_concurrency_limit{upstream=\"spare\"} 20\n",
        "tollgate_faults_injected_total{kind=\"abort\"} 1\n",
    ];
    until("the scrape to tell", || {
        let metrics = get(node.status, "/metrics").text();
        wanted.iter().all(|line| metrics.contains(line)).then_some(())
    });
}

#[test]
fn a_throughput_is_of_the_node_and_of_all_routes_and_outlives_a_reload() {
    let origin = Origin::start(OriginConfig::default()).expect("loopback has a free port");
    let folder = Folder::new(Some(origin.address()));
    let text = |answer: &str, balance: &str| {
        let keys = format!(" ], balance: {balance}, throughput: {{ limit: 1, per: hour, burst: 6 }} }} ]\nroutes:");
        let text = folder.text(answer).replace(" ] } ]\nroutes:", &keys);
        text + "  - { name: other, match: { path: '/bytes/2' }, upstream: origin }\n"
    };
    let (before, after) = (text("one", "round_robin"), text("two", "least_requests"));
    folder.put("gateway.yaml", &before);
    let site = folder.start(&[], &[]);
    // Each connection may be another worker's.
    let statuses =
        || -> Vec<u16> { (0..4).map(|at| get(site.address, &format!("/bytes/{}", 1 + at % 2)).status).collect() };
    assert_eq!(statuses(), [200; 4]);
    site.folder().put("gateway.yaml", &after);
    site.process.signal(Signal::SIGHUP);
    site.until_answer("two");
    assert_eq!(statuses(), [200, 200, 503, 503]);
    let refused = get(site.address, "/bytes/1");
    assert!(refused.text().contains("\"code\":\"upstream_throttled\""), "{}", refused.text());
    assert!(refused.field("retry-after").is_some_and(|seconds| seconds.parse::<u32>().is_ok_and(|left| left > 3_000)));
    let wanted = "tollgate_upstream_rejected_total{upstream=\"origin\",by=\"throughput\"} 3\n";
    until("the scrape to tell", || site.page("/metrics").text().contains(wanted).then_some(()));
}

/// SHA-256 of `tg_one` and of `tg_two`.
const KEYS: [&str; 2] = [
    "a95e5472b4168973f8125569d91dae0dc8c47381d935dde4cfb8d53b60c2215d",
    "ec2839602ce37580a73897081fd6cd80e870d6f67d8c6c9dffb98f0f4765dc30",
];

fn ask(address: SocketAddr, line: &str, key: &str) -> Response {
    let mut connection = Connection::open(address);
    connection.send(format!(
        "{line} HTTP/1.1\r\nHost: test\r\nX-API-Key: {key}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    ));
    connection.response()
}

#[test]
fn a_dead_upstreams_answers_are_there_for_who_got_them() {
    let origin = Origin::start(OriginConfig::default()).expect("loopback has a free port");
    // One worker, since each has copies of its own.
    let node = Node::of(&format!(
        "workers: [ {} ]\napplications:\n\
         \x20 - {{ name: one, credentials: [ {{ sha256: {} }} ] }}\n\
         \x20 - {{ name: two, credentials: [ {{ sha256: {} }} ] }}\n\
         upstreams: [ {{ name: origin, endpoints: [ {{ address: \"{}\" }} ], breaker: {{ consecutive: 1, open: 1h, \
         open_max: 1h, fallback: {{ cache: {{}} }} }} }} ]\n\
         routes: [ {{ name: all, match: {{ path: '/*' }}, upstream: origin, policies: {{ \
         identify: [ {{ api_key: {{ header: X-API-Key }} }} ], \
         response_headers: {{ set: [ {{ name: X-Said-By, value: tollgate }} ] }} }} }} ]\n",
        cpu(),
        KEYS[0],
        KEYS[1],
        origin.address()
    ));
    let fresh = ask(node.address, "GET /bytes/100000?q=1", "tg_one");
    assert_eq!((fresh.status, fresh.field("cache-status")), (200, None));
    origin.stop().expect("it serves");
    assert_eq!(ask(node.address, "GET /bytes/1", "tg_one").status, 502);
    let copy = ask(node.address, "GET /bytes/100000?q=1", "tg_one");
    assert_eq!((copy.status, copy.body == fresh.body, copy.field("x-said-by")), (200, true, Some("tollgate")));
    assert!(copy.field("cache-status").is_some_and(|status| status.starts_with("tollgate; hit")), "{copy:?}");
    assert!(copy.field("age").is_some() && copy.field("x-request-id") != fresh.field("x-request-id"), "{copy:?}");
    for (line, key) in
        [("GET /bytes/100000?q=1", "tg_two"), ("POST /bytes/100000?q=1", "tg_one"), ("GET /bytes/100000?q=2", "tg_one")]
    {
        let refused = ask(node.address, line, key);
        assert_eq!(refused.status, 503, "{line} {key}");
        assert!(refused.text().contains("\"code\":\"circuit_open\"") && refused.field("retry-after").is_some());
    }
    assert_eq!(ask(node.address, "GET /bytes/100000?q=1", "tg_none").status, 401);
    let log = node.access_log(7);
    assert_eq!(log.matches("\"cache\":\"hit\"").count(), 1, "{log}");
    let wanted = "tollgate_upstream_cache_requests_total{upstream=\"origin\",outcome=\"hit\"} 1\n";
    until("the scrape to tell", || get(node.status, "/metrics").text().contains(wanted).then_some(()));
}
