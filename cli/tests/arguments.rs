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

/// The verbs that the help lists, but for `help` itself.
fn verbs() -> Vec<String> {
    let help = text(&tollgate(&["--help"]).stdout);
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    // What goes on from the line before is further in.
    let names = listed.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names = names.filter_map(|line| line.split_whitespace().next()).map(str::to_owned);
    names.filter(|verb| verb != "help").collect()
}

#[test]
fn help_names_every_verb_and_the_exit_codes() {
    let help = tollgate(&["--help"]);
    assert_eq!(help.status.code(), Some(0));
    assert!(text(&help.stdout).contains("Exit codes:"));
    let verbs = verbs();
    for expected in ["serve", "gateway", "validate", "demo", "doctor", "login", "apply", "audit"] {
        assert!(verbs.iter().any(|verb| verb == expected), "{expected}: {verbs:?}");
    }
}

#[test]
fn every_verb_has_help_with_examples() {
    for verb in verbs() {
        let help = tollgate(&[&verb, "--help"]);
        assert_eq!(help.status.code(), Some(0), "{verb}");
        let help = text(&help.stdout);
        let examples = help.split("Examples:\n").nth(1).unwrap_or_else(|| panic!("{verb} has no examples"));
        let mut examples = examples.lines().take_while(|line| !line.is_empty());
        assert!(examples.any(|line| line.contains(&format!("tollgate {verb}"))), "{help}");
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
