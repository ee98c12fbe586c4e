//! The threads beside the workers: updating the configuration, the watch of its files, the watchdog, the status.
//!
//! Started in this order once the workers run. Ended behind the workers, so that the status is served until the end: those
//! that ask for changes first, then the one that makes them.

use crate::{
    StartError, Startup,
    changes::{self, Cause, Change, Changes, Job, LastGood, Live, Outcome, Refusal, Updater},
    error::Part,
    publish::Publisher,
    status::{self, Listeners, StatusThread, Subject},
    survival::Survival,
    watch::Watch,
    watchdog::Watchdog,
};
use crossbeam::channel;
use std::{sync::Arc, thread::JoinHandle};
use tollgate_model::Snapshot;
use tollgate_telemetry::Registry;

/// The running threads. Dropping it ends them in the order of the fields.
pub(crate) struct Control {
    watch: Option<Watch>,
    watchdog: Option<Watchdog>,
    status: Option<StatusThread>,
    changes: Option<Changes>,
    updating: Option<JoinHandle<()>>,
    live: Arc<Live>,
}

impl Control {
    /// Starts what `startup` asks for, for the workers of `publisher`, which run its configuration.
    pub(crate) fn start(
        startup: Startup,
        listeners: Listeners,
        registry: Arc<Registry>,
        publisher: Arc<Publisher>,
        survival: Survival,
    ) -> Result<Self, StartError> {
        let Startup { configuration, cause, read, file, is_watched, last_good, overlay, .. } = startup;
        let snapshot = configuration.snapshot().clone();
        let live = Arc::new(Live::new(configuration, cause));
        let kept = last_good.clone();
        let last_good = last_good.map(LastGood::start).transpose().map_err(Part::ConfigThread.failed())?;
        let updater = Updater {
            live: live.clone(),
            publisher: publisher.clone(),
            file: file.clone(),
            read,
            last_good,
            overlay,
            metrics: registry.config(),
        };
        updater.started(snapshot.generation, snapshot.digest);
        let (changes, updating) = changes::launch(updater).map_err(Part::ConfigThread.failed())?;
        // From here on an error drops this, which ends what runs.
        let mut control = Self {
            watch: None,
            watchdog: None,
            status: None,
            changes: Some(changes.clone()),
            updating: Some(updating),
            live: live.clone(),
        };
        if let Some(file) = file.filter(|_| is_watched) {
            let watch = Watch::start(file, kept, live.clone(), changes.clone());
            control.watch = Some(watch.map_err(Part::Watch.failed())?);
        }
        control.watchdog = Watchdog::start(publisher.clone()).map_err(Part::ConfigThread.failed())?;
        if !listeners.is_empty() {
            let subject = Subject { registry, publisher, live, changes, survival };
            control.status = Some(status::launch(listeners, subject).map_err(Part::StatusThread.failed())?);
        }
        Ok(control)
    }

    /// What runs.
    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        self.live.running().configuration.snapshot().clone()
    }

    /// Has one change made and waits for what becomes of it.
    pub(crate) fn make(&self, change: Change) -> Outcome {
        let (told, outcome) = channel::bounded(1);
        let done = Box::new(move |outcome| drop(told.send(outcome)));
        if let Some(changes) = &self.changes {
            changes.submit(Job { change, if_match: None, is_dry_run: false, done });
        }
        outcome.recv().unwrap_or(Outcome::Refused(Refusal::Draining))
    }

    /// Leaves the sockets of the status to another process.
    pub(crate) fn release_status(&self) {
        self.status.iter().for_each(StatusThread::release);
    }

    /// Has the file read again.
    pub(crate) fn reload(&self) {
        self.changes.iter().for_each(|changes| changes.read_file(Cause::Signal));
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.watch.take().into_iter().for_each(Watch::end);
        self.watchdog.take().into_iter().for_each(Watchdog::end);
        // Who waits for an answer is answered by its end.
        self.status.take().into_iter().for_each(StatusThread::end);
        drop(self.changes.take());
        if self.updating.take().is_some_and(|thread| thread.join().is_err()) {
            eprintln!("tollgate: the thread of the configuration panicked");
        }
    }
}
