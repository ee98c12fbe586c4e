//! The section of the rules that limit what is admitted: what they did, and what is kept for them.
//!
//! At the most [`RULES_MAX`] rules and `_other`. An outcome is shown from its first request on.

use super::{OTHER, Scrape, named};
use crate::{
    ClusterFigures, NodeFigures, QuotaStoreFigures, limits::RULES_MAX, names, registry::RULE_SEPARATOR,
    worker::RuleEffect,
};

impl Scrape<'_> {
    /// Where counts outlive the node, and what nodes share; without samples where there is no such store.
    pub(super) fn stores(&mut self) {
        let NodeFigures { quota_store, cluster, .. } = self.node;
        self.header(&names::QUOTA_STORE_WRITES);
        if let Some(QuotaStoreFigures { writes, errors, .. }) = quota_store {
            self.sample(&names::QUOTA_STORE_WRITES, "", &["ok"], None, *writes);
            self.sample(&names::QUOTA_STORE_WRITES, "", &["error"], None, *errors);
        }
        self.header(&names::QUOTA_STORE_LAST_WRITE);
        if let Some(figures) = quota_store {
            self.sample(&names::QUOTA_STORE_LAST_WRITE, "", &[], None, figures.written_s.max(0).unsigned_abs());
        }
        self.header(&names::CLUSTER_STORE_UP);
        if let Some(figures) = cluster {
            self.sample(&names::CLUSTER_STORE_UP, "", &[], None, u64::from(figures.is_up));
        }
        self.header(&names::CLUSTER_STORE_LOSSES);
        if let Some(figures) = cluster {
            self.sample(&names::CLUSTER_STORE_LOSSES, "", &[], None, figures.losses);
        }
        self.header(&names::CLUSTER_UNITS_LENT);
        if let Some(ClusterFigures { lent, lent_alone, .. }) = cluster {
            self.sample(&names::CLUSTER_UNITS_LENT, "", &["store"], None, *lent);
            self.sample(&names::CLUSTER_UNITS_LENT, "", &["node"], None, *lent_alone);
        }
        self.header(&names::CLUSTER_QUESTIONS);
        let questions = cluster.iter().flat_map(|figures| figures.questions);
        for (count, outcome) in questions.zip(["answered", "late", "lost", "full"]) {
            self.sample(&names::CLUSTER_QUESTIONS, "", &[outcome], None, count);
        }
        self.header(&names::CLUSTER_DEBITS_DROPPED);
        if let Some(figures) = cluster {
            self.sample(&names::CLUSTER_DEBITS_DROPPED, "", &[], None, figures.debits_dropped);
        }
        self.header(&names::CLUSTER_WANTS_DROPPED);
        if let Some(figures) = cluster {
            self.sample(&names::CLUSTER_WANTS_DROPPED, "", &[], None, figures.wants_dropped);
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
        self.header(&names::RULE_KEYS);
        for (figures, keys) in shown.iter().filter_map(|figures| Some((figures, figures.keys?))) {
            let labels = figures.labels.each_ref().map(String::as_str);
            self.sample(&names::RULE_KEYS, "", &labels, None, keys);
        }
        self.header(&names::RULE_TABLE_BYTES);
        for figures in shown {
            let labels = figures.labels.each_ref().map(String::as_str);
            self.sample(&names::RULE_TABLE_BYTES, "", &labels, None, figures.table_bytes);
        }
    }
}
