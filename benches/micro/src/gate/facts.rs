//! What decides how many instructions a step takes besides its source: compiler, valgrind, C library, features of the CPU.
//!
//! The CPU is the one that valgrind shows to programs, which pick their ways of searching bytes and of encryption by it. It
//! has AVX2 wherever the machine has, and nothing beyond; so it is the same on nearly all machines.

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use std::{env, fs, path::Path, process::Command};

/// With what counts were made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Facts {
    /// Version of the compiler.
    pub rustc: String,
    /// Version of valgrind.
    pub valgrind: String,
    /// The C library, which allocates and copies, and its version.
    pub libc: String,
    /// Architecture and features, as seen on valgrind.
    pub cpu: String,
}

impl Facts {
    /// Those of this machine.
    ///
    /// # Errors
    /// One of the programs that tell them cannot be run.
    pub fn of_this_machine() -> Result<Self> {
        let this = env::current_exe()?;
        let this = this.to_str().context("the path of this program is no text")?;
        Ok(Self {
            rustc: second_word(&said_by("rustc", &["--version"])?),
            valgrind: said_by("valgrind", &["--version"])?.trim_start_matches("valgrind-").to_owned(),
            libc: said_by("getconf", &["GNU_LIBC_VERSION"])?,
            cpu: said_by("valgrind", &["--tool=none", "--quiet", this, "cpu"])?,
        })
    }

    /// Whether counts with these can be compared with counts with `other`; `pinned` is the compiler of the repository.
    ///
    /// # Errors
    /// What to do about it.
    pub fn are_comparable(&self, other: &Self, pinned: &str) -> Result<()> {
        self.are_of_the_repository(pinned)?;
        ensure!(
            self.rustc == other.rustc,
            "the baseline was counted with rustc {}, and the repository now has {}: what differs would be the compilers. \
             Count anew with `.ci/micro --accept`, in a commit of its own that changes rust-toolchain.toml and nothing else",
            other.rustc,
            self.rustc,
        );
        Ok(())
    }

    /// Whether the compiler is that of the repository.
    ///
    /// # Errors
    /// It is another.
    pub fn are_of_the_repository(&self, pinned: &str) -> Result<()> {
        ensure!(
            self.rustc == pinned,
            "this is rustc {}, rust-toolchain.toml has {pinned}: counts of two compilers are not compared. \
             Run with the pinned one (rustup does that by itself in this folder, unless RUSTUP_TOOLCHAIN is set)",
            self.rustc,
        );
        Ok(())
    }

    /// What differs without keeping counts from being compared.
    #[must_use]
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let pairs = [
            ("valgrind", &self.valgrind, &other.valgrind),
            ("the C library", &self.libc, &other.libc),
            ("the CPU", &self.cpu, &other.cpu),
        ];
        let unlike = pairs.into_iter().filter(|(_, here, then)| here != then);
        unlike.map(|(what, here, then)| format!("{what}: `{then}` in the baseline, `{here}` here")).collect()
    }
}

/// The compiler that `rust-toolchain.toml` has.
///
/// # Errors
/// There is none.
pub fn pinned_compiler(root: &Path) -> Result<String> {
    let file = root.join("rust-toolchain.toml");
    let text = fs::read_to_string(&file).with_context(|| format!("{}: cannot be read", file.display()))?;
    let channel = text.lines().find_map(|line| line.strip_prefix("channel = \"")?.strip_suffix('"'));
    Ok(channel.with_context(|| format!("{}: has no channel", file.display()))?.to_owned())
}

/// Architecture and features of the CPU this process runs on.
#[must_use]
pub fn cpu() -> String {
    [&[env::consts::ARCH], &features()[..]].concat().join(" ")
}

#[cfg(target_arch = "x86_64")]
fn features() -> Vec<&'static str> {
    macro_rules! found {
        ($($feature:tt),*) => { [$(($feature, is_x86_feature_detected!($feature))),*] };
    }
    let asked = found!(
        "aes",
        "avx",
        "avx2",
        "avx512f",
        "bmi1",
        "bmi2",
        "fma",
        "lzcnt",
        "pclmulqdq",
        "popcnt",
        "sha",
        "sse4.2",
        "vaes"
    );
    asked.into_iter().filter(|(_, has)| *has).map(|(feature, _)| feature).collect()
}

#[cfg(not(target_arch = "x86_64"))]
fn features() -> Vec<&'static str> {
    Vec::new()
}

fn said_by(program: &str, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program).args(arguments).output();
    let output = output.with_context(|| format!("{program}: cannot be run; `.ci/micro` says what is needed"))?;
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{program} {}: {}: {error}", arguments.join(" "), output.status);
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn second_word(text: &str) -> String {
    text.split(' ').nth(1).unwrap_or(text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(rustc: &str, libc: &str) -> Facts {
        Facts { rustc: rustc.into(), valgrind: "3.19.0".into(), libc: libc.into(), cpu: "x86_64 avx2".into() }
    }

    #[test]
    fn counts_of_two_compilers_are_not_compared() {
        let (here, then) = (facts("1.95.0", "glibc 2.36"), facts("1.94.0", "glibc 2.36"));
        assert!(here.are_comparable(&here, "1.95.0").is_ok());
        let refused = here.are_comparable(&then, "1.95.0").expect_err("the baseline is older").to_string();
        assert!(refused.contains("1.94.0") && refused.contains("--accept"), "{refused}");
        let refused = here.are_comparable(&here, "1.96.0").expect_err("another is pinned").to_string();
        assert!(refused.contains("1.96.0") && refused.contains("RUSTUP_TOOLCHAIN"), "{refused}");
    }

    #[test]
    fn what_else_differs_is_told() {
        let (here, then) = (facts("1.95.0", "glibc 2.41"), facts("1.95.0", "glibc 2.36"));
        assert!(here.differences(&here).is_empty());
        assert_eq!(here.differences(&then), ["the C library: `glibc 2.36` in the baseline, `glibc 2.41` here"]);
    }

    #[test]
    fn the_repository_has_a_compiler() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let pinned = pinned_compiler(&root).expect("it is pinned");
        assert!(pinned.split('.').all(|part| part.parse::<u32>().is_ok()), "{pinned}");
    }
}
