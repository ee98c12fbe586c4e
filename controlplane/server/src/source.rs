//! Records for the compiler, out of one transaction of the store.
//!
//! Each question is one row or one list. Those about a plan look at all subscriptions of a tenant: the store has no index of
//! plans, and they are asked only when a plan comes or goes. Nothing is remembered here.

use std::collections::BTreeSet;
use tollgate_compile::Source;
use tollgate_domain::{
    Api, ApiName, Application, Credential, Environment, Name, Plan, Product, Publication, Revision, RevokedToken,
    Subscription, Target, Tenant,
};
use tollgate_store::{Error, Query, Record, Records as _, Result, Rows, Space, publication_key, revision_key};

/// What is read in a transaction.
pub(crate) struct Stored<'r>(pub(crate) &'r dyn Rows);

impl Stored<'_> {
    fn one<R: Record>(&self, tenant: &Name, key: &str) -> Result<Option<R>> {
        Ok(self.0.load(Space::Tenant(tenant), key)?.map(|kept| kept.record))
    }

    /// What `found` gives of every record of a query.
    fn each<R: Record, T: Ord>(&self, query: &Query<'_>, found: impl Fn(R) -> Option<T>) -> Result<BTreeSet<T>> {
        let mut all = BTreeSet::new();
        self.0.for_each::<R>(query, |kept| {
            all.extend(found(kept.record));
            Ok::<_, Error>(())
        })?;
        Ok(all)
    }

    fn all<R: Record>(&self, query: &Query<'_>) -> Result<Vec<R>> {
        let mut all = Vec::new();
        self.0.for_each::<R>(query, |kept| {
            all.push(kept.record);
            Ok::<_, Error>(())
        })?;
        Ok(all)
    }

    fn names<R: Record>(&self, tenant: &Name, name: impl Fn(R) -> Name) -> Result<Vec<Name>> {
        let names = self.each::<R, _>(&Query::of(R::KIND, Space::Tenant(tenant)), |record| Some(name(record)))?;
        Ok(names.into_iter().collect())
    }

    fn subscriptions_where<T: Ord>(
        &self,
        tenant: &Name,
        target: Option<&Target>,
        found: impl Fn(Subscription) -> Option<T>,
    ) -> Result<BTreeSet<T>> {
        let target = target.map(Target::to_string);
        let query = Query { target: target.as_deref(), ..Query::of(Subscription::KIND, Space::Tenant(tenant)) };
        self.each(&query, found)
    }
}

impl Source for Stored<'_> {
    type Error = Error;

    fn tenants(&self) -> Result<Vec<Name>> {
        let names =
            self.each::<Tenant, _>(&Query::of(Tenant::KIND, Space::Installation), |tenant| Some(tenant.name))?;
        Ok(names.into_iter().collect())
    }

    fn tenant(&self, tenant: &Name) -> Result<Option<Tenant>> {
        Ok(self.0.load(Space::Installation, tenant.as_str())?.map(|kept| kept.record))
    }

    fn environments(&self, tenant: &Name) -> Result<Vec<Name>> {
        self.names::<Environment>(tenant, |environment| environment.name)
    }

    fn environment(&self, tenant: &Name, environment: &Name) -> Result<Option<Environment>> {
        self.one(tenant, environment.as_str())
    }

    fn apis(&self, tenant: &Name) -> Result<Vec<Name>> {
        self.names::<Api>(tenant, |api| api.spec.name)
    }

    fn versions(&self, tenant: &Name, api: &Name) -> Result<Vec<Api>> {
        self.all(&Query { parent: Some(api.as_str()), ..Query::of(Api::KIND, Space::Tenant(tenant)) })
    }

    fn revision(&self, tenant: &Name, api: &ApiName, number: u32) -> Result<Option<Revision>> {
        self.one(tenant, &revision_key(api, number))
    }

    fn publication(&self, tenant: &Name, environment: &Name, api: &ApiName) -> Result<Option<Publication>> {
        self.one(tenant, &publication_key(api, environment))
    }

    fn products(&self, tenant: &Name) -> Result<Vec<Name>> {
        self.names::<Product>(tenant, |product| product.name)
    }

    fn product(&self, tenant: &Name, product: &Name) -> Result<Option<Product>> {
        self.one(tenant, product.as_str())
    }

    fn products_with(&self, tenant: &Name, api: &ApiName) -> Result<Vec<Product>> {
        let mut products = self.all::<Product>(&Query::of(Product::KIND, Space::Tenant(tenant)))?;
        products.retain(|product| product.apis.iter().any(|part| part.api == *api));
        Ok(products)
    }

    fn plans(&self, tenant: &Name) -> Result<Vec<Name>> {
        self.names::<Plan>(tenant, |plan| plan.name)
    }

    fn plan(&self, tenant: &Name, plan: &Name) -> Result<Option<Plan>> {
        self.one(tenant, plan.as_str())
    }

    fn plans_of(&self, tenant: &Name, target: &Target) -> Result<BTreeSet<Name>> {
        self.subscriptions_where(tenant, Some(target), |subscription| Some(subscription.plan))
    }

    fn targets_under(&self, tenant: &Name, plan: &Name) -> Result<BTreeSet<Target>> {
        self.subscriptions_where(tenant, None, |found| (found.plan == *plan).then_some(found.target))
    }

    fn applications_under(&self, tenant: &Name, plan: &Name) -> Result<BTreeSet<Name>> {
        self.subscriptions_where(tenant, None, |found| (found.plan == *plan).then_some(found.application))
    }

    fn subscribers(&self, tenant: &Name, target: &Target) -> Result<BTreeSet<Name>> {
        self.subscriptions_where(tenant, Some(target), |found| Some(found.application))
    }

    fn applications(&self, tenant: &Name) -> Result<Vec<Name>> {
        self.names::<Application>(tenant, |application| application.name)
    }

    fn application(&self, tenant: &Name, application: &Name) -> Result<Option<Application>> {
        self.one(tenant, application.as_str())
    }

    fn subscriptions(&self, tenant: &Name, application: &Name) -> Result<Vec<Subscription>> {
        let parent = Some(application.as_str());
        self.all(&Query { parent, ..Query::of(Subscription::KIND, Space::Tenant(tenant)) })
    }

    fn credentials(&self, tenant: &Name, application: &Name) -> Result<Vec<Credential>> {
        let parent = Some(application.as_str());
        self.all(&Query { parent, ..Query::of(Credential::KIND, Space::Tenant(tenant)) })
    }

    fn revoked_tokens(&self, tenant: &Name, application: &Name) -> Result<Vec<RevokedToken>> {
        let parent = Some(application.as_str());
        self.all(&Query { parent, ..Query::of(RevokedToken::KIND, Space::Tenant(tenant)) })
    }
}
