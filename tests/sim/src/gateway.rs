//! Workers of one gateway in a simulation: started from a snapshot, given others, ended, and then looked over.
//!
//! What the product's `gateway` crate does with threads is done here by hand: programs are built and published, access
//! records collected, drains told. [`Gateway::end`] checks what holds after every run, whatever it was about: workers
//! return, nothing is left, figures and records agree.

use crate::{
    Conditions, Leftovers, Node, Seed, SimListener, SimOffload, SimSender, SimStore, Simulation, World, offload,
    store::{self, SimKeeper},
};
use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    rc::Rc,
    sync::{Arc, Weak},
    time::Duration,
};
use tollgate_balance::{Registry, Upstream};
use tollgate_http::Reason;
use tollgate_io::{Instant, Io, Post};
use tollgate_model::Snapshot;
use tollgate_telemetry::{LogSource, NodeFigures, Received, Registry as Figures, UsageReader, log_queue};
use tollgate_tls::WallClock;
use tollgate_worker::{
    Command, HashKeys, JOBS_MAX, Loads, Parking, Peers, Probes, Program, Publication, QUESTIONS_MAX, Registries,
    RuleRegistry, Security, Setup,
};

/// The address of every gateway here.
pub const GATEWAY: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));

/// The port of the first worker's listener.
const PORT: u16 = 8080;

/// Blocks the log queue holds: more than a worker fills between two looks.
const LOG_BLOCKS: usize = 64;

/// Virtual time between two looks into the log.
const LOG_LOOK: Duration = Duration::from_secs(2);

/// What keys of limits are hashed with.
const KEYS: [u64; 2] = [1, 2];

/// Connections a worker's mailbox holds: so few that it is often full.
const HANDED_MAX: usize = 4;

/// Workers and the world around them.
pub struct Gateway {
    /// The run they are in.
    pub simulation: Simulation,
    /// A handle to it.
    pub world: World,
    /// By worker.
    pub nodes: Vec<Node>,
    /// What the workers were given last.
    program: RefCell<Arc<Program>>,
    /// All they were given before.
    old: RefCell<Vec<Weak<Program>>>,
    upstreams: RefCell<Registry>,
    rules: RefCell<RuleRegistry>,
    /// By worker.
    commands: Vec<SimSender<Command<SimListener>>>,
    offload: Arc<SimOffload>,
    probes: Arc<Probes>,
    store: Option<Arc<SimStore>>,
    /// When the last `run` returned, and how many are still to do so.
    returned: Rc<Cell<(Instant, usize)>>,
    figures: Arc<Figures>,
    log: LogSource,
    records: RefCell<String>,
    /// When the log is looked into next.
    log_look: Cell<Instant>,
}

/// What workers left behind when they had ended.
pub struct Ended {
    /// When the last `run` returned.
    pub at: Instant,
    /// A line for each exchange.
    pub records: Vec<String>,
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
///
/// # Panics
/// If its certificates are of no use.
#[must_use]
pub fn security(snapshot: &Snapshot, previous: Option<&Security>) -> Security {
    Security::build(snapshot, previous, Arc::new(Still)).unwrap_or_else(|error| panic!("{error}"))
}

/// Where worker number `worker` of a gateway listens.
#[must_use]
pub const fn listen(worker: usize) -> SocketAddr {
    SocketAddr::new(GATEWAY, PORT + worker as u16)
}

impl Gateway {
    /// Workers of a snapshot, with what was compiled of its TLS. Each has a listener of its own, [`listen`], so that a
    /// script decides where a connection is accepted.
    #[must_use]
    pub fn start(
        snapshot: Snapshot,
        security: Security,
        workers: usize,
        seed: impl Into<Seed>,
        conditions: Conditions,
    ) -> Self {
        let simulation = Simulation::new(seed, conditions);
        let world = simulation.world();
        let figures = Figures::new(&Reason::ALL.map(Reason::code), workers);
        let (sender, log) = log_queue(LOG_BLOCKS, &figures);
        let mut upstreams = Registry::default();
        let store = snapshot.cluster.as_ref().map(SimStore::new);
        let mut rules = RuleRegistry::with_keeper(HashKeys::new(KEYS), Box::new(SimKeeper(store.clone())));
        let now = world.now();
        let registries = Registries { figures: &figures, upstreams: &mut upstreams, rules: &mut rules, now };
        let program = Arc::new(Program::build(Arc::new(snapshot), registries, None, security));
        let (loads, returned) = (Loads::new(workers), Rc::new(Cell::new((Instant::default(), workers))));
        let parking = Parking::new(workers);
        let nodes: Vec<_> = (0..workers).map(|_| simulation.node(GATEWAY)).collect();
        let (posts, handed): (Vec<_>, Vec<_>) = nodes.iter().map(|_| world.bounded_mailbox(HANDED_MAX)).unzip();
        let (commands, inboxes): (Vec<_>, Vec<_>) = nodes.iter().map(|_| world.mailbox()).unzip();
        let (answered, answers): (Vec<_>, Vec<_>) = nodes.iter().map(|_| world.bounded_mailbox(QUESTIONS_MAX)).unzip();
        let (side, probes) = (Arc::new(SimOffload::default()), Arc::<Probes>::default());
        let (outboxes, done): (Vec<_>, Vec<_>) = nodes.iter().map(|_| world.bounded_mailbox(JOBS_MAX)).unzip();
        let answers = answers.into_iter().zip(done);
        for (index, ((inbox, handed), (answers, done))) in inboxes.into_iter().zip(handed).zip(answers).enumerate() {
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
                offload: side.clone(),
                probes: probes.clone(),
            };
            let (noted, clock) = (returned.clone(), world.clone());
            node.spawn(async move {
                tollgate_worker::run(setup, inbox, handed, answers, done).await;
                noted.set((clock.now(), noted.get().1 - 1));
            });
        }
        world.spawn(offload::serve(world.clone(), side.clone(), outboxes));
        if let Some(store) = &store {
            world.spawn(store::serve(world.clone(), store.clone(), answered));
        }
        Self {
            simulation,
            offload: side,
            probes,
            world,
            nodes,
            program: RefCell::new(program),
            old: RefCell::default(),
            upstreams: RefCell::new(upstreams),
            rules: RefCell::new(rules),
            commands,
            store,
            returned,
            figures,
            log,
            records: RefCell::default(),
            log_look: Cell::default(),
        }
    }

    /// Runs until nothing can happen any more, and keeps the log from running over.
    pub fn run_until_idle(&self) {
        while !self.simulation.is_idle() {
            self.simulation.run_for(LOG_LOOK);
            self.collect();
        }
    }

    /// Runs for `time` from now, and keeps the log from running over.
    pub fn run_for(&self, time: Duration) {
        let deadline = self.world.now() + time;
        while self.world.now() < deadline && !self.simulation.is_idle() {
            self.simulation.run_for(deadline.since(self.world.now()).min(LOG_LOOK));
            self.collect();
        }
    }

    /// Gives the workers another snapshot, which came of the last one, and sockets: worker, slot and listener of each.
    /// `taken` is called by each of them.
    ///
    /// # Panics
    /// If a certificate of the snapshot is of no use.
    pub fn publish(
        &self,
        snapshot: Snapshot,
        mut listeners: Vec<(usize, u32, SimListener)>,
        taken: impl Fn() + Clone + Send + 'static,
    ) {
        let security = security(&snapshot, Some(self.program.borrow().security()));
        let (mut upstreams, mut rules) = (self.upstreams.borrow_mut(), self.rules.borrow_mut());
        let now = self.world.now();
        let registries = Registries { figures: &self.figures, upstreams: &mut upstreams, rules: &mut rules, now };
        let program = Program::build(Arc::new(snapshot), registries, Some(&self.program.borrow()), security);
        let program = Arc::new(program);
        self.old.borrow_mut().push(Arc::downgrade(&self.program.replace(program.clone())));
        for (worker, commands) in self.commands.iter().enumerate() {
            let own = listeners.extract_if(.., |listener| listener.0 == worker);
            let listeners = own.map(|(_, slot, listener)| (slot, listener)).collect();
            let publication =
                Publication { program: program.clone(), listeners, moved: Vec::new(), taken: Box::new(taken.clone()) };
            commands.send(Command::Publish(publication));
        }
    }

    /// Reads what applications have used.
    #[must_use]
    pub fn usage(&self) -> UsageReader {
        self.figures.usage()
    }

    /// The connections that are watched.
    #[must_use]
    pub fn probes(&self) -> &Probes {
        &self.probes
    }

    /// Who does what would hold workers up.
    #[must_use]
    pub fn offload(&self) -> &SimOffload {
        &self.offload
    }

    /// The store that nodes share, if there is one.
    #[must_use]
    pub fn store(&self) -> Option<&SimStore> {
        self.store.as_deref()
    }

    /// What the workers were given last.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::clone(self.program.borrow().snapshot())
    }

    /// Programs that were replaced and that somebody still holds.
    #[must_use]
    pub fn old_programs(&self) -> usize {
        self.old.borrow().iter().filter(|program| program.strong_count() > 0).count()
    }

    /// The upstreams of the node by name: the registry's own order is another in each process.
    #[must_use]
    pub fn upstreams(&self) -> Vec<Arc<Upstream>> {
        let mut upstreams: Vec<_> = self.upstreams.borrow().upstreams().cloned().collect();
        upstreams.sort_by(|one, other| one.rules().name.cmp(&other.rules().name));
        upstreams
    }

    /// Tells one worker something.
    pub fn command_one(&self, worker: usize, command: Command<SimListener>) {
        self.commands[worker].send(command);
    }

    /// Has the workers drain.
    pub fn drain(&self) {
        self.commands.iter().for_each(|commands| commands.send(Command::Drain));
    }

    /// Whether every `run` has returned.
    #[must_use]
    pub fn has_returned(&self) -> bool {
        self.returned.get().1 == 0
    }

    /// The figure of the scrape's line that begins with `sample`, 0 without one.
    ///
    /// # Panics
    /// If it is no number.
    #[must_use]
    pub fn sample(&self, sample: &str) -> u64 {
        let scrape = self.scrape();
        let line = scrape.lines().find_map(|line| line.strip_prefix(sample));
        line.map_or(0, |value| value.trim().parse().expect("a figure is a number"))
    }

    /// What the scrape says of a metric, all samples whose labels contain `label` together.
    #[must_use]
    pub fn figure(&self, name: &str, label: &str) -> u64 {
        figure(&self.scrape(), name, label)
    }

    fn scrape(&self) -> String {
        let mut scrape = String::new();
        self.figures.render(&NodeFigures::default(), &mut scrape);
        scrape
    }

    /// Takes the access records that the workers have handed over.
    fn collect(&self) {
        if self.world.now() < self.log_look.get() {
            return;
        }
        self.log_look.set(self.world.now() + LOG_LOOK);
        while let Received::Block(block) = self.log.recv_within(Some(Duration::ZERO)) {
            self.records.borrow_mut().push_str(str::from_utf8(block.bytes()).expect("records are text"));
            self.log.give_back(block);
        }
    }

    /// Drains the workers if they have not ended, and checks that they give everything back and account for everything.
    ///
    /// # Panics
    /// If they do not.
    pub fn end(self) -> Ended {
        self.drain();
        self.run_until_idle();
        assert!(self.has_returned(), "a drained worker returns");
        for counts in self.rules.borrow().counts() {
            assert_eq!(counts.in_flight(), 0, "{:?}: requests in flight after the end", counts.id());
        }
        let Self {
            simulation,
            nodes,
            program,
            old,
            upstreams,
            commands,
            store,
            offload,
            returned,
            figures,
            log,
            records,
            ..
        } = self;
        // Whoever waits for commands may do so until nobody can give any.
        drop(commands);
        offload.end();
        store.iter().for_each(|store| store.end());
        simulation.run_until_idle();
        assert_eq!(simulation.leftovers(), Leftovers::default());
        for worker in 0..nodes.len() {
            let metrics = figures.worker(worker);
            assert_eq!(Arc::strong_count(&metrics), 2, "worker {worker} has ended, and its log with it");
        }
        for member in upstreams.borrow().upstreams().flat_map(|upstream| upstream.endpoints().members().to_vec()) {
            assert_eq!(member.endpoint.in_flight(), 0, "requests in progress after the end");
        }
        let program = program.into_inner();
        assert_eq!(Arc::strong_count(&program), 1, "somebody holds the program after the end");
        assert!(old.borrow().iter().all(|old| old.strong_count() == 0), "somebody holds an old program after the end");
        let mut records = records.into_inner();
        while let Some(block) = log.recv() {
            records.push_str(str::from_utf8(block.bytes()).expect("records are text"));
        }
        let records: Vec<_> = records.lines().map(str::to_owned).collect();
        judge(&figures, &records);
        Ended { at: returned.get().0, records }
    }
}

impl Ended {
    /// The one record there is.
    ///
    /// # Panics
    /// If there is another number of them.
    pub fn record(&self) -> &str {
        assert_eq!(self.records.len(), 1, "{:?}", self.records);
        &self.records[0]
    }

    /// Checks that the one record there is names `reason`.
    ///
    /// # Panics
    /// If it does not.
    pub fn failed_by(&self, reason: Reason) {
        let named = format!("\"reason\":\"{}\"", reason.code());
        assert!(self.record().contains(&named), "{reason}: {}", self.record());
    }
}

fn figure(scrape: &str, name: &str, label: &str) -> u64 {
    let samples: Vec<_> = scrape.lines().filter(|line| line.split(['{', ' ']).next() == Some(name)).collect();
    assert!(scrape.contains(&format!("# TYPE {name} ")), "{name} is no metric");
    let samples = samples.into_iter().filter_map(|line| line.rsplit_once(' '));
    samples.filter(|(labels, _)| labels.contains(label)).map(|(_, value)| value.parse::<u64>().expect("a count")).sum()
}

/// Checks what the scrape says once the workers have ended.
fn judge(figures: &Figures, records: &[String]) {
    let mut scrape = String::new();
    figures.render(&NodeFigures::default(), &mut scrape);
    // By metric, over all labels.
    let mut sums = BTreeMap::new();
    for (metric, value) in scrape.lines().filter_map(|line| line.rsplit_once(' ')) {
        let metric = metric.split('{').next().unwrap_or_default();
        *sums.entry(metric).or_insert(0) += value.parse::<u64>().unwrap_or_default();
    }
    let value = |name: &str| *sums.get(name).unwrap_or_else(|| panic!("{name} is no metric"));
    assert_eq!(value("tollgate_worker_requests_total"), records.len() as u64, "one record for each exchange");
    let [handed, taken] =
        ["handed", "taken"].map(|how| value(&format!("tollgate_worker_connections_{how}_over_total")));
    assert!(taken <= handed, "{taken} of {handed} connections taken");
    let forwarded = records.iter().filter(|record| record.contains(",\"upstream\":")).count();
    let metric = "tollgate_upstream_requests_total";
    assert_eq!(sums.get(metric).copied().unwrap_or_default(), forwarded as u64, "each of them with its upstream");
    for gone in [
        "http_server_active_requests",
        "tollgate_connections_open",
        "tollgate_worker_connections_open",
        "tollgate_buffers_in_use",
        "tollgate_access_records_dropped_total",
    ] {
        assert_eq!(value(gone), 0, "{gone} after the end");
    }
    for gone in ["active_requests", "connections_idle", "connections_parked"] {
        let metric = format!("tollgate_upstream_{gone}");
        assert_eq!(sums.get(&*metric).copied().unwrap_or_default(), 0, "{metric} after the end");
    }
}
