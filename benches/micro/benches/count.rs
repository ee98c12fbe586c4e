//! Counts the instructions of every bench, on valgrind: run by `.ci/micro`, which holds the counts against the baseline.
//!
//! A run of a bench is a process of its own: the step is prepared and run in, and then so many steps are counted as
//! `each_bench!` says. Nothing simulates caches: instructions are what repeats exactly.

#![expect(missing_docs, reason = "the macros make functions and modules that are public")]

use gungraun::{Callgrind, LibraryBenchmarkConfig, library_benchmark, library_benchmark_group, main};
use tollgate_micro::{Step, each_bench, prepare};

macro_rules! count {
    ($($group:ident { $($name:ident: $steps:literal),* })*) => {
        $(
            #[library_benchmark]
            $(#[bench::$name(prepare(stringify!($group), stringify!($name)), $steps)])*
            fn $group(mut step: Step, steps: u32) -> Step {
                step.run(steps);
                // Given back, so that what it is made of is not taken apart here.
                step
            }
        )*

        library_benchmark_group!(name = micro; benchmarks = $($group),*);
    };
}

each_bench!(count);

main!(
    config = LibraryBenchmarkConfig::default().tool(Callgrind::with_args(["--cache-sim=no"]));
    library_benchmark_groups = micro
);
