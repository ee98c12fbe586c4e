//! Changes to requests and responses, pure: configuration in, what to write out.
//!
//! [`field_edits`] and [`QueryEdits`] are what `request_headers`, `response_headers` and `request_query` compile to,
//! [`Cors`] what `cors` does: it answers preflights and says which fields a response gets. Made once per route on the
//! publishing thread; a worker only reads. No I/O, no clock; what allocates per request says so.

mod cors;
mod fields;
mod query;

pub use cors::{Cors, Preflight};
pub use fields::field_edits;
pub use query::QueryEdits;
