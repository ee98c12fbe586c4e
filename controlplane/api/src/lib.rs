//! The admin API: every verb of the control plane, below `/api/v1`.
//!
//! ```text
//! HTTP -> router: one route per Endpoint -> Desk: who, may they, transaction -> handler -> domain, store
//! ```
//!
//! What can be asked is one table of endpoints, each with the action that whoever asks must be allowed; router, document
//! (`openapi`) and tests are made of it. Errors are problem documents, changes have an audit event each, conditions are
//! ETag and If-Match, lists have cursors. Whether it is right to do something is the domain's business.

mod answer;
mod apis;
mod apply;
mod ask;
mod asker;
mod attempts;
mod audit;
mod call;
mod catalog;
mod change;
mod credentials;
mod debug;
mod desk;
mod endpoint;
mod files;
mod fleet;
mod hasher;
mod idempotency;
mod import;
mod judge;
mod limits;
mod nodes;
mod openapi;
mod passwords;
mod problem;
mod publications;
mod records;
mod resource;
mod router;
mod schema;
mod signin;
mod signing_keys;
mod subscriptions;
mod tenants;
mod token;
mod usage;

pub use ask::{Ask, Done};
pub use asker::{Asker, SignedIn};
pub use debug::{Debugger, NotDebugged, TestRequest};
pub use desk::Desk;
pub use files::file_schema;
pub use fleet::{Fleet, LOCAL, NodeReport, NodeState};
pub use judge::{Judge, Touched};
pub use nodes::node;
pub use openapi::document;
pub use problem::Refused;
pub use router::router;
pub use signin::{Origin, SetUp, SignIn, SignInRefused};

use endpoint::Endpoint;
use std::time::Duration;
use tollgate_store::{Error, Expect, Query, Record as _, RecordsMut as _, Space, Store, Transactions as _};

/// Every endpoint.
fn endpoints() -> impl Iterator<Item = &'static Endpoint> {
    let tables = [
        tenants::ENDPOINTS,
        passwords::ENDPOINTS,
        records::MEMBERS,
        records::ENVIRONMENTS,
        records::PLANS,
        apis::ENDPOINTS,
        publications::ENDPOINTS,
        records::PRODUCTS,
        records::APPLICATIONS,
        subscriptions::ENDPOINTS,
        credentials::ENDPOINTS,
        catalog::ENDPOINTS,
        apply::ENDPOINTS,
        audit::ENDPOINTS,
        usage::ENDPOINTS,
        signing_keys::ENDPOINTS,
        nodes::ENDPOINTS,
        debug::ENDPOINTS,
    ];
    tables.into_iter().flatten()
}

/// A new setup token, if the installation has nobody yet; the one before is void then. To be shown to who starts it.
///
/// # Errors
/// Those of the store.
pub fn setup_token(store: &dyn Store) -> Result<Option<String>, Error> {
    store.write(|rows| {
        let tenants = Query { limit: 1, ..Query::of(tollgate_domain::Tenant::KIND, Space::Installation) };
        if rows.count(&tenants)? > 0 {
            return Ok(None);
        }
        let no_entropy = |_| Error::Database("the system has no random bytes".into());
        let (token, text) = token::SetupToken::issue().map_err(no_entropy)?;
        rows.save(Space::Installation, &token, Expect::Any)?;
        Ok(Some(text))
    })
}

/// Forgets what need not be known any more: answers that were kept for an Idempotency-Key, tokens that were revoked and have
/// expired, hours of usage of more than 90 days ago. Worth doing once in an hour.
///
/// # Errors
/// Those of the store.
pub fn forget(store: &dyn Store, now: Duration) -> Result<(), Error> {
    store.write(|rows| {
        idempotency::forget(rows, now.as_secs())?;
        tollgate_keys::forget_revoked(rows, now.as_secs())?;
        usage::forget(rows, now.as_secs())
    })
}
