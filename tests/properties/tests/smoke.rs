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

/// One test for each target, and the list of those that have one.
macro_rules! smoke_runs {
    ($($target:ident: $mutations:expr,)*) => {
        $(
            #[test]
            fn $target() {
                smoke(stringify!($target), $mutations);
            }
        )*

        const RUN: &[&str] = &[$(stringify!($target)),*];
    };
}

smoke_runs! {
    request_head: MUTATIONS,
    response_head: MUTATIONS,
    chunked_body: MUTATIONS,
    codec: MUTATIONS,
    uri: MUTATIONS,
    routes: MUTATIONS / 4,
    config_text: MUTATIONS / 4,
}

/// The names of what is in a folder of the fuzz crate, without `.rs`, in their order.
fn listed(folder: &str) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz").join(folder);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let names = entries.map(|entry| entry.expect("a folder that was opened can be listed").file_name());
    let mut names: Vec<_> = names.map(|name| name.to_string_lossy().trim_end_matches(".rs").to_owned()).collect();
    names.sort();
    names
}

/// A target without a smoke run, a corpus or a program of the fuzzer, or one of these without a target, would never be run.
#[test]
fn every_target_is_run_here_and_by_the_fuzzer_on_a_corpus() {
    let mut targets: Vec<_> = TARGETS.iter().map(|(name, _)| *name).collect();
    targets.sort_unstable();
    let mut run = RUN.to_vec();
    run.sort_unstable();
    assert_eq!(run, targets);
    assert_eq!(listed("corpus"), targets);
    assert_eq!(listed("fuzz_targets"), targets);
}
