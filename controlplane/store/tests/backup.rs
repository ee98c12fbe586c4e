//! Backups and restores by another process than the one that has the store open: what `tollgate backup` and `restore` do.
//!
//! `Sqlite::backup_of` and `restore_at` open files themselves, as two processes would; the promises about a store's own
//! backups are in `conformance.rs`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use std::{
    fs,
    path::Path,
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};
use tollgate_domain::Name;
use tollgate_store::{Draft, Error, Expect, Query, SealKey, Sealer, Space, Sqlite, Store, Transactions};

fn sealer(byte: &str) -> Sealer {
    Sealer::new(SealKey::read(&byte.repeat(32)).unwrap(), vec![])
}

fn open(path: &Path) -> Arc<dyn Store> {
    Arc::new(Sqlite::open(path, sealer("5a")).unwrap())
}

/// One transaction: its number in two rows, and a row of its own.
fn write(store: &Arc<dyn Store>, number: u64) {
    let acme: Name = "acme".parse().unwrap();
    let (key, body) = (format!("past-{number:08}"), format!("{number}{}", " ".repeat(3000)));
    let row = |key, body| Draft { kind: "part", key, parent: None, target: None, state: None, body };
    store
        .write(|rows| {
            rows.put(Space::Tenant(&acme), &row("a", &body), Expect::Any)?;
            rows.put(Space::Tenant(&acme), &row(&key, "{}"), Expect::Absent)?;
            rows.put(Space::Tenant(&acme), &row("z", &body), Expect::Any)
        })
        .unwrap();
}

/// The last of the numbers, all of which are there.
fn written(store: &Arc<dyn Store>) -> u64 {
    let acme: Name = "acme".parse().unwrap();
    let found = store.read(|rows| {
        let part = |key| Ok::<_, Error>(rows.get(Space::Tenant(&acme), "part", key)?.map(|row| row.body));
        let query = Query { prefix: "past-", ..Query::of("part", Space::Tenant(&acme)) };
        Ok::<_, Error>((part("a")?, part("z")?, rows.count(&query)?))
    });
    let (first, last, count) = found.unwrap();
    assert_eq!(first, last, "a transaction by half");
    assert_eq!(first.map_or(0, |body| body.trim().parse().unwrap()), count, "one before it is missing");
    count
}

#[test]
fn a_backup_during_writes_has_a_prefix_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let store = open(&path("tollgate.db"));
    write(&store, 1);
    thread::scope(|scope| {
        // Dropped when this ends, by a panic too.
        let (_stop, stopped) = mpsc::channel::<()>();
        let store = &store;
        scope.spawn(move || {
            let goes_on = |_: &u64| matches!(stopped.try_recv(), Err(mpsc::TryRecvError::Empty));
            (2..).take_while(goes_on).for_each(|number| write(store, number));
        });
        for run in 0..6 {
            let before = written(store);
            Sqlite::backup_of(&path("tollgate.db"), &path("backup"), true).unwrap();
            let after = written(store);
            let restored = path(&format!("{run}.db"));
            Sqlite::restore_at(&restored, &path("backup"), &sealer("5a")).unwrap();
            let found = written(&open(&restored));
            assert!((before..=after).contains(&found), "{before} to {after} acknowledged, {found} there");
        }
    });
    assert!(!path("backup.partial").exists());
}

#[test]
fn a_backup_replaces_a_file_only_if_it_is_to() {
    let folder = tempfile::tempdir().unwrap();
    let [store, to] = ["tollgate.db", "backup"].map(|name| folder.path().join(name));
    assert!(matches!(Sqlite::backup_of(&store, &to, false), Err(Error::File { path, .. }) if path == store));
    write(&open(&store), 1);
    fs::write(&to, "precious").unwrap();
    assert!(matches!(Sqlite::backup_of(&store, &to, false), Err(Error::File { path, .. }) if path == to));
    assert_eq!(fs::read(&to).unwrap(), b"precious");
    Sqlite::backup_of(&store, &to, true).unwrap();
    assert_eq!(written(&open(&to)), 1);
}

#[test]
fn what_is_refused_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let store = open(&path("tollgate.db"));
    (1..=20).for_each(|number| write(&store, number));
    Sqlite::backup_of(&path("tollgate.db"), &path("backup"), false).unwrap();
    write(&store, 21);
    let whole = fs::read(path("backup")).unwrap();
    // A page in the middle that is another one, a file that is cut short, and none at all.
    let mut damaged = whole.clone();
    let middle = whole.len() / 2 / 4096 * 4096;
    damaged[middle..middle + 4096].fill(0xa5);
    fs::write(path("damaged"), damaged).unwrap();
    fs::write(path("torn"), &whole[..whole.len() / 2]).unwrap();
    for place in ["tollgate.db", "new.db"] {
        let restore = |from: &str, byte| Sqlite::restore_at(&path(place), &path(from), &sealer(byte));
        for from in ["damaged", "torn", "none"] {
            let refused = restore(from, "5a");
            assert!(matches!(refused, Err(Error::NoBackup { .. })), "{from}: {refused:?}");
        }
        assert!(matches!(restore("backup", "6b"), Err(Error::Sealed { .. })));
    }
    let newer = rusqlite::Connection::open(path("backup")).unwrap();
    let insert = "INSERT INTO refinery_schema_history VALUES (99, 'later', '2030-01-01T00:00:00Z', '1')";
    newer.execute(insert, []).unwrap();
    drop(newer);
    let refused = Sqlite::restore_at(&path("new.db"), &path("backup"), &sealer("5a"));
    assert!(matches!(refused, Err(Error::Newer { .. })), "{refused:?}");
    assert!(!path("new.db").exists() && !path("new.db.restore").exists());
    assert_eq!(written(&store), 21);
}

/// A store that runs goes on with what another process has restored, and tells those who follow it.
#[test]
fn a_store_that_runs_hears_of_a_restore() {
    let folder = tempfile::tempdir().unwrap();
    let [path, backup] = ["tollgate.db", "backup"].map(|name| folder.path().join(name));
    let store = open(&path);
    write(&store, 1);
    Sqlite::backup_of(&path, &backup, false).unwrap();
    write(&store, 2);
    let mark = store.read(|rows| rows.mark()).unwrap();
    Sqlite::restore_at(&path, &backup, &sealer("5a")).unwrap();
    assert_eq!(written(&store), 1);
    let heard = store.wait(&mark, Duration::from_secs(60)).unwrap();
    assert!(heard.epoch != mark.epoch && heard.change > mark.change, "{heard:?} after {mark:?}");
    assert!(matches!(store.read(|rows| rows.changes_since(&mark, 10)), Err(Error::Reset)));
    write(&store, 2);
    assert_eq!(written(&store), 2);
}
