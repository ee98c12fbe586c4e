//! Plans: how much a subscription may use, as throttles and quotas in the contract's own words.
//!
//! A rule counts for the subscription unless its key says otherwise. What is not checked here (time zones, bounds of
//! bursts) the contract checks when the plan is compiled.

use crate::{
    limits::PLAN_RULES_MAX,
    member::{is_false, review_count, review_texts},
    name::Name,
    reference,
    refusal::{Code, Refusal, Refusals},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeSet;
use utoipa::ToSchema;

/// How much a subscription may use.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Unique in the tenant.
    pub name: Name,
    /// For people. Up to 256 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Markdown. Up to 16,384 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// `true`: a subscription under it waits for a publisher's approval.
    #[serde(default, skip_serializing_if = "is_false")]
    pub approval: bool,
    /// Token buckets: how often. Up to 8.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub throttle: Vec<PlanRule>,
    /// Exact counters by calendar window: how much in all. Up to 8.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quota: Vec<PlanRule>,
}

/// A rule of a plan. The keys mean what they mean in the contract.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanRule {
    /// Unique in its list.
    pub name: Name,
    /// Whom it counts for.
    #[serde(default)]
    pub key: PlanKey,
    /// How many units per period. At least 1.
    pub limit: u64,
    /// Of `throttle`: `second`, `minute`, `hour`. Of `quota`: `hour`, `day`, `week`, `month`, `cycle`; required there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per: Option<String>,
    /// Of `throttle`: what may come at once. Left out: `limit`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst: Option<u64>,
    /// Of `quota`: the zone in which windows begin. Left out: `UTC`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// Of a `quota` per `cycle`: a day on which one begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub anchor: Option<String>,
    /// Of a `quota` per `cycle`: how many months it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub months: Option<u32>,
    /// What a request costs: a number, `request_bytes`, `response_bytes`, `response_header:NAME`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Value>,
    /// Which requests it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<Value>,
    /// `true`: counts and tells, refuses nothing.
    #[serde(default, skip_serializing_if = "is_false")]
    pub shadow: bool,
    /// `node` or `leased`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// Of a `leased` rule: `share`, `open`, `closed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store_lost: Option<String>,
}

/// Whom a rule counts for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PlanKey {
    /// An application's subscription: all its credentials together, this target alone.
    #[default]
    Subscription,
    /// An application over all it is subscribed to under this plan.
    Application,
    /// Each credential for itself.
    Credential,
}

const THROTTLE_PERIODS: &[&str] = &["second", "minute", "hour"];
const QUOTA_PERIODS: &[&str] = &["hour", "day", "week", "month", "cycle"];

impl Plan {
    /// # Errors
    /// All that is wrong in it.
    pub fn check(&self) -> Result<(), Refusals> {
        let mut found = Vec::new();
        review_texts(self.title.as_deref(), self.description.as_deref(), &mut found);
        for (place, rules) in [("throttle", &self.throttle), ("quota", &self.quota)] {
            review_count(place, rules.len(), PLAN_RULES_MAX, &mut found);
            let mut names = BTreeSet::new();
            for (at, rule) in rules.iter().enumerate() {
                let mut inner = Vec::new();
                rule.review(place == "quota", &mut inner);
                if !names.insert(&rule.name) {
                    let what = format!("`{}` is there twice", rule.name);
                    inner.push(Refusal::new(Code::Duplicate, "name", what, "give one of them another name"));
                }
                found.extend(inner.into_iter().map(|refusal| refusal.inside(&format!("{place}[{at}]"))));
            }
        }
        Refusals::none(found)
    }
}

impl PlanRule {
    fn review(&self, quota: bool, found: &mut Vec<Refusal>) {
        let mut refuse = |place: &str, what: String, remedy: &str| {
            found.push(Refusal::new(Code::InvalidValue, place, what, remedy));
        };
        if self.limit == 0 {
            refuse("limit", "a limit of nothing".to_owned(), "write at least 1, or block the subscription");
        }
        if self.burst == Some(0) {
            refuse("burst", "a burst of nothing".to_owned(), "write at least 1");
        }
        let periods = if quota { QUOTA_PERIODS } else { THROTTLE_PERIODS };
        let known = self.per.as_deref().map_or(!quota, |per| periods.contains(&per));
        if !known {
            let per = self.per.as_deref().unwrap_or_default();
            refuse("per", format!("`{per}` is no period of this rule"), &format!("write {}", periods.join(" or ")));
        }
        let cycle = self.per.as_deref() == Some("cycle");
        let only = [
            ("burst", self.burst.is_some(), !quota, "throttle"),
            ("time_zone", self.time_zone.is_some(), quota, "quota"),
            ("anchor", self.anchor.is_some(), quota && cycle, "quota per cycle"),
            ("months", self.months.is_some(), quota && cycle, "quota per cycle"),
        ];
        for (place, _, _, of) in only.iter().filter(|(_, there, fits, _)| *there && !fits) {
            refuse(place, format!("this is of a {of}"), "leave it out");
        }
        if cycle && quota && self.anchor.is_none() {
            refuse("anchor", "a cycle needs a day on which one begins".to_owned(), "write one like 2026-01-31");
        }
        if let Ok(whole) = serde_json::to_value(self) {
            reference::review(&whole, "", false, found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn rules_are_told_what_is_wrong_with_them() {
        let rows = [
            (json!({"throttle": [{"name": "a", "limit": 1}], "quota": [{"name": "a", "limit": 5, "per": "day"}]}), ""),
            (json!({"quota": [{"name": "a", "limit": 5, "per": "cycle", "anchor": "2026-01-31", "months": 3}]}), ""),
            (json!({"throttle": [{"name": "a", "limit": 0}]}), "throttle[0].limit"),
            (json!({"throttle": [{"name": "a", "limit": 1, "per": "day"}]}), "throttle[0].per"),
            (json!({"throttle": [{"name": "a", "limit": 1}, {"name": "a", "limit": 1}]}), "throttle[1].name"),
            (json!({"throttle": [{"name": "a", "limit": 1, "time_zone": "UTC"}]}), "throttle[0].time_zone"),
            (json!({"quota": [{"name": "a", "limit": 1}]}), "quota[0].per"),
            (json!({"quota": [{"name": "a", "limit": 1, "per": "day", "burst": 1}]}), "quota[0].burst"),
            (json!({"quota": [{"name": "a", "limit": 1, "per": "cycle"}]}), "quota[0].anchor"),
            (
                json!({"quota": [{"name": "a", "limit": 1, "per": "day", "when": {"paths": ["${env:X}"]}}]}),
                "quota[0].when.paths[0]",
            ),
        ];
        for (mut written, place) in rows {
            written["name"] = json!("gold");
            let plan: Plan = serde_json::from_value(written.clone()).unwrap();
            let found: Vec<_> = plan.check().err().into_iter().flatten().map(|refusal| refusal.place).collect();
            assert_eq!(found, if place.is_empty() { vec![] } else { vec![place] }, "{written}");
        }
    }
}
