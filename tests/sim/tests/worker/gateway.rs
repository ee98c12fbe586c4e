//! Workers under test, most often one: started from a file's text, talked to by scripts, ended by a command, and then
//! looked over.

use std::{
    cell::{Cell, RefCell},
    future::Future,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tollgate_balance::{Registry, Upstream};
use tollgate_http::Reason;
use tollgate_io::{Instant, Post};
use tollgate_model::{NoSource, Snapshot};
use tollgate_sim::{
    Answer, Body, Client, Conditions, Endpoint, Failure, Head, Leftovers, Node, Origin, Reply, Request, Seed,
    SimListener, SimSender, Simulation, World,
};
use tollgate_telemetry::{LogSource, NodeFigures, Registry as Figures, log_queue};
use tollgate_tls::WallClock;
use tollgate_worker::{Command, Loads, Parking, Peers, Program, Publication, Registries, Security, Setup};

const NODE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
pub(crate) const LISTEN: SocketAddr = SocketAddr::new(NODE, 8080);
pub(crate) const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
pub(crate) const ORIGINS: [SocketAddr; 2] = [
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 1, 1)), 9000),
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 1, 2)), 9000),
];

/// Blocks the log queue holds: more than any test here fills.
const LOG_BLOCKS: usize = 64;

/// Deadlines that no two of are alike, so that a time says which of them passed.
const TIMEOUTS: &str =
    "{ connect: 1s, first_byte: 2s, idle: 3s, head: 5s, keep_alive: 7s, drain: 11s, linger: 500ms, tunnel: 90m }";

/// Connections a worker's mailbox holds: so few that it is often full.
const HANDED_MAX: usize = 4;

/// The route that takes everything.
pub(crate) const ANY: &str = r#"match: { path: "/{rest*}" }"#;

/// How much later than its deadline something may be seen: the time between two looks, a slot of the wheel, the way to the
/// client.
const SLACK: Duration = Duration::from_millis(150);

/// A worker and the world around it.
pub(crate) struct Gateway {
    pub(crate) simulation: Simulation,
    pub(crate) world: World,
    /// By worker.
    pub(crate) nodes: Vec<Node>,
    /// What the workers were given last.
    program: RefCell<Arc<Program>>,
    upstreams: RefCell<Registry>,
    /// By worker.
    commands: Vec<SimSender<Command<SimListener>>>,
    /// When the last `run` returned, and how many are still to do so.
    returned: Rc<Cell<(Instant, usize)>>,
    figures: Arc<Figures>,
    log: LogSource,
}

/// What a script returned, and when.
pub(crate) struct Script<T>(Rc<RefCell<Option<(Instant, T)>>>);

/// What a worker left behind when it had ended.
pub(crate) struct Ended {
    /// When `run` returned.
    pub(crate) at: Instant,
    /// A line for each exchange.
    pub(crate) records: Vec<String>,
}

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
    let upstreams = ["a", "b"].iter().zip(ORIGINS);
    let upstreams =
        upstreams.map(|(name, at)| format!("  - {{ name: {name}, endpoints: [ {{ address: \"{at}\" }} ] }}\n"));
    let routes = routes.iter().enumerate().map(|(index, route)| format!("  - {{ name: r{index}, {route} }}\n"));
    let text = format!(
        "version: 1\nlisteners: [ {{ name: public, bind: \"{LISTEN}\" }} ]\n{settings}upstreams:\n{}routes:\n{}",
        upstreams.collect::<String>(),
        routes.collect::<String>()
    );
    tollgate_model::parse("gateway.yaml", &text, &NoSource).unwrap_or_else(|errors| panic!("{errors}"))
}

/// Certificates are judged, and tickets aged, at a fixed time.
#[derive(Debug)]
struct Still;

impl WallClock for Still {
    fn unix_seconds(&self) -> u64 {
        // 2027-01-15
        1_800_000_000
    }
}

/// What `snapshot` says of TLS, behind the `previous` one.
pub(crate) fn security(snapshot: &Snapshot, previous: Option<&Security>) -> Security {
    Security::build(snapshot, previous, Arc::new(Still)).unwrap_or_else(|error| panic!("{error}"))
}

/// Where worker number `worker` listens.
pub(crate) fn listen(worker: usize) -> SocketAddr {
    SocketAddr::new(NODE, LISTEN.port() + worker as u16)
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
        let simulation = Simulation::new(seed, conditions);
        let world = simulation.world();
        let snapshot = Arc::new(snapshot);
        let figures = Figures::new(&Reason::ALL.map(Reason::code), workers);
        let (sender, log) = log_queue(LOG_BLOCKS, &figures);
        let mut upstreams = Registry::default();
        let registries = Registries { figures: &figures, upstreams: &mut upstreams, now: world.now() };
        let program = Arc::new(Program::build(snapshot, workers, registries, None, security));
        let (loads, returned) = (Loads::new(workers), Rc::new(Cell::new((Instant::default(), workers))));
        let parking = Parking::new(workers);
        let nodes: Vec<_> = (0..workers).map(|_| simulation.node(NODE)).collect();
        let (posts, handed): (Vec<_>, Vec<_>) = nodes.iter().map(|_| world.bounded_mailbox(HANDED_MAX)).unzip();
        let (commands, inboxes): (Vec<_>, Vec<_>) = nodes.iter().map(|_| world.mailbox()).unzip();
        for (index, (inbox, handed)) in inboxes.into_iter().zip(handed).enumerate() {
            let (node, metrics) = (&nodes[index], figures.worker(index));
            let posts = posts.iter().map(|post: &SimSender<_>| Box::new(post.clone()) as Box<dyn Post<_>>).collect();
            let setup = Setup {
                io: node.clone(),
                program: program.clone(),
                listeners: vec![(0, node.listen(listen(index)))],
                log: Some(sender.sink(metrics.clone())),
                metrics,
                peers: Peers::new(index, loads.clone(), posts),
                parking: parking.clone(),
            };
            let (noted, clock) = (returned.clone(), world.clone());
            tollgate_io::Io::spawn(node, async move {
                tollgate_worker::run(setup, inbox, handed).await;
                noted.set((clock.now(), noted.get().1 - 1));
            });
        }
        let (program, upstreams) = (RefCell::new(program), RefCell::new(upstreams));
        Self { simulation, world, nodes, program, upstreams, commands, returned, figures, log }
    }

    /// A worker in front of an upstream with these `endpoints` and more keys.
    pub(crate) fn start_upstream(endpoints: &str, rest: &str, seed: impl Into<Seed>, conditions: Conditions) -> Self {
        Self::run(upstream(endpoints, rest), seed, conditions)
    }

    /// The state of the upstream in the worker's program.
    pub(crate) fn upstream(&self) -> Arc<Upstream> {
        self.upstreams.borrow().upstreams().next().expect("there is one").clone()
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

    /// Has the workers drain.
    pub(crate) fn drain(&self) {
        self.commands.iter().for_each(|commands| commands.send(Command::Drain));
    }

    /// The figure of the scrape's line that begins with `sample`, 0 without one.
    pub(crate) fn sample(&self, sample: &str) -> u64 {
        let mut scrape = String::new();
        self.figures.render(&NodeFigures::default(), &mut scrape);
        let line = scrape.lines().find_map(|line| line.strip_prefix(sample));
        line.map_or(0, |value| value.trim().parse().expect("a figure is a number"))
    }

    /// Tells one worker something.
    pub(crate) fn command_one(&self, worker: usize, command: Command<SimListener>) {
        self.commands[worker].send(command);
    }

    /// Tells the worker something, of which there is one.
    pub(crate) fn command(&self, command: Command<SimListener>) {
        assert_eq!(self.nodes.len(), 1);
        self.command_one(0, command);
    }

    /// Gives the worker, of which there is one, another snapshot, which came of the last one, and sockets; says later whether it has taken them.
    pub(crate) fn publish(&self, snapshot: Snapshot, listeners: Vec<(u32, SimListener)>) -> Arc<AtomicBool> {
        let security = security(&snapshot, Some(self.program.borrow().security()));
        let mut upstreams = self.upstreams.borrow_mut();
        let registries = Registries { figures: &self.figures, upstreams: &mut upstreams, now: self.world.now() };
        let program = Program::build(Arc::new(snapshot), 1, registries, Some(&self.program.borrow()), security);
        let program = Arc::new(program);
        self.program.replace(program.clone());
        let taken = Arc::new(AtomicBool::new(false));
        let told = taken.clone();
        let taken_by = Box::new(move || told.store(true, Ordering::Relaxed));
        self.command(Command::Publish(Publication { program, listeners, moved: Vec::new(), taken: taken_by }));
        taken
    }

    /// What the worker was given last.
    pub(crate) fn snapshot(&self) -> Snapshot {
        Snapshot::clone(self.program.borrow().snapshot())
    }

    /// Whether every `run` has returned.
    pub(crate) fn has_returned(&self) -> bool {
        self.returned.get().1 == 0
    }

    /// What the scrape says of a metric, all samples whose labels contain `label` together.
    pub(crate) fn figure(&self, name: &str, label: &str) -> u64 {
        figure(&self.figures, name, label)
    }

    /// Drains the worker if it has not ended, and checks that it gives everything back and accounts for everything.
    pub(crate) fn end(self) -> Ended {
        self.drain();
        self.simulation.run_until_idle();
        assert!(self.has_returned(), "a drained worker returns");
        let at = self.returned.get().0;
        // Whoever waits for commands may do so until nobody can give any.
        drop(self.commands);
        self.simulation.run_until_idle();
        assert_eq!(self.simulation.leftovers(), Leftovers::default());
        for worker in 0..self.nodes.len() {
            let metrics = self.figures.worker(worker);
            assert_eq!(Arc::strong_count(&metrics), 2, "worker {worker} has ended, and its log with it");
        }
        for member in self.upstreams.borrow().upstreams().flat_map(|upstream| upstream.endpoints().members().to_vec()) {
            assert_eq!(member.endpoint.in_flight(), 0, "requests in progress after the end");
        }
        let mut records = String::new();
        while let Some(block) = self.log.recv() {
            records.push_str(str::from_utf8(block.bytes()).expect("records are text"));
        }
        let records: Vec<_> = records.lines().map(str::to_owned).collect();
        judge(&self.figures, &records);
        Ended { at, records }
    }
}

fn figure(figures: &Figures, name: &str, label: &str) -> u64 {
    let mut scrape = String::new();
    figures.render(&NodeFigures::default(), &mut scrape);
    let samples: Vec<_> = scrape.lines().filter(|line| line.split(['{', ' ']).next() == Some(name)).collect();
    assert!(scrape.contains(&format!("# TYPE {name} ")), "{name} is no metric");
    let samples = samples.into_iter().filter_map(|line| line.rsplit_once(' '));
    samples.filter(|(labels, _)| labels.contains(label)).map(|(_, value)| value.parse::<u64>().expect("a count")).sum()
}

/// Checks what the scrape says once a worker has ended.
fn judge(figures: &Figures, records: &[String]) {
    let value = |name: &str| figure(figures, name, "");
    assert_eq!(value("tollgate_worker_requests_total"), records.len() as u64, "one record for each exchange");
    let [handed, taken] =
        ["handed", "taken"].map(|how| value(&format!("tollgate_worker_connections_{how}_over_total")));
    assert!(taken <= handed, "{taken} of {handed} connections taken");
    let forwarded = records.iter().filter(|record| record.contains(",\"upstream\":")).count();
    assert_eq!(value("tollgate_upstream_requests_total"), forwarded as u64, "each of them with its upstream");
    for gone in [
        "http_server_active_requests",
        "tollgate_connections_open",
        "tollgate_upstream_active_requests",
        "tollgate_upstream_connections_idle",
        "tollgate_upstream_connections_parked",
        "tollgate_worker_connections_open",
        "tollgate_buffers_in_use",
        "tollgate_access_records_dropped_total",
    ] {
        assert_eq!(value(gone), 0, "{gone} after the end");
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

impl Ended {
    /// The one record there is.
    pub(crate) fn record(&self) -> &str {
        assert_eq!(self.records.len(), 1, "{:?}", self.records);
        &self.records[0]
    }

    /// The one record there is, which must name `reason`.
    pub(crate) fn failed_by(&self, reason: Reason) {
        let named = format!("\"reason\":\"{}\"", reason.code());
        assert!(self.record().contains(&named), "{reason}: {}", self.record());
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
