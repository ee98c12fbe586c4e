//! `tollgate backup` and `restore` beside a control plane that runs, and what they refuse.

use std::{fs, os::unix::fs::PermissionsExt as _};
use tollgate_e2e::{Platform, Process, origin, run, until};
use tollgate_loadtest::Origin;

const MANAGED: &str = "\
kind: Environment
name: production
---
kind: Api
name: orders
version: '1.0'
base_path: /orders
versioning: { in: none }
upstream: { endpoints: [ { address: UPSTREAM } ] }
operations: [ { name: PATH, method: GET, path: /PATH } ]
---
kind: Publication
api: orders@1.0
environment: production
";

/// A platform on which the operation `path` is published.
fn publish(platform: &Platform, origin: &Origin, path: &str) {
    let text = MANAGED.replace("UPSTREAM", &origin.address().to_string()).replace("PATH", path);
    let _ = platform.done(&["apply", "-f", &platform.put("managed.yaml", &text)]);
    until_status(platform, path, 401);
}

fn until_status(platform: &Platform, path: &str, wanted: u16) {
    let target = format!("/orders/{path}");
    until(&format!("{wanted} for {target}"), || (platform.ask(&target, "").status == wanted).then_some(()));
}

/// Exit code and standard error of a verb on a data directory.
fn verb(arguments: &[&str]) -> (Option<i32>, String) {
    let output = run(arguments);
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Paths of the folder as arguments.
fn paths<const N: usize>(platform: &Platform, names: [&str; N]) -> [String; N] {
    names.map(|name| platform.path(name).display().to_string())
}

#[test]
fn a_platform_that_runs_is_backed_up_and_restored() {
    let origin = origin();
    let platform = Platform::start();
    let [data, file] = paths(&platform, ["data", "backup.db"]);
    publish(&platform, &origin, "hello");
    let (code, said) = verb(&["backup", "--data", &data, &file]);
    assert!(code == Some(0) && said.contains("keep that separately"), "{said}");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let key = fs::read_to_string(platform.path("data/seal.key")).unwrap();
    assert!(!fs::read(&file).unwrap().windows(key.len()).any(|bytes| bytes == key.as_bytes()));
    let (code, said) = verb(&["backup", "--data", &data, &file]);
    assert!(code == Some(1) && said.contains("--force"), "{said}");

    // What comes after it goes with the restore, which the gateway follows.
    publish(&platform, &origin, "goodbye");
    until_status(&platform, "hello", 404);
    let (code, said) = verb(&["restore", "--data", &data, &file]);
    assert!(code == Some(1) && said.contains("in use"), "{said}");
    assert_eq!(platform.ask("/orders/goodbye", "").status, 401);
    assert_eq!(verb(&["restore", "--data", &data, "--force", &file]), (Some(0), String::new()));
    until_status(&platform, "hello", 401);
    assert_eq!(platform.ask("/orders/goodbye", "").status, 404);
    publish(&platform, &origin, "goodbye");
    let (code, said) = verb(&["backup", "--data", &data, "--force", &file]);
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn a_backup_becomes_a_platform_elsewhere() {
    let platform = Platform::start();
    let [data, file, other] = paths(&platform, ["data", "backup.db", "other"]);
    let [own_key, other_key, damaged] = paths(&platform, ["data/seal.key", "other.key", "damaged.db"]);
    assert_eq!(verb(&["backup", "--data", &data, &file]).0, Some(0));
    fs::write(&other_key, "6b".repeat(32)).unwrap();
    fs::set_permissions(&other_key, fs::Permissions::from_mode(0o600)).unwrap();
    let mut bytes = fs::read(&file).unwrap();
    bytes.truncate(bytes.len() / 2);
    fs::write(&damaged, bytes).unwrap();
    let restore = |from: &str, more: &[&str]| verb(&[&["restore", "--data", &other, from], more].concat());
    let refused: [(&str, &[&str], &str); 4] = [
        (&file, &[], "no sealing key"),
        (&file, &["--seal-key", &other_key], "sealed with another key"),
        (&damaged, &["--seal-key", &own_key], "no whole backup"),
        ("/nowhere/backup.db", &["--seal-key", &own_key], "no whole backup"),
    ];
    for (from, more, why) in refused {
        let (code, said) = restore(from, more);
        assert!(code == Some(1) && said.contains(why), "{from} {more:?}: {said}");
        let left: Vec<_> = fs::read_dir(&other).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["lock"]);
    }
    assert_eq!(restore(&file, &["--seal-key", &own_key]), (Some(0), String::new()));
    let (code, said) = restore(&file, &[]);
    assert!(code == Some(1) && said.contains("has a store"), "{said}");
    let mut copy = Process::start(&["control", "--data", &other, "--admin", "127.0.0.1:0"]);
    copy.announced("console on ");
    // It has somebody already: the one who was set up on the first.
    assert!(!copy.errors().contains("setup token"), "{}", copy.errors());
}

#[test]
fn two_control_planes_do_not_share_a_data_directory() {
    let platform = Platform::start();
    let [data] = paths(&platform, ["data"]);
    let (code, said) = verb(&["control", "--data", &data, "--admin", "127.0.0.1:0"]);
    assert!(code == Some(3) && said.contains("in use"), "{said}");
    assert!(verb(&["backup", "--data", "/nowhere", "x"]).1.contains("no store"));
}
