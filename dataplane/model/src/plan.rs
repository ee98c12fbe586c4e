//! Plans: what an application gets of an API it has subscribed to.

use std::sync::Arc;

use crate::{Named, rule::Rule};

/// A plan.
#[derive(Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Plan {
    /// 1 to 64 letters, digits, `.`, `_`, `-`.
    pub name: String,
    /// Up to 8, of throttles, quotas and concurrency, in this order; none counts by a route or its path.
    pub rules: Vec<Arc<Rule>>,
}

impl Plan {
    /// How many regular expressions its rules have.
    pub(crate) fn expressions(&self) -> usize {
        self.rules.iter().filter_map(|rule| rule.when.as_ref()).map(|when| when.expressions()).sum()
    }
}

impl Named for Plan {
    fn name(&self) -> &str {
        &self.name
    }
}
