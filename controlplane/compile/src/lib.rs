//! From what is managed to what a gateway runs: domain records as items of the contract, at the cost of what changed.
//!
//! ```text
//! store -> Source --.
//! changes ----------+-> Compiled::compile -> Delta { set, remove, failed, notes } -> PATCH /config, sync
//! ```
//!
//! Pure and deterministic: no clock, no chance, no I/O but through [`Source`]. What can be decided when something is
//! published is decided here, so that a request finds tables and no questions. What the contract would refuse is refused
//! here, by the record it comes from; what it cannot say is a note. [`spec_of`] stands before all of it: the API that an
//! OpenAPI document describes.

mod affected;
mod answer;
mod api;
mod application;
mod compiled;
mod delta;
mod imported;
mod judge;
mod layers;
mod limits;
mod lines;
pub mod names;
mod plan;
mod route;
mod settings;
mod source;
mod target;
mod upstream;

pub use compiled::Compiled;
pub use delta::{Delta, Failure, Kind, Note, Part};
pub use imported::{Imported, spec_of};
pub use names::routes_of;
pub use settings::Settings;
pub use source::{Change, Record, Source};
