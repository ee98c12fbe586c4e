//! The budget of retries is never exceeded, whatever happens in whatever order.

use crate::upstreams::upstream;
use proptest::prelude::*;
use tollgate_balance::RetryBudget;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn retries_stay_within_their_share(
        steps in prop::collection::vec(0_u8..4, 0..300), budget in 0_u32..=100, least in 0_u32..5,
    ) {
        let rest = format!(", retries: {{ budget: {budget}%, budget_min: {least} }}");
        let upstream = upstream("{ address: 127.0.0.1:1 }", &rest);
        let rules = &upstream.rules().retries;
        let counts = RetryBudget::default();
        let (mut requests, mut retries) = (Vec::new(), Vec::new());
        for step in steps {
            match step {
                0 => requests.push(counts.begin()),
                1 => drop(requests.pop()),
                2 => drop(retries.pop()),
                _ => {
                    let allowed = (requests.len() * budget as usize / 100).max(least as usize);
                    let retry = counts.retry(rules);
                    prop_assert_eq!(retry.is_some(), retries.len() < allowed);
                    retries.extend(retry);
                }
            }
        }
    }
}
