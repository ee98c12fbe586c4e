//! The workers of a run as a whole: starting them together, telling how they go, merging what they measured.
//!
//! Each is a thread pinned to its CPU with a runtime of its own, io_uring or epoll where that is refused. The calling
//! thread sleeps between their messages.

use super::{
    End, Failure, Interval, Phase, Plan, Progress, Recording, Stop, limits,
    schedule::Share,
    secure::Secure,
    tally::{Tick, Totals},
    wire,
    worker::{Orders, Worker},
};
use monoio::{IoUringDriver, LegacyDriver, RuntimeBuilder};
use nix::{
    sched::{CpuSet, sched_getaffinity, sched_setaffinity},
    unistd::Pid,
};
use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread::JoinHandle,
    time::Instant,
};

/// io_uring entries of a worker: it waits for one thing, its set of sockets.
const RING_ENTRIES: u32 = 64;

/// How long the workers have to come to their start.
const START_NANOS: u64 = 5_000_000;

/// What a worker says.
#[derive(Debug)]
pub(super) enum News {
    /// Its connections are made or have failed.
    Ready(usize, Totals),
    Tick(usize, Box<Tick>),
    Done(Result<Box<Recording>, String>),
}

/// What is told to all workers.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) stop: Stop,
    /// When to begin, on the workers' clock; 0 before that is known.
    start: AtomicU64,
    is_unreachable: AtomicBool,
}

impl Shared {
    pub(super) fn start(&self) -> Option<u64> {
        Some(self.start.load(Relaxed)).filter(|&start| start > 0)
    }

    pub(super) fn is_unreachable(&self) -> bool {
        self.is_unreachable.load(Relaxed)
    }
}

/// The workers of one run, as their owner sees them.
struct Crew<'a> {
    orders: Arc<Orders>,
    shared: Arc<Shared>,
    news: Receiver<News>,
    threads: Vec<JoinHandle<()>>,
    watch: &'a dyn Fn(&Progress),
    /// What each told last.
    phases: Vec<Phase>,
    totals: Vec<Totals>,
    interval: Interval,
    ready: usize,
    failure: Option<String>,
    recordings: Vec<Recording>,
}

/// Carries out a plan that was checked and resolved.
pub(super) fn run(plan: &Plan, watch: &dyn Fn(&Progress), stop: &Stop) -> Result<Recording, Failure> {
    let cpus = cpus(plan)?;
    let secure = Secure::new(plan)?;
    let orders = Arc::new(Orders { plan: plan.clone(), wires: wire::prepare(plan), secure, base: Instant::now() });
    let shared = Shared { stop: stop.clone(), start: AtomicU64::new(0), is_unreachable: AtomicBool::new(false) };
    let (sender, news) = channel();
    let mut crew = Crew {
        orders,
        shared: Arc::new(shared),
        news,
        threads: Vec::new(),
        watch,
        phases: vec![Phase::Opening; cpus.len()],
        totals: vec![Totals::default(); cpus.len()],
        interval: Interval::default(),
        ready: 0,
        failure: None,
        recordings: Vec::new(),
    };
    for (index, &cpu) in cpus.iter().enumerate() {
        crew.spawn(Share { index, of: cpus.len() }, cpu, sender.clone());
    }
    drop(sender);
    crew.attend();
    crew.end()
}

/// One CPU for each worker.
fn cpus(plan: &Plan) -> Result<Vec<usize>, Failure> {
    let failed = |error: nix::Error| Failure::Start(format!("asking which CPUs are allowed: {error}"));
    let allowed = sched_getaffinity(Pid::from_raw(0)).map_err(failed)?;
    let allowed = || (0..CpuSet::count()).filter(|&cpu| allowed.is_set(cpu).unwrap_or(false));
    let mut cpus = plan.workers.clone().unwrap_or_else(|| allowed().take(limits::WORKERS_MAX).collect());
    cpus.truncate(plan.connections);
    Ok(cpus)
}

impl Crew<'_> {
    fn spawn(&mut self, share: Share, cpu: usize, news: Sender<News>) {
        let (orders, shared) = (self.orders.clone(), self.shared.clone());
        let work = move || {
            let outcome = work(&orders, &shared, share, cpu, news.clone());
            // The owner waits for it, unless it has failed itself.
            let _ =
                news.send(News::Done(outcome.map(Box::new).map_err(|error| format!("worker on CPU {cpu}: {error}"))));
        };
        match std::thread::Builder::new().name(format!("load {}", share.index)).spawn(work) {
            Ok(thread) => self.threads.push(thread),
            Err(error) => self.fail(format!("starting a thread: {error}")),
        }
    }

    fn fail(&mut self, why: String) {
        self.failure.get_or_insert(why);
        self.shared.is_unreachable.store(true, Relaxed);
    }

    /// Listens until all workers have ended.
    fn attend(&mut self) {
        let mut told = Instant::now();
        loop {
            let wait = limits::INTERVAL.saturating_sub(told.elapsed());
            match self.news.recv_timeout(wait) {
                Ok(news) => self.hear(news),
                Err(RecvTimeoutError::Timeout) => {
                    told = Instant::now();
                    self.tell();
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn hear(&mut self, news: News) {
        match news {
            News::Ready(index, totals) => {
                self.totals[index] = totals;
                self.ready += 1;
                if self.ready == self.phases.len() && !self.give_up() {
                    self.shared.start.store(self.orders.now() + START_NANOS, Relaxed);
                }
            }
            News::Tick(index, tick) => {
                let Tick { phase, totals, interval } = *tick;
                (self.phases[index], self.totals[index]) = (phase, totals);
                self.interval.merge(&interval);
                let since = self.orders.now().saturating_sub(self.shared.start().unwrap_or(u64::MAX));
                if since > limits::OPENING_MAX.as_nanos() as u64 {
                    self.give_up();
                }
            }
            News::Done(Ok(recording)) => self.recordings.push(*recording),
            News::Done(Err(why)) => self.fail(why),
        }
    }

    /// Ends the run if nothing has worked so far, and something has been tried.
    fn give_up(&mut self) -> bool {
        let nothing = self.totals.iter().all(|totals| totals.made == 0);
        let gives_up = nothing && self.totals.iter().any(|totals| totals.errors > 0);
        if gives_up {
            self.shared.is_unreachable.store(true, Relaxed);
        }
        gives_up
    }

    fn tell(&mut self) {
        let sum = |of: fn(&Totals) -> u64| self.totals.iter().map(of).sum();
        let plan = &self.orders.plan;
        let now = self.orders.now();
        let progress = Progress {
            phase: self.phases.iter().min().copied().unwrap_or_default(),
            elapsed: std::time::Duration::from_nanos(now.saturating_sub(self.shared.start().unwrap_or(now))),
            planned: plan.warmup + plan.duration,
            sent: sum(|totals| totals.sent),
            answered: sum(|totals| totals.answered),
            errors: sum(|totals| totals.errors),
            in_flight: sum(|totals| totals.in_flight),
            waiting: sum(|totals| totals.waiting),
            connections: sum(|totals| totals.connections),
            interval: std::mem::take(&mut self.interval),
        };
        (self.watch)(&progress);
    }

    fn end(self) -> Result<Recording, Failure> {
        let count = self.threads.len();
        let panicked = self.threads.into_iter().filter_map(|thread| thread.join().err()).count();
        if let Some(why) = self.failure {
            return Err(Failure::Start(why));
        }
        if panicked > 0 {
            return Err(Failure::Start(format!("{panicked} of {count} workers panicked")));
        }
        let mut whole = Recording::default();
        self.recordings.into_iter().for_each(|recording| whole.merge(recording));
        if self.shared.is_unreachable() {
            whole.end = End::Unreachable;
        }
        Ok(whole)
    }
}

/// The thread of one worker.
fn work(orders: &Orders, shared: &Shared, share: Share, cpu: usize, news: Sender<News>) -> io::Result<Recording> {
    let mut cpus = CpuSet::new();
    let pinned = cpus.set(cpu).and_then(|()| sched_setaffinity(Pid::from_raw(0), &cpus));
    pinned.map_err(|error| io::Error::other(format!("it cannot run there: {error}")))?;
    let work = async { Worker::new(orders, shared, news, share)?.run().await };
    match ring() {
        Ok(mut ring) => ring.block_on(work),
        Err(_) => RuntimeBuilder::<LegacyDriver>::new().build()?.block_on(work),
    }
}

fn ring() -> io::Result<monoio::Runtime<IoUringDriver>> {
    let mut builder = io_uring::IoUring::builder();
    builder.setup_single_issuer().setup_defer_taskrun().setup_coop_taskrun();
    RuntimeBuilder::<IoUringDriver>::new().uring_builder(builder).with_entries(RING_ENTRIES).build()
}
