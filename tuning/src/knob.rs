//! The knobs as data: `knobs/*.yaml`, one file per area, embedded in the binary.
//!
//! Whoever adds one writes a block there and no code, unless its value is found in a new way ([`crate::probe`]). The tests
//! below hold what every block must have; a mistake in a file is a failing test, not an error at run time.

use crate::value;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt, sync::LazyLock};

/// What a machine is tuned for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Profile {
    /// Most requests per second on a machine of its own.
    Throughput,
    /// Short and even response times.
    Latency,
    /// Least memory.
    Memory,
    /// What a container can set and needs.
    Container,
}

impl Profile {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Throughput, Self::Latency, Self::Memory, Self::Container];

    /// As it is written.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Throughput => "throughput",
            Self::Latency => "latency",
            Self::Memory => "memory",
            Self::Container => "container",
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Where a knob belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Area {
    /// TCP and sockets.
    Network,
    /// Memory and files.
    Memory,
    /// Processors.
    Cpu,
    /// Network cards.
    Card,
    /// Limits of the process.
    Limits,
    /// Keys of the gateway's own configuration.
    Gateway,
}

/// Where its value is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Place {
    /// A setting of the kernel, as sysctl(8) names it.
    Sysctl(String),
    /// A file under `/sys` with the choices of the kernel, the one that holds in brackets.
    Choice(String),
    /// A limit of the process, as a unit of systemd names it.
    Limit(String),
    /// Found by [`crate::probe`], and never changed.
    Probe(String),
    /// A key of the gateway's configuration.
    Key(String),
}

/// How a value is held against that of the profile. Numbers of a value with several are judged one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// More is as good.
    AtLeast,
    /// Less is as good.
    AtMost,
    /// A range of two numbers: a wider one is as good.
    Wide,
    /// This and no other.
    Exactly,
}

/// One thing that can be turned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Knob {
    /// As its owner calls it.
    pub name: String,
    /// Where it belongs; from the file it stands in.
    #[serde(default = "network")]
    pub area: Area,
    /// What it is, in a sentence.
    pub what: String,
    /// Where its value is.
    pub place: Place,
    /// How a value is held against ours.
    pub rule: Rule,
    /// What it is unless somebody has set it, with what that depends on.
    pub default: String,
    /// What it should be, by profile. A profile that is missing has no opinion.
    #[serde(default)]
    pub ours: BTreeMap<Profile, String>,
    /// Only said, never changed: the reason.
    #[serde(default)]
    pub told: Option<String>,
    /// Why ours is better for a gateway.
    pub why: String,
    /// What may go wrong with it.
    pub risk: String,
    /// Where to read more.
    pub source: String,
    /// What it was worth when it was measured, with the command; or `not measured here`.
    pub effect: String,
}

const fn network() -> Area {
    Area::Network
}

const FILES: [(Area, &str); 6] = [
    (Area::Network, include_str!("../knobs/network.yaml")),
    (Area::Memory, include_str!("../knobs/memory.yaml")),
    (Area::Limits, include_str!("../knobs/limits.yaml")),
    (Area::Cpu, include_str!("../knobs/cpu.yaml")),
    (Area::Card, include_str!("../knobs/card.yaml")),
    (Area::Gateway, include_str!("../knobs/gateway.yaml")),
];

/// All knobs, in the order of their files.
#[must_use]
pub fn knobs() -> &'static [Knob] {
    static KNOBS: LazyLock<Vec<Knob>> = LazyLock::new(|| {
        let read = |(area, text): (Area, &str)| {
            let knobs: Vec<Knob> = serde_saphyr::from_str(text).expect("the files are part of the binary and tested");
            knobs.into_iter().map(move |knob| Knob { area, ..knob })
        };
        FILES.into_iter().flat_map(read).collect()
    });
    &KNOBS
}

/// The knob of this name. The last part of a name is enough where only one knob has it.
#[must_use]
pub fn knob(name: &str) -> Option<&'static Knob> {
    let ends = |knob: &&Knob| knob.name.rsplit(['.', '/']).next() == Some(name);
    let mut short = knobs().iter().filter(ends);
    let exact = knobs().iter().find(|knob| knob.name == name);
    exact.or_else(|| short.next().filter(|_| short.next().is_none()))
}

/// Names that look like this one, the nearest first; at most three.
#[must_use]
pub fn nearest(name: &str) -> Vec<&'static str> {
    const LIKE: f64 = 0.7;
    let likeness = |knob: &str| {
        let last = knob.rsplit(['.', '/']).next().unwrap_or(knob);
        let contained = if name.len() > 2 && knob.contains(name) { 0.95 } else { 0.0 };
        strsim::jaro_winkler(name, knob).max(strsim::jaro_winkler(name, last)).max(contained)
    };
    let mut near: Vec<_> = knobs().iter().map(|knob| (likeness(&knob.name), &*knob.name)).collect();
    near.retain(|(likeness, _)| *likeness > LIKE);
    near.sort_by(|one, other| other.0.total_cmp(&one.0));
    near.into_iter().take(3).map(|(_, name)| name).collect()
}

impl Knob {
    /// What a profile wants; `None` where it has no opinion.
    #[must_use]
    pub fn ours(&self, profile: Profile) -> Option<&str> {
        self.ours.get(&profile).map(String::as_str)
    }

    /// Whether `tollgate tune` can change it.
    #[must_use]
    pub fn is_settable(&self) -> bool {
        self.told.is_none() && matches!(self.place, Place::Sysctl(_) | Place::Choice(_) | Place::Limit(_))
    }

    /// Whether `found` is as good as `wanted`; the value that would be right, if not.
    #[must_use]
    pub fn judge(&self, found: &str, wanted: &str) -> value::Judgement {
        value::judge(self.rule, found, wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_knob_says_everything() {
        let mut names = BTreeSet::new();
        for knob in knobs() {
            assert!(names.insert(&knob.name), "{} is there twice", knob.name);
            for (what, text) in [
                ("what", &knob.what),
                ("default", &knob.default),
                ("why", &knob.why),
                ("risk", &knob.risk),
                ("source", &knob.source),
                ("effect", &knob.effect),
            ] {
                assert!(!text.trim().is_empty(), "`{what}` of {} is empty", knob.name);
            }
            let is_ours = !knob.ours.is_empty();
            assert!(is_ours || knob.told.is_some(), "{} has neither values nor a reason to be told only", knob.name);
        }
        assert!(names.len() >= 50, "{} knobs", names.len());
    }

    #[test]
    fn what_is_wanted_is_as_good_as_itself() {
        for knob in knobs() {
            for wanted in knob.ours.values() {
                assert_eq!(knob.judge(wanted, wanted), value::Judgement::Good, "{}: {wanted}", knob.name);
            }
        }
    }

    #[test]
    fn a_name_is_found_by_its_end_and_near_misses_are_told() {
        assert_eq!(knob("somaxconn").map(|knob| &*knob.name), Some("net.core.somaxconn"));
        assert_eq!(knob("net.core.somaxcon"), None);
        assert_eq!(nearest("net.core.somaxcon")[0], "net.core.somaxconn");
        assert_eq!(nearest("swapiness")[0], "vm.swappiness");
        assert!(nearest("qqqqqq").is_empty(), "{:?}", nearest("qqqqqq"));
    }
}
