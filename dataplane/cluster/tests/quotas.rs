//! Quotas outlive their node: a clean end loses nothing, a kill what was counted since the last round.

use std::{
    env, fs,
    io::{BufRead, BufReader, Write},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Stdio},
    sync::{Arc, atomic::Ordering},
    thread,
    time::Duration,
};
use tollgate_cluster::{QuotaStore, SECRET_BYTES, Secret};
use tollgate_limit::{Quotas, Usage, Window};

const LIMIT: u64 = 1_000_000_000;
const NEVER: Duration = Duration::from_secs(3600);
/// A window that is not over while the tests run.
const WINDOW: Window = Window { start_s: 0, end_s: 3_700_000_000 };
const RULE: &str = "routes/orders/quota/daily";

/// The secret of the file, or a first one.
fn secret(found: Option<[u8; SECRET_BYTES]>) -> Secret {
    Secret { bytes: found.unwrap_or([3; SECRET_BYTES]), probe: 77 }
}

fn open(path: &Path, every: Duration) -> QuotaStore {
    QuotaStore::open(path, every, secret).expect("the file of a test")
}

fn adopted(store: &QuotaStore, identity: &str) -> Arc<Quotas> {
    let quotas = Arc::new(Quotas::new(1000));
    store.adopt(identity, &quotas);
    quotas
}

fn take(quotas: &Quotas, key: u64, units: u64) {
    assert!(quotas.take(LIMIT, key, units, &WINDOW, 1).admitted);
}

fn used(quotas: &Quotas, key: u64) -> Option<i64> {
    quotas.show(key).map(|usage: Usage| usage.used)
}

/// Waits until the thread has written `rounds` more.
fn rounds(store: &QuotaStore, rounds: u64) {
    let done = store.figures().writes.load(Ordering::Relaxed) + rounds;
    while store.figures().writes.load(Ordering::Relaxed) < done {
        thread::yield_now();
    }
}

#[test]
fn a_clean_end_loses_nothing_and_nobody_else_reads_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("quotas");
    for run in 0..3 {
        let store = QuotaStore::open(&path, NEVER, |found| {
            assert_eq!(found.is_some(), run > 0);
            secret(found)
        });
        let store = store.unwrap();
        let quotas = adopted(&store, RULE);
        assert_eq!(used(&quotas, 1), (run > 0).then_some(10 * run));
        take(&quotas, 1, 10);
        quotas.grant(2, 5, &WINDOW, 1);
        quotas.block(3, &WINDOW, 1);
        assert_eq!(used(&quotas, 2), Some(-5 * (run + 1)));
        assert!(quotas.show(3).unwrap().is_blocked());
    }
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_rule_that_goes_and_comes_back_finds_its_counts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("quotas");
    {
        let store = open(&path, Duration::from_millis(1));
        take(&adopted(&store, RULE), 1, 7);
        rounds(&store, 3);
        let again = adopted(&store, RULE);
        assert_eq!((used(&again, 1), used(&adopted(&store, "another"), 1)), (Some(7), None));
        take(&again, 1, 1);
        // A state that takes the place of another before that is gone.
        assert_eq!(used(&adopted(&store, RULE), 1), Some(8));
    }
    // Not asked for in a whole run.
    drop(open(&path, NEVER));
    assert_eq!(used(&adopted(&open(&path, NEVER), RULE), 1), Some(8));
}

#[test]
fn counts_for_keys_that_are_hashed_in_another_way_mean_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("quotas");
    let another_secret = |_| Secret { bytes: [4; SECRET_BYTES], probe: 77 };
    let another_hash = |_| Secret { bytes: [4; SECRET_BYTES], probe: 78 };
    take(&adopted(&open(&path, NEVER), RULE), 1, 7);
    assert_eq!(used(&adopted(&open(&path, NEVER), RULE), 1), Some(7));
    let store = QuotaStore::open(&path, NEVER, another_secret).unwrap();
    let quotas = adopted(&store, RULE);
    assert_eq!(used(&quotas, 1), None);
    take(&quotas, 1, 7);
    drop((store, quotas));
    let store = QuotaStore::open(&path, NEVER, another_hash).unwrap();
    assert_eq!(used(&adopted(&store, RULE), 1), None);
}

#[test]
fn one_node_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("quotas");
    let store = open(&path, NEVER);
    let error = QuotaStore::open(&path, NEVER, secret).unwrap_err().to_string();
    assert!(error.contains("another node") && error.contains("quota_store.path"), "{error}");
    drop(store);
    drop(open(&path, NEVER));
}

#[test]
fn what_is_no_file_of_quotas_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("quotas");
    for text in ["version: 1\n", "TGQUOTA\u{2}"] {
        fs::write(&path, text).unwrap();
        QuotaStore::open(&path, NEVER, secret).unwrap_err();
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
    fs::write(&path, "TGQUOTA\u{1}short").unwrap();
    drop(open(&path, NEVER));
    assert_eq!(fs::read(folder.path().join("quotas.damaged")).unwrap(), b"TGQUOTA\x01short");
    QuotaStore::open(&folder.path().join("no/such"), NEVER, secret).unwrap_err();
}

/// Cut and changed at every byte: what a file says is never more than was written, and the node starts.
#[test]
fn a_file_that_is_damaged_anywhere_is_read_up_to_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("quotas");
    {
        let store = open(&path, Duration::from_millis(1));
        let quotas = adopted(&store, RULE);
        for key in 1..4 {
            take(&quotas, key, 10 + key);
            rounds(&store, 2);
        }
    }
    let whole = fs::read(&path).unwrap();
    let check = |bytes: &[u8], at: usize| {
        fs::write(&path, bytes).unwrap();
        let store = open(&path, NEVER);
        let quotas = adopted(&store, RULE);
        let found: Vec<i64> = (1..4).map_while(|key| used(&quotas, key)).collect();
        assert!([11, 12, 13].starts_with(&found), "byte {at}: {found:?}");
        quotas.all().count()
    };
    for at in 0..whole.len() {
        check(&whole[..at], at);
        let mut changed = whole.clone();
        changed[at] ^= 0x10;
        if at != 7 && !(..7).contains(&at) {
            assert!(check(&changed, at) < 3, "byte {at} was not noticed");
        }
    }
    assert_eq!(check(&whole, whole.len()), 3);
}

#[test]
fn a_file_that_has_grown_is_written_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("quotas");
    let store = open(&path, Duration::from_millis(1));
    let quotas = Arc::new(Quotas::new(20_000));
    store.adopt(RULE, &quotas);
    let (mut bytes, mut turns) = (0, 0);
    while bytes <= store.figures().bytes.load(Ordering::Relaxed) {
        bytes = store.figures().bytes.load(Ordering::Relaxed);
        (1..=20_000_u64).for_each(|key| take(&quotas, key.wrapping_mul(0x9e37_79b9_7f4a_7c15), 1));
        turns += 1;
        rounds(&store, 2);
    }
    drop((store, quotas));
    assert!(turns > 2 && fs::metadata(&path).unwrap().len() < 1 << 20);
    let quotas = Arc::new(Quotas::new(20_000));
    open(&path, NEVER).adopt(RULE, &quotas);
    assert_eq!(quotas.all().map(|(_, usage)| usage.used).collect::<std::collections::BTreeSet<_>>(), [turns].into());
}

const CHILD: &str = "TOLLGATE_TEST_QUOTAS";

/// Not a test of its own: the process that is killed below. Says what it has taken and what of it must be safe.
#[test]
fn child_counts_until_it_is_killed() {
    let Ok(path) = env::var(CHILD) else { return };
    let store = open(Path::new(&path), Duration::from_millis(2));
    let quotas = adopted(&store, RULE);
    let writes = || store.figures().writes.load(Ordering::Relaxed);
    let (mut taken, mut seen) = (used(&quotas, 1).unwrap_or(0), [(writes(), 0); 2]);
    println!("\nstart {taken}");
    loop {
        take(&quotas, 1, 1);
        taken += 1;
        let now = writes();
        // What was taken before a round that began before another ended is in the second after it.
        if now >= seen[1].0 + 2 {
            println!("safe {}", seen[1].1);
            seen = [(now, taken), seen[0]];
            std::io::stdout().flush().unwrap();
        } else if now > seen[0].0 {
            seen = [(now, taken), seen[0]];
        }
        println!("taken {taken}");
    }
}

#[test]
fn a_kill_loses_what_was_counted_since_the_last_round() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("quotas");
    let mut least = 0;
    for run in 0..5 {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["child_counts_until_it_is_killed", "--exact", "--nocapture", "--test-threads=1"])
            .env(CHILD, &path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (mut started, mut safe, mut taken, mut safes) = (0, 0, 0, 0);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut note = |line: String, safes: &mut usize| {
            let Some((word, number)) = line.split_once(' ') else { return };
            let Ok(number) = number.parse::<i64>() else { return };
            match word {
                "start" => started = number,
                "safe" => (safe, *safes) = (safe.max(number), *safes + 1),
                "taken" => taken = number,
                _ => {}
            }
        };
        while safes < 10 + run {
            note(lines.next().unwrap().unwrap(), &mut safes);
        }
        child.kill().unwrap();
        lines.map_while(Result::ok).for_each(|line| note(line, &mut safes));
        child.wait().unwrap();
        assert!(started >= least, "run {run} began with {started}, {least} were safe");
        let store = open(&path, NEVER);
        let found = used(&adopted(&store, RULE), 1).unwrap();
        assert!(found >= safe && found <= taken + 1, "run {run}: {safe} <= {found} <= {taken}");
        least = found;
    }
    assert!(least > 0);
}

#[test]
fn a_file_that_is_handed_over_has_everything_and_what_comes_late_is_added() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("quotas");
    let old = open(&path, NEVER);
    let ours = adopted(&old, RULE);
    take(&ours, 1, 10);
    QuotaStore::open(&path, NEVER, secret).unwrap_err();
    old.hand_over();
    let new = open(&path, Duration::from_millis(1));
    new.follow_predecessor();
    let theirs = adopted(&new, RULE);
    assert_eq!(used(&theirs, 1), Some(10));
    // Both count for a while, and one gives something back.
    take(&ours, 1, 3);
    take(&ours, 2, 4);
    take(&theirs, 1, 100);
    drop((ours, old));
    while used(&theirs, 2).is_none() {
        thread::yield_now();
    }
    assert_eq!((used(&theirs, 1), used(&theirs, 2)), (Some(113), Some(4)));
    rounds(&new, 2);
    assert_eq!((used(&theirs, 1), used(&theirs, 2)), (Some(113), Some(4)), "once");
    drop((theirs, new));
    let last = open(&path, NEVER);
    let theirs = adopted(&last, RULE);
    assert_eq!((used(&theirs, 1), used(&theirs, 2)), (Some(113), Some(4)), "and it is kept");
}

#[test]
fn what_came_late_for_nobody_is_found_by_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("quotas");
    let old = open(&path, NEVER);
    let ours = adopted(&old, RULE);
    take(&ours, 1, 10);
    old.hand_over();
    drop(open(&path, NEVER));
    take(&ours, 1, 5);
    take(&ours, 9, 1);
    drop((ours, old));
    let next = open(&path, NEVER);
    let quotas = adopted(&next, RULE);
    assert_eq!((used(&quotas, 1), used(&quotas, 9)), (Some(15), Some(1)));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "the file and its lock");
}

#[test]
fn a_file_that_is_taken_back_goes_on_as_before() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("quotas");
    let store = open(&path, NEVER);
    let quotas = adopted(&store, RULE);
    take(&quotas, 1, 10);
    store.hand_over();
    // Another process has looked at it and has ended.
    drop(open(&path, NEVER));
    take(&quotas, 1, 1);
    store.take_back();
    QuotaStore::open(&path, NEVER, secret).unwrap_err();
    take(&quotas, 1, 1);
    drop((quotas, store));
    assert_eq!(used(&adopted(&open(&path, NEVER), RULE), 1), Some(12));
}
