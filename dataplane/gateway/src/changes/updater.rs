//! What the updating thread does with one change.
//!
//! Judging is the model's, running it is the [`Target`]'s; here is who wins when they disagree: the file over what was
//! patched before it changed, the configuration that runs over whatever is wrong, an earlier change over a later one that
//! did not know of it.

use super::{Cause, Change, Configuration, Job, LastGood, Live, Outcome, Refusal, Tag, configuration::PatchError};
use crate::{
    publish::{PublishError, Publisher},
    service,
};
use std::{path::PathBuf, sync::Arc};
use tollgate_model::Snapshot;
use tollgate_telemetry::ConfigMetrics;

pub(crate) struct Updater {
    pub(crate) publisher: Arc<Publisher>,
    pub(crate) live: Arc<Live>,
    /// What is read when the file is asked for.
    pub(crate) file: Option<PathBuf>,
    /// What the file said when it was last read.
    pub(crate) read: Option<Arc<Snapshot>>,
    pub(crate) last_good: Option<LastGood>,
    pub(crate) metrics: Arc<ConfigMetrics>,
}

impl Updater {
    /// Notes that what is live was started with, and runs.
    pub(crate) fn started(&self, generation: u64) {
        self.metrics.published(generation);
        if let Some(last_good) = &self.last_good {
            last_good.keep(&self.live.running());
        }
    }

    /// Does one change and tells who asked.
    pub(crate) fn take(&mut self, job: Job) {
        let Job { change, if_match, is_dry_run, done } = job;
        let cause = change.cause();
        let running = self.live.running();
        let tag = Tag::of(running.configuration.snapshot());
        let _reloading = matches!(change, Change::File(_)).then(service::reloading);
        let outcome = match self.judge(&change, &running.configuration, if_match.as_deref()) {
            // What is received is held no longer than it is needed.
            _ if self.publisher.is_draining() => Outcome::Refused(Refusal::Draining),
            Err(refusal) => Outcome::Refused(refusal),
            Ok(next) if is_dry_run => Outcome::Valid { tag, digest: next.snapshot().digest },
            Ok(next) if self.is_known(cause, &next, &running.configuration) => Outcome::Unchanged { tag },
            Ok(next) => self.publish(next, cause),
        };
        drop(change);
        if !is_dry_run {
            self.note(cause, &outcome, running.cause);
        }
        done(outcome);
    }

    /// Ends what was begun.
    pub(crate) fn end(self) {
        if let Some(last_good) = self.last_good {
            last_good.end();
        }
    }

    fn judge(
        &mut self,
        change: &Change,
        running: &Configuration,
        if_match: Option<&str>,
    ) -> Result<Configuration, Refusal> {
        let tag = Tag::of(running.snapshot());
        if if_match.is_some_and(|if_match| !tag.meets(if_match)) {
            return Err(Refusal::Mismatch { tag });
        }
        let text = |bytes| str::from_utf8(bytes).map_err(|_| Refusal::Unfit("the text is not UTF-8".to_owned()));
        match change {
            Change::Put(body) => running.replace("PUT /config", text(body.bytes())?).map_err(Refusal::from),
            Change::Patch(body) => running.patch("PATCH /config", text(body.bytes())?).map_err(|error| match error {
                PatchError::Conflict { base } => Refusal::Conflict { tag, base },
                PatchError::Invalid(errors) => errors.into(),
            }),
            Change::File(_) => match &self.file {
                Some(file) => running.reload(file).map_err(Refusal::from),
                None => Err(Refusal::Unfit("the node was started without a file".to_owned())),
            },
        }
    }

    /// Whether `next` says nothing new. A file that was only touched does not undo what was changed beside it; when it is
    /// asked for by a signal, it does.
    fn is_known(&mut self, cause: Cause, next: &Configuration, running: &Configuration) -> bool {
        let next = next.snapshot();
        let was_read = match cause {
            Cause::Watch => self.read.replace(next.clone()).is_some_and(|read| is_same(&read, next)),
            Cause::Signal => {
                self.read = Some(next.clone());
                false
            }
            _ => false,
        };
        was_read || is_same(running.snapshot(), next)
    }

    fn publish(&mut self, next: Configuration, cause: Cause) -> Outcome {
        let tag = Tag::of(next.snapshot());
        let behind = match self.publisher.publish(next.snapshot().clone()) {
            Ok(published) => published.behind,
            Err(PublishError::Draining) => return Outcome::Refused(Refusal::Draining),
            Err(error) => return Outcome::Refused(Refusal::Unfit(error.to_string())),
        };
        self.live.publish(next, cause);
        if let Some(last_good) = &self.last_good
            && behind.is_empty()
        {
            last_good.keep(&self.live.running());
        }
        Outcome::Published { tag, behind }
    }

    /// Counts and says what became of a change.
    fn note(&self, cause: Cause, outcome: &Outcome, before: Cause) {
        let by = cause.as_str();
        match outcome {
            Outcome::Published { tag, behind } => {
                self.metrics.published(tag.generation);
                if !matches!(cause, Cause::Put | Cause::Patch) && matches!(before, Cause::Put | Cause::Patch) {
                    eprintln!("tollgate: the file replaces what was changed through /config");
                }
                eprintln!("tollgate: configuration {tag} runs ({by})");
                if !behind.is_empty() {
                    eprintln!("tollgate: workers {behind:?} have not acknowledged it yet");
                }
            }
            Outcome::Unchanged { tag } => {
                self.metrics.unchanged();
                eprintln!("tollgate: configuration {tag} runs on: nothing new ({by})");
            }
            Outcome::Refused(refusal) => {
                self.metrics.refused();
                self.live.refuse(cause, refusal.clone());
                eprintln!("tollgate: a configuration is refused, nothing changes ({by}):\n{refusal}");
            }
            Outcome::Valid { .. } => {}
        }
    }
}

/// The digest does not know of the token.
fn is_same(one: &Snapshot, other: &Snapshot) -> bool {
    one.digest == other.digest && one.status == other.status
}
