//! What records are compiled to: golden results, what changes lead to, and what is refused.
//!
//! The records of a test are written as YAML (`world`). Every result is loaded by the contract before it is compared, so
//! that no golden file is one that a node would refuse.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

mod golden;
mod imported;
mod incremental;
mod mistakes;
mod scale;
mod world;
