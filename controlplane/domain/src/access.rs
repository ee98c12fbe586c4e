//! Who may do what: the only place that says so.
//!
//! `GRANTS` is a table of actions and roles; handlers name their action and get how far it reaches. A tenant that is not
//! the actor's own does not exist for them (`NotFound`, not `RoleRequired`), unless they are an operator.

use crate::{
    member::Role,
    name::Name,
    refusal::{Code, Refusal},
};
use std::collections::BTreeSet;

/// Who asks, after it is known who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// The tenant they belong to.
    pub tenant: Name,
    /// Their name in it.
    pub member: Name,
    /// What they are there.
    pub roles: BTreeSet<Role>,
    /// Whether they may also do what concerns the installation, and see every tenant.
    pub operator: bool,
}

/// How far an action reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// What the actor owns.
    Own,
    /// Everything of the tenant.
    All,
}

macro_rules! actions {
    ($($action:ident: $owner:tt $publisher:tt $developer:tt $auditor:tt $doc:literal,)*) => {
        /// What can be done. Each endpoint of the admin API names one.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Action {
            $(#[doc = $doc] $action,)*
        }

        /// Action -> how far it reaches for an owner, a publisher, a developer, an auditor.
        const GRANTS: &[(Action, [Option<Reach>; 4])] =
            &[$((Action::$action, [reach!($owner), reach!($publisher), reach!($developer), reach!($auditor)]),)*];
    };
}

macro_rules! reach {
    (all) => {
        Some(Reach::All)
    };
    (own) => {
        Some(Reach::Own)
    };
    (-) => {
        None
    };
}

actions! {
    //                    owner publisher developer auditor
    ReadCatalog:          all all all all "Find published APIs, products and plans that are visible.",
    ReadApis:             all all -   all "See APIs with their working copies, revisions, publications, environments.",
    WriteApis:            all all -   -   "Create, change, import, clone and delete APIs.",
    Publish:              all all -   -   "Publish, roll back, withdraw, begin and end canaries, move the lifecycle.",
    WriteEnvironments:    all -   -   -   "Create, change and delete environments and their variables.",
    WriteProducts:        all all -   -   "Create, change and delete products.",
    WritePlans:           all all -   -   "Create, change and delete plans.",
    ReadApplications:     all all own all "See applications.",
    WriteApplications:    all -   own -   "Create, change and delete applications.",
    ReadSubscriptions:    all all own all "See subscriptions.",
    Subscribe:            all -   own -   "Ask for subscriptions and end them.",
    DecideSubscriptions:  all all -   -   "Approve, reject and block subscriptions.",
    ReadCredentials:      all -   own all "See what credentials there are, never their secrets.",
    WriteCredentials:     all -   own -   "Issue, rotate and revoke credentials.",
    ReadUsage:            all all own all "See what was used of plans.",
    WriteLimits:          all all -   -   "Show, reset, grant and block single keys of limits.",
    Debug:                all all -   -   "Send a request through an environment and see its phases.",
    ReadMembers:          all -   -   all "See members and their roles.",
    WriteMembers:         all -   -   -   "Invite, change and remove members.",
    WriteTenant:          all -   -   -   "Change the tenant's own settings and policies.",
    WriteIssuers:         all -   -   -   "Name outside issuers.",
    ReadAudit:            all -   -   all "See what was changed by whom.",
    WriteTenants:         -   -   -   -   "Create, change and delete tenants. Operators only.",
    ReadNodes:            -   -   -   -   "See nodes and what they run. Operators only.",
    Operate:              -   -   -   -   "Back up, restore, enrol nodes, rotate signing keys. Operators only.",
}

impl Action {
    /// Every action.
    pub fn all() -> impl Iterator<Item = Self> {
        GRANTS.iter().map(|(action, _)| *action)
    }

    /// How far it reaches for a role, if at all.
    #[must_use]
    pub fn reach(self, role: Role) -> Option<Reach> {
        let column = match role {
            Role::Owner => 0,
            Role::Publisher => 1,
            Role::Developer => 2,
            Role::Auditor => 3,
        };
        GRANTS.iter().find(|(action, _)| *action == self).and_then(|(_, row)| row[column])
    }
}

impl Actor {
    /// How far `action` reaches for this actor in `tenant`.
    ///
    /// # Errors
    /// `NotFound` if the tenant is another's, `RoleRequired` if no role of the actor allows it.
    pub fn may(&self, action: Action, tenant: &Name) -> Result<Reach, Refusal> {
        if self.operator {
            return Ok(Reach::All);
        }
        if self.tenant != *tenant {
            return Err(not_found("tenant"));
        }
        self.roles.iter().filter_map(|role| action.reach(*role)).max().ok_or_else(|| self.required(action))
    }

    /// Whether an action with this reach may be done to something that `owners` own. If not, it is `NotFound`: others'
    /// things are not told.
    #[must_use]
    pub fn reaches(&self, reach: Reach, owners: &BTreeSet<Name>) -> bool {
        reach == Reach::All || owners.contains(&self.member)
    }

    fn required(&self, action: Action) -> Refusal {
        let roles = [Role::Owner, Role::Publisher, Role::Developer, Role::Auditor];
        let roles = roles.into_iter().filter(|role| action.reach(*role).is_some());
        let names: Vec<_> = roles.map(|role| format!("{role:?}").to_lowercase()).collect();
        let remedy = if names.is_empty() {
            "ask an operator of this installation".to_owned()
        } else {
            format!("ask an owner of `{}` for the role {}", self.tenant, names.join(" or "))
        };
        Refusal::new(Code::RoleRequired, "", "none of your roles allows this", remedy)
    }
}

/// What is not there, or not for who asks.
#[must_use]
pub fn not_found(place: &str) -> Refusal {
    Refusal::new(Code::NotFound, place, "there is no such thing", "look at the list of what there is")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn actor(roles: &[Role], operator: bool) -> Actor {
        let (tenant, member) = ("acme".parse().unwrap(), "ann".parse().unwrap());
        Actor { tenant, member, roles: roles.iter().copied().collect(), operator }
    }

    fn acme() -> Name {
        "acme".parse().unwrap()
    }

    #[test]
    fn each_role_reaches_as_far_as_it_is_meant_to() {
        use Action::*;
        let rows = [
            (Role::Publisher, Publish, Some(Reach::All)),
            (Role::Publisher, WriteMembers, None),
            (Role::Publisher, WriteCredentials, None),
            (Role::Developer, WriteCredentials, Some(Reach::Own)),
            (Role::Developer, Publish, None),
            (Role::Developer, ReadApis, None),
            (Role::Auditor, ReadAudit, Some(Reach::All)),
        ];
        for (role, action, reach) in rows {
            assert_eq!(actor(&[role], false).may(action, &acme()).ok(), reach, "{role:?} {action:?}");
        }
        let both = actor(&[Role::Developer, Role::Auditor], false);
        assert_eq!(both.may(ReadApplications, &acme()), Ok(Reach::All));
    }

    #[test]
    fn no_auditor_changes_anything_and_an_owner_may_all_of_a_tenant() {
        use Action::{Operate, ReadNodes, WriteTenants};
        for action in Action::all() {
            let reads = format!("{action:?}").starts_with("Read");
            assert!(reads || action.reach(Role::Auditor).is_none(), "{action:?}");
            let of_operators = [WriteTenants, ReadNodes, Operate].contains(&action);
            assert_eq!(action.reach(Role::Owner), (!of_operators).then_some(Reach::All), "{action:?}");
            assert!(actor(&[], false).may(action, &acme()).is_err());
            assert_eq!(actor(&[], true).may(action, &acme()), Ok(Reach::All));
        }
    }

    #[test]
    fn others_do_not_exist() {
        let owner = actor(&[Role::Owner], false);
        let refused = owner.may(Action::ReadCatalog, &"globex".parse().unwrap()).unwrap_err();
        assert_eq!(refused.code, Code::NotFound);
        let developer = actor(&[Role::Developer], false);
        let reach = developer.may(Action::WriteApplications, &acme()).unwrap();
        assert_eq!(["ann", "bob"].map(|by| developer.reaches(reach, &[by.parse().unwrap()].into())), [true, false]);
        assert_eq!(developer.may(Action::Publish, &acme()).unwrap_err().code, Code::RoleRequired);
    }
}
