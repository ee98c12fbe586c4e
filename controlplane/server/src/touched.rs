//! Rows of the store as the compiler knows them: which of its records a change of a row is.

use tollgate_compile::{Change, Record};
use tollgate_domain::{
    Api, ApiName, Application, Credential, Environment, Name, Plan, Product, Publication, RevokedToken, Subscription,
    Target, Tenant,
};
use tollgate_store::{Change as Row, Record as _};

/// What the compiler has to know of a row that has changed.
pub(crate) fn of_row(row: &Row) -> Option<Change> {
    if row.kind != Credential::KIND {
        return of_record(&row.tenant, &row.kind, &row.key);
    }
    // One that is gone went with its application, which is told by itself.
    let credential: Credential = serde_json::from_str(&row.row.as_ref()?.body).ok()?;
    Some(Change::new(row.tenant.parse().ok()?, Record::Application(credential.application)))
}

/// What the compiler has to know of a record; nothing of those it does not read.
pub(crate) fn of_record(tenant: &str, kind: &str, key: &str) -> Option<Change> {
    let name = || key.parse::<Name>().ok();
    if kind == Tenant::KIND && tenant.is_empty() {
        return Some(Change::new(name()?, Record::Tenant));
    }
    let tenant: Name = tenant.parse().ok()?;
    let record = match kind {
        kind if kind == Environment::KIND => Record::Environment(name()?),
        kind if kind == Api::KIND => Record::Api(key.parse().ok()?),
        kind if kind == Publication::KIND => {
            let (api, environment) = key.split_once('/')?;
            Record::Publication(environment.parse().ok()?, api.parse::<ApiName>().ok()?)
        }
        kind if kind == Product::KIND => Record::Product(name()?),
        kind if kind == Plan::KIND => Record::Plan(name()?),
        kind if kind == Application::KIND => Record::Application(name()?),
        kind if kind == RevokedToken::KIND => Record::Application(key.split_once('/')?.0.parse().ok()?),
        kind if kind == Subscription::KIND => {
            let (application, target) = key.split_once('/')?;
            Record::Subscription(application.parse().ok()?, target.parse::<Target>().ok()?)
        }
        _ => return None,
    };
    Some(Change::new(tenant, record))
}
