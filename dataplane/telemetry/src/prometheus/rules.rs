//! The section of the rules that limit what is admitted: what they did, and what is kept for them.
//!
//! At the most [`RULES_MAX`] rules and `_other`. An outcome is shown from its first request on.

use super::{OTHER, Scrape, named};
use crate::{
    ClusterFigures, QuotaStoreFigures, limits::RULES_MAX, names, registry::RULE_SEPARATOR, worker::RuleEffect,
};

impl Scrape<'_> {
    /// Where counts outlive the node, and what nodes share.
    pub(super) fn stores(&mut self) {
        if let Some(QuotaStoreFigures { writes, errors, written_s }) = self.node.quota_store {
            self.header(&names::QUOTA_STORE_WRITES);
            self.sample(&names::QUOTA_STORE_WRITES, "", &["ok"], None, writes);
            self.sample(&names::QUOTA_STORE_WRITES, "", &["error"], None, errors);
            self.single(&names::QUOTA_STORE_LAST_WRITE, &[], written_s.max(0).unsigned_abs());
        }
        if let Some(ClusterFigures { is_up, losses, lent, lent_alone }) = self.node.cluster {
            self.single(&names::CLUSTER_STORE_UP, &[], u64::from(is_up));
            self.single(&names::CLUSTER_STORE_LOSSES, &[], losses);
            self.header(&names::CLUSTER_UNITS_LENT);
            self.sample(&names::CLUSTER_UNITS_LENT, "", &["store"], None, lent);
            self.sample(&names::CLUSTER_UNITS_LENT, "", &["node"], None, lent_alone);
        }
    }

    pub(super) fn rules(&mut self) {
        let registry = self.registry;
        self.header(&names::RULE_REQUESTS);
        for (slot, name) in named(registry.rules()) {
            let mut parts = name.split(RULE_SEPARATOR);
            let [scope, policy, rule] = [(); 3].map(|()| parts.next().unwrap_or(OTHER));
            for effect in RuleEffect::ALL {
                let count = self.sum(|worker| worker.rules.get(slot).map_or(0, |rule| rule.0[effect as usize].value()));
                self.sample_if_any(&names::RULE_REQUESTS, &[scope, policy, rule, effect.as_str()], count);
            }
        }
        let shown = &self.node.rules[..self.node.rules.len().min(RULES_MAX)];
        self.header(&names::RULE_OVERFLOWS);
        for figures in shown {
            let labels = figures.labels.each_ref().map(String::as_str);
            self.sample(&names::RULE_OVERFLOWS, "", &labels, None, figures.overflows);
        }
        self.header(&names::RULE_TABLE_BYTES);
        for figures in shown {
            let labels = figures.labels.each_ref().map(String::as_str);
            self.sample(&names::RULE_TABLE_BYTES, "", &labels, None, figures.table_bytes);
        }
    }
}
