//! What every implementation of the store owes, whatever is below it. `conforms` is run for each there is.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Barrier, mpsc},
    thread,
    time::Duration,
};
use tollgate_domain::{Api, AuditEvent, Credential, Name, Publication, Subscription};
use tollgate_store::{
    AuditQuery, Batch, Cursor, Draft, Error, Expect, Mark, PAGE_ROWS_MAX, PastPublication, Query, Records, RecordsMut,
    RowsMut, SealKey, Sealer, Space, Sqlite, Store, Transactions, Usage, UsageQuery, publication_key,
};

type Promise = fn(&Arc<dyn Store>);

/// Every promise, each of a new store.
const PROMISES: &[(&str, Promise)] = &[
    ("a row is what was written", a_row_is_what_was_written),
    ("nothing of another space is seen", nothing_of_another_space_is_seen),
    ("of two writers with one etag one wins", of_two_writers_with_one_etag_one_wins),
    ("writers at the same time lose no write", writers_at_the_same_time_lose_no_write),
    ("what is refused or panics is undone", what_is_refused_or_panics_is_undone),
    ("a transaction sees its own writes and one state", a_transaction_sees_its_own_writes),
    ("lists go by parent, target, state and prefix", lists_go_by_their_columns),
    ("pages are stable under writes", pages_are_stable_under_writes),
    ("changes are followed without gaps", changes_are_followed_without_gaps),
    ("who waits hears of a commit", who_waits_hears_of_a_commit),
    ("nobody waits once waiting was ended", nobody_waits_once_waiting_was_ended),
    ("audit is appended in order", audit_is_appended_in_order),
    ("a batch of usage counts once", a_batch_of_usage_counts_once),
    ("secrets are kept sealed", secrets_are_kept_sealed),
    ("records of the domain come back", records_of_the_domain_come_back),
    ("a backup is one state", a_backup_is_one_state),
    ("a restore replaces everything at once", a_restore_replaces_everything_at_once),
];

fn conforms(open: &dyn Fn() -> Arc<dyn Store>) {
    for (promise, holds) in PROMISES {
        println!("{promise}");
        holds(&open());
    }
}

fn sealer() -> Sealer {
    Sealer::new(SealKey::read(&"5a".repeat(32)).unwrap(), vec![])
}

#[test]
fn sqlite_in_a_file_conforms() {
    let folder = tempfile::tempdir().unwrap();
    let number = std::cell::Cell::new(0);
    conforms(&|| {
        number.set(number.get() + 1);
        Arc::new(Sqlite::open(&folder.path().join(format!("{}/tollgate.db", number.get())), sealer()).unwrap())
    });
}

#[test]
fn sqlite_in_memory_conforms() {
    conforms(&|| Arc::new(Sqlite::in_memory(sealer()).unwrap()));
}

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn draft<'a>(key: &'a str, body: &'a str) -> Draft<'a> {
    Draft { kind: "thing", key, parent: None, target: None, state: None, body }
}

/// Writes in a transaction of its own.
fn put(store: &Arc<dyn Store>, tenant: &Name, key: &str, body: &str, expect: Expect) -> Result<u64, Error> {
    store.write(|rows| rows.put(Space::Tenant(tenant), &draft(key, body), expect))
}

fn keys(store: &Arc<dyn Store>, query: &Query<'_>) -> Vec<String> {
    let page = store.read(|rows| rows.list(query)).unwrap();
    page.rows.into_iter().map(|row| row.key).collect()
}

fn body(store: &Arc<dyn Store>, tenant: &Name, key: &str) -> Option<String> {
    store.read(|rows| rows.get(Space::Tenant(tenant), "thing", key)).unwrap().map(|row| row.body)
}

fn a_row_is_what_was_written(store: &Arc<dyn Store>) {
    let acme = name("acme");
    let written =
        Draft { parent: Some("p"), target: Some("t"), state: Some("s"), ..draft("a/b@1", r#"{"ä":"\u0000"}"#) };
    let etag = store.write(|rows| rows.put(Space::Tenant(&acme), &written, Expect::Absent)).unwrap();
    let row = store.read(|rows| rows.get(Space::Tenant(&acme), "thing", "a/b@1")).unwrap().unwrap();
    assert_eq!((row.tenant.as_str(), row.kind.as_str(), row.key.as_str(), row.etag), ("acme", "thing", "a/b@1", etag));
    assert_eq!((row.parent.as_deref(), row.target.as_deref(), row.state.as_deref()), (Some("p"), Some("t"), Some("s")));
    assert_eq!(row.body, written.body);
    let again = put(store, &acme, "a/b@1", "{}", Expect::Any).unwrap();
    let row = store.read(|rows| rows.get(Space::Tenant(&acme), "thing", "a/b@1")).unwrap().unwrap();
    assert!(again > etag && row.etag == again && row.parent.is_none());
    store.write(|rows| rows.delete(Space::Tenant(&acme), "thing", "a/b@1", Expect::Etag(again))).unwrap();
    assert_eq!(body(store, &acme, "a/b@1"), None);
    store.write(|rows| rows.delete(Space::Tenant(&acme), "thing", "a/b@1", Expect::Any)).unwrap();
}

fn nothing_of_another_space_is_seen(store: &Arc<dyn Store>) {
    let tenants = [name("acme"), name("globex")];
    let spaces = [Space::Installation, Space::Tenant(&tenants[0]), Space::Tenant(&tenants[1])];
    for (at, space) in spaces.iter().enumerate() {
        store.write(|rows| rows.put(*space, &draft("same", &at.to_string()), Expect::Absent)).unwrap();
        store.write(|rows| rows.put_secret(*space, "same", Some(at.to_string().as_bytes()))).unwrap();
    }
    for (at, space) in spaces.iter().enumerate() {
        let (row, page, secret) = store
            .read(|rows| {
                let page = rows.list(&Query::of("thing", *space))?;
                Ok::<_, Error>((rows.get(*space, "thing", "same")?, page, rows.secret(*space, "same")?))
            })
            .unwrap();
        assert_eq!(row.unwrap().body, at.to_string());
        assert_eq!((page.rows.len(), page.rows[0].body.clone(), page.next), (1, at.to_string(), None));
        assert_eq!(secret.unwrap().reveal(), at.to_string().as_bytes());
    }
    assert_eq!(keys(store, &Query::everywhere("thing")).len(), 3);
    store.write(|rows| rows.delete(spaces[1], "thing", "same", Expect::Any)).unwrap();
    assert_eq!(body(store, &tenants[1], "same").as_deref(), Some("2"));
}

fn of_two_writers_with_one_etag_one_wins(store: &Arc<dyn Store>) {
    let acme = name("acme");
    let etag = put(store, &acme, "a", "0", Expect::Absent).unwrap();
    let barrier = Barrier::new(8);
    let outcomes: Vec<_> = thread::scope(|scope| {
        let write = |body: usize| {
            let (barrier, acme) = (&barrier, &acme);
            scope.spawn(move || {
                barrier.wait();
                put(store, acme, "a", &body.to_string(), Expect::Etag(etag))
            })
        };
        let threads: Vec<_> = (1..=8).map(write).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let winners: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.as_ref().ok()).collect();
    assert_eq!(winners.len(), 1);
    let lost = |outcome: &Result<u64, Error>| matches!(outcome, Err(Error::Conflict { found: Some(now) }) if now == winners[0]);
    assert_eq!(outcomes.iter().filter(|outcome| lost(outcome)).count(), 7);
    // Nor is a row made twice, or one written that is gone.
    let conflict = |outcome| matches!(outcome, Err(Error::Conflict { .. }));
    assert!(conflict(put(store, &acme, "a", "9", Expect::Absent)));
    assert!(conflict(put(store, &acme, "b", "9", Expect::Etag(etag))));
    let deleted = store.write(|rows| rows.delete(Space::Tenant(&acme), "thing", "a", Expect::Etag(etag)));
    assert!(conflict(deleted.map(|()| 0)));
}

fn writers_at_the_same_time_lose_no_write(store: &Arc<dyn Store>) {
    let acme = name("acme");
    put(store, &acme, "sum", "0", Expect::Absent).unwrap();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..25 {
                    store
                        .write(|rows| {
                            let row = rows.get(Space::Tenant(&acme), "thing", "sum")?.unwrap();
                            let next = (row.body.parse::<u32>().unwrap() + 1).to_string();
                            rows.put(Space::Tenant(&acme), &draft("sum", &next), Expect::Etag(row.etag))
                        })
                        .unwrap();
                }
            });
        }
    });
    assert_eq!(body(store, &acme, "sum").as_deref(), Some("100"));
}

fn what_is_refused_or_panics_is_undone(store: &Arc<dyn Store>) {
    #[derive(Debug)]
    enum Own {
        Refused(u8),
        Store,
    }
    impl From<Error> for Own {
        fn from(_: Error) -> Self {
            Self::Store
        }
    }
    let acme = name("acme");
    let before = store.read(|rows| rows.mark()).unwrap();
    let refused: Result<(), Own> = store.write(|rows| {
        rows.put(Space::Tenant(&acme), &draft("a", "1"), Expect::Any)?;
        rows.put_secret(Space::Tenant(&acme), "a", Some(b"x"))?;
        rows.append(&event("1", &acme))?;
        Err(Own::Refused(7))
    });
    assert!(matches!(refused, Err(Own::Refused(7))));
    let conflict: Result<(), Own> = store.write(|rows| {
        rows.put(Space::Tenant(&acme), &draft("a", "1"), Expect::Any)?;
        Ok(rows.delete(Space::Tenant(&acme), "thing", "b", Expect::Etag(1))?)
    });
    assert!(matches!(conflict, Err(Own::Store)));
    thread::scope(|scope| {
        let panics = || {
            store.write(|rows| {
                rows.put(Space::Tenant(&acme), &draft("a", "1"), Expect::Any)?;
                if rows.mark().is_ok() { panic!("as it is meant to") } else { Ok::<_, Error>(()) }
            })
        };
        scope.spawn(panics).join().unwrap_err();
    });
    let (row, secret, after) = store
        .read(|rows| {
            let space = Space::Tenant(&acme);
            Ok::<_, Error>((rows.get(space, "thing", "a")?, rows.secret(space, "a")?.is_some(), rows.mark()?))
        })
        .unwrap();
    assert_eq!((row, secret, after), (None, false, before));
    put(store, &acme, "a", "2", Expect::Absent).unwrap();
}

fn a_transaction_sees_its_own_writes(store: &Arc<dyn Store>) {
    let acme = name("acme");
    let space = Space::Tenant(&acme);
    store
        .write(|rows| {
            let begin = rows.mark()?;
            let etag = rows.put(space, &draft("a", "1"), Expect::Absent)?;
            rows.put(space, &draft("a", "2"), Expect::Etag(etag))?;
            assert_eq!(rows.get(space, "thing", "a")?.unwrap().body, "2");
            assert_eq!(rows.changes_since(&begin, 10)?.changes.len(), 1);
            rows.delete(space, "thing", "a", Expect::Any)?;
            assert_eq!(rows.list(&Query::of("thing", space))?.rows.len(), 0);
            Ok::<_, Error>(())
        })
        .unwrap();
}

fn lists_go_by_their_columns(store: &Arc<dyn Store>) {
    let acme = name("acme");
    let space = Space::Tenant(&acme);
    let rows = [
        ("a/1", Some("a"), Some("x"), Some("on")),
        ("a/2", Some("a"), Some("y"), Some("off")),
        ("ab/1", Some("ab"), Some("x"), Some("on")),
        ("b", None, None, None),
    ];
    for (key, parent, target, state) in rows {
        store.write(|rows| rows.put(space, &Draft { parent, target, state, ..draft(key, "{}") }, Expect::Any)).unwrap();
    }
    let all = Query::of("thing", space);
    let lists = [
        (all.clone(), "a/1 a/2 ab/1 b"),
        (Query { parent: Some("a"), ..all.clone() }, "a/1 a/2"),
        (Query { target: Some("x"), ..all.clone() }, "a/1 ab/1"),
        (Query { state: Some("on"), ..all.clone() }, "a/1 ab/1"),
        (Query { parent: Some("a"), state: Some("off"), ..all.clone() }, "a/2"),
        (Query { prefix: "a/", ..all.clone() }, "a/1 a/2"),
        (Query { prefix: "a", target: Some("x"), ..all.clone() }, "a/1 ab/1"),
        (Query { parent: Some("A"), ..all.clone() }, ""),
        (Query { kind: "other", ..all.clone() }, ""),
        (Query { prefix: "ab", ..Query::everywhere("thing") }, "ab/1"),
    ];
    for (query, wanted) in lists {
        let found = keys(store, &query);
        assert_eq!(found.join(" "), wanted, "{query:?}");
        assert_eq!(store.read(|rows| rows.count(&query)).unwrap() as usize, found.len(), "{query:?}");
    }
}

/// Rows come and go on both sides of the cursor: those that stay are seen once each.
fn pages_are_stable_under_writes(store: &Arc<dyn Store>) {
    let tenants = [name("acme"), name("globex")];
    for tenant in &tenants {
        for number in 0..20 {
            put(store, tenant, &format!("stays-{number:02}"), "{}", Expect::Absent).unwrap();
        }
    }
    for space in [Some(Space::Tenant(&tenants[0])), None] {
        let (mut seen, mut after, mut turn) = (Vec::new(), None::<String>, 0);
        loop {
            let cursor = after.as_deref().map(|text| Cursor::read(text).unwrap());
            let query = Query { space, after: cursor, limit: 3, ..Query::everywhere("thing") };
            let page = store.read(|rows| rows.list(&query)).unwrap();
            assert!(page.rows.len() == 3 || page.next.is_none());
            seen.extend(page.rows.into_iter().map(|row| (row.tenant, row.key)));
            for tenant in &tenants {
                for key in
                    ["a-first".to_owned(), "z-last".to_owned(), format!("stays-{turn:02}-"), "stays-00-".to_owned()]
                {
                    put(store, tenant, &key, "{}", Expect::Any).unwrap();
                    let gone = if turn % 2 == 0 { key } else { format!("stays-{:02}-", turn - 1) };
                    store.write(|rows| rows.delete(Space::Tenant(tenant), "thing", &gone, Expect::Any)).unwrap();
                }
            }
            turn += 1;
            match page.next {
                Some(next) => after = Some(next.write()),
                None => break,
            }
        }
        let unique: BTreeSet<_> = seen.iter().cloned().collect();
        assert_eq!(unique.len(), seen.len(), "a row was seen twice");
        assert!(seen.is_sorted());
        let stayed = seen.iter().filter(|(_, key)| key.len() == "stays-00".len() && key.starts_with("stays-")).count();
        assert_eq!(stayed, if space.is_some() { 20 } else { 40 });
    }
}

/// Applies two changes; tells whether there are more.
fn follow(store: &Arc<dyn Store>, mark: &mut Mark, followed: &mut BTreeMap<String, String>) -> bool {
    let found = store.read(|rows| rows.changes_since(mark, 2)).unwrap();
    assert!(found.changes.len() <= 2 && found.changes.iter().map(|change| change.change).is_sorted());
    for change in found.changes {
        match change.row {
            Some(row) => drop(followed.insert(change.key, row.body)),
            None => drop(followed.remove(&change.key)),
        }
    }
    *mark = found.mark;
    found.more
}

fn changes_are_followed_without_gaps(store: &Arc<dyn Store>) {
    let acme = name("acme");
    let mut mark = store.read(|rows| rows.mark()).unwrap();
    let begin = mark.clone();
    let (mut followed, mut actual) = (BTreeMap::new(), BTreeMap::new());
    for number in 0..60_u32 {
        let key = format!("k{}", number * 7 % 13);
        if number % 5 == 4 {
            store.write(|rows| rows.delete(Space::Tenant(&acme), "thing", &key, Expect::Any)).unwrap();
            actual.remove(&key);
        } else {
            put(store, &acme, &key, &number.to_string(), Expect::Any).unwrap();
            actual.insert(key, number.to_string());
        }
        // Sometimes behind, and in pages of two.
        if number % 3 == 0 {
            while follow(store, &mut mark, &mut followed) {}
            assert_eq!(followed, actual);
        }
    }
    // Of each row only the last, and nothing after the last.
    let all = store.read(|rows| rows.changes_since(&begin, PAGE_ROWS_MAX)).unwrap();
    assert!(all.changes.len() <= 13 && !all.more);
    assert_eq!(store.read(|rows| rows.changes_since(&all.mark, 10)).unwrap().changes, []);
    for unknown in [Mark { change: all.mark.change + 1, ..all.mark.clone() }, Mark { epoch: "x".to_owned(), ..begin }] {
        assert!(matches!(store.read(|rows| rows.changes_since(&unknown, 10)), Err(Error::Reset)));
    }
}

fn who_waits_hears_of_a_commit(store: &Arc<dyn Store>) {
    let acme = name("acme");
    let mark = store.read(|rows| rows.mark()).unwrap();
    assert_eq!(store.wait(&mark, Duration::ZERO).unwrap(), mark);
    let (heard, hear) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(|| heard.send(store.wait(&mark, Duration::from_secs(60)).unwrap()).unwrap());
        let refused: Result<(), Error> = store.write(|rows| {
            rows.put(Space::Tenant(&acme), &draft("a", "1"), Expect::Any)?;
            Err(Error::Cursor)
        });
        refused.unwrap_err();
        let etag = put(store, &acme, "a", "1", Expect::Any).unwrap();
        assert_eq!(hear.recv().unwrap().change, etag);
    });
}

fn nobody_waits_once_waiting_was_ended(store: &Arc<dyn Store>) {
    let mark = store.read(|rows| rows.mark()).unwrap();
    thread::scope(|scope| {
        let waits = scope.spawn(|| store.wait(&mark, Duration::from_secs(600)).unwrap());
        store.end_waits();
        assert_eq!(waits.join().unwrap(), mark);
    });
    assert_eq!(store.wait(&mark, Duration::from_secs(600)).unwrap(), mark);
}

fn event(id: &str, tenant: &Name) -> AuditEvent {
    AuditEvent {
        id: id.to_owned(),
        at_ms: 1,
        tenant: Some(tenant.clone()),
        by: Some(name("ann")),
        from: None,
        request_id: None,
        action: "thing.write".to_owned(),
        kind: "thing".to_owned(),
        key: if id.ends_with('0') { "ten".to_owned() } else { "other".to_owned() },
        before: None,
        after: Some(serde_json::json!({"a": 1})),
    }
}

fn audit_is_appended_in_order(store: &Arc<dyn Store>) {
    let tenants = [name("acme"), name("globex")];
    for number in 0..30_usize {
        let event = event(&format!("{number:02}"), &tenants[number % 2]);
        store.write(|rows| rows.append(&event)).unwrap();
    }
    store.write(|rows| rows.append(&event("00", &tenants[0]))).unwrap_err();
    let space = Some(Space::Tenant(&tenants[0]));
    let mut query = AuditQuery { space, of: None, before: None, limit: 4 };
    let mut seen = Vec::new();
    loop {
        let page = store.read(|rows| rows.audit(&query)).unwrap();
        seen.extend(page.events.into_iter().map(|event| event.id));
        // What comes later is no part of the list that was begun.
        let late = event(&format!("late-{}", seen.len()), &tenants[0]);
        store.write(|rows| rows.append(&late)).unwrap();
        match page.next {
            Some(next) => query.before = Some(next),
            None => break,
        }
    }
    let wanted: Vec<_> = (0..30).rev().filter(|number| number % 2 == 0).map(|number| format!("{number:02}")).collect();
    assert_eq!(seen, wanted);
    let of_one = AuditQuery { of: Some(("thing", "ten")), before: None, ..query };
    let page = store.read(|rows| rows.audit(&of_one)).unwrap();
    assert_eq!(page.events.iter().map(|event| event.id.as_str()).collect::<Vec<_>>(), ["20", "10", "00"]);
    assert_eq!(page.events[2], event("00", &tenants[0]));
    let all = AuditQuery { space: None, before: None, limit: 1000, ..query };
    assert!(store.read(|rows| rows.audit(&all)).unwrap().events.len() > 30);
}

fn a_batch_of_usage_counts_once(store: &Arc<dyn Store>) {
    let (acme, globex) = (name("acme"), name("globex"));
    let used = |tenant: &Name, application: &str, api: &str, counts| Usage {
        tenant: tenant.to_string(),
        application: application.to_owned(),
        api: api.to_owned(),
        counts,
    };
    let mark = store.read(|rows| rows.mark()).unwrap();
    let add = |source, start, number, at_s, used: &[Usage]| {
        store.write(|rows| rows.add_usage(&Batch { source, start, number, at_s }, used)).unwrap()
    };
    let first = [used(&acme, "shop", "orders@1.0", [3, 2, 1]), used(&globex, "shop", "orders@1.0", [9, 9, 9])];
    assert!(add("a", "s1", 1, 7300, &first));
    assert!(!add("a", "s1", 1, 7300, &first), "it was added before");
    assert!(add("b", "s1", 1, 7201, &[used(&acme, "shop", "orders@1.0", [1, 0, 0])]), "another source");
    assert!(add("a", "s1", 2, 10_800, &[used(&acme, "shop", "users@1.0", [5, 0, 0])]));
    assert!(!add("a", "s1", 1, 10_801, &first), "older than the last");
    assert!(add("a", "s2", 1, 10_802, &[used(&acme, "mobile", "orders@1.0", [1, 0, 0])]), "started again");
    let list = |query: &UsageQuery<'_>| store.read(|rows| rows.usage(query)).unwrap();
    let all =
        UsageQuery { tenant: &acme, application: None, api: None, from_s: 0, to_s: u64::MAX, after: None, limit: 2 };
    let page = list(&all);
    let rest = list(&UsageQuery { after: page.next.clone(), ..all.clone() });
    assert_eq!((page.rows.len(), &rest.next), (2, &None));
    let sums = |rows: Vec<(u64, Usage)>| -> Vec<_> {
        rows.into_iter().map(|(hour, used)| (used.application + "/" + &used.api, hour, used.counts)).collect()
    };
    let row = |name: &str, hour, counts| (name.to_owned(), hour, counts);
    let (mobile, shop) = (row("mobile/orders@1.0", 10_800, [1, 0, 0]), row("shop/orders@1.0", 7200, [4, 2, 1]));
    let users = row("shop/users@1.0", 10_800, [5, 0, 0]);
    assert_eq!(sums([page.rows, rest.rows].concat()), [mobile, shop.clone(), users.clone()]);
    let only = |application, api, from_s, to_s| {
        sums(list(&UsageQuery { application, api, from_s, to_s, limit: 10, ..all.clone() }).rows)
    };
    assert_eq!(only(Some("shop"), Some("orders@1.0"), 0, u64::MAX), [shop]);
    assert_eq!(only(Some("shop"), None, 7201, u64::MAX), [users]);
    assert_eq!(only(Some("shop"), None, 0, 7200), []);
    store.write(|rows| rows.forget_usage(10_800)).unwrap();
    assert_eq!(only(None, None, 0, u64::MAX).len(), 2);
    assert_eq!(store.read(|rows| rows.mark()).unwrap(), mark, "it is no change");
}

fn secrets_are_kept_sealed(store: &Arc<dyn Store>) {
    let acme = name("acme");
    let space = Space::Tenant(&acme);
    for text in [&b"first"[..], b"", &[7; 10_000]] {
        store.write(|rows| rows.put_secret(space, "signing/1", Some(text))).unwrap();
        let found = store.read(|rows| rows.secret(space, "signing/1")).unwrap().unwrap();
        assert_eq!(found.reveal(), text);
    }
    store.write(|rows| rows.put_secret(space, "signing/1", None)).unwrap();
    assert!(store.read(|rows| rows.secret(space, "signing/1")).unwrap().is_none());
}

fn records_of_the_domain_come_back(store: &Arc<dyn Store>) {
    let acme = name("acme");
    let space = Space::Tenant(&acme);
    let json = |text: &str| serde_json::from_str(text).unwrap();
    let api: Api = serde_json::from_value(json(
        r#"{"spec": {"name": "orders", "version": "1.0", "base_path": "/"}, "lifecycle": "published",
            "made": {"by": "ann", "at_s": 1}}"#,
    ))
    .unwrap();
    let publication = |number: u32| -> Publication {
        let text = r#"{"api": "orders@1.0", "environment": "test", "number": 1, "made": {"by": "ann", "at_s": 1}}"#;
        Publication { number, ..serde_json::from_value(json(text)).unwrap() }
    };
    let subscription: Subscription = serde_json::from_value(json(
        r#"{"application": "shop", "target": "orders@1.0", "plan": "gold", "state": "pending",
            "made": {"by": "ann", "at_s": 1}}"#,
    ))
    .unwrap();
    store
        .write(|rows| {
            rows.save(space, &api, Expect::Absent)?;
            let first = rows.publish(space, &publication(1), Expect::Absent)?;
            rows.publish(space, &publication(2), Expect::Etag(first))?;
            rows.save(space, &subscription, Expect::Absent)
        })
        .unwrap();
    // A number is given once.
    store.write(|rows| rows.publish(space, &publication(2), Expect::Any)).unwrap_err();
    store
        .read(|rows| {
            let query = Query { parent: Some("orders"), state: Some("published"), ..Query::of("api", space) };
            assert_eq!(rows.load_page::<Api>(&query)?.rows[0].record, api);
            let key = publication_key(&api.api_name(), &name("test"));
            assert_eq!(rows.load::<Publication>(space, &key)?.unwrap().record.number, 2);
            let mut numbers = Vec::new();
            let history = Query { parent: Some(&key), limit: 1, ..Query::of("past_publication", space) };
            rows.for_each::<PastPublication>(&history, |past| {
                numbers.push(past.record.0.number);
                Ok(())
            })?;
            assert_eq!(numbers, [1, 2]);
            let of_api =
                Query { target: Some("orders@1.0"), state: Some("pending"), ..Query::of("subscription", space) };
            assert_eq!(rows.load_page::<Subscription>(&of_api)?.rows[0].record, subscription);
            assert_eq!(rows.load::<Credential>(space, "none")?, None);
            Ok::<_, Error>(())
        })
        .unwrap();
    store.write(|rows| rows.put(space, &Draft { kind: "api", ..draft("broken@1", "{}") }, Expect::Any)).unwrap();
    let damaged = store.read(|rows| rows.load::<Api>(space, "broken@1"));
    assert!(matches!(damaged, Err(Error::Damaged { row, .. }) if row == "api broken@1"));
}

/// Two rows that a writer always changes together are equal in every backup taken meanwhile.
fn a_backup_is_one_state(store: &Arc<dyn Store>) {
    let folder = tempfile::tempdir().unwrap();
    let acme = name("acme");
    let write = |number: u32| {
        let body = format!("{number}{}", " ".repeat(5000));
        let both = |rows: &mut dyn RowsMut| {
            rows.put(Space::Tenant(&acme), &draft("a", &body), Expect::Any)?;
            rows.put(Space::Tenant(&acme), &draft("z", &body), Expect::Any)
        };
        store.write(both).unwrap();
    };
    write(0);
    store.write(|rows| rows.put_secret(Space::Tenant(&acme), "s", Some(b"secret"))).unwrap();
    thread::scope(|scope| {
        let (stop, stopped) = mpsc::channel::<()>();
        scope.spawn(|| {
            let stopped = stopped;
            let mut number = 1;
            while matches!(stopped.try_recv(), Err(mpsc::TryRecvError::Empty)) {
                write(number);
                number += 1;
            }
        });
        for number in 0..5 {
            let path = folder.path().join(format!("backup-{number}"));
            store.backup(&path).unwrap();
            assert!(matches!(store.backup(&path), Err(Error::File { .. })));
            let copy: Arc<dyn Store> = Arc::new(Sqlite::in_memory(sealer()).unwrap());
            copy.restore(&path).unwrap();
            let found = body(&copy, &acme, "a").unwrap();
            assert_eq!(body(&copy, &acme, "z"), Some(found));
            let secret = copy.read(|rows| rows.secret(Space::Tenant(&acme), "s")).unwrap();
            assert_eq!(secret.unwrap().reveal(), b"secret");
        }
        drop(stop);
    });
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 5, "{left:?}");
}

fn a_restore_replaces_everything_at_once(store: &Arc<dyn Store>) {
    let folder = tempfile::tempdir().unwrap();
    let (acme, path) = (name("acme"), folder.path().join("backup"));
    put(store, &acme, "kept", "old", Expect::Any).unwrap();
    store.backup(&path).unwrap();
    let begin = store.read(|rows| rows.mark()).unwrap();
    let etag = put(store, &acme, "kept", "new", Expect::Any).unwrap();
    let late = put(store, &acme, "late", "new", Expect::Any).unwrap();
    let now = store.read(|rows| rows.mark()).unwrap();
    // What is no backup changes nothing.
    std::fs::write(folder.path().join("torn"), &std::fs::read(&path).unwrap()[..9000]).unwrap();
    std::fs::write(folder.path().join("text"), "no database").unwrap();
    for file in ["torn", "text", "none"] {
        let refused = store.restore(&folder.path().join(file));
        assert!(matches!(refused, Err(Error::NoBackup { .. })), "{file}: {refused:?}");
    }
    assert_eq!(store.read(|rows| rows.mark()).unwrap(), now);
    thread::scope(|scope| {
        let told = scope.spawn(|| store.wait(&now, Duration::from_secs(60)).unwrap());
        store.restore(&path).unwrap();
        assert_ne!(told.join().unwrap().epoch, now.epoch);
    });
    assert_eq!((body(store, &acme, "kept").as_deref(), body(store, &acme, "late")), (Some("old"), None));
    for mark in [&begin, &now] {
        assert!(matches!(store.read(|rows| rows.changes_since(mark, 10)), Err(Error::Reset)));
    }
    // No etag of before means anything now.
    for etag in [begin.change, etag, late] {
        put(store, &acme, "kept", "x", Expect::Etag(etag)).unwrap_err();
    }
    let etag = put(store, &acme, "kept", "newer", Expect::Any).unwrap();
    assert!(etag > now.change);
    assert_eq!(store.read(|rows| rows.mark()).unwrap().change, etag);
}
