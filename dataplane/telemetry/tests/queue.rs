//! The way of access records from a sink to the journal: order, whole lines, drops, end.
//!
//! One thread plays both sides where each step has to be where it is said to be; waking needs two.

use std::{thread, time::Duration};

use crossbeam::channel::bounded;
use tollgate_telemetry::{Dropped, Registry, limits::BLOCK_BYTES, log_queue};

/// A line of exactly `bytes` bytes.
fn line(fill: u8, bytes: usize) -> Vec<u8> {
    let mut line = vec![fill; bytes - 1];
    line.push(b'\n');
    line
}

#[test]
fn a_block_is_handed_over_when_the_next_record_would_not_fit() {
    let registry = Registry::new(&[], 1);
    let (sender, source) = log_queue(2, &registry);
    let mut sink = sender.sink(registry.worker(0));
    assert!(sink.is_empty());
    sink.append(&line(b'a', BLOCK_BYTES - 10));
    sink.append(&line(b'b', 10));
    assert!(!sink.is_empty());
    sink.append(&line(b'c', 2));
    drop((sink, sender));
    let first = source.recv().unwrap();
    assert_eq!((first.bytes().len(), first.records()), (BLOCK_BYTES, 2));
    assert_eq!(source.recv().unwrap().bytes(), b"c\n", "dropping a sink hands over the rest");
    assert!(source.recv().is_none());
}

#[test]
fn a_full_queue_drops_counts_and_goes_on() {
    let registry = Registry::new(&[], 1);
    let (sender, source) = log_queue(1, &registry);
    let mut sink = sender.sink(registry.worker(0));
    sink.append(b"kept\n");
    sink.flush();
    for _ in 0..3 {
        sink.append(b"dropped\n");
    }
    sink.flush();
    assert!(sink.is_empty());
    assert_eq!(registry.worker(0).access_records_dropped.value(), 3);

    assert_eq!(registry.access_records_dropped(), Dropped { queue_full: 3, write_error: 0, unwritten: 1 });

    let block = source.recv().unwrap();
    source.metrics().records_written.add(1);
    assert_eq!(registry.access_records_dropped().unwritten, 0);
    assert_eq!(block.bytes(), b"kept\n");
    source.give_back(block);
    sink.append(b"kept again\n");
    sink.flush();
    let block = source.recv().unwrap();
    assert_eq!((block.bytes(), block.records()), (&b"kept again\n"[..], 1), "a returned block comes back empty");
}

#[test]
fn a_line_beyond_a_block_is_dropped_alone() {
    let registry = Registry::new(&[], 1);
    let (sender, source) = log_queue(2, &registry);
    let mut sink = sender.sink(registry.worker(0));
    sink.append(b"before\n");
    sink.append(&line(b'x', BLOCK_BYTES + 1));
    sink.append(b"after\n");
    sink.flush();
    assert_eq!(registry.worker(0).access_records_dropped.value(), 1);
    assert_eq!(source.recv().unwrap().bytes(), b"before\n");
    assert_eq!(source.recv().unwrap().bytes(), b"after\n");
}

#[test]
fn a_sink_outlives_the_journal() {
    let registry = Registry::new(&[], 1);
    let (sender, source) = log_queue(2, &registry);
    let mut sink = sender.sink(registry.worker(0));
    drop(source);
    sink.append(b"nobody reads this\n");
    sink.flush();
    assert_eq!(registry.worker(0).access_records_dropped.value(), 1);
}

#[test]
fn a_waiting_reader_is_woken_by_each_block_and_by_the_end() {
    const PATIENCE: Duration = Duration::from_secs(20);
    let registry = Registry::new(&[], 1);
    let (sender, source) = log_queue(1, &registry);
    let mut sink = sender.sink(registry.worker(0));
    let (seen, is_seen) = bounded(1);
    let reader = thread::spawn(move || {
        while let Some(block) = source.recv() {
            seen.send(block.records()).unwrap();
            source.give_back(block);
        }
        drop(seen);
    });
    // Often, so that the reader is met before it waits, while it begins to, and after.
    for _ in 0..1_000 {
        sink.append(b"one\n");
        sink.flush();
        assert_eq!(is_seen.recv_timeout(PATIENCE), Ok(1));
    }
    drop(sender);
    drop(sink);
    assert!(is_seen.recv_timeout(PATIENCE).is_err_and(|error| error.is_disconnected()), "the reader has ended");
    reader.join().unwrap();
}
