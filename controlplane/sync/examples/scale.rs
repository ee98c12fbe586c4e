//! A node with many routes: how soon it runs a change, and how soon it serves again without its control plane.
//!
//! `cargo run -p tollgate-sync --example scale -- TOLLGATE [APIS [APPLICATIONS]]`: the binary, APIs of 10 routes each (10,000),
//! and applications of 10 subscriptions each (0). It plays the control plane, starts the node over loopback, times it from
//! outside, and prints a line for each figure.

#![expect(clippy::unwrap_used, reason = "what cannot be had ends the measurement")]

use serde_json::json;
use std::{
    env, fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};
use tokio::runtime;
use tollgate_sync::{Delta, Feed, Patch, Position, Source, UsageBatch, router};

const CHANGES: u64 = 100;

struct Script(Mutex<Delta>);

impl Source for Script {
    fn node(&self, _: &str) -> Result<Option<String>, String> {
        Ok(Some("edge".to_owned()))
    }

    fn everything(&self) -> Result<Delta, String> {
        Ok(self.0.lock().unwrap().clone())
    }

    fn used(&self, _: &str, _: &UsageBatch) -> Result<(), String> {
        Ok(())
    }
}

fn at(generation: u64) -> Position {
    Position::new(generation, generation)
}

/// An API as it is compiled.
fn api(patch: &mut Patch, number: u64, weight: u64) {
    let upstream = format!("acme.production.api-{number}_1.0");
    let item = json!({ "name": upstream, "endpoints": [{ "address": "127.0.0.1:9", "weight": weight.to_string() }] });
    patch.set("upstreams", upstream.clone(), item.to_string()).unwrap();
    for operation in 0..10 {
        let name = format!("{upstream}.operation-{operation}");
        let item = json!({
            "name": name,
            "match": { "path": format!("/api-{number}/1.0/operation-{operation}/{{id}}"), "methods": ["GET"] },
            "rewrite": { "path": format!("/{weight}/{{id}}") },
            "policies": {
                "authorize": { "api": format!("acme/api-{number}@1.0") },
                "identify": [{ "api_key": { "header": "X-API-Key" } }],
            },
            "upstream": upstream,
        });
        patch.set("routes", name, item.to_string()).unwrap();
    }
}

/// An application as it is compiled.
fn application(patch: &mut Patch, number: u64, apis: u64) {
    let name = format!("acme.application-{number}");
    let held = |at: u64| json!({ "api": format!("acme/api-{}@1.0", (number * 10 + at) % apis) });
    let item = json!({
        "name": name,
        "tenant": "acme",
        "credentials": [{ "id": format!("k{number}"), "sha256": format!("{:016x}{number:048x}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15)) }],
        "subscriptions": (0..10).map(held).collect::<Vec<_>>(),
    });
    patch.set("applications", name, item.to_string()).unwrap();
}

/// Starts the node; gives it with its listener.
fn node(binary: &str, folder: &str, url: &str) -> (Child, String) {
    let (config, data) = (format!("{folder}/edge.yaml"), format!("{folder}/data"));
    let mut node = Command::new(binary)
        .args(["gateway", "--config", &config, "--control-plane", url, "--data", &data])
        .env("TOLLGATE_NODE_TOKEN", "tgn_edge_0")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(node.stderr.take().unwrap()).lines();
    let address = loop {
        let line = lines.next().expect("it says where it listens").unwrap();
        match line.strip_prefix("listener public on ") {
            Some(address) => break address.to_owned(),
            None => eprintln!("{line}"),
        }
    };
    thread::spawn(move || lines.for_each(|line| eprintln!("{}", line.unwrap())));
    (node, address)
}

fn status(address: &str, target: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {target} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text.split(' ').nth(1).unwrap_or_default().to_owned()
}

fn until(mut holds: impl FnMut() -> bool) {
    while !holds() {
        thread::sleep(Duration::from_micros(200));
    }
}

fn main() {
    let mut arguments = env::args().skip(1);
    let binary = arguments.next().expect("the path of tollgate");
    let apis: u64 = arguments.next().map_or(10_000, |apis| apis.parse().unwrap());
    let applications: u64 = arguments.next().map_or(0, |applications| applications.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().to_str().unwrap();
    let file = "version: 1\nstatus: off\naccess_log: off\nlisteners: [ { name: public, bind: 127.0.0.1:0 } ]\n";
    fs::write(format!("{folder}/edge.yaml"), file).unwrap();

    let mut whole = Patch::default();
    (0..apis).for_each(|number| api(&mut whole, number, 1));
    (0..applications).for_each(|number| application(&mut whole, number, apis));
    println!("{} routes, {applications} applications, {} MiB", apis * 10, whole.bytes() >> 20);
    let feed = Arc::new(Feed::default());
    feed.reset(at(1), 1);
    let source = Arc::new(Script(Mutex::new(Delta { from: None, to: at(1), patch: whole })));
    let runtime = runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = router(feed.clone(), source, Arc::default());
    runtime.spawn(async move { axum::serve(listener, router).await });

    let began = Instant::now();
    let (mut child, address) = node(&binary, folder, &url);
    println!("first start, with everything over the network: {:?}", began.elapsed());
    until(|| feed.reports().get("edge").is_some_and(|report| report.behind.is_none()));

    let mut times: Vec<_> = (2..2 + CHANGES)
        .map(|generation| {
            let mut patch = Patch::default();
            api(&mut patch, generation % apis, 1 + generation % 100);
            let began = Instant::now();
            feed.push(at(generation), patch, generation, Duration::ZERO);
            until(|| feed.reports().get("edge").is_some_and(|report| report.covers == Some(generation)));
            began.elapsed()
        })
        .collect();
    times.sort();
    println!(
        "a change of 10 routes, until it is said to run: p50 {:?}, max {:?}",
        times[times.len() / 2],
        times[times.len() - 1]
    );

    child.kill().unwrap();
    child.wait().unwrap();
    drop(runtime);
    let began = Instant::now();
    let (mut child, again) = node(&binary, folder, &url);
    let listening = began.elapsed();
    assert_eq!(status(&again, "/api-0/1.0/operation-0/7"), "401");
    println!("start without the control plane: listens after {listening:?}, has answered after {:?}", began.elapsed());
    child.kill().unwrap();
    child.wait().unwrap();
    drop(address);
}
