//! The store that nodes share, played: it decides on questions one by one, after a virtual while, or loses them.
//!
//! It stands behind the same seam as the product's thread (`tollgate_limit::Store`), and what it counts it counts by other
//! means: units in a window, and when a bucket is full in whole nanoseconds. Every question comes back, as the seam wants
//! it; what is lost comes back without an answer, late or not, and the store may have counted it.

use crate::{SimSender, World};
use std::{
    cell::RefCell,
    collections::{BTreeMap, VecDeque},
    future::poll_fn,
    io,
    path::Path,
    rc::Rc,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    task::{Poll, Waker},
    time::Duration,
};
use tollgate_limit::{Debit, Question, Shared, Store, Terms, Unanswered, WhenLost};
use tollgate_model::{Cluster, Source};
use tollgate_worker::Keeper;

/// The way of a gateway to its store.
#[derive(Debug)]
pub struct SimStore {
    patience: Duration,
    nodes: u64,
    asked: Mutex<VecDeque<Box<Question>>>,
    waiting: Mutex<Option<Waker>>,
    owed: Mutex<Vec<Debit>>,
    is_over: AtomicBool,
    is_lost: AtomicBool,
    late: AtomicU64,
}

/// Hands the store to the rules of a gateway.
pub(crate) struct SimKeeper(pub(crate) Option<Arc<SimStore>>);

/// What configurations refer to: the one secret there is.
#[derive(Debug)]
pub struct Secrets;

/// By key and end of its window: units. Of a bucket, with no end: when it is full, in nanoseconds.
type Counts = Rc<RefCell<BTreeMap<(u64, i64), u64>>>;

impl SimStore {
    pub(crate) fn new(settings: &Cluster) -> Arc<Self> {
        Arc::new(Self {
            patience: settings.timeout,
            nodes: settings.nodes,
            asked: Mutex::default(),
            waiting: Mutex::default(),
            owed: Mutex::default(),
            is_over: AtomicBool::new(false),
            is_lost: AtomicBool::new(false),
            late: AtomicU64::new(0),
        })
    }

    /// From now on nobody can ask it, or can again.
    pub fn lose(&self, is_lost: bool) {
        self.is_lost.store(is_lost, Relaxed);
    }

    /// Questions whose answer came too late.
    #[must_use]
    pub fn late(&self) -> u64 {
        self.late.load(Relaxed)
    }

    /// Units that were admitted without it, and that it is told of.
    #[must_use]
    pub fn owed(&self) -> u64 {
        lock(&self.owed).iter().map(|debit| debit.units).sum()
    }

    /// Ends [`serve`].
    pub(crate) fn end(&self) {
        self.is_over.store(true, Relaxed);
        self.wake();
    }

    fn wake(&self) {
        if let Some(waker) = lock(&self.waiting).take() {
            waker.wake();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Decides on questions until the store is ended; `workers` is where each worker awaits its answers.
pub(crate) async fn serve(world: World, store: Arc<SimStore>, workers: Vec<SimSender<Box<Question>>>) {
    let counts = Counts::default();
    loop {
        let question = poll_fn(|context| {
            let question = lock(&store.asked).pop_front();
            if question.is_some() || store.is_over.load(Relaxed) {
                return Poll::Ready(question);
            }
            lock(&store.waiting).replace(context.waker().clone());
            Poll::Pending
        });
        let Some(question) = question.await else { return };
        let worker = workers[question.worker].clone();
        world.spawn(answer(world.clone(), question, counts.clone(), worker));
    }
}

async fn answer(world: World, mut question: Box<Question>, counts: Counts, worker: SimSender<Box<Question>>) {
    let conditions = world.conditions();
    let way = || world.sleep(world.random().within(&conditions.store_nanos));
    way().await;
    if !world.random().chance(conditions.store_loses) {
        decide(&mut question, &mut counts.borrow_mut(), world.now().nanos());
        question.is_answered = !world.random().chance(conditions.store_loses);
    }
    way().await;
    worker.send(question);
}

fn decide(question: &mut Question, counts: &mut BTreeMap<(u64, i64), u64>, now: u64) {
    for count in &mut question.counts {
        let state = counts.get(&(count.key, count.end_s)).copied().unwrap_or(0);
        count.left = match count.terms {
            Terms::Quota(limit) => limit.saturating_sub(state),
            Terms::Bucket { limit, per, burst } => {
                let unit = unit_ns(limit, per);
                (now + burst * unit).saturating_sub(state.max(now)) / unit
            }
        };
        count.has_room = count.units <= count.left;
    }
    if !question.is_admitted() {
        return;
    }
    for count in question.counts.iter_mut().filter(|count| count.has_room) {
        let state = counts.entry((count.key, count.end_s)).or_default();
        count.left -= count.units;
        match count.terms {
            Terms::Quota(_) => *state += count.units,
            Terms::Bucket { limit, per, .. } => *state = now.max(*state) + count.units * unit_ns(limit, per),
        }
    }
}

fn unit_ns(limit: u64, per: Duration) -> u64 {
    (per.as_nanos() as u64).div_ceil(limit)
}

impl Store for SimStore {
    fn ask(&self, question: Box<Question>) -> Result<(), Box<Question>> {
        if self.is_lost.load(Relaxed) {
            return Err(question);
        }
        lock(&self.asked).push_back(question);
        self.wake();
        Ok(())
    }

    fn patience(&self) -> Duration {
        self.patience
    }

    fn nodes(&self) -> u64 {
        self.nodes
    }

    fn note(&self, why: Unanswered) {
        assert_eq!(why, Unanswered::Late, "a simulation is too small for that");
        self.late.fetch_add(1, Relaxed);
    }

    fn owe(&self, debit: Debit) {
        lock(&self.owed).push(debit);
    }
}

impl Source for Secrets {
    fn env(&self, _: &str) -> Option<String> {
        Some("a-secret-of-the-cluster".to_owned())
    }

    fn read(&self, _: &Path) -> io::Result<String> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn list(&self, _: &Path) -> io::Result<Vec<String>> {
        Err(io::ErrorKind::NotFound.into())
    }
}

impl Keeper for SimKeeper {
    fn keep(&self, _: &str, _: &Arc<tollgate_limit::Quotas>) {}

    fn share(&self, _: &Arc<tollgate_limit::Quotas>, _: WhenLost) -> Option<Shared> {
        None
    }

    fn store(&self) -> Option<Arc<dyn Store>> {
        Some(self.0.clone()?)
    }
}
