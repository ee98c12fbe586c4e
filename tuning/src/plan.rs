//! What `apply` would do: values of the kernel now, and the files by which they come back after a reboot.
//!
//! A few files, each of them ours as a whole: one for sysctl.d(5), one for tmpfiles.d(5), which sets what no sysctl does,
//! and one with the limits of each service that is installed (systemd.unit(5), drop-ins). A line that an earlier apply has written stays for
//! as long as its value holds.

use crate::{
    examine::{Finding, Verdict, path},
    knob::{Place, Profile},
    system::System,
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt::Write};

const SYSCTL: &str = "/etc/sysctl.d/90-tollgate.conf";
const TMPFILES: &str = "/etc/tmpfiles.d/90-tollgate.conf";

/// The services that may run a gateway, with the drop-in of each.
const UNITS: [(&str, &str); 2] = [
    ("tollgate.service", "/etc/systemd/system/tollgate.service.d/limits.conf"),
    ("tollgate-gateway.service", "/etc/systemd/system/tollgate-gateway.service.d/limits.conf"),
];

/// Where units are, the first that has one wins (systemd.unit(5)).
const UNIT_FOLDERS: [&str; 3] = ["/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"];

/// What would change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// For which profile.
    pub profile: Profile,
    /// Values of the kernel, in the order in which they are given.
    pub values: Vec<ValueChange>,
    /// Files.
    pub files: Vec<FileChange>,
}

/// A value of the kernel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ValueChange {
    /// The knob.
    pub name: String,
    /// The file of the kernel.
    pub path: String,
    /// What it is.
    pub before: String,
    /// What it will be.
    pub after: String,
}

/// A file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileChange {
    /// Where.
    pub path: String,
    /// Its text; `None` if it is not there.
    pub before: Option<String>,
    /// What it will be.
    pub after: String,
}

impl Plan {
    /// What has to change for `findings`, which are of `profile`.
    #[must_use]
    pub fn new(system: &impl System, profile: Profile, findings: &[Finding]) -> Self {
        let changes = || findings.iter().filter(|finding| finding.verdict == Verdict::Change);
        let values = changes().filter_map(|finding| {
            Some(ValueChange {
                name: finding.name.to_owned(),
                path: path(finding.knob)?,
                before: finding.found.clone()?,
                after: finding.after.clone()?,
            })
        });
        let mut files = vec![
            (SYSCTL, text(SYSCTL_HEAD, &lines(system, SYSCTL, findings, sysctl), " = ")),
            (TMPFILES, text(TMPFILES_HEAD, &lines(system, TMPFILES, findings, choice), " - - - - ")),
        ];
        for drop_in in drop_ins(system) {
            files.push((drop_in, text(UNIT_HEAD, &lines(system, drop_in, findings, limit), "=")));
        }
        let file = |(path, text): (&str, Option<String>)| {
            let (after, before) = (text?, system.read(path).ok());
            (before.as_ref() != Some(&after)).then(|| FileChange { path: path.to_owned(), before, after })
        };
        Self { profile, values: values.collect(), files: files.into_iter().filter_map(file).collect() }
    }

    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty() && self.files.is_empty()
    }

    /// How many things change.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len() + self.files.len()
    }

    /// With what was, what will be, and the lines of the files, as diff(1) marks them.
    #[must_use]
    pub fn render(&self) -> String {
        let mut out = String::new();
        // Writing to a string cannot fail.
        for ValueChange { name, path, before, after } in &self.values {
            let _ = writeln!(out, "  {name}  ({path})\n-   {before}\n+   {after}");
        }
        for FileChange { path, before, after } in &self.files {
            let is_new = if before.is_some() { "" } else { "  (new)" };
            let _ = writeln!(out, "  {path}{is_new}");
            let before = before.as_deref().unwrap_or_default();
            let lines = |text: &'static str, sign: char, of: &str, other: &str| {
                let gone = of.lines().filter(|line| !other.lines().any(|same| same == *line));
                gone.map(|line| format!("{sign}{text}{line}\n")).collect::<String>()
            };
            out += &lines("   ", '-', before, after);
            out += &lines("   ", '+', after, before);
        }
        out
    }
}

const SYSCTL_HEAD: &str = "# Written by `tollgate tune apply`; `tollgate tune revert` takes it back.\n";
const TMPFILES_HEAD: &str = "# Written by `tollgate tune apply`; `tollgate tune revert` takes it back.\n";
const UNIT_HEAD: &str = "# Written by `tollgate tune apply`; `tollgate tune revert` takes it back.\n# Holds from the next start of the service on.\n[Service]\n";

fn text(head: &str, lines: &BTreeMap<String, String>, between: &str) -> Option<String> {
    let lines: String = lines.iter().map(|(name, value)| format!("{name}{between}{value}\n")).collect();
    (!lines.is_empty()).then(|| format!("{head}{lines}"))
}

fn sysctl(place: &Place) -> Option<String> {
    match place {
        Place::Sysctl(name) => Some(name.clone()),
        _ => None,
    }
}

fn choice(place: &Place) -> Option<String> {
    match place {
        Place::Choice(path) => Some(format!("w {path}")),
        _ => None,
    }
}

fn limit(place: &Place) -> Option<String> {
    match place {
        Place::Limit(name) => Some(name.clone()),
        _ => None,
    }
}

/// The lines of a file: what changes, and what was there and still holds.
fn lines(
    system: &impl System,
    file: &str,
    findings: &[Finding],
    named: impl Fn(&Place) -> Option<String>,
) -> BTreeMap<String, String> {
    let written = entries(&system.read(file).unwrap_or_default());
    let line = |finding: &Finding| {
        let name = named(&finding.knob.place)?;
        let value = match finding.verdict {
            Verdict::Change => finding.after.clone(),
            _ => written.get(&name).cloned(),
        };
        Some((name, value?))
    };
    findings.iter().filter_map(line).collect()
}

/// The lines of a file of ours.
fn entries(text: &str) -> BTreeMap<String, String> {
    let entry = |line: &str| {
        let parts = line.split_once(" - - - - ").or_else(|| line.split_once('='));
        parts.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
    };
    text.lines().filter(|line| !line.starts_with(['#', '['])).filter_map(entry).collect()
}

/// The drop-ins of the services that are installed; of the first, where none is.
fn drop_ins(system: &impl System) -> Vec<&'static str> {
    let there: Vec<_> = UNITS.iter().filter(|(unit, _)| unit_text(system, unit).is_some()).collect();
    let all = if there.is_empty() { vec![&UNITS[0]] } else { there };
    all.into_iter().map(|(_, drop_in)| *drop_in).collect()
}

fn unit_text(system: &impl System, unit: &str) -> Option<String> {
    UNIT_FOLDERS.iter().find_map(|folder| system.read(&format!("{folder}/{unit}")).ok())
}

/// The limits that services will have, from their units and our drop-ins; of two services the lower.
pub(crate) fn unit_limits(system: &impl System) -> BTreeMap<String, String> {
    let mut limits: BTreeMap<String, u64> = BTreeMap::new();
    for (unit, drop_in) in UNITS {
        let mut of_unit = entries(&unit_text(system, unit).unwrap_or_default());
        of_unit.extend(entries(&system.read(drop_in).unwrap_or_default()));
        for (name, value) in of_unit {
            let Some(value) = name.starts_with("Limit").then(|| number(&value)).flatten() else { continue };
            limits.entry(name).and_modify(|least| *least = value.min(*least)).or_insert(value);
        }
    }
    let word = |value: u64| if value == u64::MAX { "unlimited".to_owned() } else { value.to_string() };
    limits.into_iter().map(|(name, value)| (name, word(value))).collect()
}

/// `64M`, `infinity`, `1024:524288`, of which the gateway raises the first to the second (systemd.exec(5)).
fn number(value: &str) -> Option<u64> {
    let value = value.rsplit(':').next().unwrap_or(value);
    if value == "infinity" {
        return Some(u64::MAX);
    }
    let units = [('K', 10), ('M', 20), ('G', 30), ('T', 40)];
    let found = units.into_iter().find_map(|(unit, bits)| Some((value.strip_suffix(unit)?, bits)));
    let (digits, bits) = found.unwrap_or((value, 0));
    digits.parse::<u64>().ok()?.checked_mul(1 << bits)
}
