//! What subscriptions have used of their plans, as the gateway of this process counts it, for the pages.

use crate::debugger::Local;
use std::sync::Arc;
use tollgate_compile::names;
use tollgate_console::{Usage, Used};
use tollgate_domain::{Name, Target};

/// Asks the gateway of this process.
pub(crate) struct Left(pub(crate) Arc<Local>);

impl Usage for Left {
    fn of(&self, tenant: &Name, application: &Name, target: &Target) -> Option<Vec<Used>> {
        // A product is several APIs to a gateway.
        let Target::Api(api) = target else { return None };
        let used = self.0.gateway()?.quotas_used(&names::application(tenant, application), &names::api(tenant, api))?;
        let shown = used.into_iter().filter_map(|used| {
            let ends_s = u64::try_from(used.end_s).ok();
            Some(Used { rule: used.rule.parse().ok()?, used: used.used, ends_s })
        });
        Some(shown.collect())
    }
}
