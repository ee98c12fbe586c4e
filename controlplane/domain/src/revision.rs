//! Revisions: what an API was at a moment. Numbered from 1, immutable, known by their digest.
//!
//! A working copy that is the same as the last revision makes no new one, so that publishing twice is publishing once.
//! The caller keeps them; nothing here deletes any.

use crate::{
    api::{Api, ApiSpec},
    digest::Digest,
    member::Made,
    name::ApiName,
    reference::{self, Variables},
    refusal::Refusals,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeSet;
use utoipa::ToSchema;

/// An API as it was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Revision {
    /// Of which API.
    pub api: ApiName,
    /// From 1, without gaps.
    pub number: u32,
    /// Of `spec`.
    pub digest: Digest,
    /// By whom, when and why.
    pub made: Made,
    /// The API.
    pub spec: ApiSpec,
}

impl Api {
    /// Freezes the working copy. `None` if it is what the last revision is.
    ///
    /// # Errors
    /// All that is wrong in the working copy.
    pub fn freeze(&mut self, made: Made) -> Result<Option<Revision>, Refusals> {
        self.spec.check()?;
        let digest = Digest::of(&self.spec);
        if self.digest.as_ref() == Some(&digest) {
            return Ok(None);
        }
        self.revision += 1;
        self.digest = Some(digest.clone());
        Ok(Some(Revision { api: self.api_name(), number: self.revision, digest, made, spec: self.spec.clone() }))
    }
}

impl Revision {
    /// What of it can be served in `environment`: with the upstream of that environment alone, without texts for people.
    fn served_in(&self, environment: &crate::name::Name) -> Value {
        let upstream = self.spec.upstream_in(environment).cloned();
        let mut spec = ApiSpec { upstream, upstreams: [].into(), title: None, description: None, ..self.spec.clone() };
        spec.operations.iter_mut().for_each(|operation| operation.title = None);
        serde_json::to_value(spec).unwrap_or_default()
    }

    /// The variables it needs in `environment`.
    #[must_use]
    pub fn variables_in(&self, environment: &crate::name::Name) -> BTreeSet<String> {
        reference::variables(&self.served_in(environment))
    }

    /// What `environment` serves of it: its upstream there as `upstream`, every variable replaced, no texts for people.
    ///
    /// # Errors
    /// `UndefinedVariable` by name and place, and what is wrong in the result.
    pub fn materialize(&self, environment: &crate::name::Name, variables: &Variables) -> Result<ApiSpec, Refusals> {
        let replaced = reference::substitute(&self.served_in(environment), variables);
        let replaced = replaced.or_else(|found| Refusals::none(found).map(|()| Value::Null))?;
        let spec: ApiSpec = serde_json::from_value(replaced).map_err(|error| unreadable(&error))?;
        spec.check()?;
        Ok(spec)
    }
}

/// Only names and versions can become unreadable, and they have no variables.
fn unreadable(error: &serde_json::Error) -> Refusals {
    use crate::refusal::{Code, Refusal};
    let what = format!("the result of its variables cannot be read: {error}");
    Refusal::new(Code::InvalidValue, "", what, "look at the values of the environment's variables").into()
}
