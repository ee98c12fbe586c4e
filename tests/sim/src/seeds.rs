//! Running a test over many seeds, and one of them again.
//!
//! `TOLLGATE_SEED=n` in the environment makes every such test run seed `n` alone and print its events.

use std::{
    env,
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
};

/// Environment variable that names the one seed to run.
const VARIABLE: &str = "TOLLGATE_SEED";

/// What a run is drawn from.
#[derive(Clone, Copy, Debug)]
pub struct Seed {
    /// The seed itself.
    pub number: u64,
    /// Print every event.
    pub print: bool,
}

impl From<u64> for Seed {
    fn from(number: u64) -> Self {
        Self { number, print: false }
    }
}

/// Runs `test` for each of `seeds`, or for the one the environment names. `name` is the test's, as cargo knows it. Says
/// whether all ran, so that what must hold over all of them can be asserted.
///
/// # Panics
/// As `test` does, after the command that repeats the failing seed is printed.
pub fn for_each_seed(name: &str, seeds: Range<u64>, mut test: impl FnMut(Seed)) -> bool {
    if let Some(number) = env::var(VARIABLE).ok().and_then(|text| text.parse().ok()) {
        test(Seed { number, print: true });
        return false;
    }
    for number in seeds {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| test(number.into()))) {
            eprintln!("replay: {VARIABLE}={number} cargo test -p tollgate-sim -- --exact {name} --nocapture");
            resume_unwind(panic);
        }
    }
    true
}
