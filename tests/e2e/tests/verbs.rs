//! The verbs that talk to a running node, as a script uses them: `limits` and `top`.

use serde_json::Value;
use std::process::{Command, Output};
use tollgate_e2e::{Connection, Folder, Site, TOKEN, tollgate};

const RULE: &str = "routes/answer/quota/monthly";

fn site() -> Site {
    let folder = Folder::new(None);
    let rule = "{ name: monthly, key: 'header:X-Key', limit: 3, per: month }";
    let route = format!("answer: {{ status: 200, body: one }}, policies: {{ quota: [ {rule} ] }} }}\n");
    let text = folder.text("one").replace("answer: { status: 200, body: one } }\n", &route);
    folder.put("gateway.yaml", &text);
    folder.start(&[], &[])
}

fn run(arguments: &[&str], token: Option<&str>) -> Output {
    let mut command = Command::new(tollgate());
    command.args(arguments).env_remove("TOLLGATE_STATUS_TOKEN").env_remove("TOLLGATE_NODE");
    command.envs(token.map(|token| ("TOLLGATE_STATUS_TOKEN", token)));
    command.output().expect("the binary was just built")
}

/// What a verb prints, as JSON.
fn said(site: &Site, arguments: &[&str]) -> Value {
    let socket = site.folder().path("admin.sock");
    let node = ["--output", "json", "--node", socket.to_str().expect("a path of ours")];
    let run = run(&[arguments, &node[..]].concat(), None);
    assert_eq!(run.status.code(), Some(0), "{}", String::from_utf8_lossy(&run.stderr));
    serde_json::from_slice(&run.stdout).expect("it is JSON")
}

fn take(site: &Site, key: &str) -> u16 {
    let mut connection = Connection::open(site.address);
    connection.send(format!("GET /answer HTTP/1.1\r\nHost: test\r\nX-Key: {key}\r\n\r\n"));
    connection.response().status
}

#[test]
fn an_operator_sees_and_changes_what_a_key_may() {
    let site = site();
    let key = "a b+c";
    let taken: Vec<u16> = (0..4).map(|_| take(&site, key)).collect();
    assert_eq!(taken, [200, 200, 200, 429]);
    assert_eq!(said(&site, &["limits", "show"])["rules"][0], RULE);
    assert_eq!(said(&site, &["limits", "show", RULE, key])["used"], 3);
    assert_eq!(said(&site, &["limits", "grant", RULE, key, "--units", "1"])["used"], 2);
    assert_eq!((take(&site, key), take(&site, key)), (200, 429));
    assert_eq!(said(&site, &["limits", "reset", RULE, key])["used"], 0);
    assert_eq!(take(&site, key), 200);
    assert_eq!(said(&site, &["limits", "block", RULE, key])["blocked"], true);
    assert_eq!((take(&site, key), take(&site, "other")), (429, 200));
    assert_eq!(said(&site, &["limits", "unblock", RULE, key])["blocked"], false);
    assert_eq!(take(&site, key), 200);
}

#[test]
fn who_may_not_is_told_what_is_missing() {
    let site = site();
    let status = site.status.to_string();
    let show = |more: &[&str], token| {
        let run = run(&[&["limits", "show", "--node", &status], more].concat(), token);
        (run.status.code(), String::from_utf8_lossy(&run.stderr).into_owned())
    };
    let (code, why) = show(&[], None);
    assert!(code == Some(1) && why.contains("TOLLGATE_STATUS_TOKEN") && why.contains("forbidden"), "{why}");
    assert_eq!(show(&[], Some(TOKEN)).0, Some(0));
    let (code, why) = show(&["no/such/rule"], Some(TOKEN));
    assert!(code == Some(1) && why.contains("no_such_rule"), "{why}");
    site.folder().put("token", TOKEN);
    let file = site.folder().path("token");
    assert_eq!(show(&["--status-token-file", file.to_str().expect("a path of ours")], None).0, Some(0));
    let socket = site.folder().path("nobody.sock");
    let run = run(&["top", "--once", "--node", socket.to_str().expect("a path of ours")], None);
    assert_eq!(run.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&run.stderr).contains("no node answers at"));
}

#[test]
fn a_sample_of_a_node_is_printed_once() {
    let site = site();
    assert_eq!(take(&site, "a"), 200);
    let sample = said(&site, &["top", "--once"]);
    assert_eq!((&sample["ready"], &sample["generation"]), (&Value::Bool(true), &Value::from(1.0)));
    assert!(!sample["workers"].as_array().expect("a list").is_empty() && sample["routes"].is_array());
    let text = run(&["top", "--once", "--node", &site.status.to_string()], None);
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    assert!(text.contains("ROUTE") && text.contains("WORKER") && !text.contains('\x1b'), "{text}");
}
