//! The last good configuration on disk: the one every worker acknowledged last, for a start without the file.
//!
//! Written on a thread of its own, behind the answer, and replaced as a whole, mode 0600. It is
//! the text of the configuration, so a secret is in it as the reference that stood in the file. Only the newest is worth
//! writing; the pause between two writes is at least [`LAST_GOOD_PAUSE`] and 20 times what the last one took, so that a
//! stream of patches to a large configuration costs at most a twentieth of a CPU.

use super::Running;
use crate::limits::{LAST_GOOD_PAUSE, LAST_GOOD_SHARE};
use arc_swap::ArcSwapOption;
use crossbeam::channel::{self, Receiver, Sender};
use std::{
    io,
    path::PathBuf,
    sync::Arc,
    thread::{Builder, JoinHandle},
    time::Instant,
};
use tollgate_cluster::replace;

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
        if let Err(error) = replace(&self.path, running.configuration.to_text().as_bytes()) {
            eprintln!("tollgate: the last good configuration is not kept in {}: {error}", self.path.display());
        }
    }
}
