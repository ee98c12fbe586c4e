//! What must hold of every parser for any bytes: one function per fuzz target.
//!
//! Each function takes bytes and panics when a property is broken; its documentation names the properties. cargo-fuzz
//! calls them with whatever reaches new code (`tests/fuzz`), the tests here with a committed corpus and a few thousand
//! mutations of it. They keep nothing between calls and do nothing but compute.

mod chunked_body;
mod codec;
mod config_text;
mod mutation;
mod request_head;
mod response_head;
mod routes;
mod split;
mod uri;

pub use chunked_body::chunked_body;
pub use codec::codec;
pub use config_text::config_text;
pub use mutation::mutated;
pub use request_head::request_head;
pub use response_head::response_head;
pub use routes::routes;
pub use uri::uri;

/// A fuzz target: its name, which is that of its corpus, and its properties.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: [Target; 7] = [
    ("request_head", request_head),
    ("response_head", response_head),
    ("chunked_body", chunked_body),
    ("codec", codec),
    ("uri", uri),
    ("routes", routes),
    ("config_text", config_text),
];
