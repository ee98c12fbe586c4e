//! Results as lines of JSON: one for the run, then one for each sample and each gateway that has no part in a scenario.
//!
//! What is committed stands in `benches/results`, a file for each run. Fields are added, never renamed: old files stay readable.

use crate::measure::Sample;
use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fs, path::Path};

/// One line.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Line {
    Run(Run),
    Sample(Taken),
    Absent(Absent),
}

/// What the samples behind it have in common.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Run {
    /// Of Tollgate's source, with `-dirty` behind it if there were changes.
    pub(crate) commit: String,
    /// UTC, to the second.
    pub(crate) date: String,
    /// With its arguments, without the path of the program.
    pub(crate) command: String,
    /// Whether numbers were small and rounds short: such a run shows that things work, not what they cost.
    pub(crate) tiny: bool,
    pub(crate) machine: Machine,
    /// Of gateways and the load, by name.
    pub(crate) versions: BTreeMap<String, String>,
}

/// What figures depend on besides the programs.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Machine {
    pub(crate) cpu: String,
    /// That this process may use.
    pub(crate) cores: usize,
    pub(crate) memory_mib: u64,
    pub(crate) kernel: String,
    /// What it runs under, or `none`.
    pub(crate) virtualization: String,
    /// Of the CPUs' frequency, or `none`.
    pub(crate) governor: String,
    /// Vulnerabilities of the CPU with what is done about each, those it does not have left out.
    pub(crate) mitigations: BTreeMap<String, String>,
}

/// One sample of a scenario.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Taken {
    pub(crate) scenario: String,
    #[serde(flatten)]
    pub(crate) sample: Sample,
}

/// A gateway without samples, and why.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Absent {
    pub(crate) scenario: String,
    pub(crate) gateway: String,
    pub(crate) reason: String,
    /// Whether it should have had a part.
    pub(crate) failed: bool,
}

/// The runs in a folder, one for each file that ends in `.ndjson`, in the order of their dates. None if there is no folder.
pub(crate) fn read(folder: &Path) -> Result<Vec<Vec<Line>>> {
    let mut runs = Vec::new();
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries.collect::<Result<Vec<_>, _>>()?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(error).with_context(|| format!("reading {}", folder.display())),
    };
    for path in
        entries.iter().map(fs::DirEntry::path).filter(|path| path.extension().is_some_and(|end| end == "ndjson"))
    {
        let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        runs.push(parse(&text).with_context(|| format!("in {}", path.display()))?);
    }
    runs.sort_by_key(|lines| head(lines).map(|run| run.date.clone()));
    Ok(runs)
}

/// The lines of one file, of which the first is the run.
pub(crate) fn parse(text: &str) -> Result<Vec<Line>> {
    let line = |(number, line): (usize, &str)| {
        serde_json::from_str(line).with_context(|| format!("line {} is no result", number + 1))
    };
    let lines = text.lines().enumerate().map(line).collect::<Result<Vec<Line>>>()?;
    head(&lines).context("the first line is no run")?;
    Ok(lines)
}

/// The run that lines belong to.
pub(crate) fn head(lines: &[Line]) -> Option<&Run> {
    match lines.first() {
        Some(Line::Run(run)) => Some(run),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_they_were_written() {
        let mut sample = Sample { gateway: "nginx".to_owned(), requests: 7, ..Sample::default() };
        sample.more.insert("slow_percent".to_owned(), 2.5);
        let absent = Absent {
            scenario: "tls".to_owned(),
            gateway: "varnish".to_owned(),
            reason: "no".to_owned(),
            failed: false,
        };
        let lines = [
            Line::Run(Run { commit: "abc".to_owned(), ..Run::default() }),
            Line::Sample(Taken { scenario: "tls".to_owned(), sample: sample.clone() }),
            Line::Absent(absent),
        ];
        let text: String = lines.iter().map(|line| serde_json::to_string(line).unwrap() + "\n").collect();
        let read = parse(&text).unwrap();
        assert_eq!(head(&read).unwrap().commit, "abc");
        assert!(matches!(&read[1], Line::Sample(taken) if taken.sample == sample));
        assert!(matches!(&read[2], Line::Absent(absent) if absent.gateway == "varnish"));
    }

    #[test]
    fn what_is_no_result_names_its_line() {
        let run = serde_json::to_string(&Line::Run(Run::default())).unwrap();
        assert!(format!("{:#}", parse(&format!("{run}\n{{}}\n")).unwrap_err()).contains("line 2"));
        assert!(parse("").is_err());
    }
}
