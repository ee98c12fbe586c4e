//! The pages of the control plane, rendered on the server: catalog, applications, publications, approvals.
//!
//! ```text
//! browser -> router -> Visit (session, form with its proof) -> page -> api::Desk -> template -> browser
//! ```
//!
//! Pages change nothing themselves: they ask the admin API's endpoints in process, as the member who is signed in, so that
//! authorization, audit and judging are the same code. All of them work without a script; htmx saves reloading where it is
//! there. Templates and assets are built in, so that cargo alone makes all of it.

mod account;
mod applications;
mod approvals;
mod assets;
mod catalog;
mod cookies;
mod error;
mod failure;
mod form;
mod limits;
mod markdown;
mod proofs;
mod publications;
mod reference;
mod sessions;
mod sign_in;
mod templates;
mod tried;
mod try_it;
mod usage;
mod visit;

pub use error::ConsoleError;
pub use usage::{Usage, Used};

use axum::{
    Router,
    extract::{Path as AtPath, RawPathParams, Request, State},
    http::{HeaderValue, header},
    middleware::map_response,
    response::{Redirect, Response},
    routing::{self, MethodRouter},
};
use proofs::Proofs;
use serde_json::{Value, json};
use sessions::Sessions;
use std::{
    net::SocketAddr,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use templates::Templates;
use tokio::sync::Semaphore;
use tollgate_api::Desk;
use visit::{Outcome, Visit};

/// What the pages are made with.
pub struct Options<'o> {
    /// A folder with templates in the place of those that are built in.
    pub templates: Option<&'o Path>,
    /// Where requests that are tried out go, once that is known: the gateway of this process.
    pub gateway: Arc<OnceLock<SocketAddr>>,
    /// Who knows what was used of plans.
    pub usage: Option<Arc<dyn Usage>>,
}

/// The pages.
#[derive(Clone)]
pub(crate) struct Console(Arc<Pages>);

pub(crate) struct Pages {
    desk: Desk,
    templates: Templates,
    sessions: Mutex<Sessions>,
    proofs: Proofs,
    /// Name -> address.
    assets: Value,
    gateway: Arc<OnceLock<SocketAddr>>,
    usage: Option<Arc<dyn Usage>>,
    /// Bounds what is tried out at one time.
    tries: Semaphore,
}

impl std::ops::Deref for Console {
    type Target = Pages;

    fn deref(&self) -> &Pages {
        &self.0
    }
}

impl Pages {
    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Since the Unix epoch.
fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// The pages below `/console`, and the way there from `/`.
///
/// # Errors
/// A template of the folder cannot be used, or the system has no random bytes.
pub fn router(desk: Desk, options: &Options<'_>) -> Result<Router, ConsoleError> {
    let assets = assets::addresses().into_iter().map(|(name, address)| (name.to_owned(), json!(address)));
    let console = Console(Arc::new(Pages {
        desk,
        templates: Templates::read(options.templates)?,
        sessions: Mutex::default(),
        proofs: Proofs::new().ok_or(ConsoleError::NoEntropy)?,
        assets: Value::Object(assets.collect()),
        gateway: options.gateway.clone(),
        usage: options.usage.clone(),
        tries: Semaphore::new(limits::TRIED_AT_ONCE_MAX),
    }));
    let home = || async { Redirect::to("/console/catalog") };
    let router = Router::new()
        .route("/", routing::get(home))
        .route("/console", routing::get(home))
        .route("/console/", routing::get(home))
        .route("/console/assets/{digest}/{name}", routing::get(asset))
        .merge(sign_in::routes())
        .merge(account::routes())
        .merge(catalog::routes())
        .merge(try_it::routes())
        .merge(applications::routes())
        .merge(publications::routes())
        .merge(approvals::routes())
        .route("/console/{*rest}", get(|_| async { Err(failure::Failure::Missing) }));
    Ok(router.layer(map_response(protected)).with_state(console))
}

async fn asset(AtPath((_, name)): AtPath<(String, String)>) -> Response {
    assets::answer(&name)
}

/// A page for members.
fn get<P, W>(page: P) -> MethodRouter<Console>
where
    P: FnOnce(Arc<Visit>) -> W + Clone + Send + Sync + 'static,
    W: Future<Output = Outcome> + Send + 'static,
{
    routing::get(move |State(console), path: RawPathParams, request: Request| {
        visit::serve(console, path, request, false, page)
    })
}

/// What takes a form of members.
fn post<P, W>(page: P) -> MethodRouter<Console>
where
    P: FnOnce(Arc<Visit>) -> W + Clone + Send + Sync + 'static,
    W: Future<Output = Outcome> + Send + 'static,
{
    routing::post(move |State(console), path: RawPathParams, request: Request| {
        visit::serve(console, path, request, false, page)
    })
}

/// A page for anybody, with what takes its form.
fn open<P, W>(page: P) -> MethodRouter<Console>
where
    P: FnOnce(Arc<Visit>) -> W + Clone + Send + Sync + 'static,
    W: Future<Output = Outcome> + Send + 'static,
{
    let form = page.clone();
    routing::get(move |State(console), path: RawPathParams, request: Request| {
        visit::serve(console, path, request, true, page)
    })
    .post(move |State(console), path: RawPathParams, request: Request| visit::serve(console, path, request, true, form))
}

/// What no script, style, frame or form of others gets into or out of.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// The fields that protect every page.
async fn protected(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        ("content-security-policy", POLICY),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}
