//! The budget of retries: what keeps them from making an outage worse.
//!
//! At most a share of the requests in progress may be retries, and a few in any case. One budget is for one upstream and
//! one worker, so that a request changes plain cells only; the node's retries stay within the share because each
//! worker's do. Both counts are guards that give themselves back once.

use std::{cell::Cell, rc::Rc};
use tollgate_model::Retries;

/// The requests and retries of one upstream that are in progress.
#[derive(Debug, Default)]
pub struct RetryBudget {
    requests: Rc<Cell<u32>>,
    retries: Rc<Cell<u32>>,
}

/// One request or retry in progress, until it is dropped.
#[derive(Debug)]
pub struct Slot(Rc<Cell<u32>>);

impl Slot {
    fn take(count: &Rc<Cell<u32>>) -> Self {
        count.set(count.get() + 1);
        Self(count.clone())
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

impl RetryBudget {
    /// Counts a request.
    #[must_use]
    pub fn begin(&self) -> Slot {
        Slot::take(&self.requests)
    }

    /// Counts a retry, if there is room for one.
    #[must_use]
    pub fn retry(&self, rules: &Retries) -> Option<Slot> {
        let share = u64::from(self.requests.get()) * u64::from(rules.budget) / 100;
        let most = share.max(u64::from(rules.budget_min));
        (u64::from(self.retries.get()) < most).then(|| Slot::take(&self.retries))
    }
}
