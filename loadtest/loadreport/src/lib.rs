//! What a load run is told as, and what is concluded from it.
//!
//! ```text
//! Plan, Recording --> report (JSON, text, page, HDR log) --> compare (two runs, with their noise)
//!        `--objective (p99<2ms: held or not)--> search (the highest rate that holds)
//! ```
//!
//! Pure: files are written, and runs made, by whoever calls. The generator is `loadtest`.

mod clock;
pub mod compare;
pub mod objective;
pub mod report;
pub mod search;
