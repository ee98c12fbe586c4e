//! Questions that requests wait for: the thread that asks the store, and where workers leave what they ask.
//!
//! ```text
//! worker -> Asker::ask -> queue -> [Strict: one batch at a time] -> the store
//!             mailbox of the worker <- the question with its answer
//! ```
//!
//! The thread has a connection of its own, so that loans do not stand before what a client waits for. What comes while a
//! batch is under way makes up the next. A batch that fails, or takes longer than a worker waits, makes the store lost:
//! from then on questions come back at once, until it answers again and has been told what was admitted without it. A
//! queue that is full gives questions back. Nothing is asked twice.

use super::{Lock, link::Link, now, script, source::Said};
use ahash::AHashMap;
use crossbeam::{
    channel::{Receiver, Sender},
    select,
};
use redis::RedisResult;
use std::{
    sync::{
        Arc, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};
use tollgate_limit::{Debit, Question, Store, Unanswered};

/// Questions and debits that wait for the thread.
pub(super) const MESSAGES_MAX: usize = 16 << 10;
/// Questions of a batch.
const BATCH_MAX: usize = 512;
/// Keys of which the store is to be told; what is admitted of more is forgotten, and counted.
const DEBTS_MAX: usize = 1 << 16;
/// Between two tries to reach a store that is lost.
const TRY: Duration = Duration::from_millis(100);
/// A store that nothing is asked of is asked this often whether it is there.
const PING: Duration = Duration::from_millis(500);

/// Takes a question back to the worker that asked it.
pub(super) type Post = Box<dyn Fn(Box<Question>) + Send>;

/// What there is to tell of questions that requests waited for.
#[derive(Debug, Default)]
pub struct StrictFigures {
    /// Questions that the store has answered.
    pub answered: AtomicU64,
    /// Those whose answer did not come in time.
    pub late: AtomicU64,
    /// Those that were not asked or not answered since the store was lost.
    pub lost: AtomicU64,
    /// Those for which there was no room.
    pub full: AtomicU64,
    /// Admissions without the store that it will not be told of.
    pub debits_dropped: AtomicU64,
}

type Batch = Vec<Box<Question>>;

pub(super) enum Message {
    /// There is a rule that asks.
    Begin,
    /// Since when it waits.
    Ask(Instant, Box<Question>),
    Owe(Debit),
}

/// The workers' end.
pub(super) struct Asker {
    pub(super) messages: Sender<Message>,
    pub(super) is_lost: Arc<AtomicBool>,
    pub(super) figures: Arc<StrictFigures>,
    pub(super) patience: Duration,
    pub(super) nodes: u64,
}

/// The thread's end.
pub(super) struct Strict {
    pub(super) link: Link,
    pub(super) said: Said,
    pub(super) messages: Receiver<Message>,
    pub(super) ended: Receiver<()>,
    pub(super) is_lost: Arc<AtomicBool>,
    pub(super) figures: Arc<StrictFigures>,
    pub(super) patience: Duration,
    pub(super) post: Arc<Lock<Option<Post>>>,
    /// By key and end of its window.
    pub(super) debts: AHashMap<(u64, i64), Debit>,
}

impl Store for Asker {
    fn ask(&self, question: Box<Question>) -> Result<(), Box<Question>> {
        if self.is_lost.load(Relaxed) {
            self.figures.lost.fetch_add(1, Relaxed);
            return Err(question);
        }
        self.messages.try_send(Message::Ask(now(), question)).map_err(|refused| {
            self.figures.full.fetch_add(1, Relaxed);
            match refused.into_inner() {
                Message::Ask(_, question) => question,
                Message::Begin | Message::Owe(_) => Box::default(),
            }
        })
    }

    fn patience(&self) -> Duration {
        self.patience
    }

    fn nodes(&self) -> u64 {
        self.nodes
    }

    fn note(&self, why: Unanswered) {
        let count = match why {
            Unanswered::Late => &self.figures.late,
            Unanswered::Full => &self.figures.full,
        };
        count.fetch_add(1, Relaxed);
    }

    fn owe(&self, debit: Debit) {
        if self.messages.try_send(Message::Owe(debit)).is_err() {
            self.figures.debits_dropped.fetch_add(1, Relaxed);
        }
    }
}

impl Strict {
    /// Answers questions until it is told to end.
    pub(super) fn run(mut self) {
        // Without a rule that asks there is no connection.
        select! {
            recv(self.messages) -> _ => {}
            recv(self.ended) -> _ => return,
        }
        let mut batch = Batch::new();
        let mut try_at = now();
        loop {
            let pause = if self.is_lost() { TRY } else { PING };
            select! {
                recv(self.messages) -> message => message.into_iter().for_each(|message| self.take(message, &mut batch)),
                recv(self.ended) -> _ => return,
                default(pause) => try_at = now(),
            }
            while batch.len() < BATCH_MAX
                && let Ok(message) = self.messages.try_recv()
            {
                self.take(message, &mut batch);
            }
            if self.is_lost() {
                self.give_back(&mut batch);
            }
            if !batch.is_empty() || now() >= try_at {
                self.exchange(&mut batch);
                try_at = now() + if self.is_lost() { TRY } else { PING };
            }
        }
    }

    fn is_lost(&self) -> bool {
        self.is_lost.load(Relaxed)
    }

    fn take(&mut self, message: Message, batch: &mut Batch) {
        match message {
            Message::Begin => {}
            // Its worker has decided without it.
            Message::Ask(since, question) if now().duration_since(since) >= self.patience => self.post(question),
            Message::Ask(_, question) => batch.push(question),
            Message::Owe(debit) => {
                let id = (debit.key, debit.end_s);
                if self.debts.len() < DEBTS_MAX || self.debts.contains_key(&id) {
                    self.debts.entry(id).or_insert(Debit { units: 0, ..debit }).units += debit.units;
                } else {
                    self.figures.debits_dropped.fetch_add(1, Relaxed);
                }
            }
        }
    }

    /// Asks a batch, after what the store is owed; with neither, whether it is there.
    fn exchange(&mut self, batch: &mut Batch) {
        let debts: Vec<_> = self.debts.values().take(BATCH_MAX).copied().collect();
        let answered: RedisResult<Vec<Vec<i64>>> = self.link.query(|pipeline, prefix, scripts| {
            debts.iter().for_each(|debit| script::of_debit(debit).add(pipeline, prefix, scripts));
            batch.iter().for_each(|question| script::add_question(question, pipeline, prefix, scripts));
        });
        self.said.say(answered.as_ref().err());
        let Ok(answers) = answered else {
            self.is_lost.store(true, Relaxed);
            return self.give_back(batch);
        };
        for debit in &debts {
            self.debts.remove(&(debit.key, debit.end_s));
        }
        for (mut question, answer) in batch.drain(..).zip(answers.iter().skip(debts.len())) {
            question.is_answered = script::read_answer(&mut question, answer);
            self.figures.answered.fetch_add(1, Relaxed);
            self.post(question);
        }
        // Only then is it known everywhere what was admitted meanwhile.
        if self.debts.is_empty() {
            self.is_lost.store(false, Relaxed);
        }
    }

    fn give_back(&self, batch: &mut Batch) {
        for question in batch.drain(..) {
            self.figures.lost.fetch_add(1, Relaxed);
            self.post(question);
        }
    }

    fn post(&self, question: Box<Question>) {
        // A worker that has ended asks nobody to wait for it.
        let post = self.post.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(post) = &*post {
            post(question);
        }
    }
}
