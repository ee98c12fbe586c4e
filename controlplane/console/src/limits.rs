//! The bounds of the pages, each with its name.

use std::time::Duration;

/// Bytes of a form: the body of a request that is tried out is the largest.
pub(crate) const FORM_BYTES_MAX: usize = 1 << 20;
/// Sign-ins that are remembered.
pub(crate) const SESSIONS_MAX: usize = 10_000;
/// How long a sign-in is good for, whatever is done.
pub(crate) const SESSION_LIFE: Duration = Duration::from_secs(12 * 3600);
/// How long it is good for while nothing is done.
pub(crate) const SESSION_IDLE: Duration = Duration::from_secs(3600);
/// Pages of a list that are looked at for something to show.
pub(crate) const LOOKED_AT_MAX: usize = 20;
/// Bytes of a template in the folder of one's own.
pub(crate) const TEMPLATE_BYTES_MAX: u64 = 1 << 20;
/// Operations of a document that are shown.
pub(crate) const OPERATIONS_SHOWN_MAX: usize = 1000;
/// Properties of a schema that are shown.
pub(crate) const PROPERTIES_SHOWN_MAX: usize = 200;
/// Schemas that are looked at for the properties of one.
pub(crate) const SCHEMAS_LOOKED_AT_MAX: usize = 1000;
/// How deep a schema is shown.
pub(crate) const SCHEMA_DEPTH_MAX: usize = 6;
/// Bytes of an answer that is tried out; the rest is not shown.
pub(crate) const TRIED_BYTES_MAX: u64 = 256 << 10;
/// How long an answer that is tried out is waited for.
pub(crate) const TRIED_WAIT: Duration = Duration::from_secs(15);
/// Requests that are tried out at one time.
pub(crate) const TRIED_AT_ONCE_MAX: usize = 4;
