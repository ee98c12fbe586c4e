//! Watches the files of the configuration and has them read again when one changes.
//!
//! The folders are watched and not the files: an editor puts a new file in place of the old one, and Kubernetes swaps a
//! link in the path to it. A notice says only that something happened in a folder, the access log perhaps; so the files
//! themselves are compared (inode, size, time of change) once things have settled for [`WATCH_SETTLE`], and every
//! [`WATCH_LOOK`] for file systems that give no notice. Whether their text is any good is not judged here.

use crate::{
    changes::{Cause, Changes, Live},
    limits::{WATCH_LOOK, WATCH_SETTLE, WATCH_SETTLES_MAX},
};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::inotify::{self, CreateFlags, WatchFlags},
    io::Errno,
};
use std::{
    collections::BTreeSet,
    fs::{self, Metadata},
    io,
    os::{
        fd::{AsFd, OwnedFd},
        unix::{fs::MetadataExt, net::UnixStream},
    },
    path::{Path, PathBuf},
    sync::Arc,
    thread::{Builder, JoinHandle},
    time::Duration,
};

/// The running thread.
pub(crate) struct Watch {
    thread: JoinHandle<()>,
    /// Closed to end the thread.
    end: UnixStream,
}

impl Watch {
    /// Starts to watch `file` and the files of what `live` runs, without `kept`: what the node writes by itself is no news.
    pub(crate) fn start(file: PathBuf, kept: Option<PathBuf>, live: Arc<Live>, changes: Changes) -> io::Result<Self> {
        let (end, ended) = UnixStream::pair()?;
        let notices = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        let mut watcher = Watcher { file, kept, live, changes, notices, ended, seen: Vec::new() };
        // From here on nothing is missed, also before the thread runs.
        watcher.seen = watcher.look();
        let thread = Builder::new().name("tollgate-watch".to_owned()).spawn(move || watcher.run())?;
        Ok(Self { thread, end })
    }

    /// Ends the thread.
    pub(crate) fn end(self) {
        drop(self.end);
        if self.thread.join().is_err() {
            eprintln!("tollgate: the thread that watches the configuration panicked");
        }
    }
}

struct Watcher {
    file: PathBuf,
    kept: Option<PathBuf>,
    live: Arc<Live>,
    changes: Changes,
    notices: OwnedFd,
    ended: UnixStream,
    seen: Vec<Seen>,
}

/// A file as it was when it was last looked at.
struct Seen {
    path: PathBuf,
    /// Device, inode, size, and time of change in seconds and nanoseconds; `None` when it is not there.
    state: Option<[i64; 5]>,
}

impl Watcher {
    fn run(mut self) {
        while let Some(is_noticed) = self.wait(WATCH_LOOK) {
            if is_noticed && self.settle().is_none() {
                return;
            }
            let seen = self.look();
            // A file that is new here came with a configuration that has read it.
            let is_changed = |now: &Seen| self.seen.iter().any(|seen| seen.path == now.path && seen.state != now.state);
            let is_news = seen.iter().any(is_changed);
            self.seen = seen;
            if is_news {
                self.changes.read_file(Cause::Watch);
            }
        }
    }

    /// Waits until a while has passed without a notice, a few whiles at most; `None` at the end.
    fn settle(&self) -> Option<()> {
        for _ in 0..WATCH_SETTLES_MAX {
            self.drain();
            if !self.wait(WATCH_SETTLE)? {
                break;
            }
        }
        Some(())
    }

    /// Whether there is a notice within this time; `None` at the end.
    fn wait(&self, time: Duration) -> Option<bool> {
        let mut sources = [
            PollFd::from_borrowed_fd(self.notices.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(self.ended.as_fd(), PollFlags::IN),
        ];
        let timeout = Timespec::try_from(time).ok();
        match poll(&mut sources, timeout.as_ref()) {
            Ok(_) if !sources[1].revents().is_empty() => None,
            Ok(count) => Some(count > 0),
            Err(Errno::INTR) => Some(false),
            Err(_) => None,
        }
    }

    /// Takes the notices: what they say is found by looking.
    fn drain(&self) {
        while rustix::io::read(&self.notices, &mut [0; 4096]).is_ok_and(|count| count > 0) {}
    }

    /// Looks at all files, and watches the folders they are in now.
    fn look(&self) -> Vec<Seen> {
        const EVENTS: WatchFlags = WatchFlags::CLOSE_WRITE
            .union(WatchFlags::MOVE)
            .union(WatchFlags::CREATE)
            .union(WatchFlags::DELETE)
            .union(WatchFlags::ONLYDIR);
        let running = self.live.running();
        let mut files: Vec<_> = running.configuration.files().map(Path::to_owned).collect();
        files.retain(|file| Some(file) != self.kept.as_ref());
        // When it is no good, something else runs.
        if !files.contains(&self.file) {
            files.push(self.file.clone());
        }
        for folder in files.iter().flat_map(|file| folders(file)).collect::<BTreeSet<_>>() {
            // One that is gone may come back: it is looked for every time.
            let _ = inotify::add_watch(&self.notices, &folder, EVENTS);
        }
        let state = |path: &Path| fs::metadata(path).ok().as_ref().map(state);
        files.into_iter().map(|path| Seen { state: state(&path), path }).collect()
    }
}

fn state(file: &Metadata) -> [i64; 5] {
    [file.dev().cast_signed(), file.ino().cast_signed(), file.size().cast_signed(), file.mtime(), file.mtime_nsec()]
}

/// The folder a path leads to, the one the file is in once all links are followed, and the path itself if it is a folder that
/// is looked through for files.
fn folders(path: &Path) -> impl Iterator<Item = PathBuf> {
    let folder = |path: &Path| match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    let target = fs::canonicalize(path).ok();
    let itself = target.clone().filter(|target| target.is_dir());
    [Some(folder(path)), target.map(|target| folder(&target)), itself].into_iter().flatten()
}
