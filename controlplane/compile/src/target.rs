//! What a target of subscriptions is to the gateway: names that `authorize` of routes has.
//!
//! An API is one name, unless a product has some of its operations alone: each of those has a name of its own then, in
//! every route and for every target. A target of several names, or of a product with rules, has plans of its own, which
//! count all of it together (`plan`); any other has the tenant's.

use crate::{names, source::Source};
use std::collections::BTreeSet;
use tollgate_domain::{ApiName, Name, Policies, Product, ProductApi, Target};

/// A target, expanded.
pub(crate) struct Expansion {
    /// What `authorize` of its routes says.
    pub(crate) apis: Vec<String>,
    /// Those of the product.
    pub(crate) policies: Policies,
}

impl Expansion {
    /// Nothing, if a product does not exist.
    pub(crate) fn of<S: Source>(source: &S, tenant: &Name, target: &Target) -> Result<Self, S::Error> {
        let (parts, policies) = match target {
            Target::Api(api) => (vec![ProductApi { api: api.clone(), operations: None }], Policies::default()),
            Target::Product(product) => {
                let product = source.product(tenant, product)?;
                product.map(|product| (product.apis, product.policies)).unwrap_or_default()
            }
        };
        let mut apis = Vec::new();
        for part in parts {
            let single = single_operations(source, tenant, &part.api)?;
            if part.operations.is_none() {
                apis.push(names::api(tenant, &part.api));
            }
            let operations = part.operations.unwrap_or(single);
            apis.extend(operations.iter().map(|operation| names::operation(tenant, &part.api, operation)));
        }
        Ok(Self { apis, policies })
    }

    /// Whether its subscriptions need plans of their own.
    pub(crate) fn has_plans(&self) -> bool {
        self.apis.len() > 1 || RULES.iter().any(|rules| self.policies.entries.contains_key(*rules))
    }
}

/// The rules that a plan of the contract has.
pub(crate) const RULES: [&str; 3] = ["throttle", "quota", "concurrency"];

/// The operations of an API that can be subscribed to without the rest of it.
pub(crate) fn single_operations<S: Source>(
    source: &S,
    tenant: &Name,
    api: &ApiName,
) -> Result<BTreeSet<Name>, S::Error> {
    Ok(single(&source.products_with(tenant, api)?, api))
}

fn single(products: &[Product], api: &ApiName) -> BTreeSet<Name> {
    let parts = products.iter().flat_map(|product| &product.apis).filter(|part| part.api == *api);
    parts.flat_map(|part| part.operations.iter().flatten()).cloned().collect()
}
