//! `tollgate tune`: a machine of files is examined, changed and put back; keys of a gateway are searched by measuring.
//!
//! Nothing of the real machine is changed: every verb that could is given a root folder of its own.

use std::{
    fs,
    path::Path,
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tollgate_e2e::tollgate;

/// A machine as a fresh installation has it.
fn machine() -> TempDir {
    let root = tempfile::tempdir().expect("a temporary folder can be made");
    for (path, text) in [
        ("proc/sys/net/core/somaxconn", "128\n"),
        ("proc/sys/net/ipv4/tcp_rmem", "4096\t131072\t6291456\n"),
        ("proc/sys/net/ipv4/ip_local_port_range", "1024\t65535\n"),
        ("proc/self/limits", "Max open files            1024                 4096                 files     \n"),
        ("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "powersave\n"),
    ] {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().expect("it has a folder")).expect("a temporary folder is writable");
        fs::write(path, text).expect("a temporary folder is writable");
    }
    root
}

fn tune(root: &TempDir, arguments: &[&str]) -> Output {
    let mut command = Command::new(tollgate());
    command.arg("tune").args(arguments).arg("--root").arg(root.path()).stdin(Stdio::null());
    command.output().expect("the binary was just built")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn somaxconn(root: &TempDir) -> String {
    let path = root.path().join("proc/sys/net/core/somaxconn");
    fs::read_to_string(path).expect("it was made").trim().to_owned()
}

const SYSCTL: &str = "etc/sysctl.d/90-tollgate.conf";

#[test]
fn a_machine_is_checked_and_a_plan_changes_nothing() {
    let root = machine();
    let check = tune(&root, &["check"]);
    let table = said(&check);
    let row =
        |name: &str| table.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{name} in {table}"));
    assert_eq!(check.status.code(), Some(0), "{table}");
    assert!(row("net.core.somaxconn").ends_with("change") && row("net.ipv4.ip_local_port_range").ends_with("good"));
    assert!(row("cpu/governor").ends_with("look at it") && row("net.ipv4.tcp_mem").ends_with("not here"));
    let json: serde_json::Value =
        serde_json::from_slice(&tune(&root, &["check", "--json"]).stdout).expect("it is JSON");
    let findings = json["findings"].as_array().expect("there are findings");
    let found = findings.iter().find(|finding| finding["name"] == "net.core.somaxconn").expect("it is a knob");
    assert_eq!((&found["found"], &found["verdict"]), (&"128".into(), &"change".into()), "{found}");
    // The verb may be left out.
    for plan in [tune(&root, &["plan"]), tune(&root, &[])] {
        let shown = said(&plan);
        assert!(shown.contains("-   128\n+   16384\n") && shown.contains("LimitNOFILE=1048576"), "{shown}");
        assert!(shown.contains("Nothing was changed."), "{shown}");
    }
    assert_eq!((somaxconn(&root).as_str(), root.path().join("etc").exists()), ("128", false));
}

#[test]
fn a_knob_is_explained_and_a_near_miss_is_told() {
    let root = machine();
    let explained = said(&tune(&root, &["explain", "somaxconn"]));
    for part in ["net.core.somaxconn", "here       128", "throughput 16384", "why ", "risk ", "source ", "measured "] {
        assert!(explained.contains(part), "{part} in {explained}");
    }
    let missed = tune(&root, &["explain", "somaxcon"]);
    assert_eq!(missed.status.code(), Some(1));
    assert!(said(&missed).contains("did you mean `net.core.somaxconn`"), "{}", said(&missed));
    assert!(said(&tune(&root, &["explain"])).lines().count() > 50);
}

#[test]
fn what_is_applied_is_asked_for_and_taken_back() {
    let root = machine();
    let asked = tune(&root, &["apply"]);
    assert_eq!((asked.status.code(), somaxconn(&root).as_str()), (Some(1), "128"), "{}", said(&asked));
    assert!(said(&asked).contains("`--yes` does it without a question"));
    let applied = tune(&root, &["apply", "--yes", "--profile", "latency"]);
    assert_eq!((applied.status.code(), somaxconn(&root).as_str()), (Some(0), "4096"), "{}", said(&applied));
    let kept = fs::read_to_string(root.path().join(SYSCTL)).expect("it is written");
    assert!(kept.contains("net.core.somaxconn = 4096\n"), "{kept}");
    assert!(said(&tune(&root, &["plan", "--profile", "latency"])).contains("Nothing to change for latency"));
    let reverted = tune(&root, &["revert"]);
    assert_eq!((reverted.status.code(), somaxconn(&root).as_str()), (Some(0), "128"), "{}", said(&reverted));
    assert!(!root.path().join("etc").exists() && !root.path().join("var").exists(), "folders went, too");
    let again = tune(&root, &["revert"]);
    assert!(again.status.code() == Some(1) && said(&again).contains("nothing was applied"), "{}", said(&again));
}

/// Who takes it back has the error stream of `apply`, which so ends with it.
#[test]
fn what_nobody_confirms_is_taken_back() {
    let root = machine();
    let applied = tune(&root, &["apply", "--yes", "--confirm-within", "1s"]);
    let text = said(&applied);
    assert!(text.contains("`tollgate tune confirm` within 1 s"), "{text}");
    assert!(text.contains("nobody has confirmed it: everything is as it was"), "{text}");
    assert_eq!(somaxconn(&root), "128");
    assert!(!root.path().join("var").exists());
}

#[test]
fn what_is_confirmed_stays() {
    let root = machine();
    let mut command = Command::new(tollgate());
    command.args(["tune", "apply", "--yes", "--confirm-within", "60s", "--root"]).arg(root.path());
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    assert!(status.expect("the binary was just built").success());
    assert_eq!((somaxconn(&root).as_str(), root.path().join(SYSCTL).exists()), ("16384", false));
    let again = tune(&root, &["apply", "--yes", "--profile", "container"]);
    assert!(said(&again).contains("a change waits to be confirmed"), "{}", said(&again));
    let confirmed = tune(&root, &["confirm"]);
    assert!(confirmed.status.success() && root.path().join(SYSCTL).exists(), "{}", said(&confirmed));
    assert!(tune(&root, &["revert"]).status.success());
    assert_eq!((somaxconn(&root).as_str(), root.path().join(SYSCTL).exists()), ("128", false));
}

const FILE: &str = "# mine
version: 1
listeners: [ { name: public, bind: 0.0.0.0:8080 } ]
upstreams: [ { name: far, endpoints: [ { address: 192.0.2.1:80 } ] } ]
routes: [ { name: all, match: { path: \"/{rest*}\" }, upstream: far } ]
tuning:
  turn_budget: 512 # as it was
";

fn auto(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(tollgate());
    command.args(["tune", "auto", "--config"]).arg(folder.join("gateway.yaml")).args(arguments);
    command.output().expect("the binary was just built")
}

/// Its endpoint is nowhere: what is measured stays on this machine.
#[test]
fn a_short_search_ends_in_time_with_its_evidence() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    fs::write(folder.path().join("gateway.yaml"), FILE).expect("a temporary folder is writable");
    let begun = Instant::now();
    let found = auto(folder.path(), &["--objective", "min cpu", "--budget", "20s", "--connections", "8"]);
    let text = said(&found);
    assert!(found.status.success(), "{text}");
    assert!(begun.elapsed() < Duration::from_secs(40), "{:?}", begun.elapsed());
    let table = fs::read_to_string(folder.path().join("gateway.tuned.md")).expect("the table is written");
    assert!(table.contains("| as it is |") && table.contains("us CPU"), "{table}");
    let json = fs::read_to_string(folder.path().join("gateway.tuned.json")).expect("the evidence is written");
    let evidence: serde_json::Value = serde_json::from_str(&json).expect("it is JSON");
    let is_kept = evidence["evidence"]["decision"].get("keep").is_some();
    assert_eq!(is_kept, table.contains("Keep the default"), "{table}");
    let tuned = fs::read_to_string(folder.path().join("gateway.tuned.yaml"));
    assert!(is_kept == tuned.is_err() && tuned.is_ok_and(|tuned| tuned.starts_with("# mine\n")) != is_kept);
    assert_eq!(fs::read_to_string(folder.path().join("gateway.yaml")).expect("it stands"), FILE);
}

#[test]
fn a_request_that_is_not_answered_is_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let file = FILE.replace("/{rest*}", "/orders");
    fs::write(folder.path().join("gateway.yaml"), file).expect("a temporary folder is writable");
    let refused = auto(folder.path(), &["--objective", "min cpu", "--budget", "20s"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(said(&refused).contains("is answered with 404"), "{}", said(&refused));
    let unknown = auto(folder.path(), &["--objective", "max fun"]);
    assert!(unknown.status.code() == Some(2) && said(&unknown).contains("max rate at p99<2ms"), "{}", said(&unknown));
}
