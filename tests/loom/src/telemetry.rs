//! What workers write and others read: counters, and access records on their way to the journal.
//!
//! The blocks are numbers here. What is written into one, and what becomes of those that do not fit, is a worker's alone.

use crate::sync;
use loom::{sync::Arc, thread};

#[path = "../../../dataplane/telemetry/src/blocks.rs"]
mod blocks;
#[path = "../../../dataplane/telemetry/src/counter.rs"]
mod counter;

use blocks::{BlockQueue, Taken};
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
    let queue = Arc::new(BlockQueue::new(2));
    queue.join();
    let reader = read(&queue, |_, _| {});
    let writer = queue.clone();
    let writer = thread::spawn(move || {
        assert!(writer.put(1).is_ok());
        writer.leave();
    });
    assert!(queue.put(2).is_ok());
    queue.leave();
    writer.join().expect("it does not panic");
    let mut blocks = reader.join().expect("it does not panic");
    blocks.sort_unstable();
    assert_eq!(blocks, [1, 2]);
}

/// A thread that takes blocks to the end and says which. It is the only one that is ever parked: loom's `unpark` would also
/// wake a `join`.
fn read(queue: &Arc<BlockQueue<u32>>, each: fn(&BlockQueue<u32>, u32)) -> thread::JoinHandle<Vec<u32>> {
    let queue = queue.clone();
    thread::spawn(move || {
        let mut blocks = Vec::new();
        loop {
            match queue.take_within(None) {
                Taken::Block(block) => {
                    blocks.push(block);
                    each(&queue, block);
                }
                Taken::Nothing => {}
                Taken::End => return blocks,
            }
        }
    })
}

/// The writer puts again what came back: a block is in one place.
pub fn an_empty_block_comes_back_once() {
    let queue = Arc::new(BlockQueue::new(1));
    let reader = read(&queue, |queue, block| {
        if block == 1 {
            queue.give_back(2);
        }
    });
    assert!(queue.put(1).is_ok());
    let is_twice = queue.take_empty().is_some_and(|block| queue.put(block).is_ok());
    queue.leave();
    let blocks = reader.join().expect("it does not panic");
    assert_eq!(blocks, if is_twice { &[1, 2][..] } else { &[1] });
    assert_eq!(queue.take_empty(), (!is_twice).then_some(2));
}
