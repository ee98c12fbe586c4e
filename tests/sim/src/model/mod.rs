//! A model beside a whole gateway: scripted clients and origins, and what must hold of every exchange between them.
//!
//! ```text
//! visitor (client) --plan--> gateway --> served (origin)
//!        \---- told ---> [Model: notes] <--- begun, whole ---/      records --> judge
//! ```
//!
//! Checked where it happens: no reply without its request, nothing of one exchange in another, bodies whole, hop-by-hop
//! fields gone, no credential passed on, nothing sent twice that must not be, one snapshot per exchange, limits kept, no failure without an excuse.
//! Checked at the end: one access record for each exchange, saying what the client was told, and what rules admitted and
//! refused. A breach is a panic, in the
//! run and at the moment where it happens.

pub(crate) mod credentials;
mod forms;
mod judge;
mod limits;
mod mishap;
mod notes;
mod plan;
mod records;
mod served;
mod visitor;

pub use forms::{BAD_ANSWERS, BAD_REQUESTS, BadForm, MARK};
pub use limits::{Limit, LimitKind};
pub use mishap::{ENDING, Mishap, Mishaps};
pub use plan::{Expected, Habits, Plan, SMALL_BODY_BYTES, Served};

use crate::{Fault, Faults, Origin, Random, World, gateway::listen};
use notes::{Note, Outcome};
use served::Serving;
use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    net::SocketAddr,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// What of a run's configuration and world the judge has to know.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// How peers behave.
    pub habits: Habits,
    /// What may go wrong in the network.
    pub faults: Faults,
    /// Workers, each with a listener.
    pub workers: usize,
    /// The share of connections that go to the first worker, beside its fair one.
    pub imbalance: f64,
    /// Tries of a request that may be repeated, for other failures than that of a connect; 1 for no repetition.
    pub attempts: usize,
    /// Whether a 503 is one of those failures.
    pub repeats_unavailable: bool,
    /// Exchanges of a connection to an endpoint, at most.
    pub upstream_requests_max: Option<usize>,
    /// Exchanges of a client's connection, at most.
    pub requests_per_connection: Option<usize>,
    /// Connections of a worker to an endpoint, at most.
    pub upstream_connections_max: Option<usize>,
    /// Connections of clients, at most, over all workers.
    pub connections_max: Option<usize>,
    /// Endpoints are ejected for their failures.
    pub ejects: bool,
    /// Rules of the route `x`.
    pub limits: [Option<Limit>; 3],
    /// Questions to the store that nodes share come to nothing, and nobody is admitted for them.
    pub loses_store: bool,
    /// The upstream has a breaker.
    pub breaks: bool,
    /// Copies of answers are given while the breaker is open.
    pub copies: bool,
    /// The upstream has a limit of requests in progress.
    pub adapts: bool,
    /// What the upstream `main` may be sent: in a second, and at once.
    pub throughput: Option<(u64, u64)>,
    /// A request that may be repeated may go to two endpoints at one time.
    pub hedges: bool,
    /// The gateway answers some requests with an error on purpose.
    pub injects: bool,
    /// Every message of an exchange is marked with the snapshot that it ran on.
    pub marks_generation: bool,
}

/// The model of one run.
#[derive(Debug)]
pub struct Model {
    pub(super) world: World,
    pub(super) rules: Rules,
    notes: RefCell<BTreeMap<u64, Note>>,
    /// By [`Mishap`]: how often it happened.
    happened: RefCell<[u64; Mishap::ALL.len()]>,
    /// Clients that have not ended.
    visitors: Cell<usize>,
    /// Requests that were sent.
    sent: Cell<usize>,
    /// Heads that have reached origins of `main`.
    reached: Cell<u64>,
    /// The last snapshot that was published, and the last that all workers have said to have taken.
    published: Cell<u64>,
    settled: Arc<AtomicU64>,
}

/// How the exchanges of a run ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ends {
    /// Answered by an origin.
    pub answered: u64,
    /// Answered by the gateway with a copy of another's answer.
    pub copied: u64,
    /// Answered or refused by the gateway itself.
    pub refused: u64,
    /// Without a whole answer.
    pub failed: u64,
    /// Behind the last answer of their connection.
    pub dropped: u64,
    /// Nobody waited for their end.
    pub lost: u64,
    /// Never asked.
    pub unsent: u64,
}

impl Ends {
    /// Those that were sent.
    #[must_use]
    pub const fn exchanges(&self) -> u64 {
        self.answered + self.copied + self.refused + self.failed + self.dropped + self.lost
    }
}

impl Model {
    /// Starts an origin at each of `origins`, the last of them of another upstream than `main`, and `clients` clients, with `requests` requests each.
    #[must_use]
    pub fn start(world: &World, rules: Rules, origins: &[SocketAddr], clients: usize, requests: usize) -> Started {
        let model = Rc::new(Self {
            world: world.clone(),
            rules,
            notes: RefCell::default(),
            happened: RefCell::new([0; Mishap::ALL.len()]),
            visitors: Cell::new(clients),
            sent: Cell::new(0),
            reached: Cell::new(0),
            published: Cell::new(1),
            settled: Arc::new(AtomicU64::new(1)),
        });
        let serve = |(number, &at)| {
            let is_main = number + 1 < origins.len();
            Origin::scripted(world, at, Serving { model: model.clone(), is_main })
        };
        let origins = origins.iter().enumerate().map(serve).collect();
        for number in 0..clients {
            let token = |at| (world.random().next() >> 40 << 16) + (number * requests + at) as u64;
            let tokens: Vec<u64> = (0..requests).map(token).collect();
            let mut notes = model.notes.borrow_mut();
            tokens.iter().for_each(|&token| drop(notes.insert(token, Note::new(rules.habits.plan(token), number))));
            world.spawn(visitor::visit(model.clone(), number, tokens.into()));
        }
        Started { model, origins }
    }

    /// Whether every client has come to its end.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.visitors.get() == 0
    }

    /// Requests that were sent so far.
    #[must_use]
    pub fn sent(&self) -> usize {
        self.sent.get()
    }

    /// Whether a mishap of the operator happens at this turn; counted by [`Model::happens`].
    #[must_use]
    pub fn strikes(&self, mishap: Mishap) -> bool {
        self.world.random().chance(self.rules.habits.mishaps.probability(mishap))
    }

    /// Counts a mishap.
    pub fn happens(&self, mishap: Mishap) {
        self.happened.borrow_mut()[mishap as usize] += 1;
    }

    /// How often `mishap` happened.
    #[must_use]
    pub fn happened(&self, mishap: Mishap) -> u64 {
        self.happened.borrow()[mishap as usize]
    }

    /// Takes note that a snapshot is published. What is returned is to be called by every worker that has taken it.
    pub fn publishes(&self, generation: u64) -> impl Fn() + Clone + Send + 'static {
        self.published.set(generation);
        let (settled, taken, workers) = (self.settled.clone(), Arc::new(AtomicU64::new(0)), self.rules.workers as u64);
        move || {
            if taken.fetch_add(1, Ordering::Relaxed) + 1 == workers {
                settled.fetch_max(generation, Ordering::Relaxed);
            }
        }
    }

    fn settled(&self) -> u64 {
        self.settled.load(Ordering::Relaxed)
    }

    /// Where the next connection of a client goes; not where most go, if it `was_refused`.
    fn door(&self, random: &Random, was_refused: bool) -> SocketAddr {
        let is_first = !was_refused && random.chance(self.rules.imbalance);
        listen(if is_first { 0 } else { random.index(self.rules.workers) })
    }

    /// Whether the network may lose or break something.
    fn is_rough(&self) -> bool {
        let faults = &self.rules.faults;
        Fault::ALL.iter().any(|&fault| fault.loses() && faults.probability(fault) > 0.0)
    }

    /// Whether any of the operator's `mishaps` has happened so far.
    fn has_seen(&self, mishaps: &[Mishap]) -> bool {
        mishaps.iter().any(|&mishap| self.happened(mishap) > 0)
    }

    /// Whether any of the peers' `mishaps` may happen.
    fn may(&self, mishaps: &[Mishap]) -> bool {
        self.rules.habits.mishaps.any(mishaps)
    }

    /// How the exchanges ended so far.
    #[must_use]
    pub fn ends(&self) -> Ends {
        let mut ends = Ends::default();
        for note in self.notes.borrow().values() {
            *match &note.outcome {
                Outcome::Unsent => &mut ends.unsent,
                Outcome::Pending | Outcome::Lost => &mut ends.lost,
                Outcome::Dropped => &mut ends.dropped,
                Outcome::Failed => &mut ends.failed,
                Outcome::Told(told) if told.by_origin => &mut ends.answered,
                Outcome::Told(told) if told.by_copy => &mut ends.copied,
                Outcome::Told(_) => &mut ends.refused,
            } += 1;
        }
        ends
    }
}

/// A model under way, and its origins.
#[derive(Debug)]
pub struct Started {
    /// The model.
    pub model: Rc<Model>,
    /// By address.
    pub origins: Vec<Rc<Origin>>,
}
