//! Quotas of a real gateway: what a kill and a clean end leave of them, and what operators do to them.

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use std::{sync::mpsc, thread};
use tollgate_e2e::{Connection, Folder, Site, TOKEN, until};

const RULE: &str = "routes/answer/quota/monthly";

/// A gateway whose route counts by a header field.
fn configured(limit: u64) -> Folder {
    let folder = Folder::new(None);
    let store = format!("quota_store: {{ path: {:?}, every: 100ms }}\n", folder.path("quotas"));
    let rule = format!("{{ name: monthly, key: 'header:X-Key', limit: {limit}, per: month }}");
    let route = format!("answer: {{ status: 200, body: one }}, policies: {{ quota: [ {rule} ] }} }}\n");
    let text = folder.text("one").replace("answer: { status: 200, body: one } }\n", &route);
    folder.put("gateway.yaml", &format!("{text}{store}"));
    folder
}

fn take(connection: &mut Connection, key: &str) -> u16 {
    connection.send(format!("GET /answer HTTP/1.1\r\nHost: test\r\nX-Key: {key}\r\n\r\n"));
    connection.response().status
}

fn show(site: &Site, key: &str) -> Value {
    let (status, usage) = site.ask(&format!("GET /quotas?rule={RULE}&key={key}"), "", "");
    assert_eq!(status, 200, "{usage}");
    usage
}

fn operate(site: &Site, action: &Value) -> (u16, Value) {
    let mut body = json!({ "rule": RULE, "key": ["alice"] });
    let (body_keys, action) = (body.as_object_mut().expect("it is made above"), action.as_object());
    body_keys.extend(action.expect("an action is a mapping").clone());
    site.ask("POST /quotas", "", &body.to_string())
}

/// Rounds of the store so far.
fn rounds(site: &Site) -> u64 {
    let metrics = site.page("/metrics").text();
    let line = metrics.lines().find_map(|line| line.strip_prefix("tollgate_quota_store_writes_total{result=\"ok\"} "));
    line.expect("the store is counted").parse().expect("a number")
}

#[test]
fn a_kill_under_load_loses_an_interval_at_most_and_a_clean_end_nothing() {
    let mut folder = configured(1_000_000_000);
    let mut least = 0;
    for _ in 0..3 {
        let mut site = folder.start(&[], &[]);
        let (address, (told, heard)) = (site.address, mpsc::channel());
        let load = thread::spawn(move || {
            let mut connection = Connection::open(address);
            // Until the connection breaks, which panics: the count is what was told.
            while take(&mut connection, "alice") == 200 {
                if told.send(()).is_err() {
                    return;
                }
            }
        });
        let before = (0..500).filter(|_| heard.recv().is_ok()).count();
        let seen = rounds(&site);
        until("two rounds", || (rounds(&site) >= seen + 2).then_some(()));
        site.process.signal(Signal::SIGKILL);
        site.process.ended();
        let _ = load.join();
        let most = least + before + heard.iter().count() + 1;
        let site = site.into_folder().start(&[], &[]);
        let used = show(&site, "alice")["used"].as_u64().unwrap() as usize;
        assert!((least + before..=most).contains(&used), "{least} + {before} <= {used} <= {most}");
        let mut connection = Connection::open(site.address);
        (0..10).for_each(|_| assert_eq!(take(&mut connection, "alice"), 200));
        drop(connection);
        least = used + 10;
        folder = site.end();
        let site = folder.start(&[], &[]);
        assert_eq!(show(&site, "alice")["used"], least, "a clean end loses nothing");
        folder = site.end();
    }
}

#[test]
fn operators_show_grant_block_and_reset_a_key_live() {
    let site = configured(3).start(&[], &[]);
    let mut connection = Connection::open(site.address);
    let mut statuses = |count| (0..count).map(|_| take(&mut connection, "alice")).collect::<Vec<_>>();
    assert_eq!(show(&site, "alice")["used"], 0);
    assert_eq!(statuses(4), [200, 200, 200, 429]);
    let usage = show(&site, "alice");
    assert_eq!((&usage["used"], &usage["limit"], &usage["blocked"]), (&3.into(), &3.into(), &false.into()));
    assert_eq!(show(&site, "bob")["used"], 0);
    assert_eq!(operate(&site, &json!({ "action": "grant", "units": 2 })).0, 200);
    assert_eq!(statuses(3), [200, 200, 429]);
    assert_eq!(operate(&site, &json!({ "action": "reset" })).1["used"], 0);
    assert_eq!(statuses(1), [200]);
    assert_eq!(operate(&site, &json!({ "action": "block" })).1["blocked"], true);
    assert_eq!(statuses(1), [429]);
    assert_eq!(operate(&site, &json!({ "action": "unblock" })).1["blocked"], false);
    assert_eq!(statuses(1), [200]);
    let (_, rules) = site.ask("GET /quotas", "", "");
    assert_eq!(rules["rules"], json!([RULE]));
    // Nobody sees or changes a key without the right to.
    let mut network = Connection::open(site.status);
    network.send(format!("GET /quotas?rule={RULE}&key=alice HTTP/1.1\r\nHost: node\r\n\r\n"));
    assert_eq!(network.response().status, 403);
    let token = format!("Authorization: Bearer {TOKEN}\r\n");
    network.send(format!("GET /quotas?rule={RULE}&key=alice HTTP/1.1\r\nHost: node\r\n{token}\r\n"));
    assert!(network.response().text().contains("\"used\""));
    for (line, body, status) in [
        ("GET /quotas?rule=routes/other/quota/monthly&key=a", "", 404),
        (&format!("GET /quotas?rule={RULE}"), "", 400),
        ("POST /quotas", "{}", 400),
        ("DELETE /quotas", "", 405),
    ] {
        assert_eq!(site.ask(line, "", body).0, status, "{line}");
    }
}

#[test]
fn a_grant_for_a_time_is_taken_back_when_it_is_over() {
    let site = configured(10).start(&[], &[]);
    let mut connection = Connection::open(site.address);
    assert_eq!(take(&mut connection, "alice"), 200);
    let grant = json!({ "action": "grant", "units": 5, "for_s": 1 });
    assert_eq!(operate(&site, &grant).1["used"], -4);
    until("the grant to be over", || (show(&site, "alice")["used"] == 1).then_some(()));
    // A reset ends a grant: nothing is taken back of what comes after. That of another key, which began later, is over then.
    assert_eq!(operate(&site, &grant).1["used"], -4);
    assert_eq!(operate(&site, &json!({ "action": "reset" })).1["used"], 0);
    let other = json!({ "rule": RULE, "key": ["bob"], "action": "grant", "units": 5, "for_s": 1 });
    assert_eq!(site.ask("POST /quotas", "", &other.to_string()).1["used"], -5);
    until("the other grant to be over", || (show(&site, "bob")["used"] == 0).then_some(()));
    assert_eq!(show(&site, "alice")["used"], 0);
}
