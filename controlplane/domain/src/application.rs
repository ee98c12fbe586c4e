//! Applications: who calls. They belong to members, have credentials and subscribe to APIs and products.

use crate::{
    limits::{MEMBERS_MAX, TAGS_MAX},
    member::{is_false, review_count, review_texts},
    name::Name,
    refusal::{Code, Refusal, Refusals},
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use utoipa::ToSchema;

/// Who calls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Application {
    /// Unique in the tenant.
    pub name: Name,
    /// For people. Up to 256 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Markdown. Up to 16,384 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Facts for programs. Up to 64.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<Name, String>,
    /// Members who may change it. One at least.
    pub owners: BTreeSet<Name>,
    /// `true`: none of its credentials is accepted.
    #[serde(default, skip_serializing_if = "is_false")]
    pub blocked: bool,
}

impl Application {
    /// # Errors
    /// All that is wrong in it. Whether the owners exist is for others.
    pub fn check(&self) -> Result<(), Refusals> {
        let mut found = Vec::new();
        review_texts(self.title.as_deref(), self.description.as_deref(), &mut found);
        review_count("labels", self.labels.len(), TAGS_MAX, &mut found);
        review_count("owners", self.owners.len(), MEMBERS_MAX, &mut found);
        if self.owners.is_empty() {
            found.push(Refusal::new(Code::InvalidValue, "owners", "it belongs to nobody", "name a member"));
        }
        Refusals::none(found)
    }

    /// Whether this may take the place of an application that is blocked or not. `decides`: whoever writes it also decides
    /// on subscriptions; nobody else blocks one or lets it go.
    ///
    /// # Errors
    /// `RoleRequired`.
    pub fn check_block(&self, was_blocked: bool, decides: bool) -> Result<(), Refusal> {
        if decides || self.blocked == was_blocked {
            return Ok(());
        }
        let what = "only who decides on subscriptions blocks an application or lets it go";
        Err(Refusal::new(Code::RoleRequired, "blocked", what, "leave it out: it stays as it is"))
    }

    /// Whether it may be deleted: a block is not walked around by beginning anew. `decides` as above.
    ///
    /// # Errors
    /// `RoleRequired`, while it is blocked.
    pub fn check_removal(&self, decides: bool) -> Result<(), Refusal> {
        if decides || !self.blocked {
            return Ok(());
        }
        let remedy = "ask who decides on subscriptions to delete it or to let it go";
        Err(Refusal::new(Code::RoleRequired, "blocked", format!("the application `{}` is blocked", self.name), remedy))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_application_belongs_to_somebody() {
        for (owners, valid) in [("[]", false), (r#"["ann"]"#, true)] {
            let text = format!(r#"{{"name": "shop", "owners": {owners}}}"#);
            assert_eq!(serde_json::from_str::<Application>(&text).unwrap().check().is_ok(), valid);
        }
    }

    #[test]
    fn a_block_is_of_those_who_decide() {
        let mut shop: Application = serde_json::from_str(r#"{"name": "shop", "owners": ["ann"]}"#).unwrap();
        for (blocked, was_blocked, owner_may) in
            [(false, false, true), (true, true, true), (true, false, false), (false, true, false)]
        {
            shop.blocked = blocked;
            shop.check_block(was_blocked, true).unwrap();
            assert_eq!(shop.check_block(was_blocked, false).is_ok(), owner_may, "{was_blocked} -> {blocked}");
            shop.check_removal(true).unwrap();
            assert_eq!(shop.check_removal(false).is_ok(), !blocked);
        }
    }
}
