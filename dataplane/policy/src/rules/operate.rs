//! What operators see of quotas and do to them, while the node runs.
//!
//! A key is told by the values of its parts and hashed by the same function as that of a request, so that an operator and
//! a request mean the same count. A command changes one word, as a request does.

use std::sync::atomic::Ordering::Relaxed;

use super::{
    counts::{Counts, Kept, Registry},
    key::{self, HashKeys, KeyError},
};
use tollgate_limit::Usage;

/// What an operator does to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuotaCommand {
    /// Nothing.
    Show,
    /// Forgets what it has used, and unblocks it.
    Reset,
    /// Lets it use so many units more in this window.
    Grant(u64),
    /// Takes a grant back, if the window it was made in has not ended.
    Withdraw {
        /// As many units as were granted.
        units: u64,
        /// The end of that window, in seconds since 1970.
        end_s: i64,
    },
    /// Admits it nothing more, in no window, until it is reset.
    Block,
}

/// What a key has used of a quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuotaUsage {
    /// Units used in the window; below 0 if more was granted, or lent by other nodes.
    pub used: i64,
    /// Of the rule, without its overrides.
    pub limit: u64,
    /// The end of the window, in seconds since 1970.
    pub end_s: i64,
    /// Whether an operator has blocked it.
    pub is_blocked: bool,
    /// Whether it is counted on other nodes too: `used` is then what this one has beyond what it was lent.
    pub is_shared: bool,
    /// Whether a command was done: a table that is full has no room for a key it does not know.
    pub is_done: bool,
}

impl Registry {
    /// The counts of a rule that runs.
    pub fn find(&self, scope: &str, policy: &str, name: &str) -> Option<std::sync::Arc<Counts>> {
        let is_it = |counts: &Counts| {
            let id = counts.id();
            &*id.scope == scope && id.policy == policy && &*id.name == name
        };
        self.counts().find(|counts| is_it(counts))
    }
}

impl Counts {
    /// Does a command to the key of a quota and says what it has used then; `None` if this is no quota.
    ///
    /// # Errors
    /// The values are not those of a key of the rule.
    pub fn operate(
        &self,
        keys: &HashKeys,
        values: &[String],
        command: QuotaCommand,
        now_s: i64,
    ) -> Result<Option<QuotaUsage>, KeyError> {
        let (quotas, windows, is_shared) = match &self.kept {
            Kept::Quotas(quotas, windows) => (quotas, windows, false),
            Kept::Shared(shared, Some(windows)) => (shared.quotas(), windows, true),
            Kept::Strict(strict, Some(windows)) if let Some(quotas) = strict.quotas() => (quotas, windows, true),
            Kept::Shared(_, None) | Kept::Strict(..) | Kept::Buckets(_) | Kept::InFlight(_) => return Ok(None),
        };
        let key = key::of_values(keys, self.id(), &self.shape.key, values)?;
        let window = windows.at(now_s);
        let is_done = match command {
            QuotaCommand::Show => true,
            QuotaCommand::Reset => quotas.reset(key, &window, now_s),
            QuotaCommand::Grant(units) => quotas.grant(key, units, &window, now_s),
            QuotaCommand::Withdraw { units, end_s } => {
                if window.end_s == end_s {
                    quotas.charge(key, units, &window, now_s);
                }
                true
            }
            QuotaCommand::Block => quotas.block(key, &window, now_s),
        };
        let usage = quotas.show(key);
        let is_blocked = usage.as_ref().is_some_and(Usage::is_blocked);
        let used = if is_blocked { 0 } else { quotas.used_in(key, &window) };
        let limit = self.limit.load(Relaxed);
        Ok(Some(QuotaUsage { used, limit, end_s: window.end_s, is_blocked, is_shared, is_done }))
    }
}
