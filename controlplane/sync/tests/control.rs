//! The control plane's end against scripted nodes, of this version and of the one before and after.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use axum::{
    Router,
    body::{Body, to_bytes},
    http::Request,
};
use serde_json::{Value, json};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::runtime::Builder;
use tollgate_sync::{Delta, Feed, Lack, PATH, Patch, Position, SHARES_PATH, Shares, Source, UsageBatch, router};
use tower::ServiceExt as _;

/// Everything there is, and who may ask for it.
#[derive(Default)]
struct Script {
    whole: Mutex<Option<Delta>>,
    built: AtomicUsize,
    nodes: Mutex<Vec<&'static str>>,
    /// What was reported; nothing is kept while `is_full`.
    used: Mutex<Vec<(String, UsageBatch)>>,
    is_full: AtomicBool,
}

impl Source for Script {
    fn node(&self, token: &str) -> Result<Option<String>, String> {
        let nodes = self.nodes.lock().unwrap();
        Ok(nodes.iter().find(|name| token == format!("tgn_{name}_0")).map(|name| (*name).to_owned()))
    }

    fn everything(&self) -> Result<Delta, String> {
        self.built.fetch_add(1, Ordering::Relaxed);
        self.whole.lock().unwrap().clone().ok_or_else(|| "there is nothing".to_owned())
    }

    fn used(&self, node: &str, batch: &UsageBatch) -> Result<(), String> {
        if self.is_full.load(Ordering::Relaxed) {
            return Err("there is no room".to_owned());
        }
        self.used.lock().unwrap().push((node.to_owned(), batch.clone()));
        Ok(())
    }
}

struct World {
    feed: Arc<Feed>,
    script: Arc<Script>,
    router: Router,
}

fn at(generation: u64) -> Position {
    Position::new(generation, generation)
}

fn patch(name: &str) -> Patch {
    let mut patch = Patch::default();
    patch.set("routes", name.to_owned(), json!({ "name": name }).to_string()).unwrap();
    patch
}

impl World {
    /// With `edge`, and everything at 10 being route `a`.
    fn new() -> Self {
        let (feed, script) = (Arc::new(Feed::default()), Arc::new(Script::default()));
        *script.whole.lock().unwrap() = Some(Delta { from: None, to: at(10), patch: patch("a") });
        script.nodes.lock().unwrap().push("edge");
        feed.reset(at(10), 10);
        let router = router(feed.clone(), script.clone(), Arc::new(Shares::default()));
        Self { feed, script, router }
    }

    async fn poll(&self, body: &str) -> (u16, Value) {
        self.poll_as("tgn_edge_0", body).await
    }

    async fn poll_as(&self, token: &str, body: &str) -> (u16, Value) {
        self.post(PATH, token, body).await
    }

    async fn post(&self, path: &str, token: &str, body: &str) -> (u16, Value) {
        let request = Request::post(path).header("authorization", format!("Bearer {token}"));
        let request = request.body(Body::from(body.to_owned())).unwrap();
        let (head, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        (head.status.as_u16(), serde_json::from_slice(&bytes).unwrap())
    }
}

fn run(test: impl Future<Output = ()>) {
    Builder::new_current_thread().enable_time().build().unwrap().block_on(test);
}

fn has(generation: u64, more: &Value) -> String {
    let mut poll = json!({ "protocol": 1, "has": at(generation) });
    poll.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    poll.to_string()
}

#[test]
fn a_node_gets_everything_and_then_what_changes() {
    run(async {
        let world = World::new();
        let (status, answer) = world.poll("{\"protocol\":1}").await;
        assert_eq!((status, &answer["delta"]["to"]["generation"]), (200, &json!(10)));
        assert!(
            answer["delta"].get("from").is_none() && answer["delta"]["patch"]["changed"]["routes"]["a"].is_object()
        );
        // What it has is what there is: a heartbeat.
        let (_, answer) = world.poll(&has(10, &json!({}))).await;
        assert_eq!((&answer["head"]["generation"], answer.get("delta")), (&json!(10), None));
        world.feed.push(at(11), patch("b"), 11, Duration::ZERO);
        world.feed.push(at(12), patch("c"), 12, Duration::ZERO);
        let (_, answer) = world.poll(&has(10, &json!({}))).await;
        let delta = &answer["delta"];
        assert_eq!((&delta["from"]["generation"], &delta["to"]["generation"]), (&json!(10), &json!(12)));
        assert_eq!(delta["patch"], json!({ "changed": { "routes": { "b": { "name": "b" }, "c": { "name": "c" } } } }));
        // Another history: everything.
        let (_, answer) = world.poll("{\"protocol\":1,\"has\":{\"generation\":11,\"digest\":\"of another\"}}").await;
        assert!(answer["delta"].get("from").is_none());
    });
}

#[test]
fn what_was_used_is_acknowledged_once_it_is_kept() {
    run(async {
        let world = World::new();
        let used =
            json!([{ "tenant": "acme", "application": "acme.shop", "api": "acme/orders@1.0", "ok": 3, "later": 1 }]);
        let usage = json!({ "start": "s", "number": 1, "used": used });
        world.script.is_full.store(true, Ordering::Relaxed);
        let (status, answer) = world.poll(&has(10, &json!({ "usage": usage }))).await;
        assert_eq!((status, answer.get("usage")), (200, None), "it comes again");
        world.script.is_full.store(false, Ordering::Relaxed);
        let (_, answer) = world.poll(&has(10, &json!({ "usage": usage }))).await;
        assert_eq!(answer["usage"], json!({ "start": "s", "number": 1 }));
        world.feed.push(at(11), patch("b"), 11, Duration::ZERO);
        let (_, answer) = world.poll(&has(10, &json!({ "usage": usage }))).await;
        assert!(answer["delta"].is_object() && answer["usage"].is_object(), "{answer}");
        // A node of the version before says nothing of usage.
        assert_eq!(world.poll(&has(11, &json!({}))).await.1.get("usage"), None);
        let kept = world.script.used.lock().unwrap();
        assert_eq!((kept.len(), &*kept[0].0, kept[0].1.used[0].ok), (2, "edge", 3));
    });
}

#[test]
fn a_poll_waits_for_a_change_and_costs_no_thread() {
    run(async {
        let world = Arc::new(World::new());
        let waiting: Vec<_> = (0..100)
            .map(|_| {
                let world = world.clone();
                tokio::spawn(async move { world.poll(&has(10, &json!({ "wait_ms": 60_000 }))).await })
            })
            .collect();
        while world.feed.reports().get("edge").is_none_or(|report| report.seen.waiting < 100) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        world.feed.push(at(11), patch("b"), 11, Duration::ZERO);
        for poll in waiting {
            assert_eq!(poll.await.unwrap().1["delta"]["to"]["generation"], 11);
        }
        assert_eq!(world.feed.reports()["edge"].seen.waiting, 0);
    });
}

#[test]
fn a_node_that_is_removed_while_it_waits_gets_nothing() {
    run(async {
        let world = Arc::new(World::new());
        let waiting = {
            let world = world.clone();
            tokio::spawn(async move { world.poll(&has(10, &json!({ "wait_ms": 60_000 }))).await })
        };
        while world.feed.reports().get("edge").is_none_or(|report| report.seen.waiting == 0) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        world.script.nodes.lock().unwrap().clear();
        world.feed.push(at(11), patch("b"), 11, Duration::ZERO);
        let (status, answer) = waiting.await.unwrap();
        assert_eq!((status, &answer["code"]), (401, &json!("unauthenticated")));
        assert!(!answer.to_string().contains("\"b\""));
        assert_eq!(world.feed.reports()["edge"].seen.waiting, 0);
    });
}

#[test]
fn nobody_waits_for_a_control_plane_that_ends() {
    run(async {
        let world = Arc::new(World::new());
        let waiting = {
            let world = world.clone();
            tokio::spawn(async move { world.poll(&has(10, &json!({ "wait_ms": 60_000 }))).await })
        };
        while world.feed.reports().get("edge").is_none_or(|report| report.seen.waiting == 0) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        world.feed.end();
        let (status, answer) = waiting.await.unwrap();
        assert_eq!((status, answer.get("delta")), (200, None));
        assert_eq!(world.poll(&has(10, &json!({ "wait_ms": 60_000 }))).await.0, 200);
    });
}

#[test]
fn what_a_node_has_refused_is_not_sent_again_until_there_is_something_else() {
    run(async {
        let world = World::new();
        world.feed.push(at(11), patch("b"), 11, Duration::ZERO);
        let refused = json!({ "refused": { "to": at(11), "why": "it takes requests of mine" } });
        let (_, answer) = world.poll(&has(10, &refused)).await;
        assert_eq!(answer.get("delta"), None);
        let report = &world.feed.reports()["edge"];
        assert_eq!(report.seen.refused.as_ref().unwrap().0.why, "it takes requests of mine");
        assert_eq!((report.behind.unwrap().generations, report.covers), (1, Some(10)));
        world.feed.push(at(12), patch("c"), 12, Duration::ZERO);
        let (_, answer) = world.poll(&has(10, &refused)).await;
        assert_eq!(answer["delta"]["patch"]["changed"]["routes"].as_object().unwrap().len(), 2);
    });
}

#[test]
fn neighbouring_versions_understand_each_other() {
    run(async {
        let world = World::new();
        // One of later: it says what is not known here, and gets what is spoken here.
        let later =
            has(10, &json!({ "protocol": 2, "leases": [{ "plan": "gold" }], "health": { "load": 0.5, "workers": 4 } }));
        let (status, answer) = world.poll(&later).await;
        assert_eq!((status, &answer["protocol"]), (200, &json!(1)));
        assert_eq!(world.feed.reports()["edge"].seen.health.workers, 4);
        // One of before: it says no more than it has to.
        let (status, _) = world.poll("{\"protocol\":1,\"has\":null}").await;
        assert_eq!(status, 200);
        // One of long ago is told so.
        let (status, answer) = world.poll("{\"protocol\":0}").await;
        assert_eq!((status, &answer["code"]), (426, &json!("protocol_too_old")));
    });
}

#[test]
fn who_may_not_or_says_nothing_is_told_so() {
    run(async {
        let world = World::new();
        for token in ["", "tgn_edge_1", "tgn_other_0", "tgm_edge_0"] {
            assert_eq!(world.poll_as(token, "{\"protocol\":1}").await.0, 401, "{token}");
        }
        for body in ["", "[]", "{}", "{\"protocol\":\"1\"}", "{\"protocol\":1,\"has\":7}"] {
            assert_eq!(world.poll(body).await.0, 400, "{body}");
        }
        assert!(world.feed.reports().is_empty());
        *world.script.whole.lock().unwrap() = None;
        assert_eq!(world.poll("{\"protocol\":1}").await.0, 500);
        assert!(matches!(world.feed.since(&at(9)), Lack::Everything));
    });
}

fn shares(more: &Value) -> String {
    let mut request = json!({ "protocol": 1, "cluster": "tollgate", "probe": u64::MAX });
    request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    request.to_string()
}

fn ask(units: i64) -> Value {
    json!({ "key": u64::MAX, "units": units, "of": { "quota": { "limit": 10, "end_s": 4_000_000_000_i64 } } })
}

#[test]
fn shares_are_lent_to_nodes_and_to_nobody_else() {
    run(async {
        let world = World::new();
        let asks = shares(&json!({ "asks": [ask(7), ask(7)] }));
        for token in ["", "tgn_edge_1", "tgn_other_0"] {
            assert_eq!(world.post(SHARES_PATH, token, &asks).await.0, 401, "{token}");
        }
        let (status, answer) = world.post(SHARES_PATH, "tgn_edge_0", &asks).await;
        assert_eq!((status, answer), (200, json!({ "protocol": 1, "answers": [[7, 3], [3, 0]] })));
        // One of later says more; one that asks nothing hears that somebody is there.
        let later = shares(&json!({ "protocol": 2, "asks": [], "zone": "b" }));
        assert_eq!(world.post(SHARES_PATH, "tgn_edge_0", &later).await.1["answers"], json!([]));
        // Who asks for shares has not polled.
        assert!(world.feed.reports().is_empty());
        world.script.nodes.lock().unwrap().clear();
        assert_eq!(world.post(SHARES_PATH, "tgn_edge_0", &asks).await.0, 401);
    });
}

#[test]
fn asks_for_shares_that_are_none_are_refused_as_a_whole() {
    run(async {
        let world = World::new();
        let bucket = json!({ "bucket": { "unit_us": 0.0, "fill_us": 1.0, "spare": 1, "drained_us": 1 } });
        for (body, status, code) in [
            (String::new(), 400, "malformed"),
            (shares(&json!({ "asks": [{ "key": 1 }] })), 400, "malformed"),
            (shares(&json!({ "asks": [ask(1), { "key": 1, "units": 1, "of": bucket }] })), 400, "malformed"),
            (shares(&json!({ "asks": vec![ask(1); 513] })), 413, "too_many_asks"),
            (shares(&json!({ "protocol": 0 })), 426, "protocol_too_old"),
            (shares(&json!({ "probe": 1 })), 200, ""),
            (shares(&json!({ "asks": [ask(1)] })), 409, "other_secret"),
        ] {
            let (found, answer) = world.post(SHARES_PATH, "tgn_edge_0", &body).await;
            assert_eq!((found, answer["code"].as_str().unwrap_or_default()), (status, code), "{body}");
        }
        let (status, answer) =
            world.post(SHARES_PATH, "tgn_edge_0", &shares(&json!({ "probe": 1, "asks": [ask(1)] }))).await;
        assert_eq!((status, &answer["answers"]), (200, &json!([[1, 9]])), "nothing was counted before");
        let long = shares(&json!({ "cluster": "x".repeat(200 << 10) }));
        let request = Request::post(SHARES_PATH).header("authorization", "Bearer tgn_edge_0");
        let response = world.router.clone().oneshot(request.body(Body::from(long)).unwrap()).await.unwrap();
        assert_eq!(response.status().as_u16(), 413);
    });
}
