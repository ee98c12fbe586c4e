//! A store with 10,000 APIs and 1,000,000 subscriptions: what reads, writes, a backup and following changes cost.
//!
//! `cargo run -p tollgate-store --example scale [FOLDER]`; the folder is left as it was. Figures are of this machine and
//! its disk.
#![expect(clippy::unwrap_used, reason = "it measures, and has nobody to tell of an error")]

use serde_json::json;
use std::{
    env, fs,
    path::PathBuf,
    time::{Duration, Instant},
};
use tollgate_domain::{Api, AuditEvent, Name, Subscription};
use tollgate_store::{Error, Expect, Query, Records, RecordsMut, SealKey, Sealer, Space, Sqlite, Store, Transactions};

const APIS: usize = 10_000;
const OPERATIONS: usize = 10;
const SUBSCRIPTIONS: usize = 1_000_000;
const SAMPLES: usize = 1_000;

fn main() {
    let folder = env::args().nth(1).map_or_else(env::temp_dir, PathBuf::from).join("tollgate-scale");
    let path = folder.join("tollgate.db");
    let store = Sqlite::open(&path, Sealer::new(SealKey::random().unwrap(), vec![])).unwrap();
    let tenant: Name = "acme".parse().unwrap();
    let space = Space::Tenant(&tenant);
    timed("fill", || fill(&store, space));
    println!("file: {} MiB", fs::metadata(&path).unwrap().len() >> 20);
    let key = |number: usize| format!("api-{}@1.0", number * 7919 % APIS);
    sampled("read an API", |number| {
        store.read(|rows| rows.load::<Api>(space, &key(number))).unwrap().unwrap();
    });
    sampled("list 50 APIs", |number| {
        let query = Query { prefix: &format!("api-{}", number % 10), limit: 50, ..Query::of("api", space) };
        store.read(|rows| rows.load_page::<Api>(&query)).unwrap();
    });
    sampled("subscriptions of an application", |number| {
        let application = format!("app-{}", number * 7919 % (SUBSCRIPTIONS / 10));
        let query = Query { parent: Some(&application), ..Query::of("subscription", space) };
        assert_eq!(store.read(|rows| rows.load_page::<Subscription>(&query)).unwrap().rows.len(), 10);
    });
    sampled("50 subscriptions of an API", |number| {
        let query = Query { target: Some(&key(number)), limit: 50, ..Query::of("subscription", space) };
        assert_eq!(store.read(|rows| rows.load_page::<Subscription>(&query)).unwrap().rows.len(), 50);
    });
    sampled("change an API, with its audit event", |number| {
        let write = store.write(|rows| {
            let mut api = rows.load::<Api>(space, &key(number))?.unwrap();
            api.record.spec.title = Some(number.to_string());
            rows.append(&event(number, &api.record))?;
            rows.save(space, &api.record, Expect::Etag(api.etag))
        });
        write.unwrap();
    });
    let mark = store.read(|rows| rows.mark()).unwrap();
    store.write(|rows| rows.save(space, &api(0), Expect::Any)).unwrap();
    sampled("changes since the last one", |_| {
        assert_eq!(store.read(|rows| rows.changes_since(&mark, 100)).unwrap().changes.len(), 1);
    });
    timed("read all APIs", || store.read(|rows| rows.for_each::<Api>(&Query::everywhere("api"), |_| Ok(()))).unwrap());
    timed("read all subscriptions", || {
        store.read(|rows| rows.for_each::<Subscription>(&Query::everywhere("subscription"), |_| Ok(()))).unwrap();
    });
    timed("backup", || store.backup(&folder.join("backup")).unwrap());
    timed("restore", || store.restore(&folder.join("backup")).unwrap());
    drop(store);
    fs::remove_dir_all(folder).unwrap();
}

fn fill(store: &Sqlite, space: Space<'_>) {
    for first in (0..APIS).step_by(1000) {
        let some = |rows: &mut dyn tollgate_store::RowsMut| -> Result<(), Error> {
            (first..first + 1000).try_for_each(|number| rows.save(space, &api(number), Expect::Absent).map(drop))
        };
        store.write(some).unwrap();
    }
    for first in (0..SUBSCRIPTIONS).step_by(10_000) {
        let some = |rows: &mut dyn tollgate_store::RowsMut| -> Result<(), Error> {
            (first..first + 10_000)
                .try_for_each(|number| rows.save(space, &subscription(number), Expect::Absent).map(drop))
        };
        store.write(some).unwrap();
    }
}

fn api(number: usize) -> Api {
    let operations: Vec<_> = (0..OPERATIONS)
        .map(|at| json!({"name": format!("op-{at}"), "method": "GET", "path": format!("/things/{{id}}/{at}")}))
        .collect();
    serde_json::from_value(json!({
        "spec": {
            "name": format!("api-{number}"), "version": "1.0", "base_path": format!("/api-{number}"), "plans": ["gold"],
            "upstream": {"endpoints": [{"address": "${var:HOST}:80"}]}, "operations": operations,
        },
        "lifecycle": "published",
        "made": {"by": "ann", "at_s": 1},
    }))
    .unwrap()
}

fn subscription(number: usize) -> Subscription {
    serde_json::from_value(json!({
        "application": format!("app-{}", number / 10), "target": format!("api-{}@1.0", number * 13 % APIS), "plan": "gold",
        "state": "approved", "made": {"by": "ann", "at_s": 1},
    }))
    .unwrap()
}

fn event(number: usize, api: &Api) -> AuditEvent {
    AuditEvent {
        id: format!("{number:032}"),
        at_ms: 1,
        tenant: None,
        by: None,
        from: None,
        request_id: None,
        action: "api.write".to_owned(),
        kind: "api".to_owned(),
        key: api.api_name().to_string(),
        before: serde_json::to_value(api).ok(),
        after: serde_json::to_value(api).ok(),
    }
}

fn timed(what: &str, work: impl FnOnce()) {
    let begin = Instant::now();
    work();
    println!("{what}: {:.2} s", begin.elapsed().as_secs_f64());
}

fn sampled(what: &str, mut work: impl FnMut(usize)) {
    let mut times: Vec<Duration> = (0..SAMPLES)
        .map(|number| {
            let begin = Instant::now();
            work(number);
            begin.elapsed()
        })
        .collect();
    times.sort_unstable();
    let at = |share: usize| times[(SAMPLES - 1) * share / 1000].as_secs_f64() * 1e3;
    println!("{what}: p50 {:.2} ms, p99 {:.2} ms, max {:.2} ms", at(500), at(990), at(1000));
}
