//! From records that changed to what has to be compiled again, and nothing else.
//!
//! Most records lead to one part. A tenant and an environment lead to all APIs in them; a product to its plans, its
//! subscribers and, where the operations that it names alone are others than before, to the routes of those APIs and
//! everybody who may call them. What a product named before is remembered for that (`Products`).

use crate::{
    delta::Part,
    source::{Change, Record, Source},
};
use std::collections::{BTreeMap, BTreeSet};
use tollgate_domain::{ApiName, Name, ProductApi, Target};

/// Tenant and product -> what is in it.
pub(crate) type Products = BTreeMap<(Name, Name), Vec<ProductApi>>;

/// What has to be compiled again.
#[derive(Debug, Default)]
pub(crate) struct Affected {
    /// Tenant and part.
    pub(crate) parts: BTreeSet<(Name, Part)>,
    /// Products that are others now; `None`: gone.
    pub(crate) products: BTreeMap<(Name, Name), Option<Vec<ProductApi>>>,
}

/// What was compiled before.
pub(crate) struct Before<'b> {
    pub(crate) products: &'b Products,
    /// The environments and names of the APIs of a tenant that have items.
    pub(crate) apis: &'b dyn Fn(&Name) -> Vec<(Name, Name)>,
}

impl Affected {
    /// Of all changes.
    pub(crate) fn of<S: Source>(source: &S, before: &Before<'_>, changes: &[Change]) -> Result<Self, S::Error> {
        let mut affected = Self::default();
        for Change { tenant, record } in changes {
            affected.record(source, before, tenant, record)?;
        }
        Ok(affected)
    }

    fn record<S: Source>(
        &mut self,
        source: &S,
        before: &Before<'_>,
        tenant: &Name,
        record: &Record,
    ) -> Result<(), S::Error> {
        match record {
            Record::Tenant => {
                for environment in source.environments(tenant)? {
                    self.environment(source, tenant, &environment)?;
                }
                let served = (before.apis)(tenant).into_iter();
                served.for_each(|(environment, api)| self.add(tenant, Part::Api(environment, api)));
            }
            Record::Environment(environment) => {
                self.environment(source, tenant, environment)?;
                let served = (before.apis)(tenant).into_iter().filter(|(of, _)| of == environment);
                served.for_each(|(environment, api)| self.add(tenant, Part::Api(environment, api)));
            }
            Record::Api(api) => self.api(source, tenant, api)?,
            Record::Publication(environment, api) => {
                self.add(tenant, Part::Api(environment.clone(), api.name.clone()));
            }
            Record::Product(product) => self.product(source, before, tenant, product)?,
            Record::Plan(plan) => {
                self.add(tenant, Part::Plan(plan.clone()));
                let targets = source.targets_under(tenant, plan)?;
                targets.into_iter().for_each(|target| self.add(tenant, Part::Target(target)));
            }
            Record::Application(application) => self.add(tenant, Part::Application(application.clone())),
            Record::Subscription(application, target) => {
                self.add(tenant, Part::Target(target.clone()));
                self.add(tenant, Part::Application(application.clone()));
            }
        }
        Ok(())
    }

    fn add(&mut self, tenant: &Name, part: Part) {
        self.parts.insert((tenant.clone(), part));
    }

    fn environment<S: Source>(&mut self, source: &S, tenant: &Name, environment: &Name) -> Result<(), S::Error> {
        for api in source.apis(tenant)? {
            self.add(tenant, Part::Api(environment.clone(), api));
        }
        Ok(())
    }

    fn api<S: Source>(&mut self, source: &S, tenant: &Name, api: &ApiName) -> Result<(), S::Error> {
        for environment in source.environments(tenant)? {
            self.add(tenant, Part::Api(environment, api.name.clone()));
        }
        Ok(())
    }

    fn target<S: Source>(&mut self, source: &S, tenant: &Name, target: Target) -> Result<(), S::Error> {
        for application in source.subscribers(tenant, &target)? {
            self.add(tenant, Part::Application(application));
        }
        self.add(tenant, Part::Target(target));
        Ok(())
    }

    fn product<S: Source>(
        &mut self,
        source: &S,
        before: &Before<'_>,
        tenant: &Name,
        product: &Name,
    ) -> Result<(), S::Error> {
        let key = (tenant.clone(), product.clone());
        let now = source.product(tenant, product)?.map(|product| product.apis);
        let contents = before.products.get(&key).map(Vec::as_slice).unwrap_or_default();
        for api in changed(contents, now.as_deref().unwrap_or_default()) {
            self.api(source, tenant, &api)?;
            for other in source.products_with(tenant, &api)? {
                self.target(source, tenant, Target::Product(other.name))?;
            }
            self.target(source, tenant, Target::Api(api))?;
        }
        self.products.insert(key, now);
        self.target(source, tenant, Target::Product(product.clone()))
    }
}

/// The APIs of which other operations are named alone.
fn changed(before: &[ProductApi], now: &[ProductApi]) -> BTreeSet<ApiName> {
    let alone = |contents: &[ProductApi]| -> BTreeMap<ApiName, BTreeSet<Name>> {
        let contents = contents.iter().filter_map(|content| Some((content.api.clone(), content.operations.clone()?)));
        contents.collect()
    };
    let (before, now) = (alone(before), alone(now));
    let names = before.keys().chain(now.keys()).filter(|api| before.get(*api) != now.get(*api));
    names.cloned().collect()
}
