//! The command line as a script sees it: what goes where, and the exit codes.
//!
//! That this file exists also makes cargo build the binary before any test of the workspace runs.

use std::process::{Command, Output};

fn tollgate(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tollgate")).args(arguments).output().expect("cargo has built the binary")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn help_names_every_verb_and_the_exit_codes() {
    let help = tollgate(&["--help"]);
    assert_eq!(help.status.code(), Some(0));
    let help = text(&help.stdout);
    for expected in ["gateway", "validate", "demo", "doctor", "Exit codes:"] {
        assert!(help.contains(expected), "{expected}: {help}");
    }
}

#[test]
fn every_verb_has_help_with_examples() {
    for verb in ["gateway", "validate", "demo", "doctor"] {
        let help = tollgate(&[verb, "--help"]);
        assert_eq!(help.status.code(), Some(0), "{verb}");
        let help = text(&help.stdout);
        assert!(help.contains(&format!("Examples:\n  tollgate {verb}")), "{help}");
        assert!(help.contains("Exit codes:"), "{help}");
    }
}

#[test]
fn arguments_that_are_not_understood_are_code_2() {
    let wrong: [&[&str]; 6] =
        [&[], &["serve"], &["gateway"], &["validate"], &["demo", "--port", "65536"], &["doctor", "now"]];
    for arguments in wrong {
        let run = tollgate(arguments);
        assert_eq!(run.status.code(), Some(2), "{arguments:?}");
        assert!(run.stdout.is_empty() && !run.stderr.is_empty(), "{arguments:?}");
    }
}

#[test]
fn the_version_is_the_package_s() {
    assert_eq!(text(&tollgate(&["--version"]).stdout), format!("tollgate {}\n", env!("CARGO_PKG_VERSION")));
}
