//! The bounds of the contract that records may exceed, and the proof that those of the domain stay within it.
//!
//! What the domain admits and the contract refuses would be written, published and never served. Everything else the
//! contract refuses by itself.

use tollgate_domain::limits as domain;

/// Credentials of an application. Those that have expired count here, and not in the domain.
pub(crate) const CREDENTIALS_MAX: usize = domain::CREDENTIALS_MAX;
/// APIs and operations that an application has subscribed to.
pub(crate) const SUBSCRIPTIONS_MAX: usize = tollgate_model::SUBSCRIPTIONS_MAX;

const _: () = assert!(domain::CREDENTIALS_MAX <= tollgate_model::CREDENTIALS_MAX);
const _: () = assert!(domain::REVOKED_TOKENS_MAX <= tollgate_model::REVOKED_MAX);
const _: () = assert!(domain::PLAN_RULES_MAX <= tollgate_model::PLAN_RULES_MAX);
const _: () = assert!(domain::SCOPES_MAX <= tollgate_model::SCOPES_MAX);
const _: () = assert!(domain::SCOPE_CHARS_MAX <= tollgate_model::SCOPE_BYTES_MAX);
const _: () = assert!(domain::ENDPOINTS_MAX <= tollgate_model::ENDPOINTS_MAX);
