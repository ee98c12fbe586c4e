//! Shares of limits from a store that nodes have in common: taken ahead of requests, on side threads.
//!
//! ```text
//! worker -> want -> [Desk: what each key needs] -> batch -> [ShareSource] -> answers -> Desk -> Quotas::lend
//! worker -> question -> [Strict: a Link of its own] -> the question with its answer, to the worker
//! ```
//!
//! The thread of the desk never waits for the store: while an answer is late or the store is away it lends out of this
//! node's own part of each limit. The thread of the store does all input and output, one batch at a time; a source is a
//! Redis, or what the gateway was given. Questions are for a Redis alone. Wants that find their queue full are forgotten;
//! they are said again.

mod desk;
mod key;
mod link;
mod script;
mod source;
mod strict;

use crate::secret::Secret;
use ahash::AHashMap;
use crossbeam::{
    channel::{self, Receiver, Sender},
    select,
};
use desk::Desk;
use link::Link;
use source::{Answers, Counter, Said};
pub use source::{Ask, Of, ShareBatch, ShareSource};
use std::{
    fmt, io,
    sync::{
        Arc, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread::{Builder, JoinHandle},
    time::{Duration, Instant},
};
pub use strict::StrictFigures;
use strict::{Asker, MESSAGES_MAX, Message, Post, Strict};
use tollgate_limit::{Lender, Question, Quotas, Shared, Store, Want, WhenLost};
use tollgate_model::{Cluster, ClusterStore, Secret as Hidden};

#[expect(clippy::disallowed_types, reason = "taken by threads that publish and lend; workers never ask")]
type Lock<T> = std::sync::Mutex<T>;

/// Wants that wait for the desk.
const WANTS_MAX: usize = 16 << 10;
/// Wants the desk takes in before it looks at anything else.
const WANTS_AT_ONCE: usize = 1024;
/// For an answer, however patient the desk is: it does not wait there.
const DEADLINE_MIN: Duration = Duration::from_millis(500);
/// Between two looks at what the desk has lent, while there is anything.
const TICK: Duration = Duration::from_millis(5);
/// The same while there is nothing.
const TICK_IDLE: Duration = Duration::from_millis(100);

/// The threads that take shares of limits from the store.
pub struct Shares {
    wishes: Arc<Wishes>,
    nodes: u64,
    is_lost: Arc<AtomicBool>,
    figures: Arc<ShareFigures>,
    /// Of a store that decides on single requests.
    asker: Option<Arc<Asker>>,
    post: Arc<Lock<Option<Post>>>,
    /// Nothing is sent here: that it is gone ends the threads. `None` once they have ended.
    threads: Lock<Option<Threads>>,
}

type Threads = (Sender<()>, Vec<JoinHandle<()>>);

/// What there is to tell of the store.
#[derive(Debug, Default)]
pub struct ShareFigures {
    /// Times the store was lost.
    pub losses: AtomicU64,
    /// Units lent by the store.
    pub lent: AtomicU64,
    /// Units lent out of the node's own part while the store was away.
    pub lent_alone: AtomicU64,
    /// Wants that found their queue full.
    pub wants_dropped: AtomicU64,
}

/// Where workers leave what they want, and rules are registered.
struct Wishes {
    wants: Sender<Want>,
    rules: Lock<Rules>,
    figures: Arc<ShareFigures>,
}

/// Rules that are shared, by numbers that are never used again: what is on its way for one shall not reach another.
#[derive(Default)]
struct Rules {
    by_number: AHashMap<u32, Weak<Quotas>>,
    next: u32,
}

impl Lender for Wishes {
    fn want(&self, want: Want) {
        if self.wants.try_send(want).is_err() {
            self.figures.wants_dropped.fetch_add(1, Relaxed);
        }
    }
}

impl Rules {
    /// Registers a rule, and forgets those that have gone.
    fn add(&mut self, quotas: &Arc<Quotas>) -> u32 {
        self.by_number.retain(|_, quotas| quotas.strong_count() > 0);
        let number = self.next;
        // No node lives through so many changes that it begins anew.
        self.next = self.next.wrapping_add(1);
        self.by_number.insert(number, Arc::downgrade(quotas));
        number
    }
}

impl Wishes {
    fn rules(&self) -> impl std::ops::DerefMut<Target = Rules> {
        // Nothing in between can panic.
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shares {
    /// Starts the threads; the store is reached by them, in its own time. Until then it counts as lost. `fed` lends where
    /// `settings` name no Redis.
    ///
    /// # Errors
    /// No thread can be had, an address cannot be understood, or there is nobody to lend.
    pub fn start(settings: &Cluster, fed: Option<Box<dyn ShareSource>>, probe: u64) -> io::Result<Self> {
        let ((wants, wanted), (end, ended)) = (channel::bounded(WANTS_MAX), channel::bounded(0));
        let (figures, is_lost) = (Arc::<ShareFigures>::default(), Arc::new(AtomicBool::new(true)));
        let wishes = Arc::new(Wishes { wants, rules: Lock::default(), figures: figures.clone() });
        let ((batches, batch), (answer, answers)) = (channel::bounded(1), channel::bounded(1));
        let counter = counter(settings, fed, probe)?;
        let desk = Desk::new(settings.nodes, settings.timeout, is_lost.clone(), figures.clone());
        let office = Office { desk, wishes: wishes.clone(), wanted, batches, answers, ended, start: now() };
        let post = Arc::<Lock<Option<Post>>>::default();
        let strict = match &settings.store {
            ClusterStore::Redis(urls) => Some(strict(urls, settings, probe, (&office.ended, &post))?),
            ClusterStore::ControlPlane => None,
        };
        let (asker, strict) = strict.unzip();
        let mut threads = vec![
            spawn("tollgate-shares", move || office.run())?,
            spawn("tollgate-store", move || counter.run(&batch, &answer))?,
        ];
        if let Some(strict) = strict {
            threads.push(spawn("tollgate-strict", move || strict.run())?);
        }
        let threads = Lock::new(Some((end, threads)));
        Ok(Self { wishes, nodes: settings.nodes, is_lost, figures, asker, post, threads })
    }

    /// The counts of a rule, shared with other nodes; `quotas` are those of this one.
    #[must_use]
    pub fn share(&self, quotas: &Arc<Quotas>, when_lost: WhenLost) -> Shared {
        let rule = self.wishes.rules().add(quotas);
        Shared::new(quotas.clone(), rule, self.nodes, self.wishes.clone(), (when_lost, self.is_lost.clone()))
    }

    /// Who asks the store for requests that wait for it; from now on there is a connection for that. `None`: the store
    /// decides on no single request.
    #[must_use]
    pub fn store(&self) -> Option<Arc<dyn Store>> {
        let asker = self.asker.clone()?;
        // If it is full, others have begun.
        let _ = asker.messages.try_send(Message::Begin);
        Some(asker)
    }

    /// Sets how questions come back to the workers that ask them; until then nobody gets an answer.
    pub fn answer_by(&self, post: impl Fn(Box<Question>) + Send + 'static) {
        self.post.lock().unwrap_or_else(PoisonError::into_inner).replace(Box::new(post));
    }

    /// Gives back what is lent and not used, if the store answers in time, and lends no more.
    pub fn end(&self) {
        let threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some((end, threads)) = threads else { return };
        drop(end);
        for thread in threads {
            if thread.join().is_err() {
                eprintln!("tollgate: a thread of the cluster panicked");
            }
        }
    }

    /// Whether the store cannot be reached, or does not answer those in time who wait for it.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.is_lost.load(Relaxed) || self.asker.as_ref().is_some_and(|asker| asker.is_lost.load(Relaxed))
    }

    /// What there is to tell of questions that requests waited for, if the store answers any.
    #[must_use]
    pub fn strict_figures(&self) -> Option<&StrictFigures> {
        self.asker.as_ref().map(|asker| &*asker.figures)
    }

    /// What there is to tell of the store.
    #[must_use]
    pub fn figures(&self) -> &ShareFigures {
        &self.figures
    }

    /// The secret that keys are hashed with on all nodes.
    #[must_use]
    pub fn secret(settings: &Cluster) -> [u8; crate::SECRET_BYTES] {
        Secret::derived(settings.secret.reveal())
    }
}

/// Who lends: a Redis, or who was given.
fn counter(settings: &Cluster, fed: Option<Box<dyn ShareSource>>, probe: u64) -> io::Result<Counter> {
    let deadline = settings.timeout.max(DEADLINE_MIN);
    let source = match &settings.store {
        ClusterStore::Redis(urls) => Box::new(Link::new(urls, settings, probe, deadline)?),
        ClusterStore::ControlPlane => fed.ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidInput,
                "`cluster.control_plane` is true, and no control plane feeds this node",
            )
        })?,
    };
    Ok(Counter { source, cluster: settings.prefix.clone(), probe, deadline })
}

/// Both ends of the questions that requests wait for. What takes longer than they wait is of no use.
fn strict(
    urls: &[Hidden],
    settings: &Cluster,
    probe: u64,
    (ended, post): (&Receiver<()>, &Arc<Lock<Option<Post>>>),
) -> io::Result<(Arc<Asker>, Strict)> {
    let (messages, asked) = channel::bounded(MESSAGES_MAX);
    let patience = settings.timeout;
    let asker = Asker { messages, is_lost: Arc::default(), figures: Arc::default(), patience, nodes: settings.nodes };
    let strict = Strict {
        link: Link::new(urls, settings, probe, patience)?,
        said: Said::of(" for rules of `mode: strict`"),
        messages: asked,
        ended: ended.clone(),
        is_lost: asker.is_lost.clone(),
        figures: asker.figures.clone(),
        patience,
        post: post.clone(),
        debts: AHashMap::new(),
    };
    Ok((Arc::new(asker), strict))
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    Builder::new().name(name.to_owned()).spawn(run)
}

impl Drop for Shares {
    fn drop(&mut self) {
        self.end();
    }
}

impl fmt::Debug for Shares {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shares").field("is_lost", &self.is_lost()).finish_non_exhaustive()
    }
}

/// The desk's thread.
struct Office {
    desk: Desk,
    wishes: Arc<Wishes>,
    wanted: Receiver<Want>,
    batches: Sender<Vec<Ask>>,
    answers: Receiver<Answers>,
    ended: Receiver<()>,
    start: Instant,
}

impl Office {
    fn run(mut self) {
        let mut is_open = true;
        self.send();
        while is_open {
            let tick = if self.desk.is_idle() { TICK_IDLE } else { TICK };
            select! {
                recv(self.wanted) -> want => want.into_iter().for_each(|want| self.take(want)),
                recv(self.answers) -> answers => answers.into_iter().for_each(|answers| self.desk.answer(answers, self.now())),
                recv(self.ended) -> _ => is_open = false,
                default(tick) => {}
            }
            self.desk.look(self.now());
            self.send();
        }
        self.close();
    }

    fn now(&self) -> u64 {
        now().duration_since(self.start).as_nanos() as u64
    }

    fn take(&mut self, first: Want) {
        let now = self.now();
        for want in std::iter::once(first).chain(self.wanted.try_iter().take(WANTS_AT_ONCE)) {
            if !self.desk.rules.contains_key(&want.rule) {
                self.desk.rules.clone_from(&self.wishes.rules().by_number);
            }
            self.desk.want(&want, now);
        }
    }

    fn send(&mut self) {
        if let Some(batch) = self.desk.batch(self.now()) {
            // One batch at a time is under way, and there is room for one.
            let _ = self.batches.try_send(batch);
        }
    }

    /// Returns all that is not used.
    fn close(mut self) {
        self.desk.give_up(self.now());
        while self.desk.is_waiting() || self.desk.has_returns() {
            self.send();
            if !self.desk.is_waiting() {
                return;
            }
            let Ok(answers) = self.answers.recv_timeout(self.desk.patience()) else { return };
            self.desk.answer(answers, self.now());
            if self.wishes.figures.losses.load(Relaxed) > 0 && self.desk.is_lost() {
                return;
            }
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the seam's clock belongs to the workers, these are threads of their own"
)]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_that_have_gone_take_no_place_and_lend_no_number() {
        let (mut rules, kept) = (Rules::default(), Arc::new(Quotas::new(1)));
        assert_eq!(rules.add(&kept), 0);
        let numbers: Vec<_> = (0..100).map(|_| rules.add(&Arc::new(Quotas::new(1)))).collect();
        assert_eq!(numbers, (1..=100).collect::<Vec<_>>());
        assert_eq!(rules.by_number.len(), 2, "the one that is in use, and the last");
    }
}
