//! The last good configuration on disk: the one every worker acknowledged last, for a start without the file.
//!
//! Written on a thread of its own, behind the answer: to a file beside it, synced, then renamed over it, mode 0600. It is
//! the text of the configuration, so a secret is in it as the reference that stood in the file. Only the newest is worth
//! writing; the pause between two writes is at least [`LAST_GOOD_PAUSE`] and 20 times what the last one took, so that a
//! stream of patches to a large configuration costs at most a twentieth of a CPU.

use super::Running;
use crate::limits::{LAST_GOOD_PAUSE, LAST_GOOD_SHARE};
use arc_swap::ArcSwapOption;
use crossbeam::channel::{self, Receiver, Sender};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    thread::{Builder, JoinHandle},
    time::Instant,
};

/// The thread that keeps it.
pub(crate) struct LastGood {
    newest: Arc<ArcSwapOption<Running>>,
    bell: Sender<()>,
    /// Nothing is sent here: that it is gone ends a pause.
    end: Sender<()>,
    thread: JoinHandle<()>,
}

impl LastGood {
    /// Starts the thread; `path` is where it writes.
    pub(crate) fn start(path: PathBuf) -> io::Result<Self> {
        let newest = Arc::new(ArcSwapOption::empty());
        // One ring says as much as many.
        let ((bell, rung), (end, ended)) = (channel::bounded(1), channel::bounded(0));
        let keeper = Keeper { path, newest: newest.clone(), rung, ended };
        let thread = Builder::new().name("tollgate-keep".to_owned()).spawn(move || keeper.run())?;
        Ok(Self { newest, bell, end, thread })
    }

    /// Has `running` written, unless a newer one comes before its turn.
    pub(crate) fn keep(&self, running: &Arc<Running>) {
        self.newest.store(Some(running.clone()));
        // Full: it rings already.
        let _ = self.bell.try_send(());
    }

    /// Writes what is not written yet and ends the thread.
    pub(crate) fn end(self) {
        drop((self.end, self.bell));
        if self.thread.join().is_err() {
            eprintln!("tollgate: the thread that keeps the last good configuration panicked");
        }
    }
}

/// The thread's own part.
struct Keeper {
    path: PathBuf,
    newest: Arc<ArcSwapOption<Running>>,
    rung: Receiver<()>,
    ended: Receiver<()>,
}

impl Keeper {
    #[expect(
        clippy::disallowed_methods,
        reason = "the seam's clock belongs to the workers, this is a thread of its own"
    )]
    fn run(self) {
        while self.rung.recv().is_ok() {
            let began = Instant::now();
            self.keep();
            let pause = LAST_GOOD_PAUSE.max(began.elapsed() * LAST_GOOD_SHARE);
            // Until then, or until the node ends.
            let _ = self.ended.recv_timeout(pause);
        }
        self.keep();
    }

    fn keep(&self) {
        let Some(running) = self.newest.swap(None) else { return };
        if let Err(error) = write(&self.path, running.configuration.to_text().as_bytes()) {
            eprintln!("tollgate: the last good configuration is not kept in {}: {error}", self.path.display());
        }
    }
}

/// Replaces the file at once: who reads it sees the old text or the new one, also after the machine has failed.
fn write(path: &Path, text: &[u8]) -> io::Result<()> {
    let beside = path.with_added_extension("new");
    // A file that is there keeps its mode.
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
    file.write_all(text)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn it_is_replaced_and_nobody_else_can_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("last.yaml");
        fs::write(folder.path().join("last.yaml.new"), "left behind by a crash").unwrap();
        for text in ["one", "two"] {
            write(&path, text.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
        assert!(write(&folder.path().join("no/such"), b"").is_err());
    }
}
