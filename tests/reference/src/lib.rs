//! What the product has to agree with: HTTP/1 read byte by byte from the text of RFC 9110 and 9112, and routes compared one
//! by one.
//!
//! Written to be compared with the RFC, not to be fast: one function per rule, named after it, with its section; whole
//! messages in memory; copies everywhere. It shares no code with `tollgate-http`, `tollgate-route` or httparse. Where the
//! RFC leaves a choice, the choice is the product's and marked "strict" or "lenient" at the function that makes it.
//!
//! A head is judged to its end and all its [`Defect`]s are told, because a fast parser stops at whichever it meets first.
//! No judgement of policies, no forwarding.

pub mod forms;

mod authority;
mod chunked;
mod conditions;
mod connection;
mod defect;
mod expression;
mod field;
mod framing;
mod grammar;
mod limits;
mod request;
mod response;
mod routes;
mod stream;
mod target;

pub use authority::host_of;
pub use chunked::{Chunked, read_chunked};
pub use connection::{options, persists, upgrade};
pub use defect::Defect;
pub use expression::takes;
pub use field::{Field, values};
pub use framing::Framing;
pub use limits::Limits;
pub use request::{Request, read_request};
pub use response::{Response, read_response};
pub use routes::{Choice, Lookup, choose};
pub use stream::{End, Message, Stream, requests, responses};
pub use target::{Target, normalized_path, read_target};

/// What reading a head, or a chunked body, led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading<T> {
    /// It goes on behind the bytes given.
    Incomplete,
    /// It is whole and good.
    Whole(T),
    /// It is whole, or cannot become whole, and has these defects: at least one.
    Refused(Vec<Defect>),
}
