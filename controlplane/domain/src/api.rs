//! APIs: what their publishers write, and the record that is kept of it.
//!
//! `ApiSpec` is what is written, imported, exported and frozen into revisions. `Api` is its working copy with what only
//! rules may change: lifecycle, number of revisions. Nothing of a working copy reaches a gateway before it was frozen and
//! published.

use crate::{
    digest::Digest,
    environment::review_hosts,
    lifecycle::{Deprecation, Lifecycle},
    limits::TAGS_MAX,
    member::{Made, review_count, review_texts},
    name::{ApiName, Name},
    operation::{self, Operation, review_path},
    policies::{Level, Policies},
    refusal::{Code, Refusal, Refusals},
    upstream::Upstream,
    version::{Version, VersionScheme},
    visibility::{Viewer, Visibility},
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use utoipa::ToSchema;

/// An API as it is written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApiSpec {
    /// With the version unique in the tenant.
    pub name: Name,
    /// Which of the APIs of this name.
    pub version: Version,
    /// For people. Up to 256 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Markdown. Up to 16,384 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Words to find it by. Up to 64.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub tags: BTreeSet<Name>,
    /// Facts for programs. Up to 64.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<Name, String>,
    /// Who finds it.
    #[serde(default, skip_serializing_if = "Visibility::is_default")]
    pub visibility: Visibility,
    /// What stands before the paths of all operations: `/orders`. May have a `{version}`.
    pub base_path: String,
    /// Hosts in place of those of the environment. Up to 64; may have variables.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
    /// How a request says which version it wants.
    #[serde(default)]
    pub versioning: VersionScheme,
    /// Whether callers need a subscription.
    #[serde(default)]
    pub subscription: Need,
    /// Plans that it can be subscribed to under.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub plans: BTreeSet<Name>,
    /// Where requests go, in every environment that `upstreams` does not name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upstream: Option<Upstream>,
    /// Environment -> where requests go there.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub upstreams: BTreeMap<Name, Upstream>,
    /// What holds for all its operations.
    #[serde(default, skip_serializing_if = "Policies::is_empty")]
    pub policies: Policies,
    /// What can be asked of it. Up to 5,000.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub operations: Vec<Operation>,
    /// The OpenAPI document it is documented by: the name of a `Document`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<Digest>,
}

/// Whether callers need a subscription.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Need {
    /// Without one they are refused.
    #[default]
    Required,
    /// With one they have its plan; without, what the policies say.
    Optional,
}

/// An API as it is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Api {
    /// The working copy.
    pub spec: ApiSpec,
    /// Where it is in its life.
    #[serde(default)]
    pub lifecycle: Lifecycle,
    /// What callers are told while it is deprecated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deprecation: Option<Deprecation>,
    /// The number of the last revision; 0: there is none.
    #[serde(default)]
    pub revision: u32,
    /// The digest of that revision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// Who created it.
    pub made: Made,
}

impl ApiSpec {
    /// Name and version.
    #[must_use]
    pub fn api_name(&self) -> ApiName {
        ApiName { name: self.name.clone(), version: self.version.clone() }
    }

    /// Where requests go in `environment`.
    #[must_use]
    pub fn upstream_in(&self, environment: &Name) -> Option<&Upstream> {
        self.upstreams.get(environment).or(self.upstream.as_ref())
    }

    /// # Errors
    /// All that is wrong in it by itself. Whether the plans exist and the contract takes the policies is for others.
    pub fn check(&self) -> Result<(), Refusals> {
        let mut found = Vec::new();
        review_texts(self.title.as_deref(), self.description.as_deref(), &mut found);
        review_count("tags", self.tags.len(), TAGS_MAX, &mut found);
        review_count("labels", self.labels.len(), TAGS_MAX, &mut found);
        let mut path = Vec::new();
        review_path(&self.base_path, &mut path);
        found.extend(path.into_iter().map(|refusal| Refusal { place: "base_path".to_owned(), ..refusal }));
        if self.base_path.replace("{version}", "").contains(['{', '}', '*']) {
            let what = "a base path has no parameters";
            found.push(Refusal::new(
                Code::InvalidValue,
                "base_path",
                what,
                "put them into the paths of the operations",
            ));
        }
        review_hosts(&self.hosts, true, &mut found);
        self.versioning.review(&self.base_path, &mut found);
        if let Some(upstream) = &self.upstream {
            upstream.review("upstream", &mut found);
        }
        for (environment, upstream) in &self.upstreams {
            upstream.review(&format!("upstreams.{environment}"), &mut found);
        }
        self.policies.review(Level::Api, "policies", &mut found);
        operation::review(&self.operations, &mut found);
        Refusals::none(found)
    }

    /// A copy to begin another API or version with: everything but the name.
    #[must_use]
    pub fn copy_as(&self, to: ApiName) -> Self {
        Self { name: to.name, version: to.version, ..self.clone() }
    }
}

impl Api {
    /// A new one, in its first state.
    ///
    /// # Errors
    /// All that is wrong in `spec`.
    pub fn create(spec: ApiSpec, made: Made) -> Result<Self, Refusals> {
        spec.check()?;
        Ok(Self { spec, lifecycle: Lifecycle::Created, deprecation: None, revision: 0, digest: None, made })
    }

    /// Name and version.
    #[must_use]
    pub fn api_name(&self) -> ApiName {
        self.spec.api_name()
    }

    /// Writes the working copy anew.
    ///
    /// # Errors
    /// All that is wrong in `spec`; `InvalidTransition` of a retired API; `InvalidName` if `spec` is of another API.
    pub fn revise(&mut self, spec: ApiSpec) -> Result<(), Refusals> {
        if self.lifecycle == Lifecycle::Retired {
            let what = "a retired API is not changed any more";
            return Err(Refusal::new(Code::InvalidTransition, "lifecycle", what, "create another version of it").into());
        }
        if spec.api_name() != self.api_name() {
            let remedy = "name and version stay: copy the API to give it another name";
            return Err(Refusal::new(Code::InvalidName, "name", "this is another API", remedy).into());
        }
        spec.check()?;
        self.spec = spec;
        Ok(())
    }

    /// Whether it may be deleted, with its revisions and history: `published_in` are the environments that serve it.
    ///
    /// # Errors
    /// `InUse`, while it is served or subscribed to.
    pub fn check_removal(&self, published_in: &[Name], subscriptions: u64) -> Result<(), Refusal> {
        let (what, remedy) = match (published_in, subscriptions) {
            ([], 0) => return Ok(()),
            ([], _) => (format!("it has {subscriptions} subscriptions"), "end them first"),
            (all, _) => {
                let names: Vec<_> = all.iter().map(Name::as_str).collect();
                (format!("it is published in {}", names.join(", ")), "withdraw it there first")
            }
        };
        Err(Refusal::new(Code::InUse, "", what, remedy))
    }

    /// Whether `viewer` finds it in the catalog of `tenant`.
    #[must_use]
    pub fn is_found(&self, tenant: &Name, viewer: Viewer<'_>) -> bool {
        self.lifecycle.is_listed() && self.spec.visibility.admits(tenant, viewer)
    }

    /// Moves the lifecycle. `deprecation` is for the step to Deprecated, where none means from now on without an end.
    ///
    /// # Errors
    /// `InvalidTransition`, and what is wrong with `deprecation`.
    pub fn step(&mut self, to: Lifecycle, deprecation: Option<Deprecation>, now_s: u64) -> Result<(), Refusal> {
        let next = self.lifecycle.step(to)?;
        let told = match (next, deprecation) {
            (Lifecycle::Deprecated, None) => {
                let plain = Deprecation { since_s: now_s, sunset_s: None, successor: None, link: None };
                // What was said before the API was blocked still holds.
                Some(self.deprecation.take().unwrap_or(plain))
            }
            (Lifecycle::Deprecated, said) => said,
            (_, Some(_)) => {
                let what = format!("an API that becomes {next} is not deprecated");
                return Err(Refusal::new(Code::InvalidValue, "deprecation", what, "leave it out"));
            }
            (Lifecycle::Blocked | Lifecycle::Retired, None) => self.deprecation.take(),
            (_, None) => None,
        };
        if let Some(told) = &told {
            told.check(&self.api_name()).map_err(|refusal| refusal.inside("deprecation"))?;
        }
        (self.lifecycle, self.deprecation) = (next, told);
        Ok(())
    }
}

#[cfg(test)]
#[path = "api/tests.rs"]
mod tests;
