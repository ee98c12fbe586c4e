//! Who finds an API or a product in the catalog. What a member may read as a publisher is another matter (`access`).

use crate::name::Name;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use utoipa::ToSchema;

/// Who finds it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Visibility {
    /// Everybody, signed in or not.
    Public,
    /// Every member of the tenant.
    #[default]
    Tenant,
    /// These members.
    Members(BTreeSet<Name>),
    /// Nobody: who uses it was told.
    Private,
}

/// Who looks: nobody that is known, or a member of a tenant.
#[derive(Clone, Copy, Debug)]
pub struct Viewer<'a> {
    /// Tenant and name of the member.
    pub member: Option<(&'a Name, &'a Name)>,
}

impl Visibility {
    /// Whether `viewer` finds what is visible like this in `tenant`.
    #[must_use]
    pub fn admits(&self, tenant: &Name, viewer: Viewer<'_>) -> bool {
        let member = viewer.member.filter(|(of, _)| *of == tenant).map(|(_, name)| name);
        match self {
            Self::Public => true,
            Self::Tenant => member.is_some(),
            Self::Members(members) => member.is_some_and(|name| members.contains(name)),
            Self::Private => false,
        }
    }

    pub(crate) fn is_default(&self) -> bool {
        *self == Self::Tenant
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_admits_those_it_is_for() {
        let name = |text: &str| text.parse::<Name>().unwrap();
        let (acme, globex, ann, bob) = (name("acme"), name("globex"), name("ann"), name("bob"));
        let viewers = [None, Some((&acme, &ann)), Some((&acme, &bob)), Some((&globex, &ann))];
        let rows = [
            ("\"public\"", [true, true, true, true]),
            ("\"tenant\"", [false, true, true, false]),
            (r#"{"members": ["ann"]}"#, [false, true, false, false]),
            ("\"private\"", [false, false, false, false]),
        ];
        for (written, wanted) in rows {
            let visibility: Visibility = serde_json::from_str(written).unwrap();
            assert_eq!(viewers.map(|member| visibility.admits(&acme, Viewer { member })), wanted, "{written}");
        }
    }
}
