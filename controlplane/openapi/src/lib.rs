//! OpenAPI documents: what an API is read from, and what it is written to.
//!
//! ```text
//! text (YAML or JSON) -> Document -> Import { endpoints, operations, policies, notes }
//! Document + changes -> the same document with our own extension
//! ```
//!
//! [`import`] reads Swagger 2.0 and OpenAPI 3.0 and 3.1. It is tolerant: what it does not need may be wrong, as most
//! documents are somewhere. What it needs and cannot read is an [`ImportError`] with its place; what it reads and has
//! no use for is a [`Note`]. It fetches nothing: a reference to another document is a note. Policies are given in the
//! words of the gateway's configuration, so that nothing has to be translated twice.

mod document;
mod error;
mod export;
mod extensions;
mod import;
mod limits;
mod operation;
mod path;
mod security;
mod server;

pub use document::{At, Dialect, Document, Node};
pub use error::{ImportError, Mistake, Note};
pub use export::{EXTENSION, Exported, export};
pub use extensions::Policies;
pub use import::{Import, import};
pub use operation::{Operation, Parameter, ParameterPlace};
pub use path::RoutePath;
pub use security::{Need, Scheme, SchemeKind};
pub use server::{Endpoint, Stage};
