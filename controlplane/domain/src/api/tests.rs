//! What an API may become.

use super::*;
use serde_json::{Value, json};

fn spec(change: &Value) -> ApiSpec {
    let mut written = json!({
        "name": "orders", "version": "1", "base_path": "/orders",
        "upstream": {"endpoints": [{"address": "orders:80"}]},
        "operations": [{"name": "list", "method": "GET", "path": "/"}],
    });
    for (key, value) in change.as_object().unwrap() {
        written[key] = value.clone();
    }
    serde_json::from_value(written).unwrap()
}

fn made() -> Made {
    Made { by: "ann".parse().unwrap(), at_s: 100, note: None }
}

fn api() -> Api {
    Api::create(spec(&json!({})), made()).unwrap()
}

#[test]
fn what_is_wrong_is_told_at_its_place() {
    let rows = [
        (json!({}), ""),
        (json!({"base_path": "orders"}), "base_path"),
        (json!({"base_path": "/orders/{id}"}), "base_path"),
        (json!({"base_path": "/v{version}/orders"}), ""),
        (json!({"base_path": "/{version}", "versioning": {"in": "header"}}), "base_path"),
        (json!({"versioning": {"in": "header", "name": "a b"}}), "versioning.name"),
        (json!({"hosts": ["a b"]}), "hosts[0]"),
        (json!({"hosts": ["${var:HOST}"]}), ""),
        (json!({"upstreams": {"test": {"endpoints": []}}}), "upstreams.test.endpoints"),
        (json!({"policies": {"ip": {"allow": ["${file:x}"]}}}), "policies.ip.allow[0]"),
        (json!({"description": "x".repeat(16_385)}), "description"),
        (json!({"operations": [{"name": "a", "method": "", "path": "/"}]}), "operations[0].method"),
    ];
    for (change, place) in rows {
        let found: Vec<_> = spec(&change).check().err().into_iter().flatten().map(|refusal| refusal.place).collect();
        assert_eq!(found, if place.is_empty() { vec![] } else { vec![place.to_owned()] }, "{change}");
    }
}

#[test]
fn it_is_kept_as_it_is_written() {
    let written = json!({
        "spec": {
            "name": "orders", "version": "1", "base_path": "/orders", "versioning": {"in": "path", "latest": false,
            "unversioned": false}, "subscription": "optional",
        },
        "lifecycle": "created", "revision": 0, "made": {"by": "ann", "at_s": 1},
    });
    let api: Api = serde_json::from_value(written.clone()).unwrap();
    assert_eq!(serde_json::to_value(&api).unwrap(), written);
    serde_json::from_value::<ApiSpec>(json!({"name": "a", "version": "1", "base_path": "/", "basepath": "/"}))
        .unwrap_err();
}

#[test]
fn a_working_copy_stays_the_same_api() {
    let mut api = api();
    api.revise(spec(&json!({"title": "Orders"}))).unwrap();
    assert_eq!(api.revise(spec(&json!({"version": "2"}))).unwrap_err().iter().next().unwrap().code, Code::InvalidName);
    api.revise(spec(&json!({"base_path": ""}))).unwrap_err();
    assert_eq!(api.spec.title.as_deref(), Some("Orders"));
    api.lifecycle = Lifecycle::Retired;
    api.revise(spec(&json!({}))).unwrap_err();
}

#[test]
fn freezing_makes_a_revision_of_what_changed() {
    let mut api = api();
    let first = api.freeze(made()).unwrap().unwrap();
    assert_eq!((first.number, api.digest.as_ref()), (1, Some(&first.digest)));
    assert_eq!(api.freeze(made()).unwrap(), None);
    api.revise(spec(&json!({"title": "Orders"}))).unwrap();
    let second = api.freeze(made()).unwrap().unwrap();
    assert_eq!((second.number, second.digest == first.digest), (2, false));
    // Back to what it was is a change too: revisions are a history.
    api.revise(first.spec.clone()).unwrap();
    let third = api.freeze(made()).unwrap().unwrap();
    assert_eq!((third.number, &third.digest), (3, &first.digest));
}

#[test]
fn a_deprecation_is_told_while_it_holds() {
    let mut api = api();
    let told = Deprecation { since_s: 5, sunset_s: Some(9), successor: Some("orders@2".parse().unwrap()), link: None };
    api.step(Lifecycle::Published, Some(told.clone()), 1).unwrap_err();
    api.step(Lifecycle::Published, None, 1).unwrap();
    api.step(Lifecycle::Deprecated, Some(Deprecation { sunset_s: Some(4), ..told.clone() }), 1).unwrap_err();
    assert_eq!((api.lifecycle, &api.deprecation), (Lifecycle::Published, &None));
    api.step(Lifecycle::Deprecated, Some(told.clone()), 1).unwrap();
    // A block does not make it forgotten.
    api.step(Lifecycle::Blocked, None, 2).unwrap();
    api.step(Lifecycle::Deprecated, None, 3).unwrap();
    assert_eq!(api.deprecation, Some(told));
    api.step(Lifecycle::Published, None, 4).unwrap();
    assert_eq!(api.deprecation, None);
    api.step(Lifecycle::Deprecated, None, 5).unwrap();
    assert_eq!(api.deprecation.unwrap().since_s, 5);
}

#[test]
fn what_is_used_is_not_deleted() {
    let test: Name = "test".parse().unwrap();
    let rows = [(vec![], 0, ""), (vec![], 2, "2 subscriptions"), (vec![test], 2, "in test")];
    for (published_in, subscriptions, told) in rows {
        let refused = api().check_removal(&published_in, subscriptions).err();
        assert_eq!(refused.is_none(), told.is_empty());
        assert!(refused.is_none_or(|refusal| refusal.what.contains(told) && refusal.code == Code::InUse));
    }
}

#[test]
fn a_copy_is_another_api() {
    let copy = spec(&json!({"title": "Orders"})).copy_as("sales@2".parse().unwrap());
    assert_eq!((copy.api_name().to_string().as_str(), copy.title.as_deref()), ("sales@2", Some("Orders")));
}
