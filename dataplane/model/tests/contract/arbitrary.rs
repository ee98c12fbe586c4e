//! No text makes the reader panic, and what it says about a text points into it.

use proptest::prelude::*;

use tollgate_model::{ConfigErrors, Configuration, PatchError};

use crate::source::{WORLD, file};

/// Pieces of configurations, so that the text gets past the first key more often than by chance.
const PIECES: &[&str] = &[
    "version: 1\n",
    "base: 1\n",
    "changed: ",
    "removed: ",
    "include: ",
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

/// A good text is written and read again as what it is; a wrong one is told where.
fn check(text: &str) {
    match Configuration::parse("gateway.yaml", text, &WORLD) {
        Ok(good) => check_good(&good),
        Err(errors) => check_errors(text, &errors),
    }
    match PATCHED.with(|base| base.patch("a patch", text, &WORLD)) {
        Ok(good) => check_good(&good),
        Err(PatchError::Conflict(_)) => {}
        Err(PatchError::Invalid(errors)) => check_errors(text, &errors),
    }
}

thread_local! {
    /// What each text is also tried as a patch of.
    static PATCHED: Configuration = Configuration::parse(
        "gateway.yaml",
        &file("upstreams: [ { name: a, endpoints: [ { address: 127.0.0.1:1 } ] } ]\nroutes: [ { name: a, match: { path: /a }, upstream: a } ]\n"),
        &WORLD,
    )
    .unwrap_or_else(|errors| panic!("{errors}"));
}

fn check_good(good: &Configuration) {
    let text = good.to_text();
    let again = Configuration::parse("again", &text, &WORLD).unwrap_or_else(|errors| panic!("{errors}\n\n{text}"));
    assert_eq!((again.snapshot().digest, again.to_text()), (good.snapshot().digest, text));
    let base = good.snapshot().generation;
    let all = format!("base: {base}\nchanged: {{ timeouts: {{ idle: 12345ms }} }}");
    good.patch("all routes are read again", &all, &WORLD).unwrap_or_else(|error| panic!("{error}"));
}

fn check_errors(text: &str, errors: &ConfigErrors) {
    let shown = errors.to_string();
    assert!(!shown.contains("hunter2"), "{shown}");
    for error in errors {
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

    /// The same with a patch.
    #[test]
    fn a_damaged_patch_is_answered(at in 0usize..2000, length in 0usize..30, piece in prop::sample::select(PIECES)) {
        let text = "base: 1\nchanged:\n  upstreams: [ { name: b, endpoints: [ { address: two.test:80, weight: 2 } ] } ]\n  routes:\n\
            \x20   - { name: b, match: { path: \"/b/{x}\", hosts: [a.test] }, upstreams: [ { name: b }, { name: a } ], rewrite: { path: \"/{x}\" } }\n\
            \x20 timeouts: { idle: 1s }\nremoved: { routes: [a], settings: [limits] }\n";
        let at = at % text.len();
        let end = (at + length).min(text.len());
        check(&format!("{}{piece}{}", &text[..at], &text[end..]));
    }
}
