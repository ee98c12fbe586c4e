//! What subscriptions have used of the quotas of their plans, for whoever shows it beside this gateway.
//!
//! Of this node: what others have counted of a rule that each node keeps for itself is not in it. Throttles have nothing to
//! show, they are full again in a moment.

use crate::{Gateway, certificates::SystemClock};
use tollgate_model::{KeyPart, RuleKind};
use tollgate_tls::WallClock as _;
use tollgate_worker::QuotaCommand;

/// What a subscription has used of a quota.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuotaUsed {
    /// The name of the rule in its plan.
    pub rule: String,
    /// Units in the window that is now.
    pub used: u64,
    /// The end of that window, in seconds since 1970.
    pub end_s: i64,
}

impl Gateway {
    /// What an application has used of the quotas of the plan that it calls an API under: those that count by who calls.
    /// `None` if it has no such subscription here, or while a configuration is being published.
    #[must_use]
    pub fn quotas_used(&self, application: &str, api: &str) -> Option<Vec<QuotaUsed>> {
        let control = self.control.load();
        let snapshot = control.as_ref()?.snapshot();
        let found = snapshot.applications.get(application)?;
        let plan = snapshot.plans.get(found.subscription(api)?.plan?)?;
        let now_s = i64::try_from(SystemClock.unix_seconds()).unwrap_or(i64::MAX);
        let mut all = Vec::new();
        for rule in plan.rules.iter().filter(|rule| matches!(rule.kind, RuleKind::Quota(_))) {
            let value = |part: &KeyPart| match part {
                KeyPart::Subscription => Some(format!("{application} {api}")),
                KeyPart::Application => Some(application.to_owned()),
                KeyPart::Tenant => Some(found.tenant().to_owned()),
                KeyPart::Api => Some(api.to_owned()),
                _ => None,
            };
            let Some(values) = rule.key.iter().map(value).collect::<Option<Vec<_>>>() else { continue };
            let path = format!("{}/{}/{}", rule.id.scope, rule.id.policy, rule.id.name);
            let Some((counts, keys)) = self.publisher.quota_rule(&path)? else { continue };
            // The values are of the parts of the rule, and none is an address.
            if let Ok(Some(usage)) = counts.operate(&keys, &values, QuotaCommand::Show, now_s) {
                let used = u64::try_from(usage.used).unwrap_or(0);
                all.push(QuotaUsed { rule: rule.id.name.to_string(), used, end_s: usage.end_s });
            }
        }
        Some(all)
    }
}
