//! The debugger: a test request through an environment, and what each phase made of it.
//!
//! ```text
//! prepared: environment -> host, stage, routes it may reach -> Debugger (a gateway) -> told: publications, variables
//! ```
//!
//! It goes through a real gateway, applies every policy and spends no quota. It reaches routes of the environment only, so
//! that nobody sees what is another tenant's. The store is not held while the request is on its way.

use crate::{
    answer::Answer,
    call::Call,
    endpoint::{Endpoint, Outcome},
    problem::Problem,
};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use std::{fmt, net::IpAddr};
use tollgate_domain::{Action, Environment, Name, Publication};
use tollgate_store::{PAGE_ROWS_MAX, Query, Record as _, Records as _, Rows};

pub(crate) const ENDPOINTS: &[Endpoint] = &[Endpoint::debug(
    "/tenants/{tenant}/environments/{environment}/debug",
    "debug",
    "Sends a test request through the environment: what each phase said of it, and the answer.",
)
.bodies("DebugRequest", "Debugged")
.may(Action::Debug)];

/// Has test requests sent.
pub trait Debugger: fmt::Debug + Send + Sync {
    /// Sends one and says what each phase made of it. Takes up to 30 s.
    ///
    /// # Errors
    /// Why nothing came of it.
    fn debug(&self, request: TestRequest) -> Result<Value, NotDebugged>;
}

/// A request to be sent through a gateway.
#[derive(Clone, Debug)]
pub struct TestRequest {
    /// `GET`
    pub method: String,
    /// With its query.
    pub path: String,
    /// Field lines: `Accept: text/html`.
    pub headers: Vec<String>,
    /// Its content.
    pub body: String,
    /// In whose name it is sent.
    pub client: Option<IpAddr>,
    /// What the names of routes begin with that it may reach.
    pub scope: String,
}

/// Why a test request was not sent, or not answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotDebugged {
    /// There is no gateway in this process.
    NoGateway,
    /// It cannot be sent: what to write instead.
    Invalid(String),
    /// Too many are on their way.
    Busy(String),
    /// Nothing came of it.
    Failed(String),
}

/// What is asked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    #[serde(default = "get")]
    method: String,
    path: String,
    #[serde(default)]
    headers: Vec<String>,
    #[serde(default)]
    body: String,
    #[serde(default)]
    client: Option<IpAddr>,
}

fn get() -> String {
    "GET".to_owned()
}

/// The request, with what makes it one for the environment.
pub(crate) fn prepared(call: &Call, rows: &dyn Rows) -> Result<TestRequest, Problem> {
    let name: Name = call.named("environment")?;
    let kept = rows.load::<Environment>(call.space()?, name.as_str())?.ok_or_else(Problem::not_found)?;
    let scope = tollgate_compile::routes_of(call.tenant()?, &name).ok_or_else(|| {
        let remedy = "use shorter ones, or `tollgate debug` at the node";
        Problem::invalid("environment", "the names of the tenant and the environment are too long together", remedy)
    })?;
    let Asked { method, path, mut headers, body, client } = call.body()?;
    let names = |name: &str, line: &String| line.split(':').next().is_some_and(|own| own.eq_ignore_ascii_case(name));
    let Environment { hosts, stage, .. } = kept.record;
    let has = |name: &str, headers: &[String]| headers.iter().any(|line| names(name, line));
    if let Some(host) = hosts.first().filter(|_| !has("host", &headers)) {
        // A pattern stands for many: one of them.
        headers.push(format!("Host: {}", host.replace('*', "debug")));
    }
    if let Some(stage) = stage.filter(|_| !has("x-stage", &headers)) {
        headers.push(format!("X-Stage: {stage}"));
    }
    Ok(TestRequest { method, path, headers, body, client, scope })
}

/// What became of it, with what was published there: revisions and the values of their variables.
pub(crate) fn told(call: &Call, rows: &dyn Rows, scope: &str, mut said: Value) -> Outcome {
    let environment: Name = call.named("environment")?;
    said["environment"] = json!(environment);
    let route = said["route"].as_str().and_then(|route| route.strip_prefix(scope)).unwrap_or_default();
    let api = route.split(['_', '.']).next().unwrap_or_default().to_owned();
    let mut publications = Vec::new();
    let mut query = Query { limit: PAGE_ROWS_MAX, ..Query::of(Publication::KIND, call.space()?) };
    loop {
        let page = rows.load_page::<Publication>(&query)?;
        let found = page.rows.into_iter().map(|kept| kept.record);
        let is_it = |found: &Publication| {
            found.environment == environment && found.api.name.as_str() == api && found.release.is_some()
        };
        publications.extend(found.filter(is_it).map(|publication| {
            let Publication { api, number, release, variables, .. } = publication;
            json!({ "api": api, "number": number, "release": release, "variables": variables })
        }));
        query.after = page.next;
        if query.after.is_none() {
            break;
        }
    }
    said["publications"] = publications.into();
    Ok(Answer::of(&said))
}

impl From<NotDebugged> for Problem {
    fn from(why: NotDebugged) -> Self {
        match why {
            NotDebugged::NoGateway => {
                let detail = "no gateway runs beside this control plane: run `tollgate debug` at a node, without \
                              `--environment`";
                Self::new(StatusCode::CONFLICT, "no_gateway", detail)
            }
            NotDebugged::Invalid(what) => Self::invalid("", what, "send it so"),
            NotDebugged::Busy(what) => Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", what),
            NotDebugged::Failed(what) => Self::new(StatusCode::BAD_GATEWAY, "debug_failed", what),
        }
    }
}
