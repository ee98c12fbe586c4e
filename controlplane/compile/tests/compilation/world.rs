//! The records of an installation in maps: the slow and simple counterpart of a store.

use serde::Deserialize;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
};
use tollgate_compile::{Delta, Kind, Source};
use tollgate_domain::{
    Api, ApiName, ApiSpec, Application, Credential, Digest, Environment, Lifecycle, Made, Name, Plan, Product,
    Publication, Release, Revision, RevokedToken, Subscription, Target, Tenant, lifecycle::Deprecation,
    reference::Variables,
};
use tollgate_model::{Configuration, NoSource};

/// All records.
#[derive(Clone, Debug, Default)]
pub(crate) struct World {
    pub(crate) tenants: BTreeMap<Name, Records>,
}

/// Those of a tenant.
#[derive(Clone, Debug)]
pub(crate) struct Records {
    pub(crate) tenant: Tenant,
    pub(crate) environments: BTreeMap<Name, Environment>,
    pub(crate) apis: BTreeMap<ApiName, Api>,
    pub(crate) revisions: BTreeMap<(ApiName, u32), Revision>,
    pub(crate) publications: BTreeMap<(Name, ApiName), Publication>,
    pub(crate) products: BTreeMap<Name, Product>,
    pub(crate) plans: BTreeMap<Name, Plan>,
    pub(crate) applications: BTreeMap<Name, Application>,
    pub(crate) subscriptions: BTreeMap<(Name, Target), Subscription>,
    pub(crate) credentials: BTreeMap<String, Credential>,
    pub(crate) revoked: Vec<RevokedToken>,
}

/// As a test writes them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    tenant: Tenant,
    environments: Vec<Environment>,
    #[serde(default)]
    apis: Vec<WrittenApi>,
    #[serde(default)]
    products: Vec<Product>,
    #[serde(default)]
    plans: Vec<Plan>,
    #[serde(default)]
    applications: Vec<WrittenApplication>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenApi {
    #[serde(default)]
    lifecycle: Lifecycle,
    #[serde(default)]
    deprecation: Option<Deprecation>,
    /// The first is revision 1.
    revisions: Vec<ApiSpec>,
    /// Environment -> what is published there.
    publish: BTreeMap<Name, Release>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenApplication {
    name: Name,
    #[serde(default)]
    blocked: bool,
    /// Id -> what is not usual of it.
    credentials: BTreeMap<String, Value>,
    /// Client -> tokens that were revoked.
    #[serde(default)]
    revoked: BTreeMap<String, Vec<String>>,
    /// Target -> plan and state.
    #[serde(default)]
    subscriptions: BTreeMap<Target, (Name, String)>,
}

pub(crate) fn name(text: &str) -> Name {
    text.parse().unwrap()
}

pub(crate) fn made() -> Made {
    Made { by: name("ann"), at_s: 1_700_000_000, note: None }
}

impl World {
    /// Of one tenant.
    pub(crate) fn read(text: &str) -> Self {
        Self::of_value(serde_saphyr::from_str(text).unwrap_or_else(|error| panic!("{error}")))
    }

    /// Of one tenant.
    pub(crate) fn of_value(value: Value) -> Self {
        let written: Written = serde_json::from_value(value).unwrap_or_else(|error| panic!("{error}"));
        written.tenant.check().unwrap();
        let mut records = Records {
            environments: written.environments.into_iter().map(|one| (one.name.clone(), one)).collect(),
            products: written.products.into_iter().map(|one| (one.name.clone(), one)).collect(),
            plans: written.plans.into_iter().map(|one| (one.name.clone(), one)).collect(),
            ..Records::of(written.tenant)
        };
        records.environments.values().for_each(|one| one.check().unwrap());
        records.products.values().for_each(|one| one.check().unwrap());
        records.plans.values().for_each(|one| one.check().unwrap());
        for api in written.apis {
            records.put_api(api);
        }
        for application in written.applications {
            records.put_application(application);
        }
        let mut world = Self::default();
        world.tenants.insert(records.tenant.name.clone(), records);
        world
    }

    pub(crate) fn of(&mut self, tenant: &str) -> &mut Records {
        self.tenants.get_mut(tenant).unwrap()
    }
}

impl Records {
    pub(crate) fn of(tenant: Tenant) -> Self {
        Self {
            tenant,
            environments: BTreeMap::new(),
            apis: BTreeMap::new(),
            revisions: BTreeMap::new(),
            publications: BTreeMap::new(),
            products: BTreeMap::new(),
            plans: BTreeMap::new(),
            applications: BTreeMap::new(),
            subscriptions: BTreeMap::new(),
            credentials: BTreeMap::new(),
            revoked: Vec::new(),
        }
    }

    fn put_api(&mut self, written: WrittenApi) {
        let mut specs = written.revisions.into_iter();
        let mut api = Api::create(specs.next().unwrap(), made()).unwrap_or_else(|error| panic!("{error}"));
        self.freeze(&mut api);
        for spec in specs {
            api.revise(spec).unwrap_or_else(|error| panic!("{error}"));
            self.freeze(&mut api);
        }
        (api.lifecycle, api.deprecation) = (written.lifecycle, written.deprecation);
        self.apis.insert(api.api_name(), api.clone());
        for (environment, release) in written.publish {
            self.publish(&environment, &api.api_name(), Some(release));
        }
    }

    pub(crate) fn freeze(&mut self, api: &mut Api) {
        if let Some(revision) = api.freeze(made()).unwrap() {
            self.revisions.insert((revision.api.clone(), revision.number), revision);
        }
    }

    /// Without the checks of a publication, which are not at stake here.
    pub(crate) fn publish(&mut self, environment: &Name, api: &ApiName, release: Option<Release>) {
        let variables: Variables = self.environments[environment].variables.clone();
        let (api, environment) = (api.clone(), environment.clone());
        let publication = Publication {
            api: api.clone(),
            environment: environment.clone(),
            number: 1,
            release,
            variables,
            restores: None,
            made: made(),
        };
        self.publications.insert((environment, api), publication);
    }

    fn put_application(&mut self, written: WrittenApplication) {
        let name = written.name;
        for (id, unusual) in written.credentials {
            let mut whole = serde_json::json!({
                "id": id, "application": name, "kind": "api_key", "hash": Digest::of_bytes(id.as_bytes()), "made": made(),
            });
            whole.as_object_mut().unwrap().extend(unusual.as_object().unwrap().clone());
            self.credentials.insert(id, serde_json::from_value(whole).unwrap());
        }
        for (client, tokens) in written.revoked {
            let token = |jti| RevokedToken { application: name.clone(), client: client.clone(), jti, expires_s: 1 };
            self.revoked.extend(tokens.into_iter().map(token));
        }
        for (target, (plan, state)) in written.subscriptions {
            let state = serde_json::from_value(state.into()).unwrap();
            self.subscribe(&name, target, plan, state);
        }
        let application = serde_json::json!({"name": name, "owners": ["ann"], "blocked": written.blocked});
        self.applications.insert(name, serde_json::from_value(application).unwrap());
    }

    pub(crate) fn subscribe(
        &mut self,
        application: &Name,
        target: Target,
        plan: Name,
        state: tollgate_domain::SubscriptionState,
    ) {
        let key = (application.clone(), target.clone());
        let application = application.clone();
        self.subscriptions.insert(key, Subscription { application, target, plan, state, made: made(), decided: None });
    }
}

type Answer<T> = Result<T, Infallible>;

impl World {
    fn one<T>(&self, tenant: &Name, answer: impl FnOnce(&Records) -> T) -> Answer<T>
    where
        T: Default,
    {
        Ok(self.tenants.get(tenant).map(answer).unwrap_or_default())
    }
}

impl Source for World {
    type Error = Infallible;

    fn tenants(&self) -> Answer<Vec<Name>> {
        Ok(self.tenants.keys().cloned().collect())
    }

    fn tenant(&self, tenant: &Name) -> Answer<Option<Tenant>> {
        self.one(tenant, |all| Some(all.tenant.clone()))
    }

    fn environments(&self, tenant: &Name) -> Answer<Vec<Name>> {
        self.one(tenant, |all| all.environments.keys().cloned().collect())
    }

    fn environment(&self, tenant: &Name, environment: &Name) -> Answer<Option<Environment>> {
        self.one(tenant, |all| all.environments.get(environment).cloned())
    }

    fn apis(&self, tenant: &Name) -> Answer<Vec<Name>> {
        self.one(tenant, |all| {
            all.apis.keys().map(|api| api.name.clone()).collect::<BTreeSet<_>>().into_iter().collect()
        })
    }

    fn versions(&self, tenant: &Name, api: &Name) -> Answer<Vec<Api>> {
        self.one(tenant, |all| all.apis.values().filter(|one| one.spec.name == *api).cloned().collect())
    }

    fn revision(&self, tenant: &Name, api: &ApiName, number: u32) -> Answer<Option<Revision>> {
        self.one(tenant, |all| all.revisions.get(&(api.clone(), number)).cloned())
    }

    fn publication(&self, tenant: &Name, environment: &Name, api: &ApiName) -> Answer<Option<Publication>> {
        self.one(tenant, |all| all.publications.get(&(environment.clone(), api.clone())).cloned())
    }

    fn products(&self, tenant: &Name) -> Answer<Vec<Name>> {
        self.one(tenant, |all| all.products.keys().cloned().collect())
    }

    fn product(&self, tenant: &Name, product: &Name) -> Answer<Option<Product>> {
        self.one(tenant, |all| all.products.get(product).cloned())
    }

    fn products_with(&self, tenant: &Name, api: &ApiName) -> Answer<Vec<Product>> {
        let has = |product: &&Product| product.apis.iter().any(|part| part.api == *api);
        self.one(tenant, |all| all.products.values().filter(has).cloned().collect())
    }

    fn plans(&self, tenant: &Name) -> Answer<Vec<Name>> {
        self.one(tenant, |all| all.plans.keys().cloned().collect())
    }

    fn plan(&self, tenant: &Name, plan: &Name) -> Answer<Option<Plan>> {
        self.one(tenant, |all| all.plans.get(plan).cloned())
    }

    fn plans_of(&self, tenant: &Name, target: &Target) -> Answer<BTreeSet<Name>> {
        let of = |one: &&Subscription| one.target == *target;
        self.one(tenant, |all| all.subscriptions.values().filter(of).map(|one| one.plan.clone()).collect())
    }

    fn targets_under(&self, tenant: &Name, plan: &Name) -> Answer<BTreeSet<Target>> {
        let under = |one: &&Subscription| one.plan == *plan;
        self.one(tenant, |all| all.subscriptions.values().filter(under).map(|one| one.target.clone()).collect())
    }

    fn applications_under(&self, tenant: &Name, plan: &Name) -> Answer<BTreeSet<Name>> {
        let under = |one: &&Subscription| one.plan == *plan;
        self.one(tenant, |all| all.subscriptions.values().filter(under).map(|one| one.application.clone()).collect())
    }

    fn subscribers(&self, tenant: &Name, target: &Target) -> Answer<BTreeSet<Name>> {
        let of = |one: &&Subscription| one.target == *target;
        self.one(tenant, |all| all.subscriptions.values().filter(of).map(|one| one.application.clone()).collect())
    }

    fn applications(&self, tenant: &Name) -> Answer<Vec<Name>> {
        self.one(tenant, |all| all.applications.keys().cloned().collect())
    }

    fn application(&self, tenant: &Name, application: &Name) -> Answer<Option<Application>> {
        self.one(tenant, |all| all.applications.get(application).cloned())
    }

    fn subscriptions(&self, tenant: &Name, application: &Name) -> Answer<Vec<Subscription>> {
        let of = |one: &&Subscription| one.application == *application;
        self.one(tenant, |all| all.subscriptions.values().filter(of).cloned().collect())
    }

    fn credentials(&self, tenant: &Name, application: &Name) -> Answer<Vec<Credential>> {
        let of = |one: &&Credential| one.application == *application;
        self.one(tenant, |all| all.credentials.values().filter(of).cloned().collect())
    }

    fn revoked_tokens(&self, tenant: &Name, application: &Name) -> Answer<Vec<RevokedToken>> {
        let of = |one: &&RevokedToken| one.application == *application;
        self.one(tenant, |all| all.revoked.iter().filter(of).cloned().collect())
    }
}

/// What a node has that nothing was compiled for.
pub(crate) fn node() -> Configuration {
    let text = "version: 1\nlisteners: [ { name: public, bind: 127.0.0.1:0 } ]\n";
    Configuration::parse("node", text, &NoSource).unwrap()
}

/// What a node has after a delta; panics with what the contract says against it.
pub(crate) fn patched(node: &Configuration, delta: &Delta) -> Configuration {
    let text = delta.patch(&node.snapshot().generation.to_string());
    node.patch("delta", &text, &NoSource).unwrap_or_else(|error| panic!("{error}\n\n{text}"))
}

/// The items of a delta under the keys of the contract.
pub(crate) fn shown(delta: &Delta) -> Value {
    let items = |kind| delta.items(kind).map(|(_, text)| serde_json::from_str::<Value>(text).unwrap()).collect();
    Value::Object(Kind::ALL.into_iter().map(|kind| (kind.key().to_owned(), items(kind))).collect())
}
