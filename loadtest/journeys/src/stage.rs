//! What the journeys need in a store, made before them and taken away after them: an environment, plans, an API.
//!
//! Everything is called `journeys` or begins with it, lives in an environment with a host of its own, and disturbs nothing
//! else. Making it twice is as good as once. Users make their applications themselves, as part of their journey.

use crate::{admin::because, place::Place};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// The environment, and the API that callers call.
pub(crate) const ENVIRONMENT: &str = "journeys";
pub(crate) const API: &str = "journeys@1";
/// What requests to the gateway are for.
pub(crate) const HOST: &str = "journeys.localhost";
/// A plan without limits, and one that a caller exceeds.
pub(crate) const OPEN_PLAN: &str = "journeys-open";
pub(crate) const SMALL_PLAN: &str = "journeys-small";
/// Requests a second of the small plan.
pub(crate) const SMALL_LIMIT: u32 = 5;

/// How long a publication may take to reach the gateway.
const SERVED_WITHIN: Duration = Duration::from_secs(10);

/// A place that is set up.
pub(crate) struct Stage {
    pub(crate) place: Place,
    tenant: String,
    member: String,
}

impl Stage {
    /// Looks whether gateway and control plane are there, and makes what is needed.
    pub(crate) async fn set(place: Place) -> Result<Self, String> {
        let gateway = &place.gateway;
        let away = |error: reqwest::Error| {
            format!("the gateway does not answer at {gateway}: {}; is `tollgate serve` running there?", because(&error))
        };
        reqwest::get(gateway).await.map_err(away)?;
        let me = place.admin.ask(Method::GET, "/me", None).await?;
        let text =
            |key: &str| me[key].as_str().map(str::to_owned).ok_or(format!("the control plane says no {key} of /me"));
        let stage = Self { tenant: text("tenant")?, member: text("member")?, place };
        let documents = json!({ "documents": stage.documents() });
        stage.place.admin.ask(Method::POST, &stage.path("/apply"), Some(&documents)).await?;
        stage.served().await?;
        Ok(stage)
    }

    /// Waits until the gateway knows of the API, which nobody may call yet.
    async fn served(&self) -> Result<(), String> {
        let (url, client) = (format!("{}/journeys/", self.place.gateway), reqwest::Client::new());
        let end = Instant::now() + SERVED_WITHIN;
        loop {
            let answer = client.get(&url).header("Host", HOST).send().await.map_err(|error| because(&error))?;
            match answer.status().as_u16() {
                401 => return Ok(()),
                404 if Instant::now() < end => tokio::time::sleep(Duration::from_millis(10)).await,
                other => {
                    let from = &self.place.gateway;
                    return Err(format!(
                        "{from} answers {other} for an API that was published {SERVED_WITHIN:?} ago: is it a gateway of this \
                         control plane?"
                    ));
                }
            }
        }
    }

    fn documents(&self) -> Value {
        json!([
            { "kind": "Environment", "name": ENVIRONMENT, "hosts": [HOST], "title": "Journeys of a load test" },
            { "kind": "Plan", "name": OPEN_PLAN },
            { "kind": "Plan", "name": SMALL_PLAN,
              "throttle": [{ "name": "per-second", "limit": SMALL_LIMIT, "per": "second" }] },
            { "kind": "Api", "name": "journeys", "version": "1", "base_path": "/journeys", "versioning": { "in": "none" },
              "plans": [OPEN_PLAN, SMALL_PLAN], "upstream": self.upstream(),
              "operations": [{ "name": "one", "method": "GET", "path": "/{rest*}" }] },
            { "kind": "Publication", "api": API, "environment": ENVIRONMENT },
        ])
    }

    /// An API that anybody may call, with one path: a number that each revision has another of.
    pub(crate) fn released(&self, user: usize, number: u64) -> Value {
        let name = format!("journeys-release-{user}");
        json!({
            "name": name, "version": "1", "base_path": format!("/{name}"), "versioning": { "in": "none" },
            "subscription": "optional", "upstream": self.upstream(),
            "operations": [{ "name": "revision", "method": "GET", "path": format!("/revision/{number}") }],
        })
    }

    fn upstream(&self) -> Value {
        json!({ "endpoints": [{ "address": self.place.origin.to_string() }] })
    }

    /// The application of a user.
    pub(crate) fn application(&self) -> Value {
        json!({ "owners": [self.member] })
    }

    /// A path of the admin API in the tenant.
    fn path(&self, path: &str) -> String {
        format!("/tenants/{}{path}", self.tenant)
    }

    /// The URL of a path of the admin API in the tenant.
    pub(crate) fn admin(&self, path: &str) -> String {
        self.place.admin.at(&self.path(path))
    }

    /// Takes everything away again. What cannot be is told, after all has been tried.
    pub(crate) async fn clear(&self, users: usize) -> Result<(), String> {
        let mut paths = Vec::new();
        let mut withdraw = |api: &str| {
            paths.push(format!("/apis/{api}/publications/{ENVIRONMENT}"));
            paths.push(format!("/apis/{api}"));
        };
        (0..users).for_each(|user| withdraw(&format!("journeys-release-{user}@1")));
        withdraw(API);
        // Applications go first: they have subscriptions to the API.
        let applications = (0..users).map(|user| format!("/applications/journeys-{user}"));
        let rest = [OPEN_PLAN, SMALL_PLAN].map(|plan| format!("/plans/{plan}"));
        let environment = format!("/environments/{ENVIRONMENT}");
        let mut left = Vec::new();
        for path in applications.chain(paths).chain(rest).chain([environment]) {
            if let Err(error) = self.place.admin.remove(&self.path(&path)).await {
                left.push(error);
            }
        }
        if left.is_empty() { Ok(()) } else { Err(format!("not everything could be taken away:\n{}", left.join("\n"))) }
    }
}
