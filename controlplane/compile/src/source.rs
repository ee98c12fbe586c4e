//! Where records come from: what a compilation asks for, which a store answers.
//!
//! Every question is about one tenant and is an index of a store: nothing here looks through all records but [`tenants`]
//! and the lists of names, which only a compilation of everything asks for. All answers of one compilation must be of one
//! moment (a read transaction).
//!
//! [`tenants`]: Source::tenants

use std::collections::BTreeSet;
use tollgate_domain::{
    Api, ApiName, Application, Credential, Environment, Name, Plan, Product, Publication, Revision, RevokedToken,
    Subscription, Target, Tenant,
};

/// The records of an installation.
///
/// # Errors
/// Every function fails with what the store says; a compilation ends then and has changed nothing.
pub trait Source {
    /// Why a record cannot be read.
    type Error;

    /// All tenants.
    fn tenants(&self) -> Result<Vec<Name>, Self::Error>;
    /// A tenant.
    fn tenant(&self, tenant: &Name) -> Result<Option<Tenant>, Self::Error>;
    /// The names of its environments.
    fn environments(&self, tenant: &Name) -> Result<Vec<Name>, Self::Error>;
    /// An environment.
    fn environment(&self, tenant: &Name, environment: &Name) -> Result<Option<Environment>, Self::Error>;
    /// The names of its APIs, each once however many versions there are.
    fn apis(&self, tenant: &Name) -> Result<Vec<Name>, Self::Error>;
    /// All versions of an API.
    fn versions(&self, tenant: &Name, api: &Name) -> Result<Vec<Api>, Self::Error>;
    /// A revision.
    fn revision(&self, tenant: &Name, api: &ApiName, number: u32) -> Result<Option<Revision>, Self::Error>;
    /// The last publication of an API in an environment.
    fn publication(&self, tenant: &Name, environment: &Name, api: &ApiName)
    -> Result<Option<Publication>, Self::Error>;
    /// The names of its products.
    fn products(&self, tenant: &Name) -> Result<Vec<Name>, Self::Error>;
    /// A product.
    fn product(&self, tenant: &Name, product: &Name) -> Result<Option<Product>, Self::Error>;
    /// The products that have an API.
    fn products_with(&self, tenant: &Name, api: &ApiName) -> Result<Vec<Product>, Self::Error>;
    /// The names of its plans.
    fn plans(&self, tenant: &Name) -> Result<Vec<Name>, Self::Error>;
    /// A plan.
    fn plan(&self, tenant: &Name, plan: &Name) -> Result<Option<Plan>, Self::Error>;
    /// The plans of the subscriptions to a target, whatever their state.
    fn plans_of(&self, tenant: &Name, target: &Target) -> Result<BTreeSet<Name>, Self::Error>;
    /// The targets of the subscriptions under a plan, whatever their state.
    fn targets_under(&self, tenant: &Name, plan: &Name) -> Result<BTreeSet<Target>, Self::Error>;
    /// The applications that have a subscription under a plan, whatever its state.
    fn applications_under(&self, tenant: &Name, plan: &Name) -> Result<BTreeSet<Name>, Self::Error>;
    /// The applications that have a subscription to a target, whatever its state.
    fn subscribers(&self, tenant: &Name, target: &Target) -> Result<BTreeSet<Name>, Self::Error>;
    /// The names of its applications.
    fn applications(&self, tenant: &Name) -> Result<Vec<Name>, Self::Error>;
    /// An application.
    fn application(&self, tenant: &Name, application: &Name) -> Result<Option<Application>, Self::Error>;
    /// The subscriptions of an application, whatever their state.
    fn subscriptions(&self, tenant: &Name, application: &Name) -> Result<Vec<Subscription>, Self::Error>;
    /// The credentials of an application, whether they are valid or not.
    fn credentials(&self, tenant: &Name, application: &Name) -> Result<Vec<Credential>, Self::Error>;
    /// The tokens of an application that were revoked. Asked for where it has clients.
    fn revoked_tokens(&self, tenant: &Name, application: &Name) -> Result<Vec<RevokedToken>, Self::Error>;
}

/// A record that was written, or is gone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    /// Whose.
    pub tenant: Name,
    /// Which.
    pub record: Record,
}

/// Which record of a tenant. Revisions are not among them: they never change.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Record {
    /// The tenant itself. What it had is told for itself when it goes.
    Tenant,
    /// An environment.
    Environment(Name),
    /// An API: of a working copy nothing is compiled, of its lifecycle all.
    Api(ApiName),
    /// What an environment serves of an API.
    Publication(Name, ApiName),
    /// A product.
    Product(Name),
    /// A plan.
    Plan(Name),
    /// An application, one of its credentials, or a token of it that was revoked.
    Application(Name),
    /// A subscription of an application.
    Subscription(Name, Target),
}

impl Change {
    /// A change of `record` of `tenant`.
    #[must_use]
    pub const fn new(tenant: Name, record: Record) -> Self {
        Self { tenant, record }
    }

    /// Changes that lead to everything there is, for a compilation from the beginning.
    ///
    /// # Errors
    /// What the store says.
    pub fn everything<S: Source>(source: &S) -> Result<Vec<Self>, S::Error> {
        let mut changes = Vec::new();
        for tenant in source.tenants()? {
            let mut add = |record| changes.push(Self::new(tenant.clone(), record));
            add(Record::Tenant);
            source.plans(&tenant)?.into_iter().for_each(|plan| add(Record::Plan(plan)));
            source.products(&tenant)?.into_iter().for_each(|product| add(Record::Product(product)));
            source.applications(&tenant)?.into_iter().for_each(|name| add(Record::Application(name)));
        }
        Ok(changes)
    }
}
