//! The records of a tenant that are written whole: what each refers to, and what refers to each.
//!
//! What a record names has to exist when it is written, and nothing that is still needed is deleted. An application takes its
//! credentials and subscriptions with it, a member their tokens. The rules of a record by itself are the domain's.

use crate::{
    call::Permit,
    change::Change,
    endpoint::{Endpoint, PAGE},
    passwords,
    problem::Problem,
    resource::{Resource, delete, exists, get, list, put},
    token,
};
use serde_json::{Map, Value, json};
use tollgate_domain::{
    Action, Api, Application, Credential, Environment, Member, Plan, Product, Publication, Subscription, Target,
};
use tollgate_store::{Error, Query, Record, Records as _, Space};

macro_rules! endpoints {
    ($record:ident $path:literal $one:literal $read:ident $write:ident $name:literal $names:literal) => {
        [
            Endpoint::get($path, concat!("list", $names), concat!("Lists ", $names, "."), list::<$record>)
                .query(PAGE)
                .bodies("", concat!("[", $name, "]"))
                .may(Action::$read),
            Endpoint::get($one, concat!("get", $name), concat!("One of the ", $names, "."), get::<$record>)
                .bodies("", $name)
                .may(Action::$read),
            Endpoint::put($one, concat!("put", $name), concat!("Writes one of the ", $names, "."), put::<$record>)
                .bodies($name, $name)
                .may(Action::$write),
            Endpoint::delete(
                $one,
                concat!("delete", $name),
                concat!("Deletes one of the ", $names, "."),
                delete::<$record>,
            )
            .may(Action::$write),
        ]
    };
}

pub(crate) const ENVIRONMENTS: &[Endpoint] = &endpoints!(Environment "/tenants/{tenant}/environments"
    "/tenants/{tenant}/environments/{name}" ReadApis WriteEnvironments "Environment" "Environments");
pub(crate) const PRODUCTS: &[Endpoint] = &endpoints!(Product "/tenants/{tenant}/products"
    "/tenants/{tenant}/products/{name}" ReadApis WriteProducts "Product" "Products");
pub(crate) const PLANS: &[Endpoint] = &endpoints!(Plan "/tenants/{tenant}/plans"
    "/tenants/{tenant}/plans/{name}" ReadCatalog WritePlans "Plan" "Plans");
pub(crate) const APPLICATIONS: &[Endpoint] = &endpoints!(Application "/tenants/{tenant}/applications"
    "/tenants/{tenant}/applications/{name}" ReadApplications WriteApplications "Application" "Applications");
pub(crate) const MEMBERS: &[Endpoint] = &endpoints!(Member "/tenants/{tenant}/members"
    "/tenants/{tenant}/members/{name}" ReadMembers WriteMembers "Member" "Members");

/// Refuses if a query finds anything for which `needs` holds.
pub(crate) fn unused<R: Record>(
    change: &Change<'_>,
    query: &Query<'_>,
    needs: impl Fn(&R) -> bool,
    remedy: &str,
) -> Result<(), Problem> {
    let mut found = None;
    change.rows.for_each::<R>(query, |kept| {
        if found.is_none() && needs(&kept.record) {
            found = Some(kept.record.key());
        }
        Ok::<_, Error>(())
    })?;
    found.map_or(Ok(()), |key| Err(Problem::in_use(format!("the {} `{key}` still needs it", R::KIND), remedy)))
}

impl Resource for Environment {
    const WRITE: Action = Action::WriteEnvironments;

    fn judge(&self, _: &Change<'_>, _: Space<'_>) -> Result<(), Problem> {
        Ok(self.check()?)
    }

    fn release(&self, change: &mut Change<'_>, space: Space<'_>) -> Result<(), Problem> {
        let query = Query { target: Some(self.name.as_str()), ..Query::of(Publication::KIND, space) };
        unused::<Publication>(change, &query, |publication| publication.release.is_some(), "withdraw it first")
    }
}

impl Resource for Plan {
    const WRITE: Action = Action::WritePlans;

    fn judge(&self, _: &Change<'_>, _: Space<'_>) -> Result<(), Problem> {
        Ok(self.check()?)
    }

    fn release(&self, change: &mut Change<'_>, space: Space<'_>) -> Result<(), Problem> {
        let remedy = "take the plan out there first";
        let [apis, products, subscriptions] =
            [Api::KIND, Product::KIND, Subscription::KIND].map(|kind| Query::of(kind, space));
        unused::<Api>(change, &apis, |api| api.spec.plans.contains(&self.name), remedy)?;
        unused::<Product>(change, &products, |product| product.plans.contains(&self.name), remedy)?;
        unused::<Subscription>(change, &subscriptions, |subscription| subscription.plan == self.name, remedy)
    }
}

impl Resource for Product {
    const WRITE: Action = Action::WriteProducts;

    fn judge(&self, change: &Change<'_>, space: Space<'_>) -> Result<(), Problem> {
        self.check()?;
        for (at, part) in self.apis.iter().enumerate() {
            exists::<Api>(change, space, &part.api.to_string(), &format!("apis[{at}].api"))?;
        }
        self.plans.iter().try_for_each(|plan| exists::<Plan>(change, space, plan.as_str(), "plans"))
    }

    fn release(&self, change: &mut Change<'_>, space: Space<'_>) -> Result<(), Problem> {
        let target = Target::Product(self.name.clone()).to_string();
        let query = Query { target: Some(&target), ..Query::of(Subscription::KIND, space) };
        unused::<Subscription>(change, &query, |_| true, "end it first")
    }
}

impl Resource for Application {
    const WRITE: Action = Action::WriteApplications;

    fn is_visible(&self, permit: &Permit) -> bool {
        permit.reaches(&self.owners)
    }

    /// It is the caller's own, if nothing else is said; and whoever cannot let it go leaves a block as it is.
    fn complete(body: &mut Map<String, Value>, change: &Change<'_>) -> Result<(), Problem> {
        let (space, permit) = (change.call.space()?, change.call.permit()?);
        body.entry("owners").or_insert_with(|| json!([permit.actor.member]));
        if let Some(Value::String(name)) = body.get("name")
            && !body.contains_key("blocked")
            && !decides(permit)
        {
            let before = change.load::<Self>(space, name)?;
            body.insert("blocked".to_owned(), json!(before.is_some_and(|kept| kept.record.blocked)));
        }
        Ok(())
    }

    fn judge(&self, change: &Change<'_>, space: Space<'_>) -> Result<(), Problem> {
        self.check()?;
        let was_blocked = change.load::<Self>(space, self.name.as_str())?.is_some_and(|kept| kept.record.blocked);
        self.check_block(was_blocked, decides(change.call.permit()?))?;
        // An operator is no member of every tenant, and may set one up all the same.
        let asks = &change.call.permit()?.actor;
        let others = self.owners.iter().filter(|owner| !(asks.operator && asks.member == **owner));
        others.into_iter().try_for_each(|owner| exists::<Member>(change, space, owner.as_str(), "owners"))
    }

    /// Its credentials and subscriptions go with it.
    fn release(&self, change: &mut Change<'_>, space: Space<'_>) -> Result<(), Problem> {
        let (name, decides) = (self.name.as_str(), decides(change.call.permit()?));
        self.check_removal(decides)?;
        let subscriptions = Query { parent: Some(name), ..Query::of(Subscription::KIND, space) };
        change.all::<Subscription>(&subscriptions)?.iter().try_for_each(|one| one.check_removal(decides))?;
        change.gone::<Credential>(space, name)?;
        change.gone::<Subscription>(space, name)
    }
}

/// Whether who asks decides on subscriptions, and so on blocks.
fn decides(permit: &Permit) -> bool {
    permit.also(Action::DecideSubscriptions)
}

impl Resource for Member {
    const WRITE: Action = Action::WriteMembers;

    fn judge(&self, change: &Change<'_>, space: Space<'_>) -> Result<(), Problem> {
        self.check()?;
        let actor = &change.call.permit()?.actor;
        let was = change.load::<Self>(space, self.name.as_str())?.map(|kept| kept.record);
        if self.operator || was.as_ref().is_some_and(|was| was.operator) {
            actor.may(Action::Operate, &actor.tenant)?;
        }
        if actor.member == self.name && Space::Tenant(&actor.tenant) == space && self.disabled {
            return Err(Problem::invalid("disabled", "nobody disables themselves", "ask another owner"));
        }
        was.map_or(Ok(()), |was| somebody_stays(change, space, &was, Some(self)))
    }

    fn release(&self, change: &mut Change<'_>, space: Space<'_>) -> Result<(), Problem> {
        let actor = &change.call.permit()?.actor;
        if self.operator {
            actor.may(Action::Operate, &actor.tenant)?;
        }
        somebody_stays(change, space, self, None)?;
        let query = Query::of(Application::KIND, space);
        unused::<Application>(change, &query, |application| application.owners.contains(&self.name), "take them out")?;
        token::forget(change, change.call.tenant()?, &self.name)?;
        Ok(passwords::forget(change.rows, space, &self.name)?)
    }
}

/// Refuses what leaves the tenant without an owner, or the installation without an operator: nobody could mend it.
fn somebody_stays(change: &Change<'_>, space: Space<'_>, was: &Member, will: Option<&Member>) -> Result<(), Problem> {
    let is_lost = |is: fn(&Member) -> bool, of: &Query<'_>| {
        if !is(was) || will.is_some_and(is) {
            return Ok(false);
        }
        let mut others = 0;
        change.rows.for_each::<Member>(of, |kept| {
            let is_same = kept.tenant == space.as_str() && kept.record.name == was.name;
            others += usize::from(is(&kept.record) && !is_same);
            Ok::<_, Error>(())
        })?;
        Ok::<_, Problem>(others == 0)
    };
    if is_lost(Member::is_owner, &Query::of(Member::KIND, space))? {
        return Err(Problem::in_use(
            format!("`{}` is the last owner of the tenant", was.name),
            "make another one first",
        ));
    }
    if is_lost(Member::is_operator, &Query::everywhere(Member::KIND))? {
        let what = format!("`{}` is the last operator of the installation", was.name);
        return Err(Problem::in_use(what, "make another one first"));
    }
    Ok(())
}
