//! Changing the machine, and taking that back.
//!
//! ```text
//! apply: write down what is -> give the values, read each back -> write the files
//!          `-- anything fails: what was done is undone, and the machine is as it was
//! apply, to be confirmed: write down, give the values --confirm--> write the files
//!                                                     `--no confirmation--> revert
//! ```
//!
//! What has to be confirmed leaves no file behind before it is, so that a reboot takes it back as well.

use crate::{
    plan::{FileChange, Plan, ValueChange},
    state::{KeptFile, KeptValue, Pending, STATE_FOLDER, State, lock},
    system::System,
    value,
};
use std::{error::Error, fmt, io};

/// Files that are kept may be read by all.
const FILE_MODE: u32 = 0o644;

/// What was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Applied {
    /// Values of the kernel.
    pub values: usize,
    /// Files written.
    pub files: usize,
    /// Files that a confirmation will write.
    pub waiting: usize,
}

/// What was taken back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reverted {
    /// Values of the kernel, and files.
    pub count: usize,
    /// What somebody else had changed since, and what became of it.
    pub notes: Vec<String>,
}

/// Why something was not done.
#[derive(Debug)]
pub enum ApplyError {
    /// A change waits to be confirmed.
    Pending,
    /// Nothing was applied, or nothing waits.
    Nothing,
    /// It failed and everything is as it was.
    Undone {
        /// At what.
        path: String,
        /// Why.
        error: io::Error,
    },
    /// It failed, and so did taking it back: `revert` has to be tried again.
    Stuck {
        /// What failed, a line each.
        failures: Vec<String>,
    },
    /// What was there before cannot be read or written down.
    State(io::Error),
}

impl fmt::Display for ApplyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pending => {
                f.write_str("a change waits to be confirmed: `tollgate tune confirm` or `tollgate tune revert`")
            }
            Self::Nothing => f.write_str("nothing was applied"),
            Self::Undone { path, error } => write!(f, "{path}: {error}; everything is as it was"),
            Self::Stuck { failures } => {
                write!(
                    f,
                    "not everything could be taken back; try `tollgate tune revert` again:\n{}",
                    failures.join("\n")
                )
            }
            Self::State(error) => write!(f, "what was there before cannot be kept in {STATE_FOLDER}: {error}"),
        }
    }
}

impl Error for ApplyError {}

/// Does what a plan says. With `pending`, the files wait for [`confirm`].
///
/// # Errors
/// It could not be done; then the machine is as it was.
pub fn apply(system: &impl System, plan: &Plan, pending: Option<Pending>) -> Result<Applied, ApplyError> {
    let mut made = State::new();
    let _lock = lock(system, &mut made).map_err(ApplyError::State)?;
    let old = State::load(system).map_err(ApplyError::State)?;
    if old.as_ref().is_some_and(|state| state.pending.is_some()) {
        return Err(ApplyError::Pending);
    }
    let is_pending = pending.is_some();
    let mut state = old.clone().unwrap_or(made);
    state.pending = pending;
    plan.values.iter().for_each(|change| note_value(&mut state, change));
    if is_pending {
        state.waiting.clone_from(&plan.files);
    } else {
        plan.files.iter().for_each(|change| note_file(&mut state, system, change));
    }
    state.save(system).map_err(ApplyError::State)?;
    let mut done = Done::default();
    let files = if is_pending { &[][..] } else { &plan.files };
    if let Err((path, error)) = done.values(system, &plan.values).and_then(|()| done.files(system, files)) {
        let before = || old.as_ref().map_or_else(|| state.forget(system), |old| old.save(system));
        return Err(done.undo(system, path, error, before));
    }
    let waiting = if is_pending { plan.files.len() } else { 0 };
    Ok(Applied { values: plan.values.len(), files: files.len(), waiting })
}

/// What was waiting to be confirmed stays, and its files are written.
///
/// # Errors
/// Nothing waits, or a file could not be written: then all of it still waits.
pub fn confirm(system: &impl System) -> Result<Applied, ApplyError> {
    let _lock = lock(system, &mut State::new()).map_err(ApplyError::State)?;
    let old = load_applied(system)?;
    if old.pending.is_none() {
        return Err(ApplyError::Nothing);
    }
    let mut state = State { pending: None, waiting: Vec::new(), ..old.clone() };
    old.waiting.iter().for_each(|change| note_file(&mut state, system, change));
    state.save(system).map_err(ApplyError::State)?;
    let mut done = Done::default();
    if let Err((path, error)) = done.files(system, &old.waiting) {
        return Err(done.undo(system, path, error, || old.save(system)));
    }
    Ok(Applied { values: state.values.len(), files: old.waiting.len(), waiting: 0 })
}

/// What waits to be confirmed.
///
/// # Errors
/// What is kept cannot be read.
pub fn pending(system: &impl System) -> io::Result<Option<Pending>> {
    Ok(State::load(system)?.and_then(|state| state.pending))
}

/// Takes everything back that was ever applied: values, files, and folders that were made for them.
///
/// # Errors
/// Nothing was applied, or something could not be taken back; all else was.
pub fn revert(system: &impl System) -> Result<Reverted, ApplyError> {
    if State::load(system).map_err(ApplyError::State)?.is_none() {
        return Err(ApplyError::Nothing);
    }
    let _lock = lock(system, &mut State::new()).map_err(ApplyError::State)?;
    take_back(system, &load_applied(system)?)
}

/// As [`revert`], if `token` is what still waits to be confirmed; says whether it was.
///
/// # Errors
/// As [`revert`].
pub fn revert_unconfirmed(system: &impl System, token: &str) -> Result<bool, ApplyError> {
    if State::load(system).map_err(ApplyError::State)?.is_none() {
        return Ok(false);
    }
    let _lock = lock(system, &mut State::new()).map_err(ApplyError::State)?;
    let state = match load_applied(system) {
        Ok(state) => state,
        Err(ApplyError::Nothing) => return Ok(false),
        Err(error) => return Err(error),
    };
    if state.pending.as_ref().is_none_or(|pending| pending.token != token) {
        return Ok(false);
    }
    take_back(system, &state).map(|_| true)
}

fn load_applied(system: &impl System) -> Result<State, ApplyError> {
    State::load(system).map_err(ApplyError::State)?.ok_or(ApplyError::Nothing)
}

/// What the first apply has found counts.
fn note_value(state: &mut State, change: &ValueChange) {
    let ValueChange { path, before, after, .. } = change.clone();
    match state.values.iter_mut().find(|kept| kept.path == path) {
        Some(kept) => kept.after = after,
        None => state.values.push(KeptValue { path, before, after }),
    }
}

fn note_file(state: &mut State, system: &impl System, change: &FileChange) {
    let FileChange { path, after, .. } = change.clone();
    state.note_folders(system, &path);
    match state.files.iter_mut().find(|kept| kept.path == path) {
        Some(kept) => kept.after = after,
        None => {
            let before = system.read(&path).ok().map(|text| (text, system.mode(&path).unwrap_or(FILE_MODE)));
            state.files.push(KeptFile { path, before, after });
        }
    }
}

/// What of a change is done, so that it can be undone.
#[derive(Default)]
struct Done {
    values: Vec<(String, String)>,
    files: Vec<(String, Option<(String, u32)>)>,
}

type Failure = (String, io::Error);

impl Done {
    fn values(&mut self, system: &impl System, changes: &[ValueChange]) -> Result<(), Failure> {
        for ValueChange { path, before, after, .. } in changes {
            // Noted first: a write that fails may still have changed it.
            self.values.push((path.clone(), before.clone()));
            give(system, path, after).map_err(|error| (path.clone(), error))?;
        }
        Ok(())
    }

    fn files(&mut self, system: &impl System, changes: &[FileChange]) -> Result<(), Failure> {
        for FileChange { path, after, .. } in changes {
            let before = system.read(path).ok().map(|text| (text, system.mode(path).unwrap_or(FILE_MODE)));
            self.files.push((path.clone(), before));
            system.keep(path, after, FILE_MODE).map_err(|error| (path.clone(), error))?;
        }
        Ok(())
    }

    /// Undoes it, the last first; `forget` puts back what is kept. The error to tell.
    fn undo(
        &self,
        system: &impl System,
        path: String,
        error: io::Error,
        forget: impl FnOnce() -> io::Result<()>,
    ) -> ApplyError {
        let files = self.files.iter().rev().filter_map(|(path, before)| put_back(system, path, before.as_ref()).err());
        let values = self.values.iter().rev().filter_map(|(path, before)| restore(system, path, before).err());
        let mut failures: Vec<String> = files.chain(values).collect();
        if failures.is_empty() {
            failures.extend(forget().err().map(|error| format!("{STATE_FOLDER}: {error}")));
        }
        if failures.is_empty() {
            return ApplyError::Undone { path, error };
        }
        failures.insert(0, format!("{path}: {error}"));
        ApplyError::Stuck { failures }
    }
}

/// Gives a value and reads it back: the kernel may take it and keep another.
fn give(system: &impl System, path: &str, wanted: &str) -> io::Result<()> {
    system.set(path, wanted)?;
    let found = value::chosen(&system.read(path)?);
    if found == value::normal(wanted) {
        return Ok(());
    }
    Err(io::Error::other(format!("the kernel has made `{found}` of `{wanted}`")))
}

fn restore(system: &impl System, path: &str, before: &str) -> Result<(), String> {
    if system.read(path).is_ok_and(|found| value::chosen(&found) == value::normal(before)) {
        return Ok(());
    }
    give(system, path, before).map_err(|error| format!("{path}: {error}"))
}

fn put_back(system: &impl System, path: &str, before: Option<&(String, u32)>) -> Result<(), String> {
    let put = match before {
        Some((text, mode)) => system.keep(path, text, *mode),
        None => system.remove(path),
    };
    put.map_err(|error| format!("{path}: {error}"))
}

fn take_back(system: &impl System, state: &State) -> Result<Reverted, ApplyError> {
    let (mut reverted, mut failures) = (Reverted::default(), Vec::new());
    let mut left = State { values: Vec::new(), files: Vec::new(), ..state.clone() };
    for kept in state.files.iter().rev() {
        reverted.notes.extend(save_edited(system, kept));
        match put_back(system, &kept.path, kept.before.as_ref()) {
            Ok(()) => reverted.count += 1,
            Err(failure) => {
                failures.push(failure);
                left.files.push(kept.clone());
            }
        }
    }
    for kept in state.values.iter().rev() {
        let found = system.read(&kept.path).map(|text| value::chosen(&text)).unwrap_or_default();
        if found != value::normal(&kept.after) && found != value::normal(&kept.before) {
            reverted.notes.push(format!("{} was {found}, which somebody else has set since", kept.path));
        }
        match restore(system, &kept.path, &kept.before) {
            Ok(()) => reverted.count += 1,
            Err(failure) => {
                failures.push(failure);
                left.values.push(kept.clone());
            }
        }
    }
    if failures.is_empty() {
        state.forget(system).map_err(ApplyError::State)?;
        return Ok(reverted);
    }
    left.values.reverse();
    left.save(system).map_err(ApplyError::State)?;
    Err(ApplyError::Stuck { failures })
}

/// Keeps the text of a file of ours that somebody else has changed; says where.
fn save_edited(system: &impl System, kept: &KeptFile) -> Option<String> {
    let found = system.read(&kept.path).ok().filter(|found| *found != kept.after)?;
    let name = kept.path.trim_start_matches('/').replace('/', "_");
    let place = format!("{STATE_FOLDER}/edited/{name}");
    match system.keep(&place, &found, 0o600) {
        Ok(()) => Some(format!("{} was changed by somebody else since; that text is in {place}", kept.path)),
        Err(error) => Some(format!("{} was changed by somebody else since, and could not be kept: {error}", kept.path)),
    }
}
