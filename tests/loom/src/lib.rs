//! The product's own files of what threads share without a lock, beside types of loom instead of the standard library's.
//!
//! Each module here stands for a crate: it takes that crate's files by path, so that nothing is copied, and gives them
//! [`sync`] as the `sync` they ask for. Its public functions are models: loom runs one again and again, with every order of
//! the threads' steps (up to a number of preemptions) and every value that a load may see. `tests/models.rs` runs them all.

#![expect(dead_code, unreachable_pub, reason = "the files are whole, and the models use what threads share of them")]

pub mod balance;
pub mod limit;
pub mod ring;
mod sync;
pub mod telemetry;
pub mod worker;
