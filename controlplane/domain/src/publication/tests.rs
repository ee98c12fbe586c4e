//! What is served after publications, rollbacks and withdrawals.

use super::*;
use crate::api::ApiSpec;
use proptest::prelude::*;
use serde_json::{Value, json};

fn made() -> Made {
    Made { by: "ann".parse().unwrap(), at_s: 1, note: None }
}

fn spec(change: &Value) -> ApiSpec {
    let mut written = json!({
        "name": "orders", "version": "1", "base_path": "/orders", "description": "${env:NOT_SERVED}",
        "upstream": {"endpoints": [{"address": "${var:HOST}:80"}]},
        "upstreams": {"sandbox": {"endpoints": [{"address": "${var:SANDBOX}:80"}]}},
        "operations": [{"name": "list", "method": "GET", "path": "/"}],
    });
    for (key, value) in change.as_object().unwrap() {
        written[key] = value.clone();
    }
    serde_json::from_value(written).unwrap()
}

fn environment(name: &str, variables: &Value) -> Environment {
    serde_json::from_value(json!({"name": name, "variables": variables})).unwrap()
}

/// An API with as many revisions as are asked for, whose titles differ.
fn api(revisions: u32) -> (Api, Vec<Revision>) {
    let mut api = Api::create(spec(&json!({})), made()).unwrap();
    let mut all = Vec::new();
    for number in 1..=revisions {
        api.revise(spec(&json!({"title": number.to_string()}))).unwrap();
        all.push(api.freeze(made()).unwrap().unwrap());
    }
    (api, all)
}

fn code(refused: Result<Publication, Refusals>) -> Code {
    refused.unwrap_err().iter().next().unwrap().code
}

#[test]
fn a_publication_keeps_the_values_it_was_made_with() {
    let (mut api, revisions) = api(1);
    let production = environment("production", &json!({"HOST": "a", "OTHER": "x"}));
    let publication = publish(&mut api, &production, None, Release::of(1), &revisions, made()).unwrap();
    assert_eq!((publication.number, api.lifecycle), (1, Lifecycle::Published));
    assert_eq!(publication.variables, [("HOST".to_owned(), "a".to_owned())].into());
    let served = revisions[0].materialize(&production.name, &publication.variables).unwrap();
    assert_eq!(served.upstream.unwrap().endpoints[0].address, "a:80");
    assert!(served.upstreams.is_empty() && served.description.is_none());
}

#[test]
fn an_environment_has_an_upstream_of_its_own_and_must_define_its_variables() {
    let (mut api, revisions) = api(1);
    let sandbox = environment("sandbox", &json!({"HOST": "a"}));
    let refused = publish(&mut api, &sandbox, None, Release::of(1), &revisions, made()).unwrap_err();
    let refused: Vec<_> = refused.into_iter().collect();
    assert_eq!((refused.len(), refused[0].code), (1, Code::UndefinedVariable));
    assert!(refused[0].what.contains("`SANDBOX`"), "{}", refused[0]);
    assert_eq!((refused[0].place.as_str(), api.lifecycle), ("upstream.endpoints[0].address", Lifecycle::Created));
    let sandbox = environment("sandbox", &json!({"SANDBOX": "s"}));
    let publication = publish(&mut api, &sandbox, None, Release::of(1), &revisions, made()).unwrap();
    assert_eq!(publication.variables, sandbox.variables);
}

#[test]
fn what_cannot_be_published_is_refused_and_changes_nothing() {
    let (mut api, revisions) = api(2);
    let production = environment("production", &json!({"HOST": "a"}));
    let canary = |revision, percent| Release { revision: 1, canary: Some(Canary { revision, percent }) };
    let rows = [
        (Release::of(3), Code::NoSuchRevision),
        (Release::of(0), Code::NoSuchRevision),
        (canary(3, 10), Code::NoSuchRevision),
        (canary(2, 0), Code::InvalidValue),
        (canary(2, 100), Code::InvalidValue),
        (canary(1, 10), Code::InvalidValue),
    ];
    for (release, wanted) in rows {
        assert_eq!(code(publish(&mut api, &production, None, release, &revisions, made())), wanted, "{release:?}");
        assert_eq!(api.lifecycle, Lifecycle::Created);
    }
    for state in [Lifecycle::Blocked, Lifecycle::Retired] {
        api.lifecycle = state;
        assert_eq!(
            code(publish(&mut api, &production, None, Release::of(1), &revisions, made())),
            Code::NotPublishable
        );
    }
}

#[test]
fn an_api_without_upstream_can_be_a_prototype_only() {
    let mut api = Api::create(spec(&json!({"upstream": null})), made()).unwrap();
    let revisions = [api.freeze(made()).unwrap().unwrap()];
    let production = environment("production", &json!({}));
    assert_eq!(code(publish(&mut api, &production, None, Release::of(1), &revisions, made())), Code::NothingToServe);
    api.lifecycle = Lifecycle::Prototyped;
    publish(&mut api, &production, None, Release::of(1), &revisions, made()).unwrap();
    assert_eq!(api.lifecycle, Lifecycle::Prototyped);
}

#[test]
fn another_apis_revision_is_none_of_it() {
    let (mut api, mut revisions) = api(1);
    revisions[0].api = "stock@1".parse().unwrap();
    let production = environment("production", &json!({"HOST": "a"}));
    assert_eq!(code(publish(&mut api, &production, None, Release::of(1), &revisions, made())), Code::NoSuchRevision);
}

#[test]
fn only_what_was_before_can_be_gone_back_to() {
    let (mut api, revisions) = api(2);
    let production = environment("production", &json!({"HOST": "a"}));
    let first = publish(&mut api, &production, None, Release::of(1), &revisions, made()).unwrap();
    let second = publish(&mut api, &production, Some(&first), Release::of(2), &revisions, made()).unwrap();
    let elsewhere = Publication { environment: "test".parse().unwrap(), ..first.clone() };
    for to in [&second, &elsewhere, &Publication { number: 3, ..first.clone() }] {
        assert_eq!(rollback(&mut api, &second, to, made()).unwrap_err().code, Code::NoSuchPublication);
    }
    let gone = withdraw(&second, made()).unwrap();
    assert_eq!((gone.number, gone.release), (3, None));
    assert_eq!(withdraw(&gone, made()).unwrap_err().code, Code::NotPublished);
    api.lifecycle = Lifecycle::Retired;
    assert_eq!(rollback(&mut api, &second, &first, made()).unwrap_err().code, Code::NotPublishable);
}

/// A step of the history below.
#[derive(Clone, Debug)]
enum Step {
    Publish { revision: u32, canary: Option<(u32, u8)>, host: u8 },
    Rollback(usize),
    Withdraw,
}

fn step() -> impl Strategy<Value = Step> {
    let canary = prop::option::of((1..=3_u32, 0..=100_u8));
    prop_oneof![
        (1..=3_u32, canary, 0..3_u8).prop_map(|(revision, canary, host)| Step::Publish { revision, canary, host }),
        (0..20_usize).prop_map(Step::Rollback),
        Just(Step::Withdraw),
    ]
}

proptest! {
    /// Whatever was done: numbers have no gaps, what was is unchanged, and going back to any of it serves exactly that.
    #[test]
    fn any_of_the_history_can_be_restored(steps in prop::collection::vec(step(), 1..30)) {
        let (mut api, revisions) = api(3);
        let mut history: Vec<Publication> = Vec::new();
        for step in steps {
            let current = history.last().cloned();
            let next = match (step, &current) {
                (Step::Publish { revision, canary, host }, current) => {
                    let canary = canary.map(|(revision, percent)| Canary { revision, percent });
                    let there = environment("production", &json!({"HOST": format!("host-{host}")}));
                    publish(&mut api, &there, current.as_ref(), Release { revision, canary }, &revisions, made()).ok()
                }
                (Step::Rollback(to), Some(current)) => {
                    let next = history.get(to).and_then(|to| rollback(&mut api, current, to, made()).ok());
                    if let Some(next) = &next {
                        let to = &history[to];
                        prop_assert_eq!((&next.release, &next.variables), (&to.release, &to.variables));
                        prop_assert_eq!(next.restores, Some(to.number));
                    }
                    next
                }
                (Step::Withdraw, Some(current)) => withdraw(current, made()).ok(),
                (_, None) => None,
            };
            let Some(next) = next else { continue };
            prop_assert_eq!(next.number as usize, history.len() + 1);
            for number in next.release.iter().flat_map(Release::revisions) {
                revisions[number as usize - 1].materialize(&next.environment, &next.variables).unwrap();
            }
            let kept: Publication = serde_json::from_str(&serde_json::to_string(&next).unwrap()).unwrap();
            prop_assert_eq!(&kept, &next);
            history.push(next);
        }
    }
}
