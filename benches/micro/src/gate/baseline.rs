//! The committed counts: a text that a reviewer reads as a list of what became cheaper and what dearer.

use crate::gate::Facts;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fs, path::Path};

/// Instructions of one step, by `crate/bench`.
pub type Counts = BTreeMap<String, f64>;

/// What was counted, and with what.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    /// With what.
    pub counted_with: Facts,
    /// How much.
    pub instructions_per_step: Counts,
}

impl Baseline {
    /// Reads the file.
    ///
    /// # Errors
    /// There is none, or it is not of this form.
    pub fn read(file: &Path) -> Result<Self> {
        let text =
            fs::read_to_string(file).with_context(|| format!("{}: no baseline to compare with", file.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{}: not a baseline", file.display()))
    }

    /// Writes the file.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, file: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self)? + "\n";
        fs::write(file, text).with_context(|| format!("{}: cannot be written", file.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::BENCHES;

    #[test]
    fn the_committed_one_has_a_count_of_every_bench_and_of_no_other() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("baseline.json");
        let baseline = Baseline::read(&file).unwrap_or_else(|error| panic!("{error:#}"));
        let mut benches: Vec<_> = BENCHES.iter().map(crate::Bench::path).collect();
        benches.sort_unstable();
        let counted: Vec<_> = baseline.instructions_per_step.keys().cloned().collect();
        assert_eq!(counted, benches, "count what is new: `.ci/micro --accept`");
        assert!(baseline.instructions_per_step.values().all(|count| *count > 10.0));
    }

    #[test]
    fn what_is_written_is_read() {
        let facts =
            Facts { rustc: "1.95.0".into(), valgrind: "3.19.0".into(), libc: "2.36".into(), cpu: "x86_64".into() };
        let counts = [("http/target".to_owned(), 318.25), ("model/resolve".to_owned(), 30_000_001.0)];
        let baseline = Baseline { counted_with: facts, instructions_per_step: counts.into() };
        let folder = tempfile::tempdir().expect("a folder can be made");
        let file = folder.path().join("baseline.json");
        baseline.write(&file).expect("it can be written");
        assert_eq!(Baseline::read(&file).expect("it can be read"), baseline);
        fs::write(&file, "{}").expect("it can be written");
        assert!(format!("{:#}", Baseline::read(&file).expect_err("it has nothing")).contains("not a baseline"));
    }
}
