//! Where shares come from: what is asked, who answers, and the thread that does the asking, one batch at a time.
//!
//! ```text
//! desk -> batch -> [thread tollgate-store] -> ShareSource: a Redis (`link`), or whoever the gateway was given
//!      <- answers, or `None`: the store did not answer; said once on standard error when it is lost and when it is back
//! ```
//!
//! A source decides on each ask in one step, by its own clock where time matters; what that step is, the scripts say.
//! Nothing is retried here: a batch that fails may have been done or not.

use crossbeam::channel::{Receiver, Sender};
use std::{fmt, time::Duration};

/// One question to the store.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ask {
    pub(super) rule: u32,
    /// Of the rule and the values of its key.
    pub key: u64,
    /// What is asked for.
    pub of: Of,
    /// How much. Below 0: that many come back.
    pub units: i64,
}

/// What units are asked of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Of {
    /// A count in a window.
    Quota {
        /// Units in the window.
        limit: u64,
        /// The end of the window, in seconds since 1970.
        end_s: i64,
        /// The units are lent already.
        is_debit: bool,
    },
    /// A bucket.
    Bucket {
        /// Microseconds in which a unit comes back; above 0.
        unit_us: f64,
        /// Microseconds in which it fills.
        fill_us: f64,
        /// Units that are given however full it is, if it has them.
        spare: u64,
        /// More only where it takes this many microseconds to be full.
        drained_us: u64,
    },
}

/// Questions that are asked together.
#[derive(Debug, Clone, Copy)]
pub struct ShareBatch<'b> {
    /// What tells this cluster from others of the same store: `cluster.prefix`.
    pub cluster: &'b str,
    /// The same on all nodes that hash keys alike; nobody else may be answered.
    pub probe: u64,
    /// After which an answer is of no use.
    pub deadline: Duration,
    /// At most 512; none, to hear whether the store is there.
    pub asks: &'b [Ask],
}

/// Who lends shares of limits.
pub trait ShareSource: Send {
    /// What is given and what is left, for each question in its order. May block for as long as the deadline.
    ///
    /// # Errors
    /// Why there is no answer; the questions may have been answered all the same.
    fn answer(&mut self, batch: &ShareBatch<'_>) -> Result<Vec<(i64, i64)>, String>;
}

/// What is given and what is left, for each question of a batch; `None` if the store did not answer.
pub(super) type Answers = Option<Vec<(i64, i64)>>;

/// The thread's end.
pub(super) struct Counter {
    pub(super) source: Box<dyn ShareSource>,
    pub(super) cluster: String,
    pub(super) probe: u64,
    pub(super) deadline: Duration,
}

impl Counter {
    /// Answers batches until there are none any more.
    pub(super) fn run(mut self, batches: &Receiver<Vec<Ask>>, answers: &Sender<Answers>) {
        let mut said = Said::of("");
        for asks in batches {
            let (cluster, probe, deadline) = (&*self.cluster, self.probe, self.deadline);
            let result = self.source.answer(&ShareBatch { cluster, probe, deadline, asks: &asks });
            let result = result.and_then(|answers| match answers.len() == asks.len() {
                true => Ok(answers),
                false => Err(format!("{} questions got {} answers", asks.len(), answers.len())),
            });
            said.say(result.as_ref().err());
            if answers.send(result.ok()).is_err() {
                return;
            }
        }
    }
}

/// What was said of a store last.
pub(super) struct Said {
    /// What the store is for, if that is to be told.
    purpose: &'static str,
    is_failing: bool,
}

impl Said {
    /// Of a store for this `purpose`.
    pub(super) const fn of(purpose: &'static str) -> Self {
        Self { purpose, is_failing: false }
    }

    /// Says when the store is lost, and when it is back.
    pub(super) fn say(&mut self, error: Option<&impl fmt::Display>) {
        let purpose = self.purpose;
        match error {
            Some(error) if !self.is_failing => {
                eprintln!("tollgate: WARNING: the store of the cluster is lost{purpose}: {error}");
            }
            None if self.is_failing => eprintln!("tollgate: the store of the cluster is back{purpose}"),
            _ => {}
        }
        self.is_failing = error.is_some();
    }
}
