//! Products: APIs, or some of their operations, that are subscribed to together.

use crate::{
    limits::{PRODUCT_APIS_MAX, TAGS_MAX},
    member::{review_count, review_texts},
    name::{ApiName, Name},
    policies::{Level, Policies},
    refusal::{Code, Refusal, Refusals},
    visibility::Visibility,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use utoipa::ToSchema;

/// What is subscribed to together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Product {
    /// Unique in the tenant.
    pub name: Name,
    /// For people. Up to 256 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Markdown. Up to 16,384 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Words to find it by. Up to 64.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub tags: BTreeSet<Name>,
    /// Who finds it.
    #[serde(default, skip_serializing_if = "Visibility::is_default")]
    pub visibility: Visibility,
    /// What is in it. Up to 1024, no API twice.
    pub apis: Vec<ProductApi>,
    /// Plans that it can be subscribed to under.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub plans: BTreeSet<Name>,
    /// What holds for requests of its subscribers.
    #[serde(default, skip_serializing_if = "Policies::is_empty")]
    pub policies: Policies,
}

/// An API of a product.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProductApi {
    /// Which one.
    pub api: ApiName,
    /// Only these operations. Left out: all, also those that are added later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operations: Option<BTreeSet<Name>>,
}

impl Product {
    /// # Errors
    /// All that is wrong in it by itself. Whether what it names exists is for others.
    pub fn check(&self) -> Result<(), Refusals> {
        let mut found = Vec::new();
        review_texts(self.title.as_deref(), self.description.as_deref(), &mut found);
        review_count("tags", self.tags.len(), TAGS_MAX, &mut found);
        review_count("apis", self.apis.len(), PRODUCT_APIS_MAX, &mut found);
        let mut seen = BTreeSet::new();
        for (at, part) in self.apis.iter().enumerate() {
            if !seen.insert(&part.api) {
                let what = format!("`{}` is there twice", part.api);
                found.push(Refusal::new(
                    Code::Duplicate,
                    format!("apis[{at}].api"),
                    what,
                    "name all its operations in one",
                ));
            }
            if part.operations.as_ref().is_some_and(BTreeSet::is_empty) {
                let place = format!("apis[{at}].operations");
                found.push(Refusal::new(Code::InvalidValue, place, "none of its operations", "leave it out for all"));
            }
        }
        self.policies.review(Level::Product, "policies", &mut found);
        Refusals::none(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_cannot_be_is_refused_at_its_place() {
        let rows = [
            (json!([{"api": "a@1"}, {"api": "b@1", "operations": ["list"]}]), None),
            (json!([{"api": "a@1"}, {"api": "a@1"}]), Some("apis[1].api")),
            (json!([{"api": "a@1", "operations": []}]), Some("apis[0].operations")),
        ];
        for (apis, place) in rows {
            let product: Product = serde_json::from_value(json!({"name": "p", "apis": apis})).unwrap();
            let refused = product.check().err();
            assert_eq!(refused.as_ref().and_then(|refused| Some(refused.iter().next()?.place.as_str())), place);
        }
    }
}
