//! More than one node: what is published reaches gateways elsewhere, they go on and start again without their control plane,
//! and who operates it sees what each of them runs. All through the real binary over loopback.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
    thread,
};
use tollgate_e2e::{Edge, Platform, Process, ask, edge_file, origin, until};
use tollgate_sim::Authority;

const DOCUMENT: &str = "\
openapi: 3.0.3
info: { title: Orders, version: '1.0' }
components:
  securitySchemes:
    key: { type: apiKey, in: header, name: X-API-Key }
security: [ { key: [] } ]
paths:
  /hello: { get: { operationId: hello, responses: { '200': { description: Hello. } } } }
";

/// An API in front of `upstream`, with a plan and an application that has subscribed to it; gives a key of that.
fn managed(platform: &Platform, upstream: &str) -> String {
    let text = "kind: Environment\nname: production\n---\nkind: Plan\nname: free\n";
    let _ = platform.done(&["apply", "-f", &platform.put("managed.yaml", text)]);
    let document = platform.put("orders.yaml", DOCUMENT);
    let _ = platform.done(&["import", "openapi", &document, "--upstream", upstream, "--plan", "free"]);
    let _ = platform.done(&["publish", "orders@1.0", "production"]);
    let shop =
        "kind: Application\nname: shop\n---\nkind: Subscription\napplication: shop\ntarget: orders@1.0\nplan: free\n";
    let _ = platform.done(&["apply", "-f", &platform.put("shop.yaml", shop)]);
    platform.done(&["keys", "shop", "issue"])["secret"].as_str().expect("the text is shown once").to_owned()
}

/// Publishes the document with another path; gives what the verb says.
fn publish(platform: &Platform, path: &str) -> Value {
    let document = platform.put("orders.yaml", &DOCUMENT.replace("/hello", path));
    let _ = platform.done(&["import", "openapi", &document]);
    platform.done(&["publish", "orders@1.0", "production"])
}

fn with(key: &str) -> String {
    format!("X-API-Key: {key}\r\n")
}

fn node(platform: &Platform, name: &str) -> Value {
    let nodes = platform.done(&["nodes"]);
    let found = nodes.as_array().unwrap().iter().find(|node| node["name"] == name);
    found.unwrap_or_else(|| panic!("{name} in {nodes}")).clone()
}

/// Waits until a node is in this state; gives it.
fn until_state(platform: &Platform, name: &str, state: &str) -> Value {
    until(&format!("{name} to be {state}"), || Some(node(platform, name)).filter(|node| node["state"] == state))
}

#[test]
fn what_nodes_count_is_summed_up_once() {
    let origin = origin();
    let platform = Platform::start();
    let edge = platform.node("edge", "");
    let key = managed(&platform, &origin.address().to_string());
    let mut sent = 0;
    until("the key at the node", || {
        let status = edge.ask("/orders/hello", &with(&key)).status;
        sent += u64::from(status == 200);
        (status == 200).then_some(())
    });
    let ok = |sent: u64| {
        let rows = platform.done(&["usage"]);
        rows[0]["ok"].as_u64() == Some(sent) && rows.as_array().is_some_and(|rows| rows.len() == 1)
    };
    let mut path = "/hello".to_owned();
    for round in 1..=3 {
        for _ in 0..5 {
            assert_eq!(edge.ask(&format!("/orders{path}"), &with(&key)).status, 200);
            sent += 1;
        }
        // A node polls again when there is something new, and reports with that what was used.
        path = format!("/bytes/{round}");
        assert_eq!(publish(&platform, &path)["running"], 2);
        until("the counts at the control plane", || ok(sent).then_some(()));
    }
    assert_eq!(platform.ask(&format!("/orders{path}"), &with(&key)).status, 200);
    until("the counts of both", || ok(sent + 1).then_some(()));
}

#[test]
fn what_is_published_is_served_by_every_node() {
    let origin = origin();
    let platform = Platform::start();
    let edge = platform.node("edge", "");
    let key = managed(&platform, &origin.address().to_string());
    until("the key at the node", || (edge.ask("/orders/hello", &with(&key)).status == 200).then_some(()));
    assert_eq!([edge.ask("/orders/hello", "").status, platform.ask("/orders/hello", "").status], [401; 2]);

    // Once the verb has ended, both nodes run it.
    let published = publish(&platform, "/bytes/7");
    assert_eq!((&published["nodes"], &published["running"]), (&json!(2), &json!(2)), "{published}");
    let of_both = [edge.ask("/orders/bytes/7", &with(&key)), platform.ask("/orders/bytes/7", &with(&key))];
    assert_eq!(of_both.map(|response| (response.status, response.body.len())), [(200, 7); 2]);
    assert_eq!(edge.ask("/orders/hello", "").status, 404);

    let [here, there] = ["local", "edge"].map(|name| node(&platform, name));
    assert_eq!((&here["state"], &there["state"]), (&json!("current"), &json!("current")), "{here} {there}");
    assert_eq!((&here["generation"], &here["digest"]), (&there["generation"], &there["digest"]));
    assert_eq!((&there["behind_generations"], &there["version"]), (&json!(0), &json!(env!("CARGO_PKG_VERSION"))));
    let table = String::from_utf8(platform.verb(&["nodes"]).stdout).unwrap();
    assert!(table.lines().any(|line| line.trim().starts_with("edge ") && line.contains("current")), "{table}");
    let audit = platform.done(&["audit"]).to_string();
    assert!(audit.contains("node.add") && !audit.contains("tgn_"));
    assert_eq!(fs::metadata(edge.kept()).unwrap().permissions().mode() & 0o777, 0o600);

    // A node that is removed goes on with what it has, and gets nothing more.
    let _ = platform.done(&["nodes", "remove", "edge"]);
    let published = publish(&platform, "/hello");
    assert_eq!((&published["nodes"], &published["running"]), (&json!(1), &json!(1)));
    until("the node to be refused", || edge.process.errors().contains("no node has this token").then_some(()));
    assert_eq!(edge.ask("/orders/bytes/7", &with(&key)).status, 200);
    assert_eq!(edge.ask("/orders/hello", &with(&key)).status, 404);
}

#[test]
fn a_node_goes_on_and_starts_again_without_its_control_plane() {
    let origin = origin();
    let platform = Platform::start();
    let edge = platform.node("edge", "");
    let key = managed(&platform, &origin.address().to_string());
    until("the key at the node", || (edge.ask("/orders/hello", &with(&key)).status == 200).then_some(()));

    let (is_over, asked, failed) = (AtomicBool::new(false), AtomicU32::new(0), AtomicU32::new(0));
    let crashed = thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                let status = edge.ask("/orders/hello", &with(&key)).status;
                failed.fetch_add(u32::from(status != 200), Ordering::Relaxed);
                asked.fetch_add(1, Ordering::Relaxed);
            }
        });
        let crashed = platform.crashed();
        until("the node to notice", || {
            edge.process.errors().contains("the control plane does not answer").then_some(())
        });
        let before = asked.load(Ordering::Relaxed);
        until("more requests", || (asked.load(Ordering::Relaxed) > before + 100).then_some(()));
        is_over.store(true, Ordering::Relaxed);
        crashed
    });
    assert_eq!(failed.into_inner(), 0, "of {}", asked.into_inner());

    // From its first request on, and when it reads its file again.
    let edge = edge.crashed_and_restarted();
    assert_eq!(edge.ask("/orders/hello", &with(&key)).status, 200);
    assert_eq!([edge.ask("/orders/hello", "").status, edge.ask("/other", "").status], [401, 404]);
    edge.process.signal(Signal::SIGHUP);
    until("the file to be read again", || edge.process.errors().contains("(signal)").then_some(()));
    assert_eq!(edge.ask("/orders/hello", &with(&key)).status, 200);

    // The control plane is back: nothing is lacking, and what changes comes again.
    let platform = crashed.back();
    let there = until_state(&platform, "edge", "current");
    assert_eq!(there["generation"], node(&platform, "local")["generation"]);
    let published = publish(&platform, "/bytes/7");
    assert_eq!((&published["nodes"], &published["running"]), (&json!(2), &json!(2)), "{published}");
    assert_eq!(edge.ask("/orders/bytes/7", &with(&key)).status, 200);
}

#[test]
fn what_happened_while_a_node_was_away_is_made_up_for() {
    let origin = origin();
    let platform = Platform::start();
    let edge = platform.node("edge", "");
    let key = managed(&platform, &origin.address().to_string());
    let _ = until_state(&platform, "edge", "current");
    edge.process.signal(Signal::SIGSTOP);
    let _ = publish_without_waiting(&platform, "/bytes/7");
    let behind = node(&platform, "edge");
    // After some seconds it would be told as away.
    assert!(behind["state"] != "current" && behind["behind_generations"].as_u64().unwrap() > 0, "{behind}");
    let _ = publish_without_waiting(&platform, "/bytes/8");
    edge.process.signal(Signal::SIGCONT);
    let _ = until_state(&platform, "edge", "current");
    let statuses = ["7", "8"].map(|length| edge.ask(&format!("/orders/bytes/{length}"), &with(&key)).status);
    assert_eq!(statuses, [404, 200]);
}

fn publish_without_waiting(platform: &Platform, path: &str) -> Value {
    let document = platform.put("orders.yaml", &DOCUMENT.replace("/hello", path));
    let _ = platform.done(&["import", "openapi", &document]);
    let published = platform.done(&["publish", "orders@1.0", "production", "--wait", "0"]);
    assert_eq!(published["running"], Value::Null);
    published
}

#[test]
fn what_a_node_refuses_is_told_and_it_goes_on() {
    let origin = origin();
    let platform = Platform::start();
    // Its own file has the requests that are going to be published.
    let own = "routes: [ { name: own, match: { path: /orders/hello, methods: [GET] }, answer: { status: 204 } } ]\n";
    let edge = platform.node("edge", own);
    let _ = until_state(&platform, "edge", "current");
    let key = managed(&platform, &origin.address().to_string());
    let refused = until_state(&platform, "edge", "refused");
    assert!(refused["refused"].as_str().unwrap().contains("own"), "{refused}");
    assert_eq!([edge.ask("/orders/hello", "").status, platform.ask("/orders/hello", &with(&key)).status], [204, 200]);
    // What comes then is taken together with all that was refused.
    let published = publish(&platform, "/bytes/7");
    assert_eq!((&published["nodes"], &published["running"]), (&json!(2), &json!(2)), "{published}");
    assert_eq!(until_state(&platform, "edge", "current")["refused"], Value::Null);
    assert_eq!(edge.ask("/orders/bytes/7", &with(&key)).status, 200);
}

#[test]
fn a_control_plane_behind_tls_is_one() {
    let origin = origin();
    let platform = Platform::start();
    let folder = tempfile::tempdir().unwrap();
    let (ca, front) = front(folder.path(), &platform);
    let token = platform.done(&["nodes", "add", "edge"])["token"].as_str().unwrap().to_owned();
    let own = tempfile::tempdir().unwrap();
    let url = format!("https://{}", front.1);
    let edge = Edge::run(own, (&url, &token), &edge_file(""), &["--control-ca", &ca]);
    assert!(!edge.process.errors().contains("without TLS"));
    let key = managed(&platform, &origin.address().to_string());
    until("the key at the node", || (edge.ask("/orders/hello", &with(&key)).status == 200).then_some(()));
    // The token endpoint is on the node's listeners, through the same front.
    assert_eq!(ask(edge.address, "/oauth2/jwks", "").status, 200);
    // Whom it does not trust it tells no token.
    let other = tempfile::tempdir().unwrap();
    let mistrusting = Edge::run(other, (&url, &token), &edge_file(""), &[]);
    assert!(mistrusting.process.errors().contains("nothing is published here yet"));
    assert_eq!(mistrusting.ask("/orders/hello", "").status, 404);
}

/// A gateway that speaks TLS in front of the admin API: the file of its authority, and the gateway with its address.
fn front(folder: &std::path::Path, platform: &Platform) -> (String, (Process, String)) {
    let authority = Authority::default();
    let issued = authority.issue(&["127.0.0.1"]);
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let ca = write("ca.pem", &authority.pem());
    let (cert, key) = (write("cert.pem", &issued.certificate), write("key.pem", &issued.key));
    let config = format!(
        "version: 1\nstatus: off\naccess_log: off\nlisteners:\n- {{ name: front, bind: 127.0.0.1:0, tls: {{ certificates: [ \
         {{ cert_file: {cert}, key_file: {key} }} ] }} }}\nupstreams: [ {{ name: admin, endpoints: [ {{ address: \
         '{}' }} ] }} ]\nroutes: [ {{ name: all, match: {{ path: '/{{rest*}}' }}, upstream: admin }} ]\n",
        platform.admin
    );
    let mut process = Process::start(&["gateway", "--config", &write("front.yaml", &config)]);
    let address = process.announced("listener front on ");
    (ca, (process, address))
}

#[test]
fn what_cannot_be_a_node_is_told_why() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    fs::write(path("edge.yaml"), edge_file("")).unwrap();
    let cases: [(&[&str], &str, i32); 4] = [
        (&["--control-plane", "http://127.0.0.1:1"], "--data", 2),
        (&["--control-plane", "http://127.0.0.1:1", "--data", &path("data")], "tollgate nodes add NAME", 1),
        (&["--control-plane", "control", "--data", &path("data"), "--node-token-file", &path("edge.yaml")], "http", 1),
        (&["--control-plane", "http://a", "--data", &path("data"), "--node-token-file", &path("none")], "none", 1),
    ];
    for (more, said, code) in cases {
        let config = path("edge.yaml");
        let mut arguments = vec!["gateway", "--config", &config];
        arguments.extend(more);
        let output = tollgate_e2e::run(&arguments);
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(code) && errors.contains(said), "{more:?}: {errors}");
    }
}
