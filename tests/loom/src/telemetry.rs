//! What workers write and others read: counters, and access records on their way to the journal.

use crate::sync;
use loom::{sync::Arc, thread};

#[path = "../../../dataplane/telemetry/src/belt.rs"]
mod belt;
#[path = "../../../dataplane/telemetry/src/counter.rs"]
mod counter;

use belt::{Belt, Taken};
use counter::{Counter, Gauge};

/// A reader never sees a counter fall, and in the end all of it.
pub fn a_counter_only_grows() {
    let figures = Arc::new((Counter::new(), Gauge::new()));
    assert_eq!((figures.0.value(), figures.1.value()), (0, 0));
    let writer = figures.clone();
    let writer = thread::spawn(move || {
        for _ in 0..3 {
            writer.0.increment();
            writer.1.increment();
        }
        writer.1.decrement();
    });
    let (first, second) = (figures.0.value(), figures.0.value());
    assert!(first <= second && second <= 3);
    assert!(figures.1.value() <= 3);
    writer.join().expect("it does not panic");
    assert_eq!((figures.0.value(), figures.1.value()), (3, 2));
}

/// Two writers, each of which ends after its block: the reader gets both, is told of the end, and never sleeps through
/// either.
pub fn every_block_is_read_and_so_is_the_end() {
    let belt = Arc::new(Belt::new(2));
    belt.join();
    let reader = read(&belt, |_, _| {});
    let writer = belt.clone();
    let writer = thread::spawn(move || {
        assert!(writer.put(1).is_ok());
        writer.leave();
    });
    assert!(belt.put(2).is_ok());
    belt.leave();
    writer.join().expect("it does not panic");
    let mut blocks = reader.join().expect("it does not panic");
    blocks.sort_unstable();
    assert_eq!(blocks, [1, 2]);
}

/// A thread that takes blocks to the end and says which. It is the only one that is ever parked: loom's `unpark` would also
/// wake a `join`.
fn read(belt: &Arc<Belt<u32>>, each: fn(&Belt<u32>, u32)) -> thread::JoinHandle<Vec<u32>> {
    let belt = belt.clone();
    thread::spawn(move || {
        let mut blocks = Vec::new();
        loop {
            match belt.take_within(None) {
                Taken::Block(block) => {
                    blocks.push(block);
                    each(&belt, block);
                }
                Taken::Nothing => {}
                Taken::End => return blocks,
            }
        }
    })
}

/// The writer puts again what came back: a block is in one place.
pub fn an_empty_block_comes_back_once() {
    let belt = Arc::new(Belt::new(1));
    let reader = read(&belt, |belt, block| {
        if block == 1 {
            belt.give_back(2);
        }
    });
    assert!(belt.put(1).is_ok());
    let is_twice = belt.take_empty().is_some_and(|block| belt.put(block).is_ok());
    belt.leave();
    let blocks = reader.join().expect("it does not panic");
    assert_eq!(blocks, if is_twice { &[1, 2][..] } else { &[1] });
    assert_eq!(belt.take_empty(), (!is_twice).then_some(2));
}
