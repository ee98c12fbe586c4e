//! What gungraun has written of a run: a `summary.json` for each bench (its format 7).

use crate::{Bench, gate::Counts};
use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::{fs, path::Path};

/// The counts of a run whose summaries are below `folder`.
///
/// # Errors
/// A bench has none, or one that is not understood.
pub fn counts(folder: &Path, benches: &[Bench]) -> Result<Counts> {
    benches.iter().map(|bench| Ok((bench.path(), count(folder, bench)?))).collect()
}

/// Instructions of one step.
fn count(folder: &Path, bench: &Bench) -> Result<f64> {
    let file = folder.join(format!("{}.{}/summary.json", bench.group, bench.name));
    let text =
        fs::read_to_string(&file).with_context(|| format!("{}: {} was not counted", file.display(), bench.path()))?;
    let total = total(&text).with_context(|| format!("{}: not understood", file.display()))?;
    Ok(total as f64 / f64::from(bench.steps))
}

/// Instructions of a run.
fn total(text: &str) -> Result<u64> {
    let summary: Value = serde_json::from_str(text)?;
    let version = summary["version"].as_str().unwrap_or("none");
    ensure!(version == "7", "format {version}, and 7 is what gungraun 0.20 writes");
    let [profile] = summary["profiles"].as_array().map_or(&[][..], Vec::as_slice) else { bail!("not one profile") };
    let count = &profile["data"]["total"]["metrics"]["Ir"]["values"]["new"];
    count.as_u64().filter(|count| *count > 0).context("no count of instructions, or one beside that of an older run")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::BENCHES;

    fn summary(version: &str, values: &str) -> String {
        format!(
            "{{ \"version\": \"{version}\", \"profiles\": [ {{ \"tool\": \"Callgrind\", \"data\": {{ \"total\": {{ \"metrics\": \
             {{ \"Ir\": {{ \"values\": {values} }} }} }} }} }} ] }}"
        )
    }

    #[test]
    fn a_count_is_read() {
        assert_eq!(total(&summary("7", "{ \"new\": 506041 }")).expect("it has one"), 506_041);
    }

    #[test]
    fn what_has_no_count_is_no_zero() {
        for text in
            [summary("8", "{ \"new\": 1 }"), summary("7", "{ \"both\": [2, 1] }"), summary("7", "{ \"new\": 0 }")]
        {
            assert!(total(&text).is_err(), "{text}");
        }
        assert!(total("{ \"version\": \"7\", \"profiles\": [] }").is_err());
    }

    #[test]
    fn counts_are_of_one_step() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let bench = &BENCHES[0];
        let place = folder.path().join(format!("{}.{}", bench.group, bench.name));
        let missing = counts(folder.path(), &BENCHES[..1]).expect_err("there is nothing yet").to_string();
        assert!(missing.contains(&bench.path()), "{missing}");
        fs::create_dir(&place).expect("a folder can be made");
        fs::write(place.join("summary.json"), summary("7", "{ \"new\": 1234 }")).expect("it can be written");
        let counts = counts(folder.path(), &BENCHES[..1]).expect("it is there");
        assert_eq!(counts[&bench.path()], 1234.0 / f64::from(bench.steps));
    }
}
