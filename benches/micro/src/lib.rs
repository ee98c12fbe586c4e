//! What one step of each pure crate costs.
//!
//! A bench is a function that prepares a step and gives it back, so that everything but the step stays outside of what is
//! measured. [`BENCHES`] lists them all; `benches/count.rs` counts their instructions, `benches/wall.rs` takes their time,
//! and `tests/runs.rs` runs each once, so that none rots. [`gate`] holds the counts against `baseline.json`.
//!
//! A step does what a worker does once per request (or a publishing thread once per change), with input of the size that
//! is usual there. Input comes from fixed numbers: a bench does the same in every run. docs/internals/benches.md tells how
//! to read a failure and how to add a bench.

mod applications;
mod config;
mod fixed;
pub mod gate;
mod head;
mod step;

mod balance;
mod cache;
mod consumer;
mod dns;
mod http;
mod identity;
mod limit;
mod model;
mod pattern;
mod policy;
mod route;
mod telemetry;
mod tls;
mod transform;

pub use fixed::fix_hash_keys;
pub use step::Step;

/// A step that can be prepared.
#[derive(Clone, Copy, Debug)]
pub struct Bench {
    /// Of the crate.
    pub group: &'static str,
    /// Within its crate.
    pub name: &'static str,
    /// How many steps are counted in one run: 100, or fewer of those that take long.
    pub steps: u32,
    /// Makes the step ready, and everything it needs.
    pub prepare: fn() -> Step,
}

impl Bench {
    /// Crate and name.
    #[must_use]
    pub fn path(&self) -> String {
        format!("{}/{}", self.group, self.name)
    }
}

/// All benches, as tokens for the macro that is named: crate, name, and how many steps are counted.
#[macro_export]
macro_rules! each_bench {
    ($then:ident) => {
        $then! {
            balance { consistent_hash: 100, least_requests: 100, power_of_two: 100, report: 100, round_robin: 100 }
            cache { keep: 100, lookup: 100, ruling: 100 }
            consumer { change: 100, find: 100 }
            dns { ask: 100, read: 100 }
            http { chunked_body: 100, request_forward: 100, request_head: 100, response: 100, target: 100 }
            identity { known_key: 100, known_token: 100, verify_token: 10 }
            limit { bucket: 100, bucket_refused: 100, in_flight: 100, quota: 100, rules: 100 }
            model { patch: 10, resolve: 1 }
            pattern { addresses: 100, expression: 100, host: 100, path: 100 }
            policy { guarded: 100, plain: 100 }
            route { among_100: 100, among_10_000: 100, among_100_000: 100, conditions: 100 }
            telemetry { record: 100, scrape: 1 }
            tls { record_16_kib: 10, record_1_kib: 100, seal_1_kib: 100 }
            transform { cors: 100, fields: 100, query: 100 }
        }
    };
}

macro_rules! list {
    ($($group:ident { $($name:ident: $steps:literal),* })*) => {
        /// Every bench.
        pub const BENCHES: &[Bench] = &[
            $($(Bench {
                group: stringify!($group),
                name: stringify!($name),
                steps: $steps,
                prepare: $group::$name,
            },)*)*
        ];
    };
}

each_bench!(list);

/// The step of the bench with this path, made ready and run in: what happens once has happened.
///
/// # Panics
/// There is no such bench.
#[must_use]
pub fn prepare(group: &str, name: &str) -> Step {
    let found = BENCHES.iter().find(|bench| bench.group == group && bench.name == name);
    let bench = found.unwrap_or_else(|| panic!("there is no bench {group}/{name}"));
    fix_hash_keys();
    let mut step = (bench.prepare)();
    step.run(bench.steps);
    step
}
