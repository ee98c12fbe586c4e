//! What a node runs of the control plane's, shared by the thread that receives it and by the gateway's, which lays it over the
//! node's file each time that is read.
//!
//! ```text
//! received -> try_on: in the overlay, not kept -> the gateway takes it  -> keep: in the file
//!                                              `-> it does not          -> put_back
//! ```
//!
//! What could not be written (a full disk) stays in memory as one delta until it can be.

use crate::{
    kept::Kept,
    message::Delta,
    patch::{Items, Patch},
    position::Position,
};
use std::{
    io,
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// What a node runs of the control plane's.
#[derive(Debug)]
pub struct Keeper {
    state: Mutex<State>,
    /// What the node has by itself: the way to the control plane's token endpoint.
    own: Patch,
}

#[derive(Debug)]
struct State {
    kept: Kept,
    /// All of the file, as it was read when it was opened; for the first overlay.
    read: Option<Delta>,
    /// What the file says does not run: it was refused when the node started.
    is_disowned: bool,
    unwritten: Option<Delta>,
    trying: Option<Delta>,
}

impl Keeper {
    /// Over the file `path`, which need not be there.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn open(path: PathBuf, own: Patch) -> io::Result<Self> {
        let (kept, read) = Kept::open(path)?;
        let state = State { kept, read, is_disowned: false, unwritten: None, trying: None };
        Ok(Self { state: Mutex::new(state), own })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where the node is.
    #[must_use]
    pub fn position(&self) -> Option<Position> {
        let state = self.state();
        let unwritten = state.unwritten.as_ref().map(|delta| &delta.to);
        unwritten.or_else(|| state.kept.position().filter(|_| !state.is_disowned)).cloned()
    }

    /// Everything there is, as `PATCH /config` takes it: for the configuration `base`, which is the node's file.
    ///
    /// # Errors
    /// What is kept cannot be read: why.
    pub fn overlay(&self, base: &str) -> Result<String, String> {
        let mut state = self.state();
        let read = state.read.take();
        let mut all = read
            .map_or_else(|| state.whole(), |read| Ok(Some(read)))
            .map_err(|error| format!("what was published cannot be read: {error}"))?;
        if let Some(trying) = &state.trying {
            all = Some(match all {
                Some(all) => all.then(trying.clone()),
                None => trying.clone(),
            });
        }
        let patch = all.map(|delta| delta.patch).unwrap_or_default();
        Ok(Patch { removed: self.own.removed.clone(), ..patch.then(self.own.clone()) }.text(base, |_, _| true))
    }

    /// What is in the file does not run.
    pub fn disown(&self) {
        self.state().is_disowned = true;
    }

    /// The patch that makes of what runs what `delta` leads to, which is in the overlay from now on. `None`: it is for
    /// something else than what runs.
    pub(crate) fn try_on(&self, delta: &Delta) -> io::Result<Option<Patch>> {
        let position = self.position();
        let mut state = self.state();
        state.read = None;
        let patch = match &delta.from {
            Some(from) if Some(from) == position.as_ref() => delta.patch.clone(),
            Some(_) => return Ok(None),
            None => delta.patch.clone().since(&state.items()?),
        };
        state.trying = Some(delta.clone());
        Ok(Some(patch))
    }

    /// What was tried on does not run.
    pub(crate) fn put_back(&self) {
        self.state().trying = None;
    }

    /// What was tried on runs.
    pub(crate) fn keep(&self) -> io::Result<()> {
        let mut state = self.state();
        let Some(delta) = state.trying.take() else { return Ok(()) };
        let delta = match state.unwritten.take() {
            Some(before) => before.then(delta),
            None => delta,
        };
        let kept = state.kept.keep(&delta);
        match &kept {
            Ok(()) => state.is_disowned &= delta.from.is_some(),
            Err(_) => state.unwritten = Some(delta),
        }
        kept
    }
}

impl State {
    /// Everything that runs.
    fn whole(&self) -> io::Result<Option<Delta>> {
        let kept = if self.is_disowned { None } else { self.kept.whole()? };
        Ok(match (kept, &self.unwritten) {
            (Some(kept), Some(unwritten)) => Some(kept.then(unwritten.clone())),
            (kept, unwritten) => kept.or_else(|| unwritten.clone()),
        })
    }

    fn items(&self) -> io::Result<Items> {
        Ok(self.whole()?.map(|delta| delta.patch.changed).unwrap_or_default())
    }
}
