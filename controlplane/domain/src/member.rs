//! Tenants and their members.
//!
//! A tenant is the border of everything: names, policies, audit. A member belongs to one tenant and has roles in it; an
//! operator may besides do what concerns the installation. What a role allows is said in `access`, nowhere else.

use crate::{
    limits::{DESCRIPTION_CHARS_MAX, TITLE_CHARS_MAX},
    name::Name,
    policies::{Level, Policies},
    refusal::{Code, Refusal, Refusals},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use utoipa::ToSchema;

/// An organization that offers or uses APIs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Tenant {
    /// Unique in the installation.
    pub name: Name,
    /// For people. Up to 256 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What holds for all its APIs.
    #[serde(default, skip_serializing_if = "Policies::is_empty")]
    pub policies: Policies,
}

/// What somebody may do in a tenant; a member may have several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Everything in the tenant.
    Owner,
    /// Writes and publishes APIs, products and plans, decides on subscriptions.
    Publisher,
    /// Finds APIs and uses them with applications of their own.
    Developer,
    /// Sees everything and changes nothing.
    Auditor,
}

/// Somebody who can sign in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// Unique in the tenant.
    pub name: Name,
    /// For people. Up to 256 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Where to write to. Not checked beyond its `@`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// What they may do. Empty: only what anybody may.
    #[serde(default)]
    pub roles: BTreeSet<Role>,
    /// `true`: also what concerns the installation (tenants, nodes, backups). Only an operator makes another.
    #[serde(default, skip_serializing_if = "is_false")]
    pub operator: bool,
    /// `true`: cannot sign in, and everything that was issued to them is void.
    #[serde(default, skip_serializing_if = "is_false")]
    pub disabled: bool,
}

/// Who made something, when and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Made {
    /// The member.
    pub by: Name,
    /// In Unix seconds.
    pub at_s: u64,
    /// In their own words. Up to 256 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl Tenant {
    /// # Errors
    /// All that is wrong in it.
    pub fn check(&self) -> Result<(), Refusals> {
        let mut found = Vec::new();
        review_texts(self.title.as_deref(), None, &mut found);
        self.policies.review(Level::Tenant, "policies", &mut found);
        Refusals::none(found)
    }
}

impl Made {
    /// # Errors
    /// `TooMany`, if the note is too long.
    pub fn check(&self) -> Result<(), Refusal> {
        check_title("note", self.note.as_deref())
    }
}

impl Member {
    /// Whether they can sign in and do everything in the tenant. Every tenant keeps one.
    #[must_use]
    pub fn is_owner(&self) -> bool {
        !self.disabled && self.roles.contains(&Role::Owner)
    }

    /// Whether they can sign in and do what concerns the installation. Every installation keeps one.
    #[must_use]
    pub fn is_operator(&self) -> bool {
        !self.disabled && self.operator
    }

    /// # Errors
    /// All that is wrong in it.
    pub fn check(&self) -> Result<(), Refusals> {
        let mut found = Vec::new();
        review_texts(self.title.as_deref(), None, &mut found);
        if self.email.as_ref().is_some_and(|email| !email.contains('@') || email.len() > 254) {
            found.push(Refusal::new(
                Code::InvalidValue,
                "email",
                "this is no mail address",
                "write one like ann@example.com",
            ));
        }
        Refusals::none(found)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
pub(crate) fn is_false(value: &bool) -> bool {
    !*value
}

/// Refuses a title or description that is too long.
pub(crate) fn review_texts(title: Option<&str>, description: Option<&str>, found: &mut Vec<Refusal>) {
    let texts = [("title", title, TITLE_CHARS_MAX), ("description", description, DESCRIPTION_CHARS_MAX)];
    found.extend(texts.into_iter().filter_map(|(place, text, most)| too_long(place, text, most)));
}

/// Whether `text`, a title, a note or a reason at `place`, is short enough.
///
/// # Errors
/// `TooMany`, if it is not.
pub fn check_title(place: &str, text: Option<&str>) -> Result<(), Refusal> {
    too_long(place, text, TITLE_CHARS_MAX).map_or(Ok(()), Err)
}

fn too_long(place: &str, text: Option<&str>, most: usize) -> Option<Refusal> {
    let what = || format!("the {place} has more than {most} characters");
    let is_long = text.is_some_and(|text| text.chars().count() > most);
    is_long.then(|| Refusal::new(Code::TooMany, place, what(), "shorten it"))
}

/// Refuses a list that is too long.
pub(crate) fn review_count(place: &str, count: usize, most: usize, found: &mut Vec<Refusal>) {
    if count > most {
        found.push(Refusal::new(Code::TooMany, place, format!("{count} entries, {most} allowed"), "take some out"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_has_an_address_or_none() {
        for (email, valid) in [(None, true), (Some("ann@example.com"), true), (Some("ann"), false)] {
            let text = serde_json::json!({"name": "ann", "roles": ["developer"], "email": email});
            let member: Member = serde_json::from_value(text).unwrap();
            assert_eq!(member.check().is_ok(), valid, "{email:?}");
        }
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once() {
        let long = "x".repeat(257);
        let tenant = serde_json::json!({"name": "acme", "title": long, "policies": {"throtle": []}});
        let refused = serde_json::from_value::<Tenant>(tenant).unwrap().check().unwrap_err();
        let places: Vec<_> = refused.iter().map(|refusal| refusal.place.as_str()).collect();
        assert_eq!(places, ["title", "policies.throtle"]);
        serde_json::from_value::<Tenant>(serde_json::json!({"name": "acme", "titel": "x"})).unwrap_err();
    }
}
