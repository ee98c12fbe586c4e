//! No text makes the reader panic, and what it says about a text points into it.

use proptest::prelude::*;

use crate::source::read;

/// Pieces of configurations, so that the text gets past the first key more often than by chance.
const PIECES: &[&str] = &[
    "version: 1\n",
    "listeners:\n",
    "  - ",
    "name: a",
    "bind: 127.0.0.1:0",
    "\n",
    "upstreams: ",
    "endpoints: ",
    "[",
    "]",
    "{",
    "}",
    ", ",
    "address: ",
    "two.test:1",
    "routes: ",
    "match: ",
    "path: ",
    "\"/{rest*}\"",
    "hosts: ",
    "*.b",
    "&a ",
    "*a",
    "<<: ",
    "timeouts: ",
    "idle: ",
    "99999999999999999999h",
    "limits: ",
    "fields: ",
    "-1",
    "${env:SECRET}",
    "$${",
    "${",
    "status: off",
    "workers: ",
    "~",
    "!!binary ",
    "|\n",
    "  ",
    "# x\n",
    "\t",
    "\"",
    "'",
    "é",
    "\u{0}",
    "---\n",
    "methods: ",
];

fn check(text: &str) {
    let Err(errors) = read(text) else { return };
    let shown = errors.to_string();
    assert!(!shown.contains("hunter2"), "{shown}");
    for error in &errors {
        assert!(error.line <= text.lines().count() + 1, "{error}");
        if let Some(snippet) = &error.snippet {
            assert!(snippet.width >= 1 && snippet.indent <= snippet.text.chars().count(), "{error:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_answered(text in any::<String>()) {
        check(&text);
    }

    #[test]
    fn any_heap_of_pieces_is_answered(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..40)) {
        check(&pieces.concat());
    }

    /// A good file with a piece put in or a stretch taken out.
    #[test]
    fn a_damaged_file_is_answered(at in 0usize..2000, length in 0usize..30, piece in prop::sample::select(PIECES)) {
        let manual = include_str!("../../../../docs/users/configure.md");
        let text = manual.split("```yaml\n").nth(2).unwrap().split("```").next().unwrap();
        let at = at % text.len();
        let end = (at + length).min(text.len());
        check(&format!("{}{piece}{}", &text[..at], &text[end..]));
    }
}
