//! What was used of plans: the seam for whoever counts it. Without one, pages show the limits and no figures.

use tollgate_domain::{Name, Target};

/// What a subscription has used of one rule of its plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Used {
    /// Name of the rule.
    pub rule: Name,
    /// Units in the window that is now.
    pub used: u64,
    /// When that window ends, in Unix seconds. `None`: the rule has none.
    pub ends_s: Option<u64>,
}

/// Who knows what was used of plans.
pub trait Usage: Send + Sync {
    /// What a subscription has used, by the rules of its plan that count. `None`: that is not known at this moment. Must not
    /// block.
    fn of(&self, tenant: &Name, application: &Name, target: &Target) -> Option<Vec<Used>>;
}
