//! The rules of a route: what limits how much is admitted.
//!
//! ```text
//! decide -> refused: answer, end
//!        `-> (the store is asked, settle ->) admitted: (charge_request, charge_response, pace)* -> end
//! ```
//!
//! A [`RuleSet`] is made on the publishing thread, for a route or a plan. [`Rules`] are those that hold for a request, on a
//! worker, once per request and without allocating in steady state: what a request was let in with lies in an
//! [`Admission`] that the worker lends. [`Rules::end`] is called exactly once for each, however the exchange went: it is
//! what requests in flight leave by.

mod admission;
mod counts;
mod explain;
mod fields;
mod key;
mod operate;
mod rule;
mod strict;

pub use admission::{Admission, Limiter};
pub use counts::{Counts, Keeper, Registry};
pub use explain::RuleVerdict;
pub use key::{HashKeys, KeyError};
pub use operate::{QuotaCommand, QuotaUsage};
pub use tollgate_limit::{Now, Question, Store, Unanswered};

use counts::Kept;
pub(crate) use fields::LEGACY;
use fields::Standing;
use rule::{Counted, Rule};
use smallvec::SmallVec;
use tollgate_http::Reason;
use tollgate_limit::{Answer, Ask, Decision, RULES_MAX};
use tollgate_model::{Cost, Direction, FixedAnswer, KeyPart, Plan, Policies, RateLimitFields, Route, RuleId};

use crate::Request;

/// The rules of a route, or of a plan, compiled; at most 16.
pub struct RuleSet {
    rules: Box<[Rule]>,
    /// Those that this node decides on stand first, then those that the store is asked for ...
    locals: usize,
    /// ... and those that only slow bodies down, which are not asked, last.
    asked: usize,
    fields: RateLimitFields,
    charges: Charges,
}

/// The rules that hold for a request: those of its route, and of the plan that it comes by.
#[derive(Clone, Copy)]
pub struct Rules<'r> {
    own: &'r RuleSet,
    plan: Option<&'r RuleSet>,
}

/// What has to be told of the bodies of an exchange.
#[derive(Clone, Copy, Default)]
struct Charges {
    request: bool,
    response: bool,
    head: bool,
}

/// Rules of a plan; with those of a route that has some they are no more than are decided on at once.
const PLAN_RULES_MAX: usize = 8;

/// What a rule did to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleOutcome {
    /// It took what the request costs, or would have.
    Admitted,
    /// It refused the request.
    Refused,
    /// It would have refused the request.
    Shadowed,
}

/// Why a request is refused.
#[derive(Clone, Copy)]
pub struct Throttled<'r> {
    /// Of the first rule that refuses.
    pub reason: Reason,
    /// What is answered in place of a problem document.
    pub answer: Option<&'r FixedAnswer>,
}

impl RuleSet {
    /// The rules of a route. `figures` says where a rule is counted.
    pub(crate) fn compile(
        policies: &Policies,
        route: &Route,
        registry: &mut Registry,
        figures: &mut dyn FnMut(&RuleId) -> u32,
    ) -> Self {
        // `resolve` takes no more of them than that.
        let rules = policies.rules.iter().take(RULES_MAX);
        let rules = rules.map(|rule| Rule::compile(rule, Some(route), registry, figures)).collect();
        Self::of(rules, policies.rate_limit_fields)
    }

    /// The rules of a plan, which are told as those of the route are that it is used on.
    pub fn of_plan(plan: &Plan, registry: &mut Registry, figures: &mut dyn FnMut(&RuleId) -> u32) -> Self {
        let rules = plan.rules.iter().take(PLAN_RULES_MAX);
        let rules = rules.map(|rule| Rule::compile(rule, None, registry, figures)).collect();
        Self::of(rules, RateLimitFields::Off)
    }

    fn of(mut rules: Box<[Rule]>, fields: RateLimitFields) -> Self {
        // Those that are not asked stand behind all that are, so that bits and answers are theirs; those that the store is
        // asked for stand behind those that it is not.
        rules.sort_by_key(|rule| (rule.is_bandwidth(), !rule.is_local()));
        let costs = |test: fn(&Cost) -> bool| rules.iter().any(|rule| test(&rule.model.cost));
        let paces = |direction| rules.iter().any(|rule| rule.paces(direction));
        let charges = Charges {
            request: costs(|cost| matches!(cost, Cost::RequestBytes)) || paces(Direction::Request),
            response: costs(|cost| matches!(cost, Cost::ResponseBytes)) || paces(Direction::Response),
            head: costs(|cost| matches!(cost, Cost::ResponseField(_))),
        };
        let locals = rules.iter().take_while(|rule| rule.is_local()).count();
        let asked = rules.iter().take_while(|rule| !rule.is_bandwidth()).count();
        Self { rules, locals, asked, fields, charges }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Whether responses get the older fields, in place of those of the endpoint.
    pub(crate) fn tells_legacy(&self) -> bool {
        matches!(self.fields, RateLimitFields::Legacy | RateLimitFields::Both)
    }

    /// Whether they are of no other route, even if that has the same policies.
    pub(crate) fn is_of_one_route(&self) -> bool {
        let tells_route = |part: &KeyPart| matches!(part, KeyPart::Route | KeyPart::Path(_));
        self.rules.iter().any(|rule| rule.model.key.iter().any(tells_route))
    }

    /// Rules with their numbers, from the one place to the other; `first` is the number of the first of all.
    fn between(&self, from: usize, to: usize, first: usize) -> impl Iterator<Item = (usize, &Rule)> {
        (first + from..).zip(&self.rules[from..to])
    }
}

impl<'r> Rules<'r> {
    /// Those of a route alone.
    pub(crate) const fn of_route(own: &'r RuleSet) -> Self {
        Self { own, plan: None }
    }

    /// With those of a plan.
    #[must_use]
    pub fn with_plan(self, plan: Option<&'r RuleSet>) -> Self {
        Self { plan: plan.filter(|plan| !plan.is_empty()), ..self }
    }

    /// Whether they are of no other route, even if that has the same policies.
    pub(crate) fn is_of_one_route(&self) -> bool {
        self.own.is_of_one_route()
    }

    /// Whether any is decided on by the store that nodes share.
    fn is_strict(&self) -> bool {
        self.own.locals < self.own.asked || self.plan.is_some_and(|plan| plan.locals < plan.asked)
    }

    /// All of them, each with its number: those that this node decides on, those that the store is asked for, and those that
    /// are not asked. Numbers of a plan's stand behind all of a route's.
    fn all(&self) -> impl Iterator<Item = (usize, &'r Rule)> {
        let (own, plan) = (self.own, self.plan);
        let of_plan = move |from: fn(&RuleSet) -> usize, to: fn(&RuleSet) -> usize| {
            plan.into_iter().flat_map(move |plan| plan.between(from(plan), to(plan), RULES_MAX))
        };
        let locals = own.between(0, own.locals, 0).chain(of_plan(|_| 0, |plan| plan.locals));
        let strict = own.between(own.locals, own.asked, 0).chain(of_plan(|plan| plan.locals, |plan| plan.asked));
        locals.chain(strict).chain(own.between(own.asked, own.rules.len(), 0))
    }

    /// Decides on a request; where [`Admission::asks_store`], [`Rules::settle`] says the rest. `lines` are field lines of
    /// its responses besides those that tell of the rules.
    #[must_use = "an admission must be ended"]
    pub fn decide(self, request: &Request<'_>, now: Now, limiter: &mut Limiter, lines: &[u8]) -> Box<Admission> {
        let mut admission = limiter.take();
        admission.lines.extend_from_slice(lines);
        self.judge(request, now, limiter, &mut admission);
        if self.is_strict() && admission.is_admitted() {
            self.begin_strict(&mut admission, now, limiter);
        }
        if !admission.asks_store {
            self.finish(&mut admission, now);
        }
        admission
    }

    /// What is said of a decision.
    fn finish(&self, admission: &mut Admission, now: Now) {
        self.name(admission);
        self.tell(admission, now);
    }

    fn judge(&self, request: &Request<'_>, now: Now, limiter: &mut Limiter, admission: &mut Admission) {
        let Admission { counted, answers, decision, .. } = admission;
        counted.extend(self.all().filter_map(|(index, rule)| rule.concerns(index, request, now, &mut limiter.room)));
        let asked = counted.iter().map(|counted| (self.rule(counted), counted));
        let asked = asked.take_while(|(rule, _)| rule.is_local());
        let asks: SmallVec<[Ask<'_>; RULES_MAX]> = asked.filter_map(|(rule, counted)| rule.ask(counted)).collect();
        answers.resize_with(asks.len(), Answer::default);
        *decision = tollgate_limit::decide(&asks, now, &mut limiter.leases, answers);
    }

    fn rule(&self, counted: &Counted) -> &'r Rule {
        let number = usize::from(counted.rule);
        match (number.checked_sub(RULES_MAX), self.plan) {
            (Some(number), Some(plan)) => &plan.rules[number],
            _ => &self.own.rules[number],
        }
    }

    fn charges(&self, test: impl Fn(&Charges) -> bool) -> bool {
        test(&self.own.charges) || self.plan.is_some_and(|plan| test(&plan.charges))
    }

    /// Writes down which rules refuse, for the record.
    fn name(&self, admission: &mut Admission) {
        let Admission { counted, decision, names, refusing_len, .. } = admission;
        if *decision == Decision::default() {
            return;
        }
        for (bits, is_refusing) in [(decision.violated, true), (decision.shadowed, false)] {
            let begin = names.len();
            for (_, counted) in counted.iter().enumerate().filter(|(bit, _)| bits & 1 << bit != 0) {
                if names.len() > begin {
                    names.push(b',');
                }
                names.extend_from_slice(self.rule(counted).model.id.name.as_bytes());
            }
            if is_refusing {
                *refusing_len = names.len();
            }
        }
    }

    fn tell(&self, admission: &mut Admission, now: Now) {
        let fields = self.own.fields;
        if fields == RateLimitFields::Off && admission.is_admitted() {
            return;
        }
        let Admission { counted, answers, decision, lines, .. } = admission;
        let all = counted.iter().zip(&*answers).enumerate().filter_map(|(bit, (counted, answer))| {
            let rule = Some(self.rule(counted)).filter(|rule| !rule.model.shadow)?;
            let is_violated = decision.violated & 1 << bit != 0;
            Some(Standing { rule, allowed: rule.allowed(counted)?, counted, answer, is_violated })
        });
        fields::write(lines, fields, all, now);
    }

    /// Why the request is refused, if it is.
    #[must_use]
    pub fn throttled(&self, admission: &Admission) -> Option<Throttled<'r>> {
        let first = admission.counted.get(admission.decision.violated.trailing_zeros() as usize)?;
        let rule = self.rule(first);
        Some(Throttled { reason: rule.reason(), answer: rule.model.answer.as_deref() })
    }

    /// The names of rules that refuse the request.
    pub fn violated<'a>(self, admission: &'a Admission) -> impl Iterator<Item = &'r str> + use<'a, 'r> {
        let violated = admission.decision.violated;
        let named = admission.counted.iter().enumerate().filter(move |(bit, _)| violated & 1 << bit != 0);
        named.map(move |(_, counted)| &*self.rule(counted).model.id.name)
    }

    /// What the rules did, each with where it is counted. Of a refused request those that would have let it in did
    /// nothing.
    pub fn outcomes<'a>(self, admission: &'a Admission) -> impl Iterator<Item = (u32, RuleOutcome)> + use<'a, 'r> {
        let (decision, asked) = (admission.decision, admission.answers.len());
        admission.counted.iter().take(asked).enumerate().filter_map(move |(bit, counted)| {
            let outcome = match (decision.violated & 1 << bit != 0, decision.shadowed & 1 << bit != 0) {
                (true, _) => RuleOutcome::Refused,
                (_, true) => RuleOutcome::Shadowed,
                _ if decision.is_admitted() => RuleOutcome::Admitted,
                _ => return None,
            };
            Some((self.rule(counted).figures, outcome))
        })
    }

    /// Whether anything is charged after the decision.
    #[must_use]
    pub fn charges_more(&self) -> bool {
        self.charges(|charges| charges.request || charges.response || charges.head)
    }

    /// Whether [`Rules::charge_request`] must be told of the request's content.
    #[must_use]
    pub fn charges_request(&self) -> bool {
        self.charges(|charges| charges.request)
    }

    /// Whether [`Rules::charge_response`] must be told of the response's content.
    #[must_use]
    pub fn charges_response(&self) -> bool {
        self.charges(|charges| charges.response)
    }

    /// Whether [`Rules::charge_head`] must be told of the response.
    #[must_use]
    pub fn charges_head(&self) -> bool {
        self.charges(|charges| charges.head)
    }

    /// Charges bytes of the request's content as they come. How long to wait before they go on, in nanoseconds.
    pub fn charge_request(&self, admission: &Admission, bytes: u64, now: Now) -> u64 {
        self.charge(admission, bytes, now, Direction::Request, &Cost::RequestBytes)
    }

    /// Charges bytes of the response's content as they come. How long to wait before they go on, in nanoseconds.
    pub fn charge_response(&self, admission: &Admission, bytes: u64, now: Now) -> u64 {
        self.charge(admission, bytes, now, Direction::Response, &Cost::ResponseBytes)
    }

    /// Charges what the head of the endpoint's response says; `field` gives the value of a field by its name. A response
    /// that says nothing costs 1, as one that never came.
    pub fn charge_head<'v>(&self, admission: &Admission, now: Now, field: impl Fn(&str) -> Option<&'v [u8]>) {
        if !admission.is_admitted() || admission.is_head_charged.replace(true) {
            return;
        }
        for counted in &admission.counted {
            let rule = self.rule(counted);
            if let (Cost::ResponseField(name), Some(ask)) = (&rule.model.cost, rule.ask(counted)) {
                let told = field(name).and_then(|value| std::str::from_utf8(value.trim_ascii()).ok()?.parse().ok());
                ask.charge(told.unwrap_or(1), now);
            }
        }
    }

    fn charge(&self, admission: &Admission, bytes: u64, now: Now, direction: Direction, cost: &Cost) -> u64 {
        if !admission.is_admitted() {
            return 0;
        }
        let mut wait_ns = 0;
        for counted in &admission.counted {
            let rule = self.rule(counted);
            let paces = rule.paces(direction);
            if let Some(ask) = rule.ask(counted).filter(|_| paces || rule.model.cost == *cost) {
                let debt_ns = ask.charge(bytes, now);
                wait_ns = if paces && !rule.model.shadow { debt_ns.max(wait_ns) } else { wait_ns };
            }
        }
        wait_ns
    }

    /// Ends what the exchange was let in with: requests in flight leave. `now` is asked for only if something is charged
    /// yet.
    pub fn end(&self, admission: &mut Admission, now: impl FnOnce() -> Now) {
        if self.charges_head() && admission.is_admitted() && !admission.is_head_charged.get() {
            self.charge_head(admission, now(), |_| None);
        }
        let Admission { counted, answers, .. } = admission;
        for (counted, answer) in counted.iter().zip(answers.drain(..)) {
            if let (Answer::Entered(entered), Kept::InFlight(in_flight)) = (answer, &self.rule(counted).counts.kept) {
                in_flight.leave(entered);
            }
        }
    }
}

#[cfg(test)]
mod tests;
