//! Documents: links point at something, the README fits one screen and promises two commands.
//!
//! Documents name symbols and files, never line numbers, which are wrong after the next change.

use std::collections::BTreeSet;
use tollgate_tidy::{documents, files, none, read, root};

const README_LINES_MAX: usize = 60;
const README_COMMANDS: [&str; 2] = ["cargo run --release -- demo", "cargo test --workspace"];

/// The targets of `[text](target)` outside code.
fn links(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in prose(text) {
        let spans = line.split('`').step_by(2).collect::<Vec<_>>().join("`");
        let targets = spans.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        found.extend(targets.map(str::to_owned));
    }
    found
}

/// Lines outside fenced blocks.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut fenced = false;
    text.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fenced && !fence
    })
}

/// Lines inside fenced blocks marked `sh`: the commands a reader is asked to type.
fn commands(text: &str) -> Vec<&str> {
    let mut language = None;
    let mut found = Vec::new();
    for line in text.lines().map(str::trim) {
        match (line.strip_prefix("```"), language) {
            (Some(_), Some(_)) => language = None,
            (Some(opened), None) => language = Some(opened),
            (None, Some("sh")) if !line.is_empty() => found.push(line),
            _ => {}
        }
    }
    found
}

/// The anchor GitHub gives a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.trim_start_matches('#').trim().chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

/// `target` as seen from the document `from`, relative to the root.
fn resolve(from: &str, target: &str) -> String {
    let mut parts: Vec<_> = from.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            ".." => drop(parts.pop()),
            "." | "" => {}
            _ => parts.push(part),
        }
    }
    parts.join("/")
}

fn is_local(link: &str) -> bool {
    !link.contains("://") && !link.starts_with("mailto:")
}

/// What is wrong with a link of the document `path`, if something is.
fn broken(path: &str, link: &str) -> Option<String> {
    let (file, fragment) = link.split_once('#').unwrap_or((link, ""));
    let target = if file.is_empty() { path.to_owned() } else { resolve(path, file) };
    if !root().join(&target).exists() {
        return Some(format!("{path}: `{link}` points at nothing"));
    }
    let found = fragment.is_empty() || read(&target).lines().any(|line| anchor(line) == fragment);
    (!found).then(|| format!("{path}: `{link}` points at no heading"))
}

#[test]
fn links_point_at_something() {
    for (path, text) in documents() {
        none(links(&text).iter().filter(|link| is_local(link)).filter_map(|link| broken(&path, link)));
    }
}

#[test]
fn every_document_can_be_reached_from_the_readme() {
    let mut reached = BTreeSet::new();
    let mut open = vec!["README.md".to_owned()];
    while let Some(path) = open.pop() {
        if path.ends_with(".md") && reached.insert(path.clone()) {
            let targets = links(&read(&path)).into_iter().filter(|link| is_local(link));
            open.extend(targets.map(|link| resolve(&path, link.split('#').next().unwrap_or_default())));
            open.retain(|path| root().join(path).is_file());
        }
    }
    let lost: Vec<_> = files().into_iter().filter(|path| path.ends_with(".md") && !reached.contains(path)).collect();
    assert!(lost.is_empty(), "no link leads to {lost:?}: add one to docs/README.md");
}

#[test]
fn no_document_names_a_line() {
    for (path, text) in documents() {
        for form in [".rs:", "#L", ".toml:"] {
            let named = text.split(form).skip(1).any(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
            assert!(!named, "{path}: names a line (`{form}`): name the symbol");
        }
    }
}

#[test]
fn the_readme_is_one_screen_and_two_commands() {
    let text = read("README.md");
    let lines = text.lines().count();
    assert!(lines <= README_LINES_MAX, "README.md has {lines} lines, {README_LINES_MAX} fit a screen");
    assert_eq!(commands(&text), README_COMMANDS, "README.md promises exactly these commands");
}

#[test]
fn the_ci_script_runs_the_second_command() {
    let run = read(".ci/run");
    assert!(run.contains(README_COMMANDS[1]), ".ci/run runs what the README promises");
}

#[test]
fn links_are_found_in_prose_only() {
    let text = "see [a](b.md#c) and `[no](x)`\n```\n[no](y)\n```\n[d](e)";
    assert_eq!(links(text), ["b.md#c", "e"]);
    assert_eq!(resolve("docs/users/a.md", "../../README.md"), "README.md");
    assert_eq!(commands("```sh\na\n```\n```text\nb\n```"), ["a"]);
}
