//! Rules that the nodes' common store decides on: what it is asked for a request, and what its answer does.
//!
//! ```text
//! decide -> asks_store: question .. (the worker waits) .. settle -> admitted or refused, as by any other
//! ```
//!
//! The store is asked last, for a request that all other rules let in, so that it takes nothing for a request that another
//! rule refuses. What those have taken is given back when the store refuses. Without an answer in time a rule does what its
//! `store_lost` says.

use smallvec::SmallVec;
use std::sync::Arc;
use tollgate_limit::{self as limit, Answer, Ask, Count, Debit, Now, Question, RULES_MAX, Store, Strict};

use super::{
    Rules,
    admission::{Admission, Limiter},
    counts::Kept,
    rule::{Counted, Rule},
};

/// A rule that the store decides on, and how a request is counted there.
type Asked<'a> = (&'a Rule, &'a Counted, &'a Strict);

impl<'r> Rules<'r> {
    /// Who asks the store, if any rule is decided on there.
    #[must_use]
    pub fn store(&self) -> Option<&'r Arc<dyn Store>> {
        self.all().find_map(|(_, rule)| rule.strict()).map(Strict::store)
    }

    /// The rules whose counts are the store's, in the order of their bits.
    fn asked<'a>(&'a self, counted: &'a [Counted]) -> impl Iterator<Item = Asked<'a>> {
        counted.iter().filter_map(|counted| {
            let rule = self.rule(counted);
            Some((rule, counted, rule.strict()?))
        })
    }

    /// Whether a request that all other rules let in has to wait for the store. Whom an operator has blocked does not.
    pub(super) fn begin_strict(&self, admission: &mut Admission, now: Now, limiter: &mut Limiter) {
        let Admission { counted, answers, decision, asks_store, .. } = &mut *admission;
        let blocked = |(rule, counted, strict): Asked<'_>| {
            strict.blocked(counted.key).filter(|_| !rule.model.shadow).map_or(Answer::None, Answer::Quota)
        };
        let verdicts: SmallVec<[Answer; RULES_MAX]> = self.asked(counted).map(blocked).collect();
        *asks_store = !verdicts.is_empty();
        if verdicts.iter().all(|verdict| *verdict == Answer::None) {
            return;
        }
        for (bit, verdict) in (answers.len()..).zip(verdicts) {
            decision.note(bit, false, verdict != Answer::None);
            answers.push(verdict);
        }
        *asks_store = false;
        self.give_back(admission, now, limiter);
    }

    /// Writes down what a request asks the store.
    pub fn question(&self, admission: &Admission, question: &mut Question) {
        question.is_answered = false;
        question.counts.clear();
        let count = |(rule, counted, _): Asked<'_>| {
            let terms = rule.terms(counted)?;
            let (key, units, shadow) = (counted.key, rule.units(), rule.model.shadow);
            Some(Count { key, units, terms, end_s: counted.window.end_s, shadow, has_room: false, left: 0 })
        };
        question.counts.extend(self.asked(&admission.counted).filter_map(count));
    }

    /// Decides by the answer of the store; without one, as each rule says.
    pub fn settle(&self, admission: &mut Admission, answer: Option<&Question>, now: Now, limiter: &mut Limiter) {
        admission.asks_store = false;
        match answer.filter(|question| question.is_answered) {
            Some(question) => self.take_answer(admission, question, now),
            None => self.decide_alone(admission, now, limiter),
        }
        if !admission.is_admitted() {
            self.give_back(admission, now, limiter);
        }
        self.finish(admission, now);
    }

    fn take_answer(&self, admission: &mut Admission, question: &Question, now: Now) {
        let Admission { counted, answers, decision, .. } = admission;
        for ((rule, counted, strict), count) in self.asked(counted).zip(&question.counts) {
            let verdict = strict.told(count, &counted.window, now);
            decision.note(answers.len(), rule.model.shadow, !verdict.admitted);
            answers.push(Answer::Quota(verdict));
        }
    }

    /// What becomes of a request without the store: by all rules or by none, as ever.
    fn decide_alone(&self, admission: &mut Admission, now: Now, limiter: &mut Limiter) {
        let Admission { counted, answers, decision, .. } = admission;
        let mut parts = SmallVec::<[(usize, Asked<'_>, Ask<'_>); RULES_MAX]>::new();
        for (rule, counted, strict) in self.asked(counted) {
            let bit = answers.len();
            let unanswered = rule.terms(counted).and_then(|terms| strict.unanswered(terms, &counted.window, now));
            decision.note(bit, rule.model.shadow, unanswered.is_some_and(|verdict| !verdict.admitted));
            answers.push(unanswered.map_or(Answer::None, Answer::Quota));
            if unanswered.is_none() {
                parts.extend(rule.ask(counted).map(|ask| (bit, (rule, counted, strict), ask)));
            }
        }
        if !decision.is_admitted() || parts.is_empty() {
            return;
        }
        let asks: SmallVec<[Ask<'_>; RULES_MAX]> = parts.iter().map(|(.., ask)| *ask).collect();
        let mut said: SmallVec<[Answer; RULES_MAX]> = parts.iter().map(|_| Answer::None).collect();
        let own = limit::decide(&asks, now, &mut limiter.leases, &mut said);
        for (index, ((bit, asked, ask), said)) in parts.iter().zip(said).enumerate() {
            let is_refused = (own.violated | own.shadowed) & 1 << index != 0;
            decision.note(*bit, ask.shadow, is_refused);
            answers[*bit] = said;
            if own.is_admitted() && !is_refused {
                owe(asked);
            }
        }
    }

    /// Gives back what rules of this node have taken of a request that the store refuses.
    pub(super) fn give_back(&self, admission: &mut Admission, now: Now, limiter: &mut Limiter) {
        let Admission { counted, answers, .. } = admission;
        let local = counted.iter().map(|counted| (self.rule(counted), counted)).take_while(|(rule, _)| rule.is_local());
        let asks: SmallVec<[Ask<'_>; RULES_MAX]> = local.filter_map(|(rule, counted)| rule.ask(counted)).collect();
        limit::give_back(&asks, now, &mut limiter.leases, &mut answers[..asks.len()]);
    }
}

/// Has the store told of a request that was admitted without it.
fn owe((rule, counted, strict): &Asked<'_>) {
    if let (Some(allowed), Some(_)) = (rule.allowed(counted), strict.quotas()) {
        let (key, end_s) = (counted.key, counted.window.end_s);
        strict.store().owe(Debit { key, limit: allowed.limit, end_s, units: rule.units() });
    }
}

impl Rule {
    /// Its counts, if they are the store's.
    pub(super) fn strict(&self) -> Option<&Strict> {
        if let Kept::Strict(strict, _) = &self.counts.kept { Some(strict) } else { None }
    }
}

#[cfg(test)]
mod tests;
