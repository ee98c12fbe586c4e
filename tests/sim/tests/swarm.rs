//! The first 256 seeds of the swarm: nothing breaks, every run has exchanges enough, and every kind of fault and mishap
//! has happened often enough to mean something.

use std::{
    env,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};
use tollgate_sim::swarm::{Kind, Tally, Trim, attempt, explain, shrink};

const SEEDS: u64 = 256;
const EXCHANGES_MIN: u64 = 200;
const HAPPENED_MIN: u64 = 100;

#[test]
fn the_model_holds_in_256_mixes() {
    let (next, sum) = (AtomicU64::new(0), Mutex::new(Tally::default()));
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= SEEDS {
                return;
            }
            match attempt(seed, &Trim::default(), false) {
                Ok(tally) => {
                    assert!(tally.exchanges >= EXCHANGES_MIN, "seed {seed}: {} exchanges", tally.exchanges);
                    sum.lock().expect("no panic under it").add(&tally);
                }
                Err(breach) => panic!("{}", explain(&breach, &shrink(breach.clone()))),
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, Into::into) {
            scope.spawn(work);
        }
    });
    let sum = sum.into_inner().expect("no panic under it");
    if env::var_os("TOLLGATE_SWARM_FIGURES").is_some() {
        eprintln!(
            "{} exchanges, {} answered, {} copies, {} turned away",
            sum.exchanges, sum.answered, sum.copied, sum.turned_away
        );
        Kind::all().for_each(|kind| eprintln!("{:>8} {}", sum.happened(kind), kind.name()));
    }
    let rare: Vec<_> = Kind::all().filter(|&kind| sum.happened(kind) < HAPPENED_MIN).map(Kind::name).collect();
    assert!(rare.is_empty(), "too rare to mean something: {rare:?}");
    assert!(sum.copied >= HAPPENED_MIN, "{} copies given", sum.copied);
    assert!(sum.turned_away >= HAPPENED_MIN, "{} connections turned away", sum.turned_away);
}

#[test]
fn one_seed_is_one_run() {
    for seed in 0..8 {
        let [first, second] = [(); 2].map(|()| attempt(seed, &Trim::default(), false).expect("it holds"));
        assert_eq!(first, second, "seed {seed} ran differently");
    }
}
