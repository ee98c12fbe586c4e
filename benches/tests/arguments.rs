//! The program as its users call it. That this is a test of the program makes `cargo test --workspace` build it.

use std::process::{Command, Output};

fn benches(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tollgate-benches")).args(arguments).output().expect("it was just built")
}

#[test]
fn its_help_says_what_there_is() {
    let help = benches(&["--help"]);
    let text = String::from_utf8_lossy(&help.stdout);
    assert!(help.status.success(), "{text}");
    for command in ["scenarios", "report", "compare", "generator", "restart"] {
        assert!(text.contains(command), "{command} in {text}");
    }
    assert_eq!(benches(&["scenario"]).status.code(), Some(2));
}
