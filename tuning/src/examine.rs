//! A machine held against a profile: for each knob what is, what should be, and what can be done about it.
//!
//! What a machine or a namespace does not have is said, and is no error. Reads; changes nothing.

use crate::{
    knob::{Knob, Place, Profile, knobs},
    plan,
    probe::probe,
    system::System,
    value::{self, Judgement},
};
use serde::Serialize;
use std::{collections::BTreeMap, io::ErrorKind};

/// What was found of one knob.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Which.
    pub name: &'static str,
    /// What it is; `None` where there is none.
    pub found: Option<String>,
    /// What the profile wants; `None` where it has no opinion.
    pub wanted: Option<String>,
    /// What comes of holding the one against the other.
    pub verdict: Verdict,
    /// What else there is to say, or empty.
    pub note: String,
    #[serde(skip)]
    pub(crate) knob: &'static Knob,
    /// The value that it would get.
    #[serde(skip)]
    pub(crate) after: Option<String>,
}

/// What comes of holding a knob against a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// As wanted.
    Good,
    /// More than is wanted, and left so.
    Better,
    /// `apply` would change it.
    Change,
    /// Not as wanted, and not for this namespace to change.
    ReadOnly,
    /// Not as wanted, and for somebody else to change: the note says who or how.
    Told,
    /// This machine or namespace has no such thing.
    Lacking,
    /// The profile has no opinion.
    Left,
}

impl Verdict {
    /// In a word or two.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Better => "already better",
            Self::Change => "change",
            Self::ReadOnly => "read-only here",
            Self::Told => "look at it",
            Self::Lacking => "not here",
            Self::Left => "left alone",
        }
    }
}

/// Looks at every knob. `keys` are those of the gateway's configuration, if one was read: `tuning.backlog` and so on.
#[must_use]
pub fn examine(system: &impl System, profile: Profile, keys: &BTreeMap<String, String>) -> Vec<Finding> {
    let units = plan::unit_limits(system);
    let look = |knob: &'static Knob| {
        let (found, note) = find(system, knob, keys, &units);
        judge(system, knob, profile, found, note)
    };
    knobs().iter().map(look).collect()
}

/// The value there is, and a note on it.
fn find(
    system: &impl System,
    knob: &Knob,
    keys: &BTreeMap<String, String>,
    units: &BTreeMap<String, String>,
) -> (Option<String>, String) {
    match &knob.place {
        Place::Sysctl(_) | Place::Choice(_) => {
            let text = path(knob).and_then(|path| system.read(&path).ok());
            let chosen = if matches!(knob.place, Place::Choice(_)) { value::chosen } else { value::normal };
            (text.map(|text| chosen(&text)), String::new())
        }
        Place::Probe(name) => (probe(system, name), String::new()),
        Place::Limit(name) => {
            let here = limit(system, name);
            match units.get(name) {
                Some(unit) => (Some(unit.clone()), format!("of the service; {} here", here.unwrap_or_default())),
                None => (here, "of this process; no service is installed".to_owned()),
            }
        }
        Place::Key(name) if keys.is_empty() => (None, format!("name the file with --config to see `{name}`")),
        Place::Key(name) => (keys.get(name).cloned(), String::new()),
    }
}

fn judge(
    system: &impl System,
    knob: &'static Knob,
    profile: Profile,
    found: Option<String>,
    mut note: String,
) -> Finding {
    let wanted = knob.ours(profile).map(str::to_owned);
    let judged = found.as_ref().zip(wanted.as_ref()).map(|(found, wanted)| knob.judge(found, wanted));
    let mut after = None;
    let verdict = match (judged, &found) {
        (_, None) if matches!(knob.place, Place::Key(_)) => Verdict::Left,
        (_, None) => Verdict::Lacking,
        (None, Some(_)) => Verdict::Left,
        (Some(Judgement::Good), _) => Verdict::Good,
        (Some(Judgement::Better), _) => Verdict::Better,
        (Some(Judgement::Worse(right)), _) if knob.is_settable() => {
            after = Some(right);
            refusal(system, knob, &mut note)
        }
        (Some(Judgement::Worse(_)), _) => Verdict::Told,
    };
    if let (Verdict::Told | Verdict::Left, Some(told)) = (verdict, &knob.told) {
        note.clone_from(told);
    }
    Finding { name: &knob.name, found, wanted, verdict, note, knob, after }
}

/// Whether it can be changed from here.
fn refusal(system: &impl System, knob: &Knob, note: &mut String) -> Verdict {
    let Some(path) = path(knob) else { return Verdict::Change };
    match system.may_set(&path) {
        Ok(()) => Verdict::Change,
        // For root to change; another user's plan is the same.
        Err(error) if error.kind() == ErrorKind::PermissionDenied && !is_root(system) => Verdict::Change,
        Err(error) => {
            *note = format!("{error}: set it where the container or namespace is made");
            Verdict::ReadOnly
        }
    }
}

/// Whether this process is root in its own eyes; assumed where that cannot be read.
fn is_root(system: &impl System) -> bool {
    let status = system.read("/proc/self/status").unwrap_or_default();
    let user = status.lines().find_map(|line| line.strip_prefix("Uid:"));
    user.is_none_or(|ids| ids.split_whitespace().nth(1) == Some("0"))
}

/// The file of a knob of the kernel.
pub(crate) fn path(knob: &Knob) -> Option<String> {
    match &knob.place {
        Place::Sysctl(name) => Some(format!("/proc/sys/{}", name.replace('.', "/"))),
        Place::Choice(path) => Some(path.clone()),
        Place::Limit(_) | Place::Probe(_) | Place::Key(_) => None,
    }
}

/// What holds for this process: of descriptors the hard limit, since the gateway raises the soft one; else the soft one.
fn limit(system: &impl System, name: &str) -> Option<String> {
    let (row, column) = match name {
        "LimitNOFILE" => ("Max open files", 1),
        "LimitMEMLOCK" => ("Max locked memory", 0),
        _ => return None,
    };
    let limits = system.read("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix(row))?;
    line.split_whitespace().nth(column).map(str::to_owned)
}
