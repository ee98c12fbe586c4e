//! Quotas on disk: what a crash may lose is what was counted since the last round, an interval at most.
//!
//! ```text
//! open: file -> Kept;  adopt: Kept -> Quotas;  each round: Quotas::changed -> frames, synced;  end: a last round
//! hand over: a last round, the file is another process's;  end: what was counted since, for that process to add
//! ```
//!
//! [`QuotaStore::adopt`] is called before a rule's first request: it puts back what is known of it and has the thread
//! look at it from then on. A rule nobody else holds any more is put down among what is kept, so that it finds its counts
//! when it comes back. A write that fails loses nothing: the next round writes everything anew.

mod file;
mod kept;
mod late;
mod record;

use crate::secret::{SECRET_BYTES, Secret};
use crossbeam::channel::{self, RecvTimeoutError, Sender};
use file::{Locked, QuotaFile};
use kept::Kept;
use late::Left;
use record::{Counts, Header, IDENTITY_BYTES_MAX};
use std::{
    error::Error,
    fmt, io,
    path::{Path, PathBuf},
    sync::{
        Arc, PoisonError,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed},
    },
    thread::{Builder, JoinHandle},
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tollgate_limit::Quotas;

#[expect(clippy::disallowed_types, reason = "taken by threads that publish and write; workers never ask")]
type Lock<T> = std::sync::Mutex<T>;

/// A file is written anew when it has grown to this many times what it was, and by [`GROWTH_BYTES_MIN`].
const GROWTH: u64 = 4;
const GROWTH_BYTES_MIN: u64 = 1 << 20;

/// The thread that keeps quotas, and what it knows.
pub struct QuotaStore {
    shared: Arc<Shared>,
    /// That the sender is gone ends the thread. `None` once it has ended.
    thread: Lock<Option<(Sender<Order>, JoinHandle<()>)>>,
}

/// What there is to tell of the file.
#[derive(Debug, Default)]
pub struct QuotaFigures {
    /// Rounds that were written.
    pub writes: AtomicU64,
    /// Rounds that failed.
    pub errors: AtomicU64,
    /// When the last round was written, in seconds since 1970.
    pub written_s: AtomicI64,
    /// Bytes of the file.
    pub bytes: AtomicU64,
}

/// Why quotas cannot be kept.
#[derive(Debug)]
pub struct QuotaStoreError {
    path: PathBuf,
    cause: io::Error,
}

/// What the thread is told; it drops the sender when that is done.
enum Order {
    HandOver(Sender<()>),
    TakeBack(Sender<()>),
}

struct Shared {
    book: Lock<Book>,
    figures: QuotaFigures,
    /// The next round writes everything.
    is_stale: AtomicBool,
    /// A process that had the file before may still count.
    has_predecessor: AtomicBool,
}

/// Rules that are looked at, and counts nobody has asked for yet.
#[derive(Default)]
struct Book {
    rules: Vec<Watched>,
    kept: Kept,
}

struct Watched {
    identity: Arc<str>,
    quotas: Arc<Quotas>,
}

impl QuotaStore {
    /// Reads the file at `path` if there is one; `secret` makes the secret of the node of what the file has. When the two
    /// are not the same, the counts in it mean nothing any more and are left behind, which is said on standard error.
    /// Writes the file anew and starts the thread that adds to it every `every`.
    ///
    /// # Errors
    /// The file cannot be read or written, is another node's at this moment, or is no file of quotas.
    pub fn open(
        path: &Path,
        every: Duration,
        secret: impl FnOnce(Option<[u8; SECRET_BYTES]>) -> Secret,
    ) -> Result<Self, QuotaStoreError> {
        let failed = |cause| QuotaStoreError { path: path.to_owned(), cause };
        let lock = Locked::take(path).map_err(failed)?;
        let (header, kept) = file::read(path).map_err(failed)?;
        let secret = secret(header.map(|header| header.secret));
        let header_now = Header { secret: secret.bytes, probe: secret.probe };
        let mut book = Book::default();
        if header == Some(header_now) {
            book.kept = kept;
        } else if header.is_some() && !kept.is_empty() {
            let path = path.display();
            eprintln!("tollgate: quotas in {path} were counted for keys hashed in another way: they begin anew");
        }
        let shared = Arc::new(Shared {
            book: Lock::new(book),
            figures: QuotaFigures::default(),
            is_stale: AtomicBool::new(false),
            has_predecessor: AtomicBool::new(false),
        });
        for counts in late::take(path, &header_now).map_err(failed)? {
            shared.book().add(&counts, now_s());
        }
        let file = QuotaFile::create(path, header_now, &shared.everything(), lock).map_err(failed)?;
        let (orders, told) = channel::bounded(0);
        let writer = Writer {
            file: Some(file),
            left: None,
            header: header_now,
            shared: shared.clone(),
            path: path.to_owned(),
            is_failing: false,
        };
        let run = move || writer.run(&told, every);
        let thread = Builder::new().name("tollgate-quotas".to_owned()).spawn(run).map_err(failed)?;
        Ok(Self { shared, thread: Lock::new(Some((orders, thread))) })
    }

    /// Puts what is known of a rule into its counters, and keeps them from now on. `identity` is the same from run to run,
    /// and other where counts of the one mean nothing to the other; 64 KiB of it are looked at.
    pub fn adopt(&self, identity: &str, quotas: &Arc<Quotas>) {
        let (identity, now_s) = (&identity[..identity.floor_char_boundary(IDENTITY_BYTES_MAX)], now_s());
        let mut book = self.shared.book();
        book.put_down(|watched| &*watched.identity == identity);
        for (key, usage) in book.kept.take(identity) {
            // Without room in the table it is counted with others; nothing is lost that they would not share.
            quotas.restore(key, usage, now_s);
        }
        book.rules.push(Watched { identity: identity.into(), quotas: quotas.clone() });
    }

    /// The process that had the file before this one may go on counting for a while: what it counts is added when it ends.
    pub fn follow_predecessor(&self) {
        self.shared.has_predecessor.store(true, Relaxed);
    }

    /// Writes what is not written yet and leaves the file to another process, which may open it when this returns. What is
    /// counted from then on is left beside the file in the end.
    pub fn hand_over(&self) {
        self.order(Order::HandOver);
    }

    /// Has the file again: the other process has ended.
    pub fn take_back(&self) {
        self.order(Order::TakeBack);
    }

    fn order(&self, order: impl FnOnce(Sender<()>) -> Order) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((orders, _)) = &*thread else { return };
        let (done, is_done) = channel::bounded(0);
        if orders.send(order(done)).is_ok() {
            // Nothing is sent: it is done when the sender is gone.
            let _ = is_done.recv();
        }
    }

    /// Writes what is not written yet, and no more from then on. Whoever counts has ended before.
    pub fn end(&self) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some((end, thread)) = thread else { return };
        drop(end);
        if thread.join().is_err() {
            eprintln!("tollgate: the thread that keeps the quotas panicked");
        }
    }

    /// What there is to tell of the file.
    #[must_use]
    pub fn figures(&self) -> &QuotaFigures {
        &self.shared.figures
    }
}

impl Drop for QuotaStore {
    fn drop(&mut self) {
        self.end();
    }
}

impl Shared {
    fn book(&self) -> impl std::ops::DerefMut<Target = Book> {
        // Counts are put down and taken whole; who panicked between leaves each of them in one of the two places.
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All that counts for something yet.
    fn everything(&self) -> Vec<Counts> {
        let (book, now_s) = (&mut *self.book(), now_s());
        book.kept.forget(now_s);
        let live = |quotas: &Quotas| quotas.all().filter(|(_, usage)| usage.end_s > now_s).collect();
        let rules = book.rules.iter();
        let counted = rules.map(|rule| Counts { identity: rule.identity.clone(), entries: live(&rule.quotas) });
        book.kept.counts().chain(counted).collect()
    }

    /// What changed since it was last asked. Rules that have gone are put down.
    fn changed(&self) -> Vec<Counts> {
        let book = &mut *self.book();
        let changed = book.rules.iter().map(|rule| Counts::new(&rule.identity, rule.quotas.changed()));
        let changed = changed.filter(|counts| !counts.entries.is_empty()).collect();
        book.put_down(|watched| Arc::strong_count(&watched.quotas) == 1);
        changed
    }
}

impl Book {
    /// Adds what another process has counted.
    fn add(&mut self, more: &Counts, now_s: i64) {
        let rule = self.rules.iter().find(|rule| rule.identity == more.identity);
        for &(key, more_of_key) in &more.entries {
            match rule {
                Some(rule) => rule.quotas.add(key, more_of_key, now_s),
                None => self.kept.add(&more.identity, key, more_of_key),
            }
        }
    }

    fn put_down(&mut self, which: impl Fn(&Watched) -> bool) {
        for rule in self.rules.extract_if(.., |rule| which(rule)) {
            self.kept.put(Counts::new(&rule.identity, rule.quotas.all()));
        }
    }
}

/// The thread's own part.
struct Writer {
    /// `None` while it is another process's, or cannot be had back.
    file: Option<QuotaFile>,
    /// It was left to another process.
    left: Option<Left>,
    header: Header,
    shared: Arc<Shared>,
    path: PathBuf,
    is_failing: bool,
}

impl Writer {
    fn run(mut self, orders: &channel::Receiver<Order>, every: Duration) {
        loop {
            match orders.recv_timeout(every) {
                Err(RecvTimeoutError::Timeout) if self.left.is_some() => {}
                Err(RecvTimeoutError::Timeout) => self.round(),
                Ok(Order::HandOver(done)) => {
                    self.round();
                    self.left = Some(Left::new(self.shared.everything()));
                    self.file = None;
                    drop(done);
                }
                Ok(Order::TakeBack(done)) => {
                    self.left = None;
                    self.round();
                    drop(done);
                }
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        match &self.left {
            None => self.round(),
            Some(left) => {
                let result = late::write(&self.path, &self.header, &left.since(self.shared.everything()));
                self.say(result.as_ref().err());
            }
        }
    }

    fn round(&mut self) {
        if self.shared.has_predecessor.load(Relaxed) {
            self.add_late();
        }
        let changed = self.shared.changed();
        let is_stale = self.shared.is_stale.swap(false, Relaxed);
        let result = match &mut self.file {
            Some(file) if is_stale || file.has_grown(GROWTH, GROWTH_BYTES_MIN) => {
                file.replace(&self.shared.everything())
            }
            Some(file) => file.append(&changed),
            None => self.open_again(),
        };
        let figures = &self.shared.figures;
        figures.bytes.store(self.file.as_ref().map_or(0, QuotaFile::bytes), Relaxed);
        match &result {
            Ok(()) => {
                figures.writes.fetch_add(1, Relaxed);
                figures.written_s.store(now_s(), Relaxed);
            }
            Err(_) => {
                figures.errors.fetch_add(1, Relaxed);
                self.shared.is_stale.store(true, Relaxed);
            }
        }
        self.say(result.as_ref().err());
        self.is_failing = result.is_err();
    }

    /// Writes the file anew, which another process had.
    fn open_again(&mut self) -> io::Result<()> {
        let lock = Locked::take(&self.path)?;
        self.file = Some(QuotaFile::create(&self.path, self.header, &self.shared.everything(), lock)?);
        Ok(())
    }

    /// Adds what a process before this one has counted after it had left the file.
    fn add_late(&self) {
        match late::take(&self.path, &self.header) {
            Ok(late) => late.iter().for_each(|counts| self.shared.book().add(counts, now_s())),
            // It stays where it is, until the next round.
            Err(error) => eprintln!("tollgate: quotas of the process before are not added: {error}"),
        }
    }

    /// Says when it begins to fail, and when it is well again.
    fn say(&self, error: Option<&io::Error>) {
        let path = self.path.display();
        match error {
            Some(error) if !self.is_failing => eprintln!("tollgate: quotas are not kept in {path}: {error}"),
            None if self.is_failing => eprintln!("tollgate: quotas are kept in {path} again"),
            _ => {}
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the seam's clock belongs to the workers, this is a thread of its own")]
fn now_s() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64)
}

impl fmt::Display for QuotaStoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "quotas cannot be kept in {}: {}", self.path.display(), self.cause)
    }
}

impl Error for QuotaStoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.cause)
    }
}

impl fmt::Debug for QuotaStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QuotaStore").field("figures", &self.shared.figures).finish_non_exhaustive()
    }
}
