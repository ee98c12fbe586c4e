//! What sinks handed over is in the file, whole and in order per sink; failures are counted and survived.
//!
//! With the real thread and real files in the folder for temporary ones; `/dev/full` plays the disk without room.

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod full_disk;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod segments;

use std::{
    fs, io,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    process,
    sync::atomic::{AtomicU32, Ordering},
    thread,
};

use tollgate_journal::{Destination, Journal, LogFile, Totals};
use tollgate_telemetry::{Registry, log_queue};

/// A folder that does not exist yet and is removed with the value.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("tollgate-journal-{}-{}", process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        Self(std::env::temp_dir().join(name))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

#[test]
fn a_file_holds_what_was_appended_in_order_per_sink() {
    const WORKERS: usize = 3;
    const RECORDS: usize = 20_000;
    let folder = Folder::new();
    let path = folder.0.join("of/parents/access.log");
    let registry = Registry::new(&[], WORKERS);
    let (sender, source) = log_queue(1_000, &registry);
    let journal = Journal::start(Destination::File(LogFile::plain(&path)), source).unwrap();
    thread::scope(|scope| {
        for worker in 0..WORKERS {
            let mut sink = sender.sink(registry.worker(worker));
            scope.spawn(move || {
                for number in 0..RECORDS {
                    sink.append(format!("{worker} {number}\n").as_bytes());
                    if number % 1_000 == 0 {
                        sink.flush();
                    }
                }
            });
        }
    });
    drop(sender);
    let totals = journal.join().unwrap();

    let text = fs::read_to_string(&path).unwrap();
    let mut next = [0; WORKERS];
    for line in text.lines() {
        let (worker, number) = line.split_once(' ').unwrap();
        let worker: usize = worker.parse().unwrap();
        assert_eq!(number.parse::<usize>().unwrap(), next[worker]);
        next[worker] += 1;
    }
    assert_eq!(next, [RECORDS; WORKERS]);
    let records_written = (RECORDS * WORKERS) as u64;
    assert_eq!(totals, Totals { records_written, records_lost: 0, bytes_written: text.len() as u64 });
    assert_eq!(registry.journal().records_written.value(), records_written);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777 & !0o640, 0, "no more than 0640");
}

#[test]
fn a_second_journal_appends() {
    let folder = Folder::new();
    let path = folder.0.join("access.log");
    for number in 0..2 {
        let registry = Registry::new(&[], 1);
        let (sender, source) = log_queue(1, &registry);
        let journal = Journal::start(Destination::File(LogFile::plain(&path)), source).unwrap();
        sender.sink(registry.worker(0)).append(format!("run {number}\n").as_bytes());
        drop(sender);
        journal.join().unwrap();
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), "run 0\nrun 1\n");
}

#[test]
fn a_file_that_cannot_be_opened_is_an_error_that_names_it() {
    let folder = Folder::new();
    fs::create_dir_all(folder.0.join("access.log")).unwrap();
    let path = folder.0.join("access.log");
    let (_sender, source) = log_queue(1, &Registry::new(&[], 1));
    let error = Journal::start(Destination::File(LogFile::plain(&path)), source).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::IsADirectory);
    assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
}

#[test]
fn failed_writes_lose_records_and_count_them() {
    let registry = Registry::new(&[], 1);
    let (sender, source) = log_queue(10, &registry);
    // Opens, and answers every write with ENOSPC.
    let journal = Journal::start(Destination::File(LogFile::plain("/dev/full")), source).unwrap();
    let mut sink = sender.sink(registry.worker(0));
    for _ in 0..3 {
        sink.append(b"one\n");
        sink.append(b"two\n");
        sink.flush();
    }
    drop((sink, sender));
    assert_eq!(journal.join().unwrap(), Totals { records_written: 0, records_lost: 6, bytes_written: 0 });
    assert_eq!(registry.journal().records_lost.value(), 6);
}
