//! Subscriptions: what lets an application call an API or product, under a plan.
//!
//! ```text
//! ask -> Pending -> Approved <-> Blocked
//!    `-> Approved       (the plan needs no approval)
//!        Pending -> Rejected -> Pending (asked again)
//! ```
//!
//! One application has one subscription to a target at most: their names are its name. Ending one is deleting it; one
//! that is blocked is ended only by who decides.

use crate::{
    lifecycle::Lifecycle,
    member::Made,
    name::{ApiName, Name, as_text},
    plan::Plan,
    refusal::{Code, Refusal},
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, fmt, str::FromStr};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{RefOr, schema::Schema},
};

/// What is subscribed to: an API (`orders@1.0`) or a product (`trade`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Target {
    /// All of an API.
    Api(ApiName),
    /// What a product bundles.
    Product(Name),
}

/// What lets an application call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Subscription {
    /// Who calls.
    pub application: Name,
    /// What is called.
    pub target: Target,
    /// How much.
    pub plan: Name,
    /// Whether it may.
    pub state: SubscriptionState,
    /// Who asked for it.
    pub made: Made,
    /// Who decided last. Left out: nobody had to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided: Option<Made>,
}

/// Where a subscription is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SubscriptionState {
    /// Waits for somebody to decide.
    Pending,
    /// Lets calls through.
    Approved,
    /// Was not granted.
    Rejected,
    /// Was granted and holds no more, until it is approved again.
    Blocked,
}

use SubscriptionState::{Approved, Blocked, Pending, Rejected};

/// From each state, those that somebody may decide for.
pub const DECISIONS: [(SubscriptionState, &[SubscriptionState]); 4] =
    [(Pending, &[Approved, Rejected]), (Approved, &[Blocked]), (Rejected, &[Approved]), (Blocked, &[Approved])];

/// Written as one text.
impl PartialSchema for Target {
    fn schema() -> RefOr<Schema> {
        String::schema()
    }
}

impl ToSchema for Target {}

impl SubscriptionState {
    /// As it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Pending => "pending",
            Approved => "approved",
            Rejected => "rejected",
            Blocked => "blocked",
        }
    }
}

/// What a target says of its subscriptions.
#[derive(Clone, Copy, Debug)]
pub struct Offer<'a> {
    /// The plans it has.
    pub plans: &'a BTreeSet<Name>,
    /// Its lifecycle, if it is an API.
    pub lifecycle: Option<Lifecycle>,
}

impl Offer<'_> {
    fn admit(&self, plan: &Plan) -> Result<(), Refusal> {
        if let Some(state) = self.lifecycle.filter(|state| !state.is_subscribable()) {
            let what = format!("an API that is {state} takes no new subscriptions");
            return Err(Refusal::new(Code::NotSubscribable, "target", what, "look for its successor"));
        }
        if !self.plans.contains(&plan.name) {
            let names: Vec<_> = self.plans.iter().map(Name::as_str).collect();
            let remedy = if names.is_empty() {
                "ask its publisher for plans".to_owned()
            } else {
                format!("it has {}", names.join(", "))
            };
            let what = format!("it cannot be subscribed to under the plan `{}`", plan.name);
            return Err(Refusal::new(Code::NotSubscribable, "plan", what, remedy));
        }
        Ok(())
    }
}

impl Subscription {
    /// Asks for a subscription: approved at once, unless the plan wants approval.
    ///
    /// # Errors
    /// `NotSubscribable`, if the target does not offer the plan or takes no new subscriptions.
    pub fn ask(application: Name, target: Target, offer: Offer<'_>, plan: &Plan, made: Made) -> Result<Self, Refusal> {
        offer.admit(plan)?;
        let state = if plan.approval { Pending } else { Approved };
        Ok(Self { application, target, plan: plan.name.clone(), state, made, decided: None })
    }

    /// Asks for another plan, or again after a rejection. A blocked subscription stays blocked.
    ///
    /// # Errors
    /// As `ask`; `InvalidTransition` of a blocked one.
    pub fn ask_again(&mut self, offer: Offer<'_>, plan: &Plan, made: Made) -> Result<(), Refusal> {
        self.check_removal(false)?;
        // Who has a subscription may change its plan, also while the API takes no new ones.
        let offer = if self.state == Approved { Offer { lifecycle: None, ..offer } } else { offer };
        *self = Self::ask(self.application.clone(), self.target.clone(), offer, plan, made)?;
        Ok(())
    }

    /// Whether it may be ended, or asked for anew: a block is not walked around. `decides`: whoever ends it also decides on
    /// subscriptions.
    ///
    /// # Errors
    /// `InvalidTransition`, while it is blocked.
    pub fn check_removal(&self, decides: bool) -> Result<(), Refusal> {
        if decides || self.state != Blocked {
            return Ok(());
        }
        let what = format!("the subscription to `{}` is blocked", self.target);
        Err(Refusal::new(Code::InvalidTransition, "state", what, "ask its publisher to approve it"))
    }

    /// Decides: approve, reject or block.
    ///
    /// # Errors
    /// `InvalidTransition`, with what may be decided.
    pub fn decide(&mut self, state: SubscriptionState, made: Made) -> Result<(), Refusal> {
        let next = DECISIONS.iter().find(|(from, _)| *from == self.state).map_or(&[][..], |(_, next)| *next);
        if !next.contains(&state) {
            let names: Vec<_> = next.iter().map(|state| state.as_str()).collect();
            let what = format!("a subscription that is {} cannot become {}", self.state, state);
            let remedy = format!("from here it may become {}", names.join(" or "));
            return Err(Refusal::new(Code::InvalidTransition, "state", what, remedy));
        }
        (self.state, self.decided) = (state, Some(made));
        Ok(())
    }

    /// Whether it lets calls through.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.state == Approved
    }
}

impl FromStr for Target {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        if text.contains('@') { text.parse().map(Self::Api) } else { text.parse().map(Self::Product) }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Api(name) => name.fmt(f),
            Self::Product(name) => name.fmt(f),
        }
    }
}

as_text!(Target);

impl fmt::Display for SubscriptionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(by: &str) -> Made {
        Made { by: by.parse().unwrap(), at_s: 1, note: None }
    }

    fn plan(name: &str, approval: bool) -> Plan {
        serde_json::from_value(serde_json::json!({"name": name, "approval": approval})).unwrap()
    }

    fn asked(approval: bool, lifecycle: Lifecycle, plans: &[&str]) -> Result<Subscription, Refusal> {
        let plans = plans.iter().map(|name| name.parse().unwrap()).collect();
        let offer = Offer { plans: &plans, lifecycle: Some(lifecycle) };
        Subscription::ask(
            "shop".parse().unwrap(),
            "orders@1".parse().unwrap(),
            offer,
            &plan("gold", approval),
            made("ann"),
        )
    }

    #[test]
    fn asking_is_answered_by_plan_and_lifecycle() {
        let rows = [
            (false, Lifecycle::Published, vec!["gold"], Some(Approved)),
            (true, Lifecycle::Published, vec!["gold"], Some(Pending)),
            (false, Lifecycle::Deprecated, vec!["gold"], None),
            (false, Lifecycle::Created, vec!["gold"], None),
            (false, Lifecycle::Published, vec!["silver"], None),
            (false, Lifecycle::Published, vec![], None),
        ];
        for (approval, lifecycle, plans, state) in rows {
            let found = asked(approval, lifecycle, &plans);
            assert!(found.as_ref().err().is_none_or(|refusal| refusal.code == Code::NotSubscribable));
            assert_eq!(found.ok().map(|subscription| subscription.state), state, "{lifecycle} {plans:?}");
        }
    }

    #[test]
    fn every_decision_is_allowed_or_refused() {
        let allowed =
            [(Pending, "approved rejected"), (Approved, "blocked"), (Rejected, "approved"), (Blocked, "approved")];
        for (from, next) in allowed {
            for to in [Pending, Approved, Rejected, Blocked] {
                let mut subscription = asked(true, Lifecycle::Published, &["gold"]).unwrap();
                subscription.state = from;
                let found = subscription.decide(to, made("bob"));
                assert_eq!(found.is_ok(), next.split(' ').any(|state| state == to.as_str()), "{from} -> {to}");
                assert_eq!(subscription.is_active(), subscription.state == Approved);
                assert_eq!(subscription.decided.is_some(), found.is_ok());
            }
        }
    }

    #[test]
    fn another_plan_may_need_approval_and_a_block_is_not_walked_around() {
        let plans = ["gold", "silver"].map(|name| name.parse().unwrap()).into();
        let offer = Offer { plans: &plans, lifecycle: Some(Lifecycle::Deprecated) };
        let mut subscription = asked(false, Lifecycle::Published, &["gold"]).unwrap();
        subscription.ask_again(offer, &plan("silver", true), made("ann")).unwrap();
        assert_eq!((subscription.state, subscription.plan.as_str()), (Pending, "silver"));
        subscription.state = Blocked;
        subscription.ask_again(offer, &plan("gold", false), made("ann")).unwrap_err();
        assert_eq!(subscription.state, Blocked);
        subscription.check_removal(false).unwrap_err();
        subscription.check_removal(true).unwrap();
    }
}
