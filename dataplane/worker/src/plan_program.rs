//! A plan, compiled: the rules that hold for whoever has subscribed with it.
//!
//! Built on the publishing thread and shared by all workers, whatever routes it is used on.

use std::sync::Arc;
use tollgate_model::{Plan, RuleId};
use tollgate_policy::RuleSet;
use tollgate_telemetry::Registry;

/// A plan, compiled.
pub(crate) struct PlanProgram {
    pub(crate) rules: RuleSet,
    pub(crate) plan: Arc<Plan>,
}

impl PlanProgram {
    /// What its rules count is what `rules` has.
    pub(crate) fn compile(plan: Arc<Plan>, rules: &mut tollgate_policy::Registry, figures: &Registry) -> Self {
        let mut slot = |rule: &RuleId| figures.rule([&rule.scope, rule.policy, &rule.name]);
        Self { rules: RuleSet::of_plan(&plan, rules, &mut slot), plan }
    }
}
