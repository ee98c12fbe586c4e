//! What every Rust source owes: a header, no unsafe outside the ring, nothing left lying about.
//!
//! Looks at code with comments and literals blanked out, so that words in them do not count.

use tollgate_tidy::{Source, files, read, sources};

/// Lines of `//!` a file opens with. Tests, a binary's `main.rs` and files of less than a hundred lines may say it in one.
const HEADER_LINES_MIN: usize = 3;
const SHORT_FILE_LINES: usize = 100;
const HEADER_LINES_MAX: usize = 15;

/// The only crate that may relax `unsafe_code`.
const UNSAFE_ALLOWED: &str = "dataplane/ring/";

/// Code that is not to stay, and what to write instead.
const FORBIDDEN_CODE: &[(&str, &str)] = &[
    ("#[allow(", "#[expect(lint, reason = \"..\")] goes away when it is not needed any more"),
    ("#![allow(", "#![expect(lint, reason = \"..\")] goes away when it is not needed any more"),
    ("todo!(", "an issue for what is not done"),
    ("unimplemented!(", "an issue for what is not done"),
    ("dbg!(", "a test, or a field of the access log"),
];

/// Names that attract everything (docs/internals, GLOSSARY.md): a file is named after what it is.
const MAGNETS: [&str; 9] = ["common", "core", "context", "helpers", "manager", "misc", "prelude", "types", "util"];

#[test]
fn every_file_opens_with_what_it_is() {
    for source in sources() {
        let lines = source.header_lines();
        let short = source.is_test() || source.path.ends_with("/main.rs") || source.lines() < SHORT_FILE_LINES;
        let least = if short { 1 } else { HEADER_LINES_MIN };
        assert!(
            (least..=HEADER_LINES_MAX).contains(&lines),
            "{}: {lines} lines of `//!`, {least} to {HEADER_LINES_MAX} wanted: what it is, its place in the flow, the \
             bound it keeps, what it does not do",
            source.path
        );
    }
}

#[test]
fn only_the_ring_is_unsafe() {
    for source in sources().iter().filter(|source| !source.path.starts_with(UNSAFE_ALLOWED)) {
        let found = words(source).any(|word| word == "unsafe" || word == "unsafe_code");
        assert!(!found, "{}: unsafe belongs into {UNSAFE_ALLOWED} alone", source.path);
    }
}

#[test]
fn every_unsafe_block_says_why_it_is_sound() {
    for source in sources().iter().filter(|source| source.path.starts_with(UNSAFE_ALLOWED)) {
        let lines: Vec<_> = source.text.lines().collect();
        for (at, code) in source.code.lines().enumerate() {
            let opens = ["unsafe {", "unsafe impl "].iter().any(|form| code.contains(form));
            // The comment may stand above the statement the block is part of.
            let said = lines[at.saturating_sub(5)..=at].iter().any(|line| line.contains("SAFETY:"));
            assert!(!opens || said, "{}: no SAFETY comment for `{}`", source.path, code.trim());
        }
    }
}

#[test]
fn nothing_is_left_lying_about() {
    for source in sources() {
        for (form, instead) in FORBIDDEN_CODE {
            assert!(!source.code.contains(form), "{}: `{form}`: {instead}", source.path);
        }
        let left = [concat!("FIX", "ME"), concat!("XX", "X:")].into_iter().find(|word| source.text.contains(word));
        assert!(left.is_none(), "{}: {left:?}: an issue for what is not done", source.path);
    }
}

#[test]
fn files_are_named_after_what_they_are() {
    for source in sources() {
        let mut parts = source.path.trim_end_matches(".rs").split('/');
        let magnet = parts.find(|part| MAGNETS.contains(part) || MAGNETS.contains(&part.trim_end_matches('s')));
        assert!(magnet.is_none(), "{}: {magnet:?} says nothing about what is in it", source.path);
    }
}

#[test]
fn no_file_names_somebodys_home() {
    // In pieces, so that this file may be looked at too.
    let homes = [concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("/Us", "ers/")];
    let text = [".rs", ".md", ".toml", ".sh", ".yaml", ".json", ".ci/run"];
    for path in files().iter().filter(|path| text.iter().any(|end| path.ends_with(end))) {
        let found = homes.iter().find(|home| read(path).contains(**home));
        assert!(found.is_none(), "{path}: {found:?} exists on one machine only");
    }
}

fn words(source: &Source) -> impl Iterator<Item = &str> {
    source.code.split(|c: char| !c.is_alphanumeric() && c != '_')
}
