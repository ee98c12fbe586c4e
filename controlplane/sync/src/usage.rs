//! What applications have used, on its way from a gateway to the control plane: numbered batches, one at a time.
//!
//! ```text
//! gateway counts -> batch n -> sent until it is acknowledged -> batch n + 1, of what was counted meanwhile
//! ```
//!
//! A batch stays what it is until the other end says that it has it, and is known there by the start of the gateway and its
//! number: so an answer that is lost neither loses nor doubles it. What was counted and not acknowledged when a gateway is
//! killed is lost. Meanwhile counts stay where they are counted, so that memory does not grow while nobody answers.

use serde::{Deserialize, Serialize};
use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher as _, Hasher as _},
};

/// Requests of an application to an API.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Count {
    /// Whose the application is.
    pub tenant: String,
    /// The application, as the contract calls it.
    pub application: String,
    /// The API, as the contract calls it.
    pub api: String,
    /// Answered.
    pub ok: u64,
    /// Refused by a limit.
    pub throttled: u64,
    /// Answered with a status of 500 or more, or not at all.
    pub errors: u64,
}

/// Which batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchId {
    /// Of which start of the gateway: drawn by lot.
    pub start: String,
    /// Which one of that start; they grow.
    pub number: u64,
}

/// What was used since the batch before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageBatch {
    /// Of which start of the gateway.
    pub start: String,
    /// Which one of that start.
    pub number: u64,
    /// Each application and API once.
    #[serde(default)]
    pub used: Vec<Count>,
}

impl UsageBatch {
    /// What it is known by.
    #[must_use]
    pub fn id(&self) -> BatchId {
        BatchId { start: self.start.clone(), number: self.number }
    }
}

/// Makes batches and keeps the one that is on its way.
#[derive(Debug)]
pub struct Reporter {
    start: String,
    number: u64,
    pending: Option<UsageBatch>,
    /// Whether the last batch was full, and was acknowledged.
    has_more: bool,
}

impl Default for Reporter {
    fn default() -> Self {
        Self::new()
    }
}

impl Reporter {
    /// Of a gateway that has just started.
    #[must_use]
    pub fn new() -> Self {
        let start = format!("{:016x}", RandomState::new().build_hasher().finish());
        Self { start, number: 0, pending: None, has_more: false }
    }

    /// What is to be sent: the batch that was not acknowledged, or a new one of what `used` gives for at most `max`.
    pub fn batch(&mut self, max: usize, used: impl FnOnce(usize) -> Vec<Count>) -> Option<&UsageBatch> {
        if self.pending.is_none() {
            let used = used(max);
            self.has_more = used.len() >= max;
            if !used.is_empty() {
                self.number += 1;
                self.pending = Some(UsageBatch { start: self.start.clone(), number: self.number, used });
            }
        }
        self.pending.as_ref()
    }

    /// The other end has answered, and has this batch.
    pub fn answered(&mut self, id: Option<&BatchId>) {
        let is_done = self.pending.as_ref().is_some_and(|pending| id.is_some_and(|id| *id == pending.id()));
        if is_done {
            self.pending = None;
        }
        // One that says nothing may be older than this program: there is no sense in asking it all the time.
        self.has_more &= is_done;
    }

    /// Whether there is more to be sent at once.
    #[must_use]
    pub const fn has_more(&self) -> bool {
        self.has_more
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(ok: u64) -> Vec<Count> {
        vec![Count { application: "a".to_owned(), ok, ..Count::default() }]
    }

    #[test]
    fn a_batch_is_the_same_until_it_is_acknowledged() {
        let mut reporter = Reporter::new();
        assert_eq!(reporter.batch(10, |_| Vec::new()), None);
        let first = reporter.batch(10, |_| counts(1)).unwrap().clone();
        // Its answer was lost, or came from one that does not know what usage is.
        reporter.answered(None);
        assert_eq!(reporter.batch(10, |_| counts(2)), Some(&first));
        reporter.answered(Some(&BatchId { number: 7, ..first.id() }));
        assert_eq!(reporter.batch(10, |_| counts(2)), Some(&first));
        reporter.answered(Some(&first.id()));
        let second = reporter.batch(10, |_| counts(2)).unwrap();
        assert_eq!((second.number, &second.used, &second.start), (2, &counts(2), &first.start));
        assert_ne!(Reporter::new().start, first.start);
    }

    #[test]
    fn what_is_left_is_sent_at_once_to_who_takes_it() {
        let mut reporter = Reporter::new();
        let id = reporter.batch(1, |_| counts(1)).unwrap().id();
        assert!(reporter.has_more());
        reporter.answered(None);
        assert!(!reporter.has_more(), "nobody takes it");
        reporter.answered(Some(&id));
        let id = reporter.batch(1, |_| counts(1)).unwrap().id();
        reporter.answered(Some(&id));
        assert!(reporter.has_more());
        assert_eq!(reporter.batch(1, |_| Vec::new()), None);
        assert!(!reporter.has_more());
    }
}
