//! Every fuzz target on its committed corpus and on mutations of it, on the stable compiler.

use std::{fs, path::Path};
use tollgate_properties::{TARGETS, mutated};

/// Mutations of each target's corpus, whatever its size.
const MUTATIONS: usize = 4_000;

/// The seeds of a target, in the order of their names.
fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<_> =
        entries.map(|entry| entry.expect("a folder that was opened can be listed").path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).expect("a seed is a file")).collect()
}

/// Runs a target on its corpus and on `mutations` of it.
fn smoke(name: &str, mutations: usize) {
    let (_, target) = TARGETS.iter().find(|(known, _)| *known == name).expect("a target of that name");
    let seeds = corpus(name);
    assert!(seeds.len() >= 10, "{name} has {} seeds", seeds.len());
    seeds.iter().for_each(|seed| target(seed));
    for number in 0..mutations {
        let (seed, other) = (&seeds[number % seeds.len()], &seeds[(number * 7 + 3) % seeds.len()]);
        target(&mutated(seed, other, number as u64));
    }
}

#[test]
fn request_head() {
    smoke("request_head", MUTATIONS);
}

#[test]
fn response_head() {
    smoke("response_head", MUTATIONS);
}

#[test]
fn chunked_body() {
    smoke("chunked_body", MUTATIONS);
}

#[test]
fn codec() {
    smoke("codec", MUTATIONS);
}

#[test]
fn uri() {
    smoke("uri", MUTATIONS);
}

#[test]
fn routes() {
    smoke("routes", MUTATIONS / 4);
}

#[test]
fn config_text() {
    smoke("config_text", MUTATIONS / 4);
}

/// A target without a smoke run, or a corpus without a target, would never be run.
#[test]
fn every_target_has_a_corpus_and_every_corpus_a_target() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
    let mut corpora: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    let mut targets: Vec<_> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    corpora.sort();
    targets.sort();
    assert_eq!(corpora, targets);
}
