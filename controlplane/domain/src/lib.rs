//! What is managed, and the rules of it: tenants, APIs, revisions, publications, plans, applications, credentials.
//!
//! ```text
//! admin request -> api: who, which record -> domain: may they, is it right, what follows -> store
//!                                                          publications -> compile -> the contract
//! ```
//!
//! Records are plain structs, as they are written and kept; rules are functions from records to records or to a
//! `Refusal`. There is no clock, no chance and no I/O here: Unix seconds and random bytes are arguments. A record that
//! went through its `check` is right by itself; whether what it names exists is for who can look it up.

pub mod access;
pub mod api;
pub mod application;
pub mod audit;
pub mod credential;
pub mod digest;
pub mod document;
pub mod environment;
pub mod lifecycle;
pub mod limits;
pub mod member;
pub mod name;
pub mod operation;
pub mod plan;
pub mod policies;
pub mod product;
pub mod publication;
pub mod reference;
pub mod refusal;
pub mod revision;
pub mod revoked;
pub mod search;
pub mod subscription;
pub mod upstream;
pub mod version;
pub mod visibility;

pub use access::{Action, Actor, Reach, not_found};
pub use api::{Api, ApiSpec, Need};
pub use application::Application;
pub use audit::AuditEvent;
pub use credential::{Credential, CredentialKind, SecretText};
pub use digest::Digest;
pub use document::Document;
pub use environment::Environment;
pub use lifecycle::{Deprecation, Lifecycle, Serving};
pub use member::{Made, Member, Role, Tenant};
pub use name::{ApiName, Name};
pub use operation::{Mock, Operation};
pub use plan::{Plan, PlanKey, PlanRule};
pub use policies::{Level, Policies};
pub use product::{Product, ProductApi};
pub use publication::{Canary, Publication, Release};
pub use refusal::{Code, Kind, Refusal, Refusals};
pub use revision::Revision;
pub use revoked::RevokedToken;
pub use search::Search;
pub use subscription::{Subscription, SubscriptionState, Target};
pub use upstream::{Endpoint, Upstream};
pub use version::{Placement, Version, VersionPlace, VersionScheme};
pub use visibility::{Viewer, Visibility};
