//! What the rules of a watched request said, one by one, without a unit being spent.
//!
//! Such a request is decided on as any other, and what was taken for it is given back at once; for so long others may see
//! that much less. What the store of the nodes decides on is not asked: that cannot be given back.

use tollgate_http::Reason;
use tollgate_limit::Now;

use super::{Admission, Limiter, Rules, fields::Standing};

/// What one rule said to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleVerdict {
    /// Its path: `routes/orders/quota/daily`.
    pub rule: String,
    /// Whether it refuses the request ...
    pub is_refused: bool,
    /// ... and why, if it does.
    pub reason: Reason,
    /// Whether it would, and only looks.
    pub is_shadowed: bool,
    /// Whether it was asked: not if the nodes' store decides, or it only slows bodies down.
    pub is_asked: bool,
    /// What its key may use.
    pub limit: Option<u64>,
    /// What its key has left.
    pub remaining: Option<u64>,
}

impl Rules<'_> {
    /// Gives back what a request was let in with, and says what each rule said.
    pub fn explain(&self, admission: &mut Admission, now: Now, limiter: &mut Limiter) -> Vec<RuleVerdict> {
        let is_finished = !std::mem::take(&mut admission.asks_store);
        // Nothing is charged afterwards either.
        admission.is_head_charged.set(true);
        let verdicts = (0..admission.counted.len()).map(|bit| self.verdict(admission, bit)).collect();
        if admission.is_admitted() {
            self.give_back(admission, now, limiter);
        }
        if !is_finished {
            self.finish(admission, now);
        }
        verdicts
    }

    fn verdict(&self, admission: &Admission, bit: usize) -> RuleVerdict {
        let (counted, decision) = (&admission.counted[bit], admission.decision);
        let rule = self.rule(counted);
        let (answer, allowed) = (admission.answers.get(bit), rule.allowed(counted));
        let is_violated = decision.violated & 1 << bit != 0;
        let standing = answer.zip(allowed);
        let standing = standing.map(|(answer, allowed)| Standing { rule, allowed, counted, answer, is_violated });
        let id = &rule.model.id;
        RuleVerdict {
            rule: format!("{}/{}/{}", id.scope, id.policy, id.name),
            is_refused: is_violated,
            reason: rule.reason(),
            is_shadowed: decision.shadowed & 1 << bit != 0,
            is_asked: answer.is_some(),
            limit: allowed.map(|allowed| allowed.limit),
            remaining: standing.map(|standing| standing.units()),
        }
    }
}
