//! Every bench, once: that none rots, without valgrind.

use tollgate_micro::{BENCHES, prepare};

#[test]
fn every_step_can_be_done() {
    for bench in BENCHES {
        println!("{}", bench.path());
        prepare(bench.group, bench.name).run(1);
    }
}
