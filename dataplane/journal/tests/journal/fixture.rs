//! A journal in a folder of its own, for each writer this machine grants.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;
use tollgate_journal::{Destination, Journal, LogFile, Retention, Rotation, Totals, Writer};
use tollgate_ring::preflight;
use tollgate_telemetry::{LogSender, LogSink, Registry, log_queue};

/// The writers to test. The direct one is left out, and why is said, where the kernel or the disk refuses it.
pub(crate) fn writers() -> Vec<Writer> {
    let folder = tempfile::tempdir().unwrap();
    let direct = preflight::uring_support().map(drop).and_then(|()| {
        let log = LogFile { writer: Writer::Direct, ..LogFile::plain(folder.path().join("probe")) };
        let (_, source) = log_queue(1, &Registry::new(&[], 1));
        Journal::start(Destination::File(log), source)?.join()
    });
    match direct {
        Ok(_) => vec![Writer::Plain, Writer::Direct],
        Err(error) => {
            eprintln!("SKIPPED for the direct writer: {error}");
            vec![Writer::Plain]
        }
    }
}

/// A journal that runs, and one sink.
pub(crate) struct Fixture {
    pub(crate) folder: TempDir,
    pub(crate) registry: Arc<Registry>,
    pub(crate) journal: Journal,
    sender: Option<LogSender>,
    sink: Option<LogSink>,
}

impl Fixture {
    pub(crate) fn start(writer: Writer, rotation: Rotation, retention: Retention) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), writer, rotation, retention)
    }

    pub(crate) fn start_in(folder: TempDir, writer: Writer, rotation: Rotation, retention: Retention) -> Self {
        let path = folder.path().join("logs/access.log");
        let log = LogFile { path, writer, rotation, retention };
        let registry = Registry::new(&[], 4);
        let (sender, source) = log_queue(1_000, &registry);
        let journal = Journal::start(Destination::File(log), source).unwrap();
        let sink = Some(sender.sink(registry.worker(0)));
        Self { folder, registry, journal, sender: Some(sender), sink }
    }

    /// The current segment.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("logs/access.log")
    }

    /// A sink for a thread of its own, 1 to 3.
    pub(crate) fn sink(&self, worker: usize) -> LogSink {
        self.sender.as_ref().unwrap().sink(self.registry.worker(worker))
    }

    /// Hands records over at once.
    pub(crate) fn append(&mut self, records: &[&str]) {
        let sink = self.sink.as_mut().unwrap();
        records.iter().for_each(|record| sink.append(record.as_bytes()));
        sink.flush();
    }

    /// Waits until the current segment holds exactly `text`.
    pub(crate) fn until_holds(&self, text: &str) {
        until(text, || fs::read_to_string(self.path()).unwrap_or_default() == text);
    }

    /// Ends the journal; the folder stays.
    pub(crate) fn end(mut self) -> (TempDir, Totals) {
        drop((self.sink.take(), self.sender.take()));
        let totals = self.journal.join().unwrap();
        (self.folder, totals)
    }
}

/// Waits until something is so.
#[expect(clippy::disallowed_methods, reason = "the deadline of a test with real files")]
pub(crate) fn until(what: &str, is_so: impl Fn() -> bool) {
    const PATIENCE: Duration = Duration::from_secs(20);
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "not in time: {what}");
        thread::yield_now();
    }
}

/// Names of the closed segments in `folder`, in the order of their names.
pub(crate) fn closed(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.file_name().unwrap().to_str().unwrap().starts_with("access.log.2"));
    paths.sort();
    paths
}

/// All records of a series, the oldest first.
pub(crate) fn records(folder: &Path) -> String {
    let mut text: String = closed(folder).iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    text.push_str(&fs::read_to_string(folder.join("access.log")).unwrap());
    text
}
