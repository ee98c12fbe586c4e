//! The names that compiled items have: out of the names of records alone, so that whoever knows those knows these.
//!
//! `tenant.environment.api_version.operation` of a route, shorter of the others. A slug has neither `.` nor `_`, so two
//! records never share a name. A name longer than the contract takes is cut and ends with a hash of the whole.

use tollgate_domain::{ApiName, Digest, Name, Target};

/// Characters of the name of an item of the contract.
const ITEM_CHARS_MAX: usize = 64;
/// Characters of `authorize.api` of the contract.
const API_CHARS_MAX: usize = 128;
/// Digits of the hash of a name that is too long.
const HASH_DIGITS: usize = 16;

/// Of a route. `version` is what requests say: the version itself, a short form of it, or nothing.
pub(crate) fn route(place: (&Name, &Name), api: &Name, version: Option<&str>, operation: &str) -> String {
    let (tenant, environment) = place;
    let version = version.map(|version| format!("_{version}")).unwrap_or_default();
    bounded(format!("{tenant}.{environment}.{api}{version}.{operation}"), ITEM_CHARS_MAX)
}

/// Of a route that only a canary has; `route` is the name it would have.
pub(crate) fn of_canary(route: &str) -> String {
    bounded(format!("{route}_canary"), ITEM_CHARS_MAX)
}

/// What the names of all routes of an environment begin with; `None` where that is too long to be seen in them.
#[must_use]
pub fn routes_of(tenant: &Name, environment: &Name) -> Option<String> {
    let scope = format!("{tenant}.{environment}.");
    Some(scope).filter(|scope| scope.len() < ITEM_CHARS_MAX - HASH_DIGITS)
}

/// Of an upstream: that of the revision that requests get, or of the one that is tried beside it.
pub(crate) fn upstream((tenant, environment): (&Name, &Name), api: &ApiName, is_canary: bool) -> String {
    let canary = if is_canary { "canary." } else { "" };
    bounded(format!("{tenant}.{environment}.{canary}{}_{}", api.name, api.version), ITEM_CHARS_MAX)
}

/// Of what the rules of a tenant count for: all its APIs in an environment.
pub(crate) fn scope_of_tenant((tenant, environment): (&Name, &Name)) -> String {
    bounded(format!("{tenant}.{environment}"), ITEM_CHARS_MAX)
}

/// Of what the rules of an API count for: all its operations in an environment.
pub(crate) fn scope_of_api(place: (&Name, &Name), api: &ApiName) -> String {
    upstream(place, api, false)
}

/// Of a plan.
#[must_use]
pub fn plan(tenant: &Name, plan: &Name) -> String {
    bounded(format!("{tenant}.{plan}"), ITEM_CHARS_MAX)
}

/// Of a plan for the subscriptions to a target that is more than one API to the gateway.
#[must_use]
pub fn plan_of(tenant: &Name, plan: &Name, target: &Target) -> String {
    bounded(format!("{tenant}.{plan}.{}", target.to_string().replace('@', "_")), ITEM_CHARS_MAX)
}

/// Of an application.
#[must_use]
pub fn application(tenant: &Name, application: &Name) -> String {
    bounded(format!("{tenant}.{application}"), ITEM_CHARS_MAX)
}

/// What `authorize` calls an API, and so what usage is counted for.
#[must_use]
pub fn api(tenant: &Name, api: &ApiName) -> String {
    bounded(format!("{tenant}/{api}"), API_CHARS_MAX)
}

/// What `authorize` calls an operation that can be subscribed to without the rest of its API.
#[must_use]
pub fn operation(tenant: &Name, api: &ApiName, operation: &Name) -> String {
    bounded(format!("{tenant}/{api}/{operation}"), API_CHARS_MAX)
}

/// The name of an item without its tenant: what people call an application or an API. One that was cut within the name of the
/// tenant stays as it is.
#[must_use]
pub fn within<'n>(tenant: &str, item: &'n str) -> &'n str {
    item.strip_prefix(tenant).and_then(|rest| rest.strip_prefix(['.', '/'])).unwrap_or(item)
}

fn bounded(name: String, chars_max: usize) -> String {
    if name.len() <= chars_max {
        return name;
    }
    let hash = Digest::of_bytes(name.as_bytes());
    // Names are ASCII, and both parts are shorter than they are.
    format!("{}-{}", &name[..chars_max - HASH_DIGITS - 1], &hash.as_str()[..HASH_DIGITS])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_are_cut_and_stay_apart() {
        let (tenant, api) = ("t".parse().unwrap(), "a".parse().unwrap());
        let environment: Name = "e".repeat(63).parse().unwrap();
        let name = |operation| route((&tenant, &environment), &api, Some("1.0"), operation);
        assert_eq!(route((&tenant, &api), &api, Some("1.0"), "list"), "t.a.a_1.0.list");
        assert_eq!((name("list").len(), name("get").len()), (64, 64));
        assert_ne!(name("list"), name("get"));
        assert_eq!(name("list")[..47], name("get")[..47]);
    }

    #[test]
    fn without_their_tenant_items_are_called_as_people_do() {
        let (tenant, shop) = ("acme".parse().unwrap(), "shop".parse().unwrap());
        assert_eq!(within("acme", &application(&tenant, &shop)), "shop");
        assert_eq!(within("acme", &api(&tenant, &"orders@1.0".parse().unwrap())), "orders@1.0");
        assert_eq!(within("acme", "acmeshop"), "acmeshop");
    }

    #[test]
    fn what_looks_alike_has_names_of_its_own() {
        let name = |text: &str| text.parse::<Name>().unwrap();
        let place = (&name("t"), &name("e"));
        let one = route(place, &name("a-1"), Some("2"), "x");
        assert_ne!(one, route(place, &name("a"), Some("1-2"), "x"));
        let upstream = |api: &str, canary| upstream(place, &api.parse().unwrap(), canary);
        assert_ne!(upstream("canary@1", false), upstream("a@1", true));
        assert_ne!(upstream("a@1", false), upstream("a@1", true));
    }
}
