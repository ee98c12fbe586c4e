//! Which crate may use which: the workspace's own edges, and who may name the runtimes.
//!
//! The table is the crate graph of ARCHITECTURE.md. It also names crates that are planned, so that the first line of
//! one is already under the rule. Fails with the edge and the remedy.

use serde_json::Value;
use std::{collections::BTreeMap, process::Command};

/// Crate -> the crates of the workspace it may use, in code and in its build script.
const ALLOWED: &[(&str, &[&str])] = &[
    // The data plane, leaves first.
    ("io", &[]),
    ("dns", &[]),
    ("http", &[]),
    ("place", &[]),
    ("pattern", &[]),
    ("consumer", &[]),
    ("items", &[]),
    ("document", &["place", "pattern"]),
    ("raw", &["document", "place"]),
    ("bounds", &["document", "consumer"]),
    ("model", &["raw", "bounds", "document", "consumer", "items", "place", "pattern"]),
    ("route", &["model", "http"]),
    ("limit", &["model", "http"]),
    ("identity", &["model", "http"]),
    ("balance", &["limit", "model", "http"]),
    ("transform", &["model", "http"]),
    ("cache", &["model", "http"]),
    ("tls", &["model", "http"]),
    ("telemetry", &["model", "http"]),
    ("policy", &["identity", "limit", "transform", "cache", "balance", "route", "model", "http"]),
    ("offload", &["policy", "identity", "limit", "tls", "model"]),
    ("cluster", &["limit", "model"]),
    ("journal", &["telemetry"]),
    ("probe", &["http", "io"]),
    ("worker", &["policy", "tls", "telemetry", "io", "http", "model", "route", "balance", "cache", "probe"]),
    ("ring", &["io"]),
    (
        "gateway",
        &[
            "worker",
            "ring",
            "io",
            "http",
            "tls",
            "journal",
            "offload",
            "cluster",
            "telemetry",
            "limit",
            "model",
            "balance",
            "dns",
        ],
    ),
    // The control plane.
    ("domain", &[]),
    ("openapi", &[]),
    ("compile", &["domain", "model", "openapi"]),
    ("store", &["domain"]),
    ("keys", &["domain", "store"]),
    ("api", &["domain", "store", "keys", "compile", "openapi"]),
    ("console", &["domain", "api", "openapi"]),
    ("sync", &["model", "http"]),
    ("server", &["domain", "compile", "store", "keys", "api", "console", "sync", "gateway"]),
    // The binary and the tools.
    ("cli", &["server", "gateway", "sync", "loadreport", "loadtest", "tuning", "model"]),
    ("loadtest", &[]),
    ("loadreport", &["loadtest"]),
    ("journeys", &[]),
    ("tuning", &[]),
];

/// Folders whose crates may use anything: nothing of the product uses them.
const UNBOUND: [&str; 2] = ["tests/", "benches"];

/// External crate -> the crates of the workspace that may name it, besides the unbound ones.
const RESERVED: &[(&str, &[&str])] = &[
    ("monoio", &["loadtest"]),
    ("io-uring", &["ring", "loadtest"]),
    ("glommio", &["journal"]),
    ("httparse", &["http"]),
    // The load generator shares no code with what it measures, so it makes its TLS connections itself.
    ("rustls", &["tls", "loadtest"]),
    ("goose", &["journeys"]),
    ("reqwest", &["journeys"]),
];

const PREFIX: &str = "tollgate-";

/// A crate of the workspace, by the name of its folder.
struct Member {
    name: String,
    folder: String,
    description: String,
    /// Names as in Cargo.toml, and whether only its tests use them.
    uses: Vec<(String, bool)>,
}

fn members() -> Vec<Member> {
    let cargo = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(tollgate_tidy::root())
        .output()
        .expect("cargo runs this test, so it can be run");
    assert!(cargo.status.success(), "{}", String::from_utf8_lossy(&cargo.stderr));
    let metadata: Value = serde_json::from_slice(&cargo.stdout).expect("cargo prints JSON");
    let root = metadata["workspace_root"].as_str().expect("cargo names the root");
    list(&metadata["packages"]).map(|package| member(package, root)).collect()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn member(package: &Value, root: &str) -> Member {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let manifest = text(&package["manifest_path"]);
    let folder = manifest.trim_start_matches(root).trim_start_matches('/').trim_end_matches("/Cargo.toml");
    let uses = list(&package["dependencies"]);
    Member {
        name: text(&package["name"]).trim_start_matches(PREFIX).to_owned(),
        folder: folder.to_owned(),
        description: text(&package["description"]),
        uses: uses.map(|used| (text(&used["name"]), used["kind"] == "dev")).collect(),
    }
}

impl Member {
    fn is_unbound(&self) -> bool {
        UNBOUND.iter().any(|folder| self.folder.starts_with(folder))
    }

    fn edges(&self) -> impl Iterator<Item = (&str, bool)> {
        self.uses.iter().filter_map(|(name, dev)| Some((name.strip_prefix(PREFIX)?, *dev)))
    }
}

#[test]
fn crates_use_only_what_the_map_allows() {
    let allowed: BTreeMap<_, _> = ALLOWED.iter().copied().collect();
    for member in members().iter().filter(|member| !member.is_unbound()) {
        let name = &member.name;
        let Some(row) = allowed.get(name.as_str()) else {
            panic!("crate {name} is not on the map: add its row to ALLOWED and to ARCHITECTURE.md");
        };
        for (used, _) in member.edges().filter(|(_, dev)| !dev) {
            assert!(
                row.contains(&used),
                "{name} -> {used} is no allowed edge ({name} may use {row:?}): move the code to a crate that both may \
                 use, or pass a value or trait in from above; a new edge needs a record in docs/decisions"
            );
        }
    }
}

#[test]
fn no_cycle_even_through_tests() {
    let members = members();
    let graph: BTreeMap<&str, Vec<&str>> = members
        .iter()
        .map(|member| (member.name.as_str(), member.edges().map(|(used, _)| used).filter(|used| *used != member.name)))
        .map(|(name, used)| (name, used.collect()))
        .collect();
    for name in graph.keys() {
        let mut path = vec![*name];
        walk(&graph, &mut path);
    }
}

fn walk<'a>(graph: &BTreeMap<&'a str, Vec<&'a str>>, path: &mut Vec<&'a str>) {
    let last = path[path.len() - 1];
    for used in graph.get(last).into_iter().flatten() {
        assert!(
            !path.contains(used),
            "{} -> {used} closes a cycle: move the test to a crate under tests/",
            path.join(" -> ")
        );
        path.push(used);
        walk(graph, path);
        path.pop();
    }
}

#[test]
fn runtimes_are_named_where_they_belong() {
    for member in members().iter().filter(|member| !member.is_unbound()) {
        for (used, _) in &member.uses {
            if let Some((_, crates)) = RESERVED.iter().find(|(name, _)| name == used) {
                let name = &member.name;
                assert!(
                    crates.contains(&name.as_str()),
                    "{name} names {used}, which is reserved for {crates:?}: go through that crate"
                );
            }
        }
    }
}

#[test]
fn a_crate_is_named_after_its_folder_and_says_what_it_is() {
    for member in members() {
        let folder = member.folder.rsplit('/').next().unwrap();
        assert_eq!(folder, member.name, "{}: folder and crate name differ", member.folder);
        let description = &member.description;
        assert!(
            description.ends_with('.') && description.len() <= 120,
            "{}: `description` in Cargo.toml is one sentence",
            member.folder
        );
        let manifest = tollgate_tidy::read(&format!("{}/Cargo.toml", member.folder));
        assert!(manifest.contains("[lints]\nworkspace = true"), "{}: lints come from the workspace", member.folder);
    }
}
