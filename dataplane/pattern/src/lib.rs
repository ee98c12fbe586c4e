//! Patterns as a configuration writes them: hosts, paths, regular expressions, sets of addresses; and templates that are
//! filled in from what a path has matched.
//!
//! A pattern is read once, judged in full, and from then on asked by workers without allocating. What is wrong with a text
//! is told as a [`Refusal`]; the caller knows where the text stands. Which pattern of several takes a request is decided
//! in `route`.

mod condition;
mod expression;
mod host;
mod ip_set;
mod limits;
mod near;
mod path;
mod template;

pub use condition::{Condition, ValueMatch};
pub use expression::{Captures, Expression};
pub use host::{HostPattern, authority};
pub use ip_set::IpSet;
pub use limits::{EXPRESSION_BYTES_MAX, HOST_BYTES_MAX, PATH_BYTES_MAX, SEGMENTS_MAX, TEMPLATE_BYTES_MAX};
pub use near::nearest;
pub use path::{PathMatch, PathPattern, Segment};
pub use template::{Piece, Template, parameter};

/// Why a text is not what it has to be, and the remedy where there is one.
pub type Refusal = (String, Option<String>);

/// `Debug` that names the type and none of its values: they may have come from the environment.
macro_rules! debug_without_values {
    ($($name:ty),+) => { $(
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    )+ };
}

debug_without_values!(HostPattern, PathPattern, PathMatch, Expression, Condition, ValueMatch, IpSet, Template, Piece);
