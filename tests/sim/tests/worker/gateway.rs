//! Workers under test, most often one: started from a file's text, talked to by scripts, ended by a command, and then
//! looked over.

use std::{
    cell::RefCell,
    future::Future,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    ops::Deref,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tollgate_balance::Upstream;
use tollgate_http::Reason;
use tollgate_io::Instant;
use tollgate_model::{NoSource, Snapshot, Source};
use tollgate_sim::{
    Answer, Body, Client, Conditions, Endpoint, Failure, Head, Origin, Reply, Request, Secrets, Seed, SimListener,
    World,
};
pub(crate) use tollgate_sim::{Ended, listen, security};
use tollgate_worker::{Command, Security};

pub(crate) const LISTEN: SocketAddr = listen(0);
pub(crate) const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
pub(crate) const ORIGINS: [SocketAddr; 2] = [
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 1, 1)), 9000),
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 1, 2)), 9000),
];

/// Deadlines that no two of are alike, so that a time says which of them passed.
const TIMEOUTS: &str =
    "{ connect: 1s, first_byte: 2s, idle: 3s, head: 5s, keep_alive: 7s, drain: 11s, linger: 500ms, tunnel: 90m }";

/// The route that takes everything.
pub(crate) const ANY: &str = r#"match: { path: "/{rest*}" }"#;

/// How much later than its deadline something may be seen: the time between two looks, a slot of the wheel, the way to the
/// client.
const SLACK: Duration = Duration::from_millis(150);

/// A worker and the world around it.
pub(crate) struct Gateway(tollgate_sim::Gateway);

impl Deref for Gateway {
    type Target = tollgate_sim::Gateway;

    fn deref(&self) -> &tollgate_sim::Gateway {
        &self.0
    }
}

/// What a script returned, and when.
pub(crate) struct Script<T>(Rc<RefCell<Option<(Instant, T)>>>);

/// More of a configuration.
#[derive(Clone, Copy, Default)]
pub(crate) struct Settings<'a> {
    /// Behind the upstream's endpoints.
    pub(crate) upstream: &'a str,
    /// At the end.
    pub(crate) node: &'a str,
}

/// One listener, one upstream with the first `origins` of [`ORIGINS`], one `route` without its name and upstream, and
/// more of the `node`.
fn snapshot(origins: usize, route: &str, node: &str) -> Snapshot {
    snapshot_with(Settings { upstream: "", node }, origins, route)
}

fn snapshot_with(Settings { upstream, node }: Settings<'_>, origins: usize, route: &str) -> Snapshot {
    let endpoints: Vec<_> = ORIGINS[..origins].iter().map(|origin| format!("{{ address: \"{origin}\" }}")).collect();
    let text = format!(
        "version: 1
listeners: [ {{ name: public, bind: \"{LISTEN}\" }} ]
upstreams: [ {{ name: origins, endpoints: [ {} ]{upstream} }} ]
routes: [ {{ name: all, {route}, upstream: origins }} ]
timeouts: {TIMEOUTS}
{node}
",
        endpoints.join(", ")
    );
    tollgate_model::parse("gateway.yaml", &text, &NoSource).unwrap_or_else(|errors| panic!("{errors}"))
}

/// One listener, one upstream with these `endpoints` and more keys, one route.
pub(crate) fn upstream(endpoints: &str, rest: &str) -> Snapshot {
    let text = format!(
        "version: 1
listeners: [ {{ name: public, bind: \"{LISTEN}\" }} ]
upstreams: [ {{ name: origins, endpoints: [ {endpoints} ]{rest} }} ]
routes: [ {{ name: all, {ANY}, upstream: origins }} ]
timeouts: {TIMEOUTS}
"
    );
    tollgate_model::parse("gateway.yaml", &text, &NoSource).unwrap_or_else(|errors| panic!("{errors}"))
}

/// One listener, an upstream for each of [`ORIGINS`], `a` and `b`, and routes `r0`, `r1` ... without their
/// names; `settings` are lines of the node.
pub(crate) fn routed(routes: &[&str], settings: &str) -> Snapshot {
    routed_of(routes, settings, &NoSource)
}

/// The same for one of two nodes with a store, which requests wait for as long as `timeout`.
pub(crate) fn routed_with_store(routes: &[&str], timeout: &str) -> Snapshot {
    let store = "redis: [ 'redis://10.0.2.1' ], secret: '${env:SECRET}', nodes: 2";
    routed_of(routes, &format!("cluster: {{ {store}, timeout: {timeout} }}\n"), &Secrets)
}

fn routed_of(routes: &[&str], settings: &str, source: &dyn Source) -> Snapshot {
    let upstreams = ["a", "b"].iter().zip(ORIGINS);
    let upstreams =
        upstreams.map(|(name, at)| format!("  - {{ name: {name}, endpoints: [ {{ address: \"{at}\" }} ] }}\n"));
    let routes = routes.iter().enumerate().map(|(index, route)| format!("  - {{ name: r{index}, {route} }}\n"));
    let text = format!(
        "version: 1\nlisteners: [ {{ name: public, bind: \"{LISTEN}\" }} ]\n{settings}upstreams:\n{}routes:\n{}",
        upstreams.collect::<String>(),
        routes.collect::<String>()
    );
    tollgate_model::parse("gateway.yaml", &text, source).unwrap_or_else(|errors| panic!("{errors}"))
}

impl Gateway {
    /// A worker in front of the first `origins` of [`ORIGINS`], which are not started.
    pub(crate) fn start(seed: impl Into<Seed>, conditions: Conditions, origins: usize) -> Self {
        Self::start_with(ANY, seed, conditions, origins)
    }

    /// As [`Gateway::start`], with a `route` instead of [`ANY`].
    pub(crate) fn start_with(route: &str, seed: impl Into<Seed>, conditions: Conditions, origins: usize) -> Self {
        Self::run(snapshot(origins, route, ""), seed, conditions)
    }

    /// A worker of a node with `settings`, in front of the first of [`ORIGINS`].
    pub(crate) fn start_with_settings(settings: &str) -> Self {
        Self::run(snapshot(1, ANY, settings), 1, Conditions::default())
    }

    /// A worker of these routes, in front of the upstreams `a` and `b`, one for each of [`ORIGINS`].
    pub(crate) fn start_routes(routes: &[&str], seed: impl Into<Seed>, conditions: Conditions) -> Self {
        Self::run(routed(routes, ""), seed, conditions)
    }

    /// The same under a quiet sky, with more `settings` of the node, each a line.
    pub(crate) fn start_node(settings: &str, routes: &[&str]) -> Self {
        Self::run(routed(routes, settings), 1, Conditions::default())
    }

    /// A worker of a snapshot.
    pub(crate) fn run(snapshot: Snapshot, seed: impl Into<Seed>, conditions: Conditions) -> Self {
        let security = security(&snapshot, None);
        Self::run_secured(snapshot, security, 1, seed, conditions)
    }

    /// As [`Gateway::start`], with several workers. Each has a listener of its own, [`listen`], so that a script decides where
    /// a connection is accepted.
    pub(crate) fn start_workers(
        workers: usize,
        settings: Settings<'_>,
        seed: impl Into<Seed>,
        conditions: Conditions,
        origins: usize,
    ) -> Self {
        let snapshot = snapshot_with(settings, origins, ANY);
        let security = security(&snapshot, None);
        Self::run_secured(snapshot, security, workers, seed, conditions)
    }

    /// Workers of a snapshot, with what was compiled of its TLS.
    pub(crate) fn run_secured(
        snapshot: Snapshot,
        security: Security,
        workers: usize,
        seed: impl Into<Seed>,
        conditions: Conditions,
    ) -> Self {
        Self(tollgate_sim::Gateway::start(snapshot, security, workers, seed, conditions))
    }

    /// A worker in front of an upstream with these `endpoints` and more keys.
    pub(crate) fn start_upstream(endpoints: &str, rest: &str, seed: impl Into<Seed>, conditions: Conditions) -> Self {
        Self::run(upstream(endpoints, rest), seed, conditions)
    }

    /// The state of the upstream in the worker's program.
    pub(crate) fn upstream(&self) -> Arc<Upstream> {
        self.upstreams().remove(0)
    }

    /// A worker under a quiet sky, with one origin that answers by `script`.
    pub(crate) fn quiet(script: impl Fn(&Head) -> Answer + 'static) -> (Self, Rc<Origin>) {
        let gateway = Self::start(1, Conditions::default(), 1);
        let origin = Origin::start(&gateway.world, ORIGINS[0], script);
        (gateway, origin)
    }

    /// Runs a script beside the worker.
    pub(crate) fn script<T: 'static>(&self, script: impl Future<Output = T> + 'static) -> Script<T> {
        let result = Rc::new(RefCell::new(None));
        let (filled, world) = (result.clone(), self.world.clone());
        self.world.spawn(async move {
            let returned = script.await;
            *filled.borrow_mut() = Some((world.now(), returned));
        });
        Script(result)
    }

    /// A client that makes `requests` one after the other over one connection.
    pub(crate) fn ask(&self, requests: Vec<Request>) -> Script<Vec<Result<Reply, Failure>>> {
        let world = self.world.clone();
        self.script(async move { Client::default().run(&world, LISTEN, &requests).await })
    }

    /// Tells the worker something, of which there is one.
    pub(crate) fn command(&self, command: Command<SimListener>) {
        assert_eq!(self.nodes.len(), 1);
        self.command_one(0, command);
    }

    /// Gives the worker, of which there is one, another snapshot, which came of the last one, and sockets; says later whether it has taken them.
    pub(crate) fn publish(&self, snapshot: Snapshot, listeners: Vec<(u32, SimListener)>) -> Arc<AtomicBool> {
        assert_eq!(self.nodes.len(), 1);
        let taken = Arc::new(AtomicBool::new(false));
        let told = taken.clone();
        let listeners = listeners.into_iter().map(|(slot, listener)| (0, slot, listener)).collect();
        self.0.publish(snapshot, listeners, move || told.store(true, Ordering::Relaxed));
        taken
    }

    /// Drains the worker if it has not ended, and checks that it gives everything back and accounts for everything.
    pub(crate) fn end(self) -> Ended {
        self.0.end()
    }
}

/// A client's end on which `bytes` were sent.
pub(crate) async fn dial(world: &World, bytes: &[u8]) -> Endpoint {
    let end = world.dial(CLIENT, LISTEN).await.expect("the worker listens");
    end.write_all(bytes).await.expect("the worker reads");
    end
}

impl<T> Script<T> {
    /// What it returned.
    pub(crate) fn take(&self) -> T {
        self.take_timed().1
    }

    /// What it returned, and when.
    pub(crate) fn take_timed(&self) -> (Instant, T) {
        self.0.take().expect("the script has come to its end")
    }
}

/// A GET without a body.
pub(crate) fn get(token: u64) -> Request {
    let (method, body) = ("GET", Body::None);
    Request { method, target: format!("/{token}"), token, body, fields: String::new() }
}

/// A POST of `len` bytes.
pub(crate) fn post(token: u64, len: usize) -> Request {
    Request { method: "POST", body: Body::Length(len), ..get(token) }
}

/// An answer that never comes.
pub(crate) fn silence() -> Answer {
    Answer { delay_nanos: u64::MAX, ..Answer::new(Vec::new()) }
}

/// Checks that the only reply is the problem document of `reason`.
pub(crate) fn refused_by(replies: &[Result<Reply, Failure>], reason: Reason) {
    let [Ok(reply)] = replies else { panic!("one reply wanted: {replies:?}") };
    problem(reply, reason);
}

/// Checks that `reply` is the problem document of `reason`.
pub(crate) fn problem(reply: &Reply, reason: Reason) {
    assert_eq!(reply.head.status(), reason.status(), "{reason}: {reply:?}");
    let code = format!("\"code\":\"{}\"", reason.code());
    assert!(String::from_utf8_lossy(&reply.body).contains(&code), "{reason}: {reply:?}");
}

/// Whether a read found that the connection is over, and no message before that.
pub(crate) const fn is_over(read: &Result<Option<Head>, Failure>) -> bool {
    matches!(read, Ok(None) | Err(Failure::Reset))
}

/// Checks that something happened when `deadline` had passed since `start`, and soon after.
pub(crate) fn on_time(at: Instant, start: Instant, deadline: Duration) {
    let (passed, slack) = (at - start, SLACK);
    assert!((deadline..=deadline + slack).contains(&passed), "after {passed:?}, {deadline:?} wanted");
}
