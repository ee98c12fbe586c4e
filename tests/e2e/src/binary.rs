//! Where the binary is, built first if it is not up to date.
//!
//! `cargo test --workspace` has built it before any test runs (crate `cli` has an integration test). When only this crate
//! is tested, cargo is asked once. Up to date means: newer than every file of the crates it may be made of. Cargo has a list of
//! them only where it was asked for the binary.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::OnceLock,
    time::SystemTime,
};

/// The binary.
///
/// # Panics
/// If it cannot be built.
#[must_use]
pub fn tollgate() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let test = env::current_exe().expect("a running test has a file");
        // <target>/<profile folder>/deps/<test>
        let folder = test.ancestors().nth(2).expect("cargo puts tests two folders below the target folder");
        let binary = folder.join("tollgate");
        if !is_fresh(&binary) {
            build(folder);
        }
        binary
    })
}

/// Runs the binary with `arguments` to its end.
///
/// # Panics
/// If it cannot be started.
#[must_use]
pub fn run(arguments: &[&str]) -> Output {
    Command::new(tollgate()).args(arguments).output().expect("the binary was just built")
}

/// What the binary is made of, in the root of the workspace.
const PARTS: [&str; 7] = ["Cargo.toml", "Cargo.lock", "cli", "controlplane", "dataplane", "loadtest", "tuning"];

fn is_fresh(binary: &Path) -> bool {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("this crate is in tests/");
    modified(binary).is_some_and(|built| PARTS.iter().all(|part| is_older(&root.join(part), built)))
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|metadata| metadata.modified()).ok()
}

/// Whether nothing there was changed after `built`, but for tests, examples and the journeys, which are a binary of their own.
fn is_older(path: &Path, built: SystemTime) -> bool {
    if ["tests", "examples", "loadtest/journeys"].iter().any(|other| path.ends_with(other)) {
        return true;
    }
    match fs::read_dir(path) {
        Ok(mut entries) => entries.all(|entry| entry.is_ok_and(|entry| is_older(&entry.path(), built))),
        Err(_) => modified(path).is_some_and(|changed| changed <= built),
    }
}

fn build(folder: &Path) {
    let profile = match folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(name) => name,
    };
    let built = Command::new(env::var_os("CARGO").unwrap_or_else(|| env!("CARGO").into()))
        .args(["build", "--quiet", "--package", "tollgate-cli", "--bin", "tollgate", "--profile", profile])
        .arg("--target-dir")
        .arg(folder.parent().unwrap_or(folder))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status();
    assert!(built.is_ok_and(|status| status.success()), "the binary cannot be built");
}
