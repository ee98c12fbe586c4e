//! A new snapshot for running workers: sockets for the listeners that are new, one program for all workers, and their word
//! that they run it.
//!
//! All that can fail comes before the first worker hears of it, so that a change that cannot be made changes nothing. Programs
//! that have been replaced are kept until no exchange runs them and are freed here: freeing a large one takes its time, which is
//! not a worker's.

use crate::{
    StartError,
    certificates::SystemClock,
    error::Part,
    housekeeping::Housekeeping,
    inheritance::{Inherited, is_at},
    jwks,
    launch::GatewayCommand,
    limits::ACKNOWLEDGE_MAX,
};
use crossbeam::channel::{self, Receiver};
use std::{
    error::Error,
    fmt, mem,
    net::SocketAddr,
    path::Path,
    sync::{
        Arc, PoisonError, TryLockError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tollgate_balance as balance;
use tollgate_model::{Listener, RuleId, Snapshot};
use tollgate_ring::{BoundListener, ListenerHandle, Outbox, bind, spread};
use tollgate_telemetry::{CertificateFigures, Registry};
use tollgate_worker::{
    FetchedKeys, HashKeys, Probes, Program, Publication, Registries, RuleCounts, RuleRegistry, Security, SecurityError,
    Validity,
};

#[expect(clippy::disallowed_types, reason = "taken by publishing threads only; workers never ask")]
type Lock<T> = std::sync::Mutex<T>;

/// What the workers were given last.
pub(crate) struct Publisher {
    state: Lock<State>,
    figures: Arc<Registry>,
    /// Checks endpoints and resolves their names.
    pub(crate) housekeeping: Housekeeping,
    /// The connections that somebody watches.
    pub(crate) probes: Arc<Probes>,
    /// Test requests on their way.
    pub(crate) debugging: AtomicUsize,
    /// One per worker.
    commands: Vec<Outbox<GatewayCommand>>,
    draining: AtomicBool,
    /// Another process serves.
    handed_over: AtomicBool,
    /// For workers to acknowledge.
    patience: Duration,
    /// The generation each worker runs; 0 before its first.
    running: Arc<[AtomicU64]>,
}

struct State {
    program: Arc<Program>,
    known: Known,
    /// Programs that exchanges may still run.
    replaced: Vec<Arc<Program>>,
    listeners: Vec<Open>,
}

/// A listener that is open.
#[derive(Clone)]
struct Open {
    slot: u32,
    name: String,
    /// With the port that the system chose.
    address: SocketAddr,
    /// In the order of the workers.
    sockets: Vec<ListenerHandle>,
}

/// What outlives a program.
pub(crate) struct Known {
    /// What the node knows of upstreams.
    pub(crate) upstreams: balance::Registry,
    /// What is counted for rules.
    pub(crate) rules: RuleRegistry,
}

/// The sockets of one worker, with the slots of their listeners.
pub(crate) type WorkerListeners = Vec<(u32, BoundListener)>;

/// Parts of a node that a scrape shows.
#[derive(Default)]
pub(crate) struct Parts {
    pub(crate) upstreams: Vec<Arc<balance::Upstream>>,
    pub(crate) rules: Vec<Arc<RuleCounts>>,
    /// Of every listener.
    pub(crate) certificates: Vec<CertificateFigures>,
    /// Keys of issuers that are fetched.
    pub(crate) keys: Vec<Arc<FetchedKeys>>,
}

/// How the sockets of a snapshot's listeners come about where they are not as they were.
struct Sockets {
    /// Slots before and after of listeners that take over the sockets of others.
    moved: Vec<(u32, u32)>,
    /// By worker.
    new: Vec<WorkerListeners>,
    /// What listens where it did not, or under another name.
    listening: Vec<(String, SocketAddr)>,
}

/// A snapshot that workers run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// Its generation.
    pub generation: u64,
    /// Its digest.
    pub digest: u64,
    /// Names and addresses of listeners that are new, or were elsewhere or called otherwise.
    pub listening: Vec<(String, SocketAddr)>,
    /// Numbers of the workers that have not said in time that they run it. They will as soon as they come to it.
    pub behind: Vec<usize>,
}

/// Why a snapshot was not published. Nothing has changed then.
#[derive(Debug)]
pub enum PublishError {
    /// A setting that only a restart can change.
    Fixed {
        /// The key in the file.
        setting: &'static str,
    },
    /// An address could not be had.
    Listener(StartError),
    /// A certificate or key cannot be used.
    Security(SecurityError),
    /// The node is on its way down.
    Draining,
}

impl Publisher {
    pub(crate) fn new(
        program: Arc<Program>,
        figures: Arc<Registry>,
        known: Known,
        housekeeping: Housekeeping,
        commands: Vec<Outbox<GatewayCommand>>,
    ) -> Self {
        let running = commands.iter().map(|_| AtomicU64::new(0)).collect();
        let state = State { program, known, replaced: Vec::new(), listeners: Vec::new() };
        let (state, draining) = (Lock::new(state), AtomicBool::new(false));
        let probes = Arc::default();
        let (debugging, handed_over) = (AtomicUsize::new(0), AtomicBool::new(false));
        Self {
            state,
            figures,
            housekeeping,
            probes,
            debugging,
            commands,
            draining,
            handed_over,
            patience: ACKNOWLEDGE_MAX,
            running,
        }
    }

    /// Opens every listener that `snapshot` has and the workers do not, with sockets that are there already where they fit:
    /// what each worker gets.
    ///
    /// # Errors
    /// An address that cannot be had; nothing is bound then.
    pub(crate) fn bind(&self, snapshot: &Snapshot, inherited: &Inherited) -> Result<Vec<WorkerListeners>, StartError> {
        arrange(&mut self.state(), snapshot, self.running.len(), inherited).map(|sockets| sockets.new)
    }

    /// Name and socket of every listener; one that several workers share, once.
    pub(crate) fn handles(&self) -> Vec<(String, ListenerHandle)> {
        let mut handles: Vec<(String, ListenerHandle)> = Vec::new();
        for open in &self.state().listeners {
            for socket in &open.sockets {
                if !handles.iter().any(|(_, known)| known.is(socket)) {
                    handles.push((open.name.clone(), socket.clone()));
                }
            }
        }
        handles
    }

    /// Name and address of every listener.
    pub(crate) fn listeners(&self) -> Vec<(String, SocketAddr)> {
        self.state().listeners.iter().map(|open| (open.name.clone(), open.address)).collect()
    }

    /// Notes that a worker runs the generation it was started with.
    pub(crate) fn acknowledge(&self, worker: usize, generation: u64) {
        self.running[worker].store(generation, Ordering::Relaxed);
    }

    /// Whether every worker runs something.
    pub(crate) fn is_ready(&self) -> bool {
        self.running.iter().all(|generation| generation.load(Ordering::Relaxed) > 0)
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Takes no more snapshots from now on; says whether that is news.
    pub(crate) fn drain(&self) -> bool {
        !self.draining.swap(true, Ordering::Relaxed)
    }

    /// As [`Publisher::drain`], since another process serves.
    pub(crate) fn leave(&self) {
        self.handed_over.store(true, Ordering::Relaxed);
        self.drain();
    }

    pub(crate) fn has_handed_over(&self) -> bool {
        self.handed_over.load(Ordering::Relaxed)
    }

    /// Sends a command to every worker.
    pub(crate) fn tell(&self, command: impl Fn() -> GatewayCommand) {
        for outbox in &self.commands {
            // It has room for one of each, and those that come here are never sent twice. A worker that has ended needs none.
            let _ = outbox.send(command());
        }
    }

    /// Has every worker drop something as soon as it comes to it: the channel is closed when all have. `None` if a worker
    /// has ended.
    pub(crate) fn ping(&self) -> Option<Receiver<()>> {
        let (answer, answers) = channel::bounded(0);
        let ping = || GatewayCommand::Ping(Box::new(answer.clone()));
        self.commands.iter().all(|outbox| outbox.send(ping()).is_ok()).then_some(answers)
    }

    /// What there is to show; `None` while a snapshot is being published.
    pub(crate) fn parts(&self) -> Option<Parts> {
        let state = self.try_state()?;
        let (snapshot, security) = (state.program.snapshot(), state.program.security());
        let certificates = snapshot.listeners.entries().flat_map(|(slot, entry)| {
            let validity = security.validity(slot).iter();
            let listener = &entry.item.name;
            validity.map(move |Validity { name, key, until_s }| CertificateFigures {
                listener: listener.clone(),
                name: name.clone(),
                key,
                not_after_s: *until_s,
            })
        });
        Some(Parts {
            certificates: certificates.collect(),
            upstreams: state.known.upstreams.upstreams().cloned().collect(),
            rules: state.known.rules.counts().collect(),
            keys: state.known.rules.fetched().iter().collect(),
        })
    }

    /// The counts of a rule by its path, `routes/NAME/quota/NAME`, and what its keys are hashed with: `Some(None)` if there
    /// is none, `None` while a snapshot is being published.
    pub(crate) fn quota_rule(&self, path: &str) -> Option<Option<(Arc<RuleCounts>, HashKeys)>> {
        let state = self.try_state()?;
        let rules = &state.known.rules;
        let (rest, name) = path.rsplit_once('/').unwrap_or_default();
        let (scope, policy) = rest.rsplit_once('/').unwrap_or_default();
        Some(rules.find(scope, policy, name).map(|counts| (counts, rules.keys().clone())))
    }

    /// The paths of all quotas; `None` while a snapshot is being published.
    pub(crate) fn quota_rules(&self) -> Option<Vec<String>> {
        let state = self.try_state()?;
        let paths = state.known.rules.counts().filter(|counts| counts.id().policy == "quota");
        let mut paths: Vec<String> = paths.map(|counts| path(counts.id())).collect();
        paths.sort_unstable();
        Some(paths)
    }

    /// Messages that wait, by worker.
    pub(crate) fn waiting(&self) -> Vec<usize> {
        self.commands.iter().map(Outbox::waiting).collect()
    }

    pub(crate) fn running(&self) -> Vec<u64> {
        self.running.iter().map(|generation| generation.load(Ordering::Relaxed)).collect()
    }

    /// What [`crate::Gateway::publish`] says.
    pub(crate) fn publish(&self, snapshot: Arc<Snapshot>) -> Result<Published, PublishError> {
        let state = &mut *self.state();
        if self.is_draining() {
            return Err(PublishError::Draining);
        }
        if let Some(setting) = fixed(state.program.snapshot(), &snapshot) {
            return Err(PublishError::Fixed { setting });
        }
        let security = Security::build(&snapshot, Some(state.program.security()), SystemClock::shared());
        let security = security.map_err(PublishError::Security)?;
        let sockets = arrange(state, &snapshot, self.commands.len(), &Inherited::default());
        let sockets = sockets.map_err(PublishError::Listener)?;
        let (generation, digest) = (snapshot.generation, snapshot.digest);
        let Known { upstreams, rules } = &mut state.known;
        let registries = Registries { figures: &self.figures, upstreams, rules, now: tollgate_ring::now() };
        let program = Program::build(snapshot, registries, Some(&state.program), security);
        self.housekeeping.publish(&state.known.upstreams, &program);
        jwks::begin(state.known.rules.fetched_mut());
        let last = mem::replace(&mut state.program, Arc::new(program));
        state.replaced.push(last);
        let Sockets { moved, new, listening } = sockets;
        let behind = self.hand_over(&state.program, &moved, new);
        state.replaced.retain(|program| Arc::strong_count(program) > 1);
        Ok(Published { generation, digest, listening, behind })
    }

    /// Gives each worker the program and its sockets; says which have not taken it in time.
    #[expect(clippy::disallowed_methods, reason = "the seam's clock is a worker's, and this is another thread")]
    fn hand_over(&self, program: &Arc<Program>, moved: &[(u32, u32)], new: Vec<WorkerListeners>) -> Vec<usize> {
        let (deadline, generation) = (Instant::now() + self.patience, program.snapshot().generation);
        let (done, acknowledged) = channel::bounded(self.commands.len());
        for (index, (outbox, listeners)) in self.commands.iter().zip(new).enumerate() {
            let (running, done) = (self.running.clone(), done.clone());
            let taken = Box::new(move || {
                running[index].store(generation, Ordering::Relaxed);
                // It has room for all; nobody listens any more when this comes late.
                let _ = done.send(index);
            });
            let publication = Publication { program: program.clone(), listeners, moved: moved.to_vec(), taken };
            // A mailbox is only full when its worker has not looked into it through many of these deadlines.
            if outbox.send(GatewayCommand::Publish(publication)).is_err() {
                eprintln!("tollgate: worker {index} does not take a new configuration");
            }
        }
        drop(done);
        let mut behind: Vec<usize> = (0..self.commands.len()).collect();
        while let Ok(index) = acknowledged.recv_deadline(deadline) {
            behind.retain(|other| *other != index);
        }
        behind
    }

    /// `None` while a snapshot is being published.
    fn try_state(&self) -> Option<impl std::ops::DerefMut<Target = State>> {
        match self.state.try_lock() {
            Ok(state) => Some(state),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    fn state(&self) -> impl std::ops::DerefMut<Target = State> {
        // Whoever panicked while it held the lock had not begun to change anything, or had finished.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn path(id: &RuleId) -> String {
    format!("{}/{}/{}", id.scope, id.policy, id.name)
}

/// The first setting that differs and that running workers cannot change.
fn fixed(old: &Snapshot, new: &Snapshot) -> Option<&'static str> {
    let settings = [
        ("workers", old.workers == new.workers),
        ("io", old.io == new.io),
        ("status", places(old) == places(new)),
        ("access_log", old.access_log == new.access_log),
        ("quota_store", old.quota_store == new.quota_store),
        ("cluster", old.cluster == new.cluster),
    ];
    let tuned = || old.tuning.fixed.difference(&new.tuning.fixed);
    settings.into_iter().find(|(_, is_same)| !is_same).map(|(setting, _)| setting).or_else(tuned)
}

/// Where the status is served; its token may change.
fn places(snapshot: &Snapshot) -> Option<(Option<SocketAddr>, Option<&Path>)> {
    snapshot.status.as_ref().map(|status| (status.bind, status.socket.as_deref()))
}

/// Finds each listener a socket: its own, else the one that is open at its address and that no other listener keeps, else
/// a new one. An open one changes its owner instead of being closed beside a new one: closing resets what waits in it.
fn arrange(
    state: &mut State,
    snapshot: &Snapshot,
    workers: usize,
    inherited: &Inherited,
) -> Result<Sockets, StartError> {
    let mut new: Vec<WorkerListeners> = std::iter::repeat_with(Vec::new).take(workers).collect();
    let (mut moved, mut homeless) = (Vec::new(), Vec::new());
    let (mut listeners, mut listening) = (Vec::with_capacity(snapshot.listeners.len()), Vec::new());
    let mut free = state.listeners.clone();
    for (slot, entry) in snapshot.listeners.entries() {
        let listener = &*entry.item;
        let own = free.iter().position(|open| open.name == listener.name && is_at(listener.bind, open.address));
        let Some(open) = own.map(|own| free.swap_remove(own)) else {
            homeless.push((slot, listener));
            continue;
        };
        moved.extend((open.slot != slot).then_some((open.slot, slot)));
        listeners.push(Open { slot, ..open });
    }
    for (slot, listener) in homeless {
        let name = listener.name.clone();
        let open = match free.iter().position(|open| open.address == listener.bind) {
            Some(found) => {
                let open = free.swap_remove(found);
                moved.push((open.slot, slot));
                Open { slot, name, ..open }
            }
            None => open(slot, listener, (inherited, snapshot.tuning.fixed.backlog), &mut new)?,
        };
        listening.push((open.name.clone(), open.address));
        listeners.push(open);
    }
    listeners.sort_unstable_by_key(|open| open.slot);
    state.listeners = listeners;
    Ok(Sockets { moved, new, listening })
}

/// Gives each of `workers` sockets of a listener: those that were inherited, else new ones; so many connections may wait in each.
fn open(
    slot: u32,
    listener: &Listener,
    (inherited, backlog): (&Inherited, u32),
    workers: &mut [WorkerListeners],
) -> Result<Open, StartError> {
    let part = Part::Listener { name: listener.name.clone(), address: listener.bind };
    let found = inherited.of(listener);
    let bound = if found.is_empty() {
        bind(listener.bind, workers.len()).map(|bound| bound.into_iter().map(|socket| vec![socket]).collect())
    } else {
        spread(&found, workers.len())
    };
    let bound: Vec<Vec<BoundListener>> = bound
        .and_then(|bound| {
            bound.iter().flatten().try_for_each(|socket| socket.set_backlog(backlog))?;
            Ok(bound)
        })
        .map_err(part.failed())?;
    let address = bound.iter().flatten().next().map_or(listener.bind, BoundListener::local);
    let sockets = bound.iter().flatten().map(BoundListener::handle).collect();
    for (worker, sockets) in workers.iter_mut().zip(bound) {
        worker.extend(sockets.into_iter().map(|socket| (slot, socket)));
    }
    Ok(Open { slot, name: listener.name.clone(), address, sockets })
}

impl fmt::Display for PublishError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed { setting } => {
                write!(f, "`{setting}` cannot change while the node runs; restart it to change that")
            }
            Self::Listener(error) => error.fmt(f),
            Self::Security(error) => error.fmt(f),
            Self::Draining => f.write_str("the node is on its way down"),
        }
    }
}

impl Error for PublishError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Listener(error) => error.source(),
            Self::Security(error) => Some(error),
            Self::Fixed { .. } | Self::Draining => None,
        }
    }
}

#[cfg(test)]
impl Publisher {
    /// Of a node that runs `snapshot` on one worker, whose mailbox is all there is of it, and that waits for nobody.
    pub(crate) fn of_one_mailbox(snapshot: &Arc<Snapshot>) -> (Self, tollgate_ring::Inbox<GatewayCommand>) {
        let figures = Registry::new(&[], 1);
        let rules = RuleRegistry::new(HashKeys::random());
        let mut known = Known { upstreams: balance::Registry::default(), rules };
        let Known { upstreams, rules } = &mut known;
        let registries = Registries { figures: &figures, upstreams, rules, now: tollgate_ring::now() };
        let security = Security::build(snapshot, None, SystemClock::shared()).expect("it names no certificates");
        let program = Arc::new(Program::build(snapshot.clone(), registries, None, security));
        let (commands, inbox) = tollgate_ring::mailbox(8).expect("there are descriptors");
        let housekeeping = Housekeeping::launch().expect("there are threads");
        let publisher = Self::new(program, figures, known, housekeeping, vec![commands]);
        publisher.acknowledge(0, snapshot.generation);
        (Self { patience: Duration::ZERO, ..publisher }, inbox)
    }

    /// The figures of the node.
    pub(crate) fn figures(&self) -> &Arc<Registry> {
        &self.figures
    }
}
