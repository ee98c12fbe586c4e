//! Publications: what an environment serves of an API, now and before.
//!
//! ```text
//! working copy -> freeze -> Revision -> publish -> Publication 1, 2, 3 ... of an API and environment
//!                                                   ^ rollback makes a new one out of any of them
//! ```
//!
//! Nothing of the history is changed or deleted: a rollback or a withdrawal is a publication of its own. It keeps the
//! values of the variables it was made with, so that a rollback restores exactly what was served. What an environment's
//! hosts are and where the API is in its life is not part of it.

use crate::{
    api::Api,
    environment::Environment,
    lifecycle::{Lifecycle, Serving},
    member::Made,
    name::{ApiName, Name},
    reference::Variables,
    refusal::{Code, Refusal, Refusals},
    revision::Revision,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What an environment serves of an API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Publication {
    /// Of which API.
    pub api: ApiName,
    /// Where.
    pub environment: Name,
    /// From 1 for each API and environment, without gaps.
    pub number: u32,
    /// What is served. `None`: it was withdrawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<Release>,
    /// The values of the variables that the revisions need.
    #[serde(default, skip_serializing_if = "Variables::is_empty")]
    #[schema(value_type = BTreeMap<String, String>)]
    pub variables: Variables,
    /// The publication that a rollback went back to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restores: Option<u32>,
    /// By whom, when and why.
    pub made: Made,
}

/// Which revisions are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// The revision that requests get.
    pub revision: u32,
    /// Another one that some of them get.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary: Option<Canary>,
}

/// A revision that is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Canary {
    /// Which one.
    pub revision: u32,
    /// How many requests of a hundred get it. 1 to 99.
    pub percent: u8,
}

impl Release {
    /// One revision for all requests.
    #[must_use]
    pub const fn of(revision: u32) -> Self {
        Self { revision, canary: None }
    }

    /// The numbers of its revisions.
    pub fn revisions(&self) -> impl Iterator<Item = u32> + use<> {
        std::iter::once(self.revision).chain(self.canary.map(|canary| canary.revision))
    }

    fn check(&self) -> Result<(), Refusal> {
        let Some(canary) = self.canary else { return Ok(()) };
        if !(1..=99).contains(&canary.percent) {
            let remedy = "write 1 to 99, or publish one revision alone";
            return Err(Refusal::new(Code::InvalidValue, "canary.percent", "this is no share of requests", remedy));
        }
        if canary.revision == self.revision {
            let what = "a canary beside itself";
            return Err(Refusal::new(Code::InvalidValue, "canary.revision", what, "name another revision"));
        }
        Ok(())
    }
}

/// Publishes `release` of `api`: gives the next publication, after the `current` one. `revisions` are those that
/// `release` names. The lifecycle of a created API becomes Published.
///
/// # Errors
/// `NotPublishable`, `NoSuchRevision`, `UndefinedVariable` by name, `NothingToServe`, what is wrong in `release`. `api` is
/// unchanged then.
pub fn publish(
    api: &mut Api,
    environment: &Environment,
    current: Option<&Publication>,
    release: Release,
    revisions: &[Revision],
    made: Made,
) -> Result<Publication, Refusals> {
    let lifecycle = api.lifecycle.on_publish()?;
    release.check()?;
    let mut variables = Variables::new();
    for number in release.revisions() {
        let name = api.api_name();
        let revision = revisions.iter().find(|revision| revision.number == number && revision.api == name);
        let revision = revision.ok_or_else(|| no_revision(&name, number))?;
        let served = revision.materialize(&environment.name, &environment.variables)?;
        can_be_served(&served, lifecycle, &environment.name)?;
        let needed = revision.variables_in(&environment.name).into_iter();
        variables
            .extend(needed.filter_map(|name| environment.variables.get(&name).cloned().map(|value| (name, value))));
    }
    api.lifecycle = lifecycle;
    Ok(Publication {
        api: api.api_name(),
        environment: environment.name.clone(),
        number: current.map_or(1, |current| current.number + 1),
        release: Some(release),
        variables,
        restores: None,
        made,
    })
}

/// Goes back to `to`, any earlier publication of the same API and environment: gives the next one, with the same release
/// and the same values.
///
/// # Errors
/// `NotPublishable`; `NoSuchPublication` if `to` is none of them, or the current one.
pub fn rollback(api: &mut Api, current: &Publication, to: &Publication, made: Made) -> Result<Publication, Refusal> {
    let same = to.api == current.api && to.environment == current.environment && current.api == api.api_name();
    if !same || to.number >= current.number {
        let what = format!("publication {} cannot be gone back to", to.number);
        let remedy = format!("name one from 1 to {}", current.number.saturating_sub(1));
        return Err(Refusal::new(Code::NoSuchPublication, "to", what, remedy));
    }
    api.lifecycle = api.lifecycle.on_publish()?;
    Ok(Publication { number: current.number + 1, restores: Some(to.number), made, ..to.clone() })
}

/// Takes the API out of the environment: gives the next publication, which serves nothing.
///
/// # Errors
/// `NotPublished`, if nothing is served.
pub fn withdraw(current: &Publication, made: Made) -> Result<Publication, Refusal> {
    if current.release.is_none() {
        let what = format!("`{}` is not published in `{}`", current.api, current.environment);
        return Err(Refusal::new(Code::NotPublished, "", what, "there is nothing to do"));
    }
    let (number, variables) = (current.number + 1, Variables::new());
    Ok(Publication { number, release: None, variables, restores: None, made, ..current.clone() })
}

fn no_revision(api: &ApiName, number: u32) -> Refusal {
    let what = format!("`{api}` has no revision {number}");
    Refusal::new(Code::NoSuchRevision, "revision", what, "look at its revisions")
}

fn can_be_served(spec: &crate::api::ApiSpec, lifecycle: Lifecycle, environment: &Name) -> Result<(), Refusal> {
    if spec.operations.is_empty() {
        let remedy = "add one, like { name: all, method: \"*\", path: \"/{rest*}\" }";
        return Err(Refusal::new(Code::NothingToServe, "operations", "the API has no operation", remedy));
    }
    if spec.upstream.is_none() && lifecycle.serving() == Serving::Requests {
        let what = format!("the API has no upstream in `{environment}`");
        return Err(Refusal::new(Code::NothingToServe, "upstream", what, "add one, or make it a prototype with mocks"));
    }
    Ok(())
}

#[cfg(test)]
#[path = "publication/tests.rs"]
mod tests;
