//! What was acknowledged outlives the process and the power, and nothing is seen by half.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use std::{
    env, fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    thread,
};
use tollgate_domain::Name;
use tollgate_store::{Draft, Error, Expect, Query, SealKey, Sealer, Space, Sqlite, Store, Transactions};

const CHILD: &str = "TOLLGATE_TEST_STORE";
/// How often a writer is killed. A longer run: `TOLLGATE_TEST_KILLS=1000`.
const KILLS: &str = "TOLLGATE_TEST_KILLS";

fn sealer() -> Sealer {
    Sealer::new(SealKey::read(&"5a".repeat(32)).unwrap(), vec![])
}

fn open(path: &Path) -> Arc<dyn Store> {
    Arc::new(Sqlite::open(path, sealer()).unwrap())
}

fn acme() -> Name {
    "acme".parse().unwrap()
}

/// A transaction as a publication is one: several rows that belong together.
fn publish(store: &Arc<dyn Store>, number: u64) {
    let (acme, body) = (acme(), format!("{number}{}", " ".repeat(number as usize * 37 % 6000)));
    let past = format!("past-{number:08}");
    let row = |key, body| Draft { kind: "part", key, parent: None, target: None, state: None, body };
    store
        .write(|rows| {
            for key in ["api", "revision", "publication"] {
                rows.put(Space::Tenant(&acme), &row(key, &body), Expect::Any)?;
            }
            rows.put(Space::Tenant(&acme), &row(&past, "{}"), Expect::Absent)
        })
        .unwrap();
}

/// The last publication that is there; panics if one is there by half, or one before it is missing.
fn published(store: &Arc<dyn Store>) -> u64 {
    let acme = acme();
    let parts = store.read(|rows| {
        let part =
            |key| Ok::<_, Error>(rows.get(Space::Tenant(&acme), "part", key)?.map(|row| row.body.trim().to_owned()));
        let query = Query { prefix: "past-", ..Query::of("part", Space::Tenant(&acme)) };
        Ok::<_, Error>(([part("api")?, part("revision")?, part("publication")?], rows.count(&query)?))
    });
    let (parts, count) = parts.unwrap();
    let number = parts[0].as_ref().map_or(0, |number| number.parse().unwrap());
    assert!(parts.iter().all(|part| *part == parts[0]), "half-published: {parts:?}");
    assert_eq!(count, number);
    number
}

/// Not a test of its own: the process that is killed below. Says what was acknowledged.
#[test]
fn child_publishes_until_it_is_killed() {
    let Ok(path) = env::var(CHILD) else { return };
    let store = open(Path::new(&path));
    let mut out = std::io::stdout().lock();
    for number in published(&store) + 1.. {
        publish(&store, number);
        writeln!(out, "\nsafe {number}").unwrap();
        out.flush().unwrap();
    }
}

/// Runs the child on `path`, kills it after `lines` acknowledgements; gives the last one.
fn killed_after(path: &Path, lines: usize) -> u64 {
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["child_publishes_until_it_is_killed", "--exact", "--nocapture", "--test-threads=1"])
        .env(CHILD, path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut safe = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok)
        .filter_map(|line| line.strip_prefix("safe ").and_then(|number| number.parse::<u64>().ok()));
    let mut last = 0;
    for _ in 0..lines {
        last = safe.next().unwrap();
    }
    // Somewhere in the transactions after it.
    (0..lines * lines * 31 % 97).for_each(|_| thread::yield_now());
    child.kill().unwrap();
    // What it had told before the kill came.
    last = safe.last().unwrap_or(last);
    child.wait().unwrap();
    last
}

#[test]
fn a_kill_loses_nothing_that_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tollgate.db");
    let kills = env::var(KILLS).map_or(200, |kills| kills.parse().unwrap());
    for run in 0..kills {
        let safe = killed_after(&path, run * 7 % 13 + 1);
        let found = published(&open(&path));
        // One more may have been committed and not been told.
        assert!(found == safe || found == safe + 1, "run {run}: {safe} acknowledged, {found} there");
    }
}

const WAL_HEAD_BYTES: usize = 32;
const FRAME_HEAD_BYTES: usize = 24;

/// Where each transaction of a WAL ends: after a frame that has the size of the database in its head
/// (https://www.sqlite.org/fileformat2.html#the_write_ahead_log).
fn commits(wal: &[u8]) -> Vec<usize> {
    let word = |at: usize| u32::from_be_bytes(wal[at..at + 4].try_into().unwrap());
    let (salt, frame_bytes) = ([word(16), word(20)], FRAME_HEAD_BYTES + word(8) as usize);
    let frames =
        (0..).map(|number| WAL_HEAD_BYTES + number * frame_bytes).take_while(|at| at + frame_bytes <= wal.len());
    let current = frames.take_while(|at| [word(at + 8), word(at + 12)] == salt);
    current.filter(|at| word(at + 4) != 0).map(|at| at + frame_bytes).collect()
}

fn wal_of(path: &Path) -> PathBuf {
    path.with_file_name("tollgate.db-wal")
}

/// The power goes: of the WAL only a beginning is on the disk. Every transaction in it is there, the rest is not.
#[test]
fn a_power_loss_leaves_whole_transactions() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tollgate.db");
    let store = open(&path);
    let base = commits(&fs::read(wal_of(&path)).unwrap()).len();
    for number in 1..=12 {
        publish(&store, number);
    }
    let (database, wal) = (fs::read(&path).unwrap(), fs::read(wal_of(&path)).unwrap());
    let ends = commits(&wal);
    assert_eq!(ends.len(), base + 12, "each transaction is in the WAL, as none was checkpointed");
    let lost = folder.path().join("lost/tollgate.db");
    fs::create_dir(lost.parent().unwrap()).unwrap();
    let restart = |wal: &[u8]| {
        fs::write(&lost, &database).unwrap();
        fs::write(wal_of(&lost), wal).unwrap();
        drop(fs::remove_file(lost.with_file_name("tollgate.db-shm")));
        let store = open(&lost);
        let found = published(&store);
        // And it goes on from there.
        publish(&store, found + 1);
        assert_eq!(published(&store), found + 1);
        found
    };
    let first = ends[base - 1];
    let around = ends.iter().flat_map(|end| [end - 1, *end, end + 1]);
    for cut in around.chain((first..wal.len()).step_by(1777)).filter(|cut| (first..=wal.len()).contains(cut)) {
        let whole = ends.iter().filter(|end| **end <= cut).count() - base;
        assert_eq!(restart(&wal[..cut]), whole as u64, "cut at {cut} of {}", wal.len());
        // Blocks that were not written may be zero as well.
        let mut zeroed = wal.clone();
        zeroed[cut..].fill(0);
        assert_eq!(restart(&zeroed), whole as u64, "zero from {cut} of {}", wal.len());
    }
}

#[test]
fn what_is_acknowledged_is_synced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tollgate.db");
    let store = open(&path);
    publish(&store, 1);
    // The file alone, as it is on the disk when the process is gone: in the WAL, not in a page cache of SQLite.
    let wal = fs::read(wal_of(&path)).unwrap();
    assert!(!commits(&wal).is_empty());
    drop(store);
    assert_eq!(published(&open(&path)), 1);
}

#[test]
fn another_key_or_a_newer_schema_is_told_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tollgate.db");
    drop(open(&path));
    let other = Sealer::new(SealKey::read(&"6b".repeat(32)).unwrap(), vec![]);
    assert!(matches!(Sqlite::open(&path, other).map(drop), Err(Error::Sealed { .. })));
    let both = Sealer::new(SealKey::read(&"6b".repeat(32)).unwrap(), vec![SealKey::read(&"5a".repeat(32)).unwrap()]);
    drop(Sqlite::open(&path, both).unwrap());
    let database = rusqlite::Connection::open(&path).unwrap();
    let insert = "INSERT INTO refinery_schema_history VALUES (99, 'later', '2030-01-01T00:00:00Z', '1')";
    database.execute(insert, []).unwrap();
    drop(database);
    let refused = Sqlite::open(&path, sealer()).map(drop);
    assert!(matches!(&refused, Err(Error::Newer { what }) if what.contains("later")), "{refused:?}");
}

#[test]
fn audit_cannot_be_changed_by_sql_either() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tollgate.db");
    drop(open(&path));
    let database = rusqlite::Connection::open(&path).unwrap();
    database.execute("INSERT INTO audit VALUES (1, 'a', '', 'k', 'k', '{}')", []).unwrap();
    for sql in ["UPDATE audit SET body = ''", "DELETE FROM audit"] {
        assert!(database.execute(sql, []).unwrap_err().to_string().contains("append-only"), "{sql}");
    }
}

#[test]
fn the_files_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data/tollgate.db");
    let store = open(&path);
    publish(&store, 1);
    store.backup(&folder.path().join("data/backup")).unwrap();
    let mut count = 0;
    for entry in fs::read_dir(path.parent().unwrap()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o077, 0, "{:?}", entry.file_name());
        count += 1;
    }
    assert_eq!(count, 4);
}
