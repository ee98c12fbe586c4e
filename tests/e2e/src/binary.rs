//! Where the binary is, built first if it is not up to date.
//!
//! `cargo test --workspace` has built it before any test runs (crate `cli` has an integration test). When only this crate
//! is tested, cargo is asked once. Up to date means: newer than every file its dep-info names.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::OnceLock,
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

fn is_fresh(binary: &Path) -> bool {
    let modified = |path: &Path| fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
    let Some(built) = modified(binary) else {
        return false;
    };
    let Ok(sources) = fs::read_to_string(binary.with_extension("d")) else {
        return false;
    };
    let (_, sources) = sources.split_once(": ").unwrap_or_default();
    let mut sources = sources.split_whitespace().map(Path::new);
    sources.all(|source| modified(source).is_some_and(|changed| changed <= built))
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
