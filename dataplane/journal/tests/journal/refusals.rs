//! What the system does not give: locked memory for the direct writer's rings, a reader for a pipe.
//!
//! The limit is the process's, so that test runs itself again in a second process.

use std::{env, fs, io, process::Command};

use nix::{sys::stat::Mode, unistd::mkfifo};
use tollgate_journal::{Destination, Journal, LogFile, Retention, Rotation, Writer};
use tollgate_telemetry::{Registry, log_queue};

use crate::fixture::{Fixture, writers};

const ROLE: &str = "JOURNAL_TEST_MEMLOCK";
const TEST: &str = "refusals::too_little_locked_memory_is_an_error_or_a_plain_writer";

#[test]
fn too_little_locked_memory_is_an_error_or_a_plain_writer() {
    if env::var_os(ROLE).is_some() {
        return write_without_locked_memory();
    }
    if !writers().contains(&Writer::Direct) {
        return;
    }
    let script = format!("ulimit -l 64; exec \"$0\" --exact {TEST} --nocapture");
    let child = Command::new("sh").arg("-c").arg(script).arg(env::current_exe().unwrap()).env(ROLE, "").output();
    let child = child.unwrap();
    let said = String::from_utf8_lossy(&child.stderr);
    assert!(child.status.success(), "{said}{}", String::from_utf8_lossy(&child.stdout));
    assert_eq!(said.lines().filter(|line| line.contains("without direct I/O")).count(), 1, "{said}");
}

fn write_without_locked_memory() {
    let mut fixture = Fixture::start(Writer::Auto, Rotation::default(), Retention::default());
    fixture.append(&["plain\n"]);
    let (folder, totals) = fixture.end();
    assert_eq!((totals.records_written, totals.records_lost), (1, 0));
    let path = folder.path().join("logs/access.log");
    assert_eq!(fs::read_to_string(&path).unwrap(), "plain\n");

    let log = LogFile { writer: Writer::Direct, ..LogFile::plain(&path) };
    let (_sender, source) = log_queue(1, &Registry::new(&[], 1));
    let error = Journal::start(Destination::File(log), source).unwrap_err().to_string();
    assert!(error.contains("ulimit -l") && error.contains(path.to_str().unwrap()), "{error}");
}

/// A disk that hangs, played by a pipe whose reader does not read. Takes the 5 s that the journal waits.
#[test]
fn a_destination_that_takes_nothing_does_not_hold_the_end_up() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipe");
    mkfifo(&path, Mode::from_bits_truncate(0o600)).unwrap();
    // For reading and writing, so that opening it waits for nobody.
    let _reader = fs::File::options().read(true).write(true).open(&path).unwrap();
    let registry = Registry::new(&[], 1);
    let (sender, source) = log_queue(10, &registry);
    let journal = Journal::start(Destination::File(LogFile::plain(&path)), source).unwrap();
    let mut sink = sender.sink(registry.worker(0));
    let record = format!("{}\n", "x".repeat(99));
    (0..10_000).for_each(|_| sink.append(record.as_bytes()));
    drop((sink, sender));
    assert_eq!(journal.join().unwrap_err().kind(), io::ErrorKind::TimedOut);
}
