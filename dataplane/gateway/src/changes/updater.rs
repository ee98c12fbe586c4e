//! What the updating thread does with one change.
//!
//! Judging it is the model's, running it the [`Publisher`]'s; here is who wins when they disagree: the file over what was
//! patched before it changed, the configuration that runs over whatever is wrong, an earlier change over a later one that
//! did not know of it.

use super::{Cause, Change, Job, LastGood, Live, Outcome, Refusal, Tag};
use crate::{
    NodeSource,
    certificates::SystemClock,
    publish::{PublishError, Published, Publisher},
    service,
    startup::{Overlay, OverlayError, lay},
};
use std::{path::PathBuf, sync::Arc};
use tollgate_model::Configuration;
use tollgate_telemetry::ConfigMetrics;
use tollgate_tls::WallClock;

pub(crate) struct Updater {
    pub(crate) publisher: Arc<Publisher>,
    pub(crate) live: Arc<Live>,
    /// What is read when the file is asked for.
    pub(crate) file: Option<PathBuf>,
    /// What the file said when it was last taken, without what is laid over it.
    pub(crate) read: Option<Configuration>,
    pub(crate) last_good: Option<LastGood>,
    /// What is laid over every whole configuration.
    pub(crate) overlay: Option<Overlay>,
    pub(crate) metrics: Arc<ConfigMetrics>,
}

/// What a change leads to.
struct Judged {
    /// `None` if it is what is known already.
    next: Option<Configuration>,
    /// What the file says, if it was read.
    read: Option<Configuration>,
}

impl Updater {
    /// Notes that what is live was started with, and runs.
    pub(crate) fn started(&self, generation: u64, digest: u64) {
        self.metrics.published(generation, digest, SystemClock.unix_seconds());
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
        let judged = self.judge(&change, &running.configuration, if_match.as_deref());
        let read = judged.as_ref().ok().and_then(|judged| judged.read.clone());
        let outcome = match judged.map(|judged| judged.next) {
            _ if self.publisher.is_draining() => Outcome::Refused(Refusal::Draining),
            Err(refusal) => Outcome::Refused(refusal),
            Ok(None) => Outcome::Unchanged { tag },
            Ok(Some(next)) if is_dry_run => Outcome::Valid { tag, digest: next.snapshot().digest },
            Ok(Some(next)) => self.publish(next, cause),
        };
        // What was refused is tried again when the file is next touched.
        if read.is_some() && !matches!(outcome, Outcome::Refused(_)) {
            self.read = read;
        }
        // What is received is held no longer than it is needed.
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

    /// The configuration that a change leads to.
    fn judge(&self, change: &Change, running: &Configuration, if_match: Option<&str>) -> Result<Judged, Refusal> {
        let tag = Tag::of(running.snapshot());
        if if_match.is_some_and(|if_match| !tag.meets(if_match)) {
            return Err(Refusal::Mismatch { tag });
        }
        let text = |bytes| str::from_utf8(bytes).map_err(|_| Refusal::Unfit("the text is not UTF-8".to_owned()));
        let mut read = None;
        let next = match change {
            Change::Put(body) => self.laid_over(running.replace("body of PUT", text(body.bytes())?, &NodeSource)?)?,
            Change::Patch(body) => {
                let patched = running.patch("body of PATCH", text(body.bytes())?, &NodeSource);
                patched.map_err(|error| Refusal::of_patch(error, tag))?
            }
            Change::File(cause) => match self.read(*cause, running)? {
                Some(next) => self.laid_over(read.insert(next).clone())?,
                None => return Ok(Judged { next: None, read }),
            },
        };
        Ok(Judged { next: Some(next).filter(|next| !running.snapshot().is_same(next.snapshot())), read })
    }

    fn laid_over(&self, next: Configuration) -> Result<Configuration, Refusal> {
        let Some(overlay) = &self.overlay else { return Ok(next) };
        lay(&next, overlay).map_err(|error| match error {
            OverlayError::Missing(why) => Refusal::Unfit(why),
            OverlayError::Unfit(error) => Refusal::of_patch(error, Tag::of(next.snapshot())),
        })
    }

    /// What the file says; `None` when a file that changed says what it did before: one that was only touched does not undo
    /// what was changed beside it. When it is asked for by a signal, it does.
    fn read(&self, cause: Cause, running: &Configuration) -> Result<Option<Configuration>, Refusal> {
        let Some(file) = &self.file else {
            return Err(Refusal::Unfit("the node was started without a file".to_owned()));
        };
        if cause == Cause::Watch
            && let Some(read) = &self.read
            && read.reload(file, &NodeSource)?.snapshot().is_same(read.snapshot())
        {
            return Ok(None);
        }
        Ok(Some(running.reload(file, &NodeSource)?))
    }

    fn publish(&mut self, next: Configuration, cause: Cause) -> Outcome {
        let tag = Tag::of(next.snapshot());
        let Published { behind, listening, .. } = match self.publisher.publish(next.snapshot().clone()) {
            Ok(published) => published,
            Err(PublishError::Draining) => return Outcome::Refused(Refusal::Draining),
            Err(error) => return Outcome::Refused(Refusal::Unfit(error.to_string())),
        };
        for (name, address) in listening {
            eprintln!("tollgate: listener {name} on {address}");
        }
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
                self.metrics.published(tag.generation, tag.digest, SystemClock.unix_seconds());
                if !matches!(cause, Cause::Put | Cause::Patch) && matches!(before, Cause::Put | Cause::Patch) {
                    eprintln!("tollgate: the file replaces what was changed through /config");
                }
                // Patches come by the hundred, and who sent one is answered.
                if cause != Cause::Patch {
                    eprintln!("tollgate: configuration {tag} runs ({by})");
                }
                if !behind.is_empty() {
                    eprintln!("tollgate: workers {behind:?} have not acknowledged it yet");
                }
            }
            Outcome::Unchanged { tag } => {
                self.metrics.unchanged(SystemClock.unix_seconds());
                eprintln!("tollgate: configuration {tag} runs on: nothing new ({by})");
            }
            Outcome::Refused(refusal) => {
                self.metrics.refused(SystemClock.unix_seconds());
                self.live.refuse(cause, refusal.clone());
                eprintln!("tollgate: a configuration is refused, nothing changes ({by}):\n{}", refusal.as_lines());
            }
            Outcome::Valid { .. } => {}
        }
    }
}
