//! Counts held against the committed ones.
//!
//! [`counts`] reads what gungraun wrote of a run, [`Baseline`] is the file beside it in the repository, [`Facts`] say with
//! what the instructions were made and counted, and [`judge`] compares. More than [`TOLERANCE`] worse fails; so does a bench
//! that is on one side only. Better by as much is told, so that somebody takes the new count for the next bound.
//! Another compiler makes other instructions: counts of two compilers are not compared at all.

mod baseline;
mod counts;
mod facts;
mod verdict;

pub use baseline::{Baseline, Counts};
pub use counts::counts;
pub use facts::{Facts, cpu, pinned_compiler};
pub use verdict::{Finding, Kind, TOLERANCE, judge};
