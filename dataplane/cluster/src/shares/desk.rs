//! Decides what is asked of the store for which key, and hands out what comes back. Pure: time is an argument, and the
//! store is whoever answers the batches.
//!
//! ```text
//! want -> pending -> batch (one under way) -> answer -> lend
//!            `-> lost: lend_alone, a debit in the first batch after
//! ```
//!
//! The store counts as lost from a failed batch, or one that is late, until the next that is answered. A key that was not
//! wanted for [`IDLE_NS`] gives back what it has not used and is forgotten.

use super::{
    ShareFigures,
    key::Key,
    source::{Answers, Ask, Of},
};
use ahash::AHashMap;
use std::{
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};
use tollgate_limit::{Quotas, Terms, Want};

/// Questions of a batch.
const BATCH_MAX: usize = 512;
/// Keys that are known; wants of further ones are not heard until others are forgotten.
const KEYS_MAX: usize = 1 << 20;
/// A key that is not wanted for so long is forgotten.
const IDLE_NS: u64 = 1_000_000_000;
/// Between two looks for such.
const SWEEP_NS: u64 = 250_000_000;
/// A store that nothing is wanted of is asked this often whether it is there.
const ASK_NS: u64 = 500_000_000;
/// Between two tries to reach a store that is lost.
const TRY_NS: u64 = 100_000_000;

type Id = (u32, u64);

pub(super) struct Desk {
    nodes: u64,
    patience: Duration,
    /// By number; a rule that has gone is nobody's.
    pub(super) rules: AHashMap<u32, Weak<Quotas>>,
    keys: AHashMap<Id, Key>,
    pending: Vec<Id>,
    /// Keys whose use outruns their wants, or which must use what they have soon.
    hot: Vec<Id>,
    /// Units that go back, and debits: asked first.
    returns: Vec<Ask>,
    /// What is asked now, since when.
    waiting: Option<(u64, Vec<Ask>)>,
    swept_ns: u64,
    try_ns: u64,
    ask_ns: u64,
    is_lost: Arc<AtomicBool>,
    figures: Arc<ShareFigures>,
}

impl Desk {
    pub(super) fn new(nodes: u64, patience: Duration, is_lost: Arc<AtomicBool>, figures: Arc<ShareFigures>) -> Self {
        Self {
            nodes,
            patience,
            rules: AHashMap::new(),
            keys: AHashMap::new(),
            pending: Vec::new(),
            hot: Vec::new(),
            returns: Vec::new(),
            waiting: None,
            swept_ns: 0,
            try_ns: 0,
            ask_ns: 0,
            is_lost,
            figures,
        }
    }

    pub(super) const fn patience(&self) -> Duration {
        self.patience
    }

    pub(super) fn is_lost(&self) -> bool {
        self.is_lost.load(Relaxed)
    }

    pub(super) const fn is_waiting(&self) -> bool {
        self.waiting.is_some()
    }

    pub(super) fn has_returns(&self) -> bool {
        !self.returns.is_empty()
    }

    pub(super) fn is_idle(&self) -> bool {
        self.keys.is_empty() && self.returns.is_empty() && self.waiting.is_none()
    }

    /// Takes in what a worker wants.
    pub(super) fn want(&mut self, want: &Want, now: u64) {
        let id = (want.rule, want.key);
        if !self.keys.contains_key(&id) && self.keys.len() >= KEYS_MAX {
            return;
        }
        let key = self.keys.entry(id).or_insert_with(|| Key::new(want, now));
        key.wanted(want, now);
        if !key.is_pending && !key.is_paused(now) {
            key.is_pending = true;
            self.pending.push(id);
        }
    }

    /// What time brings: answers that are late, keys that need more before they say so, keys that need nothing any more.
    pub(super) fn look(&mut self, now: u64) {
        if let Some((since, _)) = &self.waiting
            && now.saturating_sub(*since) > self.patience.as_nanos() as u64
        {
            self.lose();
        }
        self.look_at_hot(now);
        if self.is_lost() {
            self.lend_alone(now);
        }
        if now.saturating_sub(self.swept_ns) >= SWEEP_NS {
            self.swept_ns = now;
            self.sweep(now);
        }
    }

    fn look_at_hot(&mut self, now: u64) {
        let (keys, pending, rules, nodes) = (&mut self.keys, &mut self.pending, &self.rules, self.nodes);
        self.hot.retain(|id| {
            let Some((key, quotas)) = keys.get_mut(id).zip(quotas(rules, id.0)) else { return false };
            let mut used = quotas.used_in(id.1, &key.window);
            key.look(used, nodes, now);
            if key.is_overdue(used, now) {
                // Behind it the bucket may be full again: both together were too much.
                key.returned(quotas.take_back(id.1, &key.window));
                used = used.max(0);
            }
            if key.is_hot && !key.is_pending && !key.is_paused(now) && key.need(used, nodes) > 0 {
                key.is_pending = true;
                pending.push(*id);
            }
            key.is_listed = key.is_hot || key.has_due();
            key.is_listed
        });
    }

    /// What to ask next, if nothing is under way; nothing at all to hear whether the store is there.
    pub(super) fn batch(&mut self, now: u64) -> Option<Vec<Ask>> {
        if self.waiting.is_some() || (self.is_lost() && now < self.try_ns) {
            return None;
        }
        let rest = self.returns.split_off(self.returns.len().min(BATCH_MAX));
        let mut batch = std::mem::replace(&mut self.returns, rest);
        let room = self.pending.len().min(BATCH_MAX - batch.len());
        let asked: Vec<Id> = self.pending.drain(..room).collect();
        batch.extend(asked.into_iter().filter_map(|id| self.ask(id, now)));
        if batch.is_empty() && !self.is_lost() && now < self.ask_ns {
            return None;
        }
        (self.try_ns, self.ask_ns) = (now + TRY_NS, now + ASK_NS);
        self.waiting = Some((now, batch.clone()));
        Some(batch)
    }

    fn ask(&mut self, id: Id, now: u64) -> Option<Ask> {
        let (need, used) = self.need(id, now)?;
        let of = self.keys.get(&id)?.of(false, used, self.nodes);
        // Below the highest limit, which is far below.
        (need > 0).then_some(Ask { rule: id.0, key: id.1, of, units: need as i64 })
    }

    /// What a pending key needs, and what it has used beyond what it was lent; it is not pending any more.
    fn need(&mut self, id: Id, now: u64) -> Option<(u64, i64)> {
        let key = self.keys.get_mut(&id)?;
        key.is_pending = false;
        let used = quotas(&self.rules, id.0)?.used_in(id.1, &key.window);
        key.look(used, self.nodes, now);
        list(key, id, &mut self.hot);
        Some((key.need(used, self.nodes), used))
    }

    /// Hands out what the store gave, or notes that it is lost.
    pub(super) fn answer(&mut self, answers: Answers, now: u64) {
        let Some((sent, batch)) = self.waiting.take() else { return };
        let Some(answers) = answers else {
            // What was to go back is lost to all in this window; a debit is told again.
            self.returns.extend(batch.into_iter().filter(|ask| matches!(ask.of, Of::Quota { is_debit: true, .. })));
            self.lose();
            return self.lend_alone(now);
        };
        if self.is_lost.swap(false, Relaxed) {
            self.settle();
        }
        for (ask, (given, left)) in batch.iter().zip(answers) {
            let is_loan = ask.units > 0 && !matches!(ask.of, Of::Quota { is_debit: true, .. });
            if is_loan {
                let key = self.keys.get_mut(&(ask.rule, ask.key));
                let (given, left) = (given.max(0).unsigned_abs(), left.max(0).unsigned_abs());
                let lent = key.zip(quotas(&self.rules, ask.rule)).is_some_and(|(key, quotas)| {
                    let is_lent = hand_out(key, ask, &quotas, (given, left), (sent, now));
                    list(key, (ask.rule, ask.key), &mut self.hot);
                    is_lent
                });
                self.figures.lent.fetch_add(given, Relaxed);
                if !lent && matches!(ask.of, Of::Quota { .. }) {
                    self.returns.push(Ask { units: -(given as i64), ..*ask });
                }
            }
        }
    }

    fn lose(&mut self) {
        if !self.is_lost.swap(true, Relaxed) {
            self.figures.losses.fetch_add(1, Relaxed);
        }
    }

    /// Lends what is pending out of the node's own part.
    fn lend_alone(&mut self, now: u64) {
        for id in std::mem::take(&mut self.pending) {
            let Some((need, _)) = self.need(id, now).filter(|(need, _)| *need > 0) else { continue };
            let Some((key, quotas)) = self.keys.get_mut(&id).zip(quotas(&self.rules, id.0)) else { continue };
            let given = key.lend_alone(need, self.nodes, now);
            quotas.lend(id.1, given, &key.window);
            self.figures.lent_alone.fetch_add(given, Relaxed);
        }
    }

    /// Tells the store, which is back, what was lent without it.
    fn settle(&mut self) {
        for (id, key) in self.keys.iter_mut().filter(|(_, key)| key.alone > 0) {
            let units = std::mem::take(&mut key.alone) as i64;
            self.returns.push(Ask { rule: id.0, key: id.1, of: key.of(true, 0, self.nodes), units });
        }
    }

    /// Forgets keys that are not wanted any more, and takes back what they have not used.
    fn sweep(&mut self, now: u64) {
        let is_lost = self.is_lost();
        let (rules, returns, nodes) = (&self.rules, &mut self.returns, self.nodes);
        self.keys.retain(|id, key| {
            let is_idle = now.saturating_sub(key.wanted_ns) >= IDLE_NS && !key.is_hot && !key.is_pending;
            let (true, Some(quotas)) = (is_idle, quotas(rules, id.0)) else { return !is_idle };
            // The debit of a key that is kept until then is less what comes back.
            let units = if is_lost { 0 } else { quotas.take_back(id.1, &key.window) };
            if units > 0 && matches!(key.terms, Terms::Quota(_)) {
                key.returned(units);
                returns.push(Ask { rule: id.0, key: id.1, of: key.of(false, 0, nodes), units: -(units as i64) });
            }
            key.alone > 0
        });
    }

    /// Takes back all that is not used.
    pub(super) fn give_up(&mut self, now: u64) {
        self.hot.clear();
        self.pending.clear();
        for key in self.keys.values_mut() {
            (key.is_hot, key.is_pending, key.is_listed) = (false, false, false);
        }
        self.sweep(now.saturating_add(IDLE_NS));
    }
}

fn quotas(rules: &AHashMap<u32, Weak<Quotas>>, rule: u32) -> Option<Arc<Quotas>> {
    rules.get(&rule)?.upgrade()
}

/// Puts a key on the list of those that are looked at, if it belongs there.
fn list(key: &mut Key, id: Id, hot: &mut Vec<Id>) {
    if !key.is_listed && (key.is_hot || key.has_due()) {
        key.is_listed = true;
        hot.push(id);
    }
}

/// Whether the key has got what was given: an answer that comes when another window has begun, or for a key that has no
/// count of its own, is of no use here.
fn hand_out(key: &mut Key, ask: &Ask, quotas: &Quotas, (given, left): (u64, u64), (sent, now): (u64, u64)) -> bool {
    if matches!(ask.of, Of::Quota { end_s, .. } if end_s != key.window.end_s) {
        return given == 0;
    }
    let is_lent = given == 0 || quotas.lend(ask.key, given, &key.window);
    key.given(ask, (if is_lent { given } else { 0 }, left), sent, now);
    is_lent
}

#[cfg(test)]
mod tests;
