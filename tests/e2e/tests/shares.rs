//! Nodes that share limits through the control plane that feeds them, without a Redis: what they admit together, and what
//! becomes of requests while the control plane is away.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use std::{
    fs,
    net::SocketAddr,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    thread,
    time::Instant,
};
use tempfile::TempDir;
use tollgate_e2e::{Connection, Edge, Platform, edge_file, get, until};

/// What nodes have in their files: a route with one rule, the cluster, and the secret of it in a file.
struct Circle {
    nodes: usize,
    folder: TempDir,
}

impl Circle {
    fn of(nodes: usize) -> Self {
        let circle = Self { nodes, folder: tempfile::tempdir().unwrap() };
        circle.secret("secret", "a-secret-of-the-cluster");
        circle
    }

    fn secret(&self, name: &str, text: &str) {
        fs::write(self.folder.path().join(name), text).unwrap();
    }

    fn text(&self, rule: &str) -> String {
        self.text_with(rule, "secret")
    }

    fn text_with(&self, rule: &str, secret: &str) -> String {
        let (secret, nodes) = (self.folder.path().join(secret).display().to_string(), self.nodes);
        format!(
            "workers: [0]\ncluster: {{ control_plane: true, secret: '${{file:{secret}}}', nodes: {nodes} }}\n\
             routes: [ {{ name: answer, match: {{ path: /answer }}, answer: {{ status: 200 }}, policies: {{ {rule} }} }} ]\n"
        )
    }
}

fn quota(limit: u64, more: &str) -> String {
    format!("quota: [ {{ name: all, key: node, limit: {limit}, per: month, mode: leased{more} }} ]")
}

/// A node, and where its status is.
struct Member {
    edge: Edge,
    status: SocketAddr,
}

fn members(platform: &Platform, names: &[&str], text: &str) -> Vec<Member> {
    let member = |name: &&str| {
        let mut edge = platform.node(name, text);
        let status = edge.process.announced("status on ").parse().unwrap();
        Member { edge, status }
    };
    names.iter().map(member).collect()
}

fn is_up(status: SocketAddr) -> bool {
    get(status, "/metrics").text().contains("tollgate_cluster_store_up 1\n")
}

fn are_up(members: &[Member]) -> bool {
    members.iter().all(|member| is_up(member.status))
}

fn are_lost(members: &[Member]) -> bool {
    members.iter().all(|member| !is_up(member.status))
}

fn addresses(members: &[Member]) -> Vec<SocketAddr> {
    members.iter().map(|member| member.edge.address).collect()
}

/// Asks all gateways at once until each has refused so many requests; how many were admitted.
fn press(gateways: &[SocketAddr], refusals: u64) -> u64 {
    let admitted = AtomicU64::new(0);
    thread::scope(|scope| {
        for gateway in gateways {
            scope.spawn(|| {
                let (mut connection, mut refused) = (Connection::open(*gateway), 0);
                while refused < refusals {
                    match take(&mut connection) {
                        200 => drop(admitted.fetch_add(1, Relaxed)),
                        429 => refused += 1,
                        status => panic!("answered {status}"),
                    }
                }
            });
        }
    });
    admitted.into_inner()
}

fn take(connection: &mut Connection) -> u16 {
    connection.send("GET /answer HTTP/1.1\r\nHost: test\r\n\r\n");
    connection.response().status
}

#[test]
fn the_control_plane_and_its_nodes_admit_a_quota_and_hardly_more() {
    let (circle, limit) = (Circle::of(3), 6000);
    let text = circle.text(&quota(limit, ""));
    let mut platform = Platform::start_with(&text);
    let own = platform.process.announced("status on ").parse().unwrap();
    let members = members(&platform, &["one", "two"], &text);
    until("the shares", || (are_up(&members) && is_up(own)).then_some(()));
    let gateways = [addresses(&members), vec![platform.address]].concat();
    let admitted = press(&gateways, 2000);
    println!("admitted {admitted} of {limit}");
    assert!((limit * 99 / 100..=limit + limit / 200).contains(&admitted), "{admitted} of {limit}");
}

#[test]
fn two_nodes_admit_a_small_quota_and_hardly_more() {
    let (circle, limit) = (Circle::of(2), 1000);
    let platform = Platform::start();
    let members = members(&platform, &["one", "two"], &circle.text(&quota(limit, "")));
    until("the shares", || are_up(&members).then_some(()));
    let admitted = press(&addresses(&members), 2000);
    println!("admitted {admitted} of {limit}");
    assert!((limit * 99 / 100..=limit + limit / 200).contains(&admitted), "{admitted} of {limit}");
}

#[test]
fn two_nodes_admit_what_a_bucket_gains_and_hardly_more() {
    let (circle, limit) = (Circle::of(2), 1000);
    let platform = Platform::start();
    let rule = format!("throttle: [ {{ name: all, key: node, limit: {limit}, burst: {limit}, mode: leased }} ]");
    let members = members(&platform, &["one", "two"], &circle.text(&rule));
    until("the shares", || are_up(&members).then_some(()));
    let begun = Instant::now();
    let admitted = press(&addresses(&members), 6000);
    // More time than it was has been for more units: that errs to one side only.
    let exact = limit + begun.elapsed().as_nanos() as u64 * limit / 1_000_000_000;
    println!("admitted {admitted} of {exact}");
    assert!((limit * 9 / 10..=exact + limit / 100).contains(&admitted), "{admitted} of {exact}");
}

#[test]
fn without_the_control_plane_each_node_admits_its_part() {
    let (circle, limit) = (Circle::of(2), 3000);
    let platform = Platform::start();
    let members = members(&platform, &["one", "two"], &circle.text(&quota(limit, "")));
    until("the shares", || are_up(&members).then_some(()));
    let crashed = platform.crashed();
    until("the control plane to be missed", || are_lost(&members).then_some(()));
    let admitted = press(&addresses(&members), 1000);
    assert!((limit * 99 / 100..=limit + limit / 100).contains(&admitted), "{admitted} of {limit}");
    // What was admitted without it counts when it is back, though it began anew.
    let _platform = crashed.back();
    until("the control plane to be back", || are_up(&members).then_some(()));
    let after = press(&addresses(&members), 1000);
    assert!(after <= limit / 100, "{after} more");
}

#[test]
fn a_rule_may_be_closed_without_the_control_plane() {
    let circle = Circle::of(1);
    let platform = Platform::start();
    let members = members(&platform, &["one"], &circle.text(&quota(3000, ", store_lost: closed")));
    until("the shares", || are_up(&members).then_some(()));
    let mut connection = Connection::open(members[0].edge.address);
    assert_eq!(take(&mut connection), 200);
    let crashed = platform.crashed();
    until("the control plane to be missed", || are_lost(&members).then_some(()));
    assert_eq!(take(&mut connection), 429);
    let _platform = crashed.back();
    until("the control plane to be back", || are_up(&members).then_some(()));
    assert_eq!(take(&mut connection), 200);
}

#[test]
fn a_node_with_another_secret_is_told_so() {
    let circle = Circle::of(2);
    circle.secret("other", "another-secret-of-the-cluster");
    let platform = Platform::start();
    let first = members(&platform, &["one"], &circle.text(&quota(3000, "")));
    until("the shares", || are_up(&first).then_some(()));
    let second = members(&platform, &["two"], &circle.text_with(&quota(3000, ""), "other"));
    until("the refusal", || {
        second[0].edge.process.errors().contains("is `cluster.secret` the same on all").then_some(())
    });
    assert!(are_lost(&second) && are_up(&first));
    assert_eq!(take(&mut Connection::open(second[0].edge.address)), 200, "it has its part");
}

#[test]
fn a_gateway_without_a_control_plane_does_not_start_with_its_shares() {
    let circle = Circle::of(2);
    let config = circle.folder.path().join("gateway.yaml");
    fs::write(&config, edge_file(&circle.text(&quota(3000, "")))).unwrap();
    let output = tollgate_e2e::run(&["gateway", "--config", &config.display().to_string()]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.contains("`cluster.control_plane` is true") && errors.contains("--control-plane URL"), "{errors}");
    assert!(!output.status.success());
}
