//! What a run's figures depend on: the commit, the machine, the versions of everything. Read from the system, never guessed.
//!
//! A fact that cannot be read is told as `unknown`, never left to look like a measured one. Nothing here names the machine or
//! its user.

use crate::{
    machine,
    peer::{self, Peer},
    process::Program,
    results::{Machine, Run},
};
use anyhow::Result;
use std::{collections::BTreeMap, env, fs, path::Path};

const UNKNOWN: &str = "unknown";

/// The facts of a run that begins now.
pub(crate) fn run<'a>(peers: impl Iterator<Item = &'a dyn Peer>, tiny: bool) -> Result<Run> {
    let version = |peer: &dyn Peer| peer::version(peer).unwrap_or_else(|_| UNKNOWN.to_owned());
    let mut versions: BTreeMap<String, String> = peers.map(|peer| (peer.name().to_owned(), version(peer))).collect();
    versions.insert("wrk".to_owned(), wrk());
    Ok(Run {
        commit: commit(),
        date: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        command: command(env::args().skip(1)),
        tiny,
        machine: machine()?,
        versions,
    })
}

/// The arguments, without folders: they belong to one machine.
fn command(arguments: impl Iterator<Item = String>) -> String {
    let mut words = vec!["tollgate-benches".to_owned()];
    let mut skips = false;
    for word in arguments {
        let is_place = ["--peer-dir", "--tollgate"].iter().any(|option| word.starts_with(option));
        if is_place || skips {
            skips = is_place && !word.contains('=');
            continue;
        }
        words.push(Path::new(&word).file_name().map_or(word.clone(), |name| name.to_string_lossy().into_owned()));
    }
    words.join(" ")
}

fn commit() -> String {
    let git = Program::find("git", &[], "apt-get install -y git");
    let folder = env!("CARGO_MANIFEST_DIR");
    let describe =
        git.and_then(|git| git.args(["-C", folder, "describe", "--always", "--dirty", "--abbrev=12"]).output());
    describe.map_or_else(|_| UNKNOWN.to_owned(), |text| text.trim().to_owned())
}

/// wrk tells its version in the usage that it ends with an error after.
fn wrk() -> String {
    let text = Program::wrk().and_then(|wrk| wrk.args(["-v"]).said()).unwrap_or_default();
    text.split_whitespace().nth(1).unwrap_or(UNKNOWN).to_owned()
}

fn machine() -> Result<Machine> {
    let info = read("/proc/cpuinfo");
    let line = |name: &str| info.lines().find(|line| line.starts_with(name)).and_then(|line| line.split_once(": "));
    let flags = line("flags").map_or("", |(_, flags)| flags);
    let memory = read("/proc/meminfo");
    let total = memory.lines().find_map(|line| line.strip_prefix("MemTotal:")?.split_whitespace().next()?.parse().ok());
    let governor = read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
    Ok(Machine {
        cpu: line("model name").map_or(UNKNOWN, |(_, name)| name.trim()).to_owned(),
        cores: machine::allowed_cpus()?.len(),
        memory_mib: total.unwrap_or(0_u64) / 1024,
        kernel: format!("Linux {}", read("/proc/sys/kernel/osrelease").trim()),
        virtualization: virtualization(flags.split_whitespace().any(|flag| flag == "hypervisor")),
        governor: if governor.trim().is_empty() { "none".to_owned() } else { governor.trim().to_owned() },
        mitigations: mitigations(Path::new("/sys/devices/system/cpu/vulnerabilities")),
    })
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// By systemd's tool where it is installed, else by the CPU's flag alone.
fn virtualization(is_guest: bool) -> String {
    let tool = Program::find("systemd-detect-virt", &[], "apt-get install -y systemd");
    // It ends with an error where there is none.
    let told = tool.and_then(|tool| tool.args(["--vm"]).said()).unwrap_or_default();
    match (told.trim(), is_guest) {
        ("", true) => "a hypervisor".to_owned(),
        ("", false) => "none".to_owned(),
        (told, _) => told.to_owned(),
    }
}

fn mitigations(folder: &Path) -> BTreeMap<String, String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let each = entries.filter_map(|entry| {
        let text = fs::read_to_string(entry.path()).ok()?;
        Some((entry.file_name().into_string().ok()?, text.trim().to_owned()))
    });
    each.filter(|(_, text)| text != "Not affected").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_told_without_places() {
        let words =
            ["scenarios", "--peer-dir", "/opt/x/bin", "--tollgate=/y/tollgate", "--json", "/tmp/a.ndjson", "--tiny"];
        let told = command(words.into_iter().map(str::to_owned));
        assert_eq!(told, "tollgate-benches scenarios --json a.ndjson --tiny");
    }

    #[test]
    fn a_run_knows_its_machine() {
        let run = run(std::iter::empty(), true).unwrap();
        assert!(run.machine.cores > 0 && run.machine.memory_mib > 0 && run.machine.kernel.len() > 6);
        assert!(!run.commit.is_empty() && run.date.ends_with('Z'));
    }
}
