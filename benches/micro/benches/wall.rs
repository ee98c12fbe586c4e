//! Takes the time of the benches, by hand: `cargo bench -p tollgate-micro --bench wall -- route`.
//!
//! Built as the product is, with optimization over all crates. What follows `--` is a part of names, or what else divan
//! takes (`--help`). On a machine that does other things the column `fastest` is the one to look at.

use divan::Bencher;
use tollgate_micro::{BENCHES, prepare};

fn main() {
    divan::main();
}

#[divan::bench(args = BENCHES.iter().map(tollgate_micro::Bench::path))]
fn step(bencher: Bencher<'_, '_>, path: &str) {
    let (group, name) = path.split_once('/').expect("a path has both");
    let mut step = prepare(group, name);
    bencher.bench_local(|| step.run(1));
}
