//! What every Rust source owes: a header, no unsafe outside the ring, nothing left lying about.
//!
//! Looks at code with comments and literals blanked out, so that words in them do not count.

use tollgate_tidy::{Source, files, none, read, sources};

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
    none(sources().iter().filter_map(|source| {
        let lines = source.header_lines();
        let short = source.is_test() || source.path.ends_with("/main.rs") || source.lines() < SHORT_FILE_LINES;
        let least = if short { 1 } else { HEADER_LINES_MIN };
        (!(least..=HEADER_LINES_MAX).contains(&lines)).then(|| {
            format!(
                "{}: {lines} lines of `//!`, {least} to {HEADER_LINES_MAX} wanted: what it is, its place in the flow, the \
                 bound it keeps, what it does not do",
                source.path
            )
        })
    }));
}

#[test]
fn only_the_ring_is_unsafe() {
    let others = sources().into_iter().filter(|source| !source.path.starts_with(UNSAFE_ALLOWED));
    let unsafe_ones = others.filter(|source| words(source).any(|word| word == "unsafe" || word == "unsafe_code"));
    none(unsafe_ones.map(|source| format!("{}: unsafe belongs into {UNSAFE_ALLOWED} alone", source.path)));
}

#[test]
fn every_unsafe_block_says_why_it_is_sound() {
    for source in sources().iter().filter(|source| source.path.starts_with(UNSAFE_ALLOWED)) {
        let lines: Vec<_> = source.text.lines().collect();
        none(source.code.lines().enumerate().filter_map(|(at, code)| {
            let opens = ["unsafe {", "unsafe impl "].iter().any(|form| code.contains(form));
            // The comment may stand above the statement the block is part of.
            let said = lines[at.saturating_sub(5)..=at].iter().any(|line| line.contains("SAFETY:"));
            (opens && !said).then(|| format!("{}: no SAFETY comment for `{}`", source.path, code.trim()))
        }));
    }
}

#[test]
fn nothing_is_left_lying_about() {
    // In pieces, so that this file may be looked at too.
    let words = [concat!("FIX", "ME"), concat!("XX", "X:")];
    for source in sources() {
        let forms = FORBIDDEN_CODE.iter().filter(|(form, _)| source.code.contains(form));
        none(forms.map(|(form, instead)| format!("{}: `{form}`: {instead}", source.path)));
        let left = words.iter().filter(|word| source.text.contains(**word));
        none(left.map(|word| format!("{}: {word}: an issue for what is not done", source.path)));
    }
}

#[test]
fn files_are_named_after_what_they_are() {
    none(sources().iter().filter_map(|source| {
        let mut parts = source.path.trim_end_matches(".rs").split('/');
        let magnet = parts.find(|part| MAGNETS.contains(part) || MAGNETS.contains(&part.trim_end_matches('s')))?;
        Some(format!("{}: `{magnet}` says nothing about what is in it", source.path))
    }));
}

#[test]
fn no_file_names_somebodys_home() {
    let homes = [concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("/Us", "ers/")];
    let text = [".rs", ".md", ".toml", ".sh", ".yaml", ".json", ".ci/run"];
    none(files().iter().filter(|path| text.iter().any(|end| path.ends_with(end))).filter_map(|path| {
        let content = read(path);
        let home = homes.iter().find(|home| content.contains(**home))?;
        Some(format!("{path}: `{home}` exists on one machine only"))
    }));
}

fn words(source: &Source) -> impl Iterator<Item = &str> {
    source.code.split(|c: char| !c.is_alphanumeric() && c != '_')
}
