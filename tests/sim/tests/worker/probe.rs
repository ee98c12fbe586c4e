//! Watched requests: every phase is told with its verdict, nothing is spent, and nobody else's requests are watched.

use crate::gateway::{CLIENT, Gateway, ORIGINS, get};
use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};
use tollgate_http::Reason;
use tollgate_model::key_proof;
use tollgate_sim::{Answer, Conditions, Head, Origin, Reply, Request, payload};
use tollgate_worker::{Probe, Report, Verdict};

const KEY: &str = "tg_key";
const ROUTE: &str = "match: { path: '/orders/*' }, upstream: a, policies: { \
    ip: { deny: [ 10.9.9.9 ] }, \
    identify: [ { api_key: { header: X-API-Key } } ], authorize: { api: orders@v1 }, \
    concurrency: [ { name: one, key: application, limit: 1 } ], \
    request_headers: { set: [ { name: X-Secret, value: hidden-value } ] } }";
const MOCK: &str = "match: { path: '/mock' }, answer: { status: 200, body: hello }";

fn node() -> String {
    let hash: String = key_proof(KEY.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    format!(
        "plans: [ {{ name: gold, quota: [ {{ name: two, key: subscription, limit: 2, per: day }} ] }} ]
applications: [ {{ name: shop, credentials: [ {{ id: k1, sha256: {hash} }} ],
  subscriptions: [ {{ api: orders@v1, plan: gold }} ] }} ]
"
    )
}

fn start() -> Gateway {
    let gateway = Gateway::start_node(&node(), &[ROUTE, MOCK]);
    let _origin = Origin::start(&gateway.world, ORIGINS[0], |_: &Head| Answer::new(payload(1, 10)));
    gateway
}

fn with_key(path: &str) -> Request {
    Request { target: path.to_owned(), fields: format!("X-API-Key: {KEY}\r\n"), ..get(1) }
}

fn ask(gateway: &Gateway, request: Request) -> Reply {
    let client = gateway.ask(vec![request]);
    gateway.simulation.run_for(Duration::from_secs(5));
    client.take().remove(0).expect("a reply")
}

/// Asks with somebody watching.
fn watch(gateway: &Gateway, request: Request, client: Option<IpAddr>, scope: &str) -> (Reply, Report) {
    let (done, reports) = crossbeam::channel::bounded(1);
    let peer: SocketAddr = gateway.world.next_address(CLIENT);
    let probe = Arc::new(Probe { peer, client, scope: scope.to_owned(), done });
    gateway.probes().add(&probe);
    let reply = ask(gateway, request);
    gateway.probes().remove(&probe);
    (reply, reports.try_recv().expect("a report"))
}

fn said(report: &Report) -> Vec<(&'static str, &str, Verdict)> {
    report.notes.iter().map(|note| (note.phase, note.what.as_str(), note.verdict)).collect()
}

#[test]
fn every_phase_is_told_and_nothing_is_spent() {
    let gateway = start();
    for _ in 0..3 {
        let (reply, report) = watch(&gateway, with_key("/orders/1"), None, "");
        assert_eq!((reply.head.status(), report.status, report.route.as_deref()), (200, 200, Some("r0")));
        let passed = |phase, what| (phase, what, Verdict::Passed);
        let expected = [
            passed("route", "r0"),
            passed("guard", "ip"),
            passed("guard", "body_bytes"),
            passed("identify", "api_key"),
            passed("authorize", "orders@v1"),
            passed("throttle", "routes/r0/concurrency/one"),
            passed("throttle", "plans/gold/quota/two"),
            passed("choose", "a"),
            passed("connect", "10.0.1.1:9000"),
            passed("transform_request", ""),
            passed("response", ""),
        ];
        assert_eq!(said(&report), expected);
        let quota = &report.notes[6].facts;
        assert_eq!(quota[..], [("limit", "2".to_owned()), ("remaining", "1".to_owned())]);
        let head = &report.notes[9].facts[0].1;
        assert!(
            head.contains("X-Consumer-Application: shop") && head.contains("X-Secret: (set by a policy)"),
            "{head}"
        );
        assert!(!format!("{report:?}").contains("hidden-value"));
    }
    // What nobody watches is counted, and spends.
    assert_eq!([0; 3].map(|_| ask(&gateway, with_key("/orders/1")).head.status()), [200, 200, 429]);
    let (reply, report) = watch(&gateway, with_key("/orders/1"), None, "");
    assert_eq!((reply.head.status(), report.reason), (429, Some("quota_exceeded")));
    assert_eq!(
        said(&report).last(),
        Some(&("throttle", "plans/gold/quota/two", Verdict::Refused(Reason::QuotaExceeded)))
    );
    let usage = gateway.usage().take(10);
    assert_eq!(usage.iter().map(|used| used.counts).collect::<Vec<_>>(), [[2, 1, 0]]);
    drop(gateway.end());
}

#[test]
fn what_refuses_is_told() {
    let gateway = start();
    let rows = [
        (Request { target: "/orders/1".to_owned(), ..get(1) }, None, "", 401, "identify", "credential_missing"),
        (with_key("/orders/1"), Some(IpAddr::from([10, 9, 9, 9])), "", 403, "guard", "ip_denied"),
        (with_key("/nothing"), None, "", 404, "route", "no_route"),
        // A route that is there, and not for who watches.
        (with_key("/orders/1"), None, "other.", 404, "route", "no_route"),
        (with_key("/mock"), None, "r1", 200, "answer", ""),
    ];
    for (request, client, scope, status, phase, reason) in rows {
        let (reply, report) = watch(&gateway, request, client, scope);
        assert_eq!(reply.head.status(), status, "{report:?}");
        assert_eq!((report.notes.last().unwrap().phase, report.reason.unwrap_or_default()), (phase, reason));
    }
    drop(gateway.end());
}

#[test]
fn failures_of_endpoints_are_told_one_by_one() {
    let gateway = Gateway::start(1, Conditions::default(), 2);
    let (reply, report) = watch(&gateway, get(1), None, "");
    assert_eq!(reply.head.status(), 502);
    let refused: Vec<_> = said(&report).into_iter().filter(|(phase, ..)| *phase == "connect").collect();
    assert!(refused.len() >= 2, "{refused:?}");
    assert!(refused.iter().all(|(.., verdict)| *verdict == Verdict::Refused(Reason::ConnectRefused)), "{refused:?}");
    drop(gateway.end());
}
