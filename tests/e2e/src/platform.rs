//! Both planes in one process, and the command line that talks to them as a user would.
//!
//! [`Platform`] is `tollgate serve` with a store in a folder of its own; its verbs are other processes of the same binary, whose
//! login is kept in that folder and nowhere else. It knows the product by what it prints and answers only.

use crate::{
    binary::tollgate,
    client::{Response, ask},
    edge::{Edge, edge_file},
    node::Process,
};
use nix::sys::signal::Signal;
use serde_json::Value;
use std::{
    fs,
    io::Write as _,
    net::SocketAddr,
    path::PathBuf,
    process::{Command, Output, Stdio},
};
use tempfile::TempDir;

/// The OpenAPI document of an API with one operation, which wants a key.
pub const ORDERS: &str = "\
openapi: 3.0.3
info: { title: Orders, version: '1.0' }
servers: [ { url: 'http://127.0.0.1:9/orders' } ]
components:
  securitySchemes:
    key: { type: apiKey, in: header, name: X-API-Key }
security: [ { key: [] } ]
paths:
  /hello: { get: { operationId: hello, responses: { '200': { description: Hello. } } } }
";

/// A running `tollgate serve` whose first tenant is `acme`, of which `ann` is the owner.
#[derive(Debug)]
pub struct Platform {
    /// The process.
    pub process: Process,
    /// The listener of the gateway.
    pub address: SocketAddr,
    /// The admin API.
    pub admin: SocketAddr,
    folder: TempDir,
}

impl Platform {
    /// Starts it in a new folder, sets it up and logs in.
    ///
    /// # Panics
    /// If any of that fails.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with("")
    }

    /// The same with more in the file of its gateway.
    ///
    /// # Panics
    /// If any of that fails.
    #[must_use]
    pub fn start_with(more: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        fs::write(folder.path().join("gateway.yaml"), edge_file(more)).expect("the folder was just made");
        let mut platform = Self::run(folder);
        let token = platform.process.announced("setup token ");
        let url = platform.url();
        let output = platform.login(&["--url", &url, "--setup", "--tenant", "acme", "--member", "ann"], &token);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        platform
    }

    fn run(folder: TempDir) -> Self {
        Self::run_at(folder, "127.0.0.1:0")
    }

    fn run_at(folder: TempDir, admin: &str) -> Self {
        let [config, data] = ["gateway.yaml", "data"].map(|name| folder.path().join(name).display().to_string());
        let mut process = Process::start(&["serve", "--config", &config, "--data", &data, "--admin", admin]);
        let address = process.announced("listener public on ").parse().expect("it prints an address");
        let admin = process.announced("admin API on ").parse().expect("it prints an address");
        Self { process, address, admin, folder }
    }

    /// Kills it, as a crash would end it, and starts it again with the same data. The ports are others, and nobody is logged
    /// in at the new one.
    ///
    /// # Panics
    /// If it does not start again.
    #[must_use]
    pub fn crashed_and_restarted(self) -> Self {
        let Self { mut process, folder, .. } = self;
        process.signal(Signal::SIGKILL);
        process.ended();
        Self::run(folder)
    }

    /// Stops it as an operator would, and starts it again where it was.
    ///
    /// # Panics
    /// If it does not end in order, or does not start again.
    #[must_use]
    pub fn stopped_and_restarted(self) -> Self {
        let Self { mut process, folder, admin, .. } = self;
        process.signal(Signal::SIGTERM);
        assert_eq!(process.ended().code(), Some(0));
        Self::run_at(folder, &admin.to_string())
    }

    /// Kills it. Its data and the address of its admin API are for another, to be started with `back`.
    ///
    /// # Panics
    /// If it does not end.
    #[must_use]
    pub fn crashed(self) -> Crashed {
        let Self { mut process, folder, admin, .. } = self;
        process.signal(Signal::SIGKILL);
        process.ended();
        Crashed { folder, admin }
    }

    /// Starts a node in a folder of its own, with `routes` in its file besides what this publishes.
    ///
    /// # Panics
    /// If the folder cannot be made.
    #[must_use]
    pub fn node(&self, name: &str, routes: &str) -> Edge {
        let added = self.done(&["nodes", "add", name]);
        let token = added["token"].as_str().expect("the token is shown once").to_owned();
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        Edge::run(folder, (&self.url(), &token), &edge_file(routes), &[])
    }

    /// Where the admin API is.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.admin)
    }

    /// A file of the folder.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file of the folder; gives its path.
    ///
    /// # Panics
    /// If it cannot be written.
    #[must_use]
    pub fn put(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        fs::write(&path, text).expect("the folder is ours");
        path.display().to_string()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(tollgate());
        command.args(arguments).env("XDG_CONFIG_HOME", self.folder.path()).env_remove("TOLLGATE_TOKEN");
        command
    }

    /// `tollgate login` with a token on standard input.
    ///
    /// # Panics
    /// If the binary cannot be run.
    #[must_use]
    pub fn login(&self, arguments: &[&str], token: &str) -> Output {
        self.typed(&[&["login"], arguments].concat(), token)
    }

    /// Runs a verb with `text` on standard input.
    ///
    /// # Panics
    /// If the binary cannot be run.
    #[must_use]
    pub fn typed(&self, arguments: &[&str], text: &str) -> Output {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary was just built");
        let mut input = child.stdin.take().expect("it was asked for");
        input.write_all(text.as_bytes()).expect("it reads a line");
        drop(input);
        child.wait_with_output().expect("it is our child")
    }

    /// Runs a verb as who is logged in.
    ///
    /// # Panics
    /// If the binary cannot be run.
    #[must_use]
    pub fn verb(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("the binary was just built")
    }

    /// What a verb answers, as JSON.
    ///
    /// # Panics
    /// If it fails.
    #[must_use]
    pub fn done(&self, arguments: &[&str]) -> Value {
        let mut all = arguments.to_vec();
        all.extend(["--output", "json"]);
        let output = self.verb(&all);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        if output.stdout.is_empty() {
            return Value::Null;
        }
        serde_json::from_slice(&output.stdout).expect("it was asked for JSON")
    }

    /// One request to the gateway on a connection of its own, with more `fields`, each with its line end.
    ///
    /// # Panics
    /// If there is no response.
    #[must_use]
    pub fn ask(&self, target: &str, fields: &str) -> Response {
        ask(self.address, target, fields)
    }
}

/// What is left of a [`Platform`] that was killed.
#[derive(Debug)]
pub struct Crashed {
    folder: TempDir,
    admin: SocketAddr,
}

impl Crashed {
    /// Starts it again where it was.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn back(self) -> Platform {
        Platform::run_at(self.folder, &self.admin.to_string())
    }
}
