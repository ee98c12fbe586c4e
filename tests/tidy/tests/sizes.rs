//! Sizes of crates, files and functions, held as a ratchet: the list of exceptions only shrinks.
//!
//! Tests do not count for files and crates (they may be long, they may not be clever), but for functions they do.

use std::collections::BTreeMap;
use tollgate_tidy::{Source, none, sources};

const CRATE_LINES_MAX: usize = 8_000;
const FILE_LINES_MAX: usize = 800;
const FILE_LINES_MEDIAN: usize = 200;
/// Tests at the end of a file; longer ones move to a sibling `tests.rs`.
const FILE_TEST_LINES_MAX: usize = 150;
const FUNCTION_LINES_MAX: usize = 70;
const FUNCTION_LINES_P90: usize = 30;

/// What is longer than its limit today: `path` or `path::function`, and its lines. Never add one, never raise one.
const EXCEPTIONS: &[(&str, usize)] = &[];

/// Holds `found` (what, lines) against `limit` and the exceptions; `what` of no exception may be longer.
fn hold(found: &[(String, usize)], limit: usize, remedy: &str) {
    let allowed = |what| EXCEPTIONS.iter().find(|(name, _)| *name == what).map_or(limit, |(_, lines)| *lines);
    let long = found.iter().filter(|(what, lines)| *lines > allowed(what.as_str()));
    none(long.map(|(what, lines)| format!("{what}: {lines} lines, {limit} allowed: {remedy}")));
}

fn functions(source: &Source) -> impl Iterator<Item = (String, usize)> {
    source.functions().into_iter().map(|function| (format!("{}::{}", source.path, function.name), function.lines))
}

fn percentile(mut values: Vec<usize>, percent: usize) -> usize {
    values.sort_unstable();
    values.get(values.len() * percent / 100).or(values.last()).copied().unwrap_or_default()
}

#[test]
fn files_are_short() {
    let sources = sources();
    let lines: Vec<_> = sources.iter().map(|source| (source.path.clone(), source.lines())).collect();
    hold(&lines, FILE_LINES_MAX, "split it by what it does");
    let median = percentile(lines.iter().map(|(_, lines)| *lines).filter(|lines| *lines > 0).collect(), 50);
    assert!(median <= FILE_LINES_MEDIAN, "half of the files have more than {median} lines, {FILE_LINES_MEDIAN} wanted");
}

#[test]
fn long_tests_have_a_file_of_their_own() {
    let sources = sources();
    let others = sources.iter().filter(|source| !source.is_test() && source.test_lines() > FILE_TEST_LINES_MAX);
    none(others.map(|source| {
        let lines = source.test_lines();
        format!("{}: {lines} lines of tests, {FILE_TEST_LINES_MAX} allowed: move them to `tests.rs`", source.path)
    }));
}

#[test]
fn functions_are_short() {
    let found: Vec<_> = sources().iter().flat_map(functions).collect();
    hold(&found, FUNCTION_LINES_MAX, "name its parts and call them");
    let p90 = percentile(found.iter().map(|(_, lines)| *lines).collect(), 90);
    assert!(p90 <= FUNCTION_LINES_P90, "a tenth of the functions has {p90} lines or more, {FUNCTION_LINES_P90} wanted");
}

#[test]
fn crates_are_small() {
    let mut crates: BTreeMap<String, usize> = BTreeMap::new();
    for source in sources() {
        let name = source.path.split("/src/").next().unwrap_or_default().to_owned();
        *crates.entry(name).or_default() += source.lines();
    }
    hold(&crates.into_iter().collect::<Vec<_>>(), CRATE_LINES_MAX, "a module with its own noun becomes a crate");
}

#[test]
fn exceptions_are_still_needed() {
    let sources = sources();
    for (what, allowed) in EXCEPTIONS {
        let file = sources.iter().find(|source| source.path == *what).map(Source::lines);
        let lines = file.or_else(|| sources.iter().flat_map(functions).find(|(name, _)| name == what).map(|(_, n)| n));
        assert_eq!(lines, Some(*allowed), "{what} has changed: lower its exception or take it off the list");
    }
}
