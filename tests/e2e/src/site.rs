//! A gateway whose configuration changes while it runs: its file, its Unix socket, its environment, in one folder.
//!
//! One route, `/answer`, says which configuration runs; everything else goes to an upstream if there is one. The socket is
//! spoken to as a user with curl would, one request a connection.

use crate::{
    client::{Response, get},
    node::Process,
    wait::{DEADLINE, until},
};
use serde_json::Value;
use std::{
    fs,
    io::{Read, Write},
    net::SocketAddr,
    os::unix::net::UnixStream,
    path::PathBuf,
};
use tempfile::TempDir;

/// The token of the environment, which no file and no page may show.
pub const TOKEN: &str = "a-token-of-the-environment";

/// A running gateway and its folder.
#[derive(Debug)]
pub struct Site {
    /// The process, for signals and its end.
    pub process: Process,
    /// Where it listens.
    pub address: SocketAddr,
    /// Where its status is served.
    pub status: SocketAddr,
    folder: Folder,
}

/// What a gateway runs from; outlives it.
#[derive(Debug)]
pub struct Folder {
    folder: TempDir,
    upstream: Option<SocketAddr>,
}

impl Folder {
    /// A folder without a file yet.
    ///
    /// # Panics
    /// If there is no room for it.
    #[must_use]
    pub fn new(upstream: Option<SocketAddr>) -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder can be made"), upstream }
    }

    /// A path in it.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A configuration whose route answers with `body`.
    #[must_use]
    pub fn text(&self, body: &str) -> String {
        let socket = self.path("admin.sock");
        let upstream = self.upstream.map(|address| {
            format!(
                "upstreams: [ {{ name: origin, endpoints: [ {{ address: '{address}' }} ] }} ]\nroutes:\n  \
                 - {{ name: everything, match: {{ path: '/{{rest*}}' }}, upstream: origin }}\n"
            )
        });
        format!(
            "version: 1\nstatus: {{ bind: 127.0.0.1:0, socket: {socket:?}, token: '${{env:ADMIN_TOKEN}}' }}\n\
             access_log: off\nlisteners: [ {{ name: public, bind: 127.0.0.1:0 }} ]\n{}  \
             - {{ name: answer, match: {{ path: /answer }}, answer: {{ status: 200, body: {body} }} }}\n",
            upstream.unwrap_or_else(|| "routes:\n".to_owned())
        )
    }

    /// Puts a file with this text in the place of another.
    ///
    /// # Panics
    /// If the folder is not writable.
    pub fn put(&self, name: &str, text: &str) {
        fs::write(self.path("beside"), text).expect("a temporary folder is writable");
        fs::rename(self.path("beside"), self.path(name)).expect("a temporary folder is writable");
    }

    /// Starts a gateway from `gateway.yaml`, with more arguments and environment.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn start(self, arguments: &[&str], environment: &[(&str, &str)]) -> Site {
        let config = self.path("gateway.yaml").to_string_lossy().into_owned();
        let arguments = [&["gateway", "--config", &config], arguments].concat();
        let environment = [&[("ADMIN_TOKEN", TOKEN)], environment].concat();
        let mut process = Process::start_in(&arguments, &environment);
        let address = process.announced("listener public on ").parse().expect("it prints an address");
        let status = process.announced("status on ").parse().expect("it prints an address");
        Site { process, address, status, folder: self }
    }
}

impl Site {
    /// Starts a gateway whose route answers `one`.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn start(arguments: &[&str]) -> Self {
        let folder = Folder::new(None);
        folder.put("gateway.yaml", &folder.text("one"));
        folder.start(arguments, &[])
    }

    /// Its folder.
    #[must_use]
    pub const fn folder(&self) -> &Folder {
        &self.folder
    }

    /// What the route answers.
    ///
    /// # Panics
    /// If it does not answer.
    #[must_use]
    pub fn answer(&self) -> String {
        get(self.address, "/answer").text()
    }

    /// Waits until the route answers this.
    ///
    /// # Panics
    /// If it does not in time.
    pub fn until_answer(&self, body: &str) {
        until(&format!("the answer {body}"), || (self.answer() == body).then_some(()));
    }

    /// What the node says that it runs.
    ///
    /// # Panics
    /// If it says nothing.
    #[must_use]
    pub fn report(&self) -> Value {
        serde_json::from_slice(&get(self.status, "/config").body).expect("the report is JSON")
    }

    /// A request through the Unix socket: status and content.
    ///
    /// # Panics
    /// If it is not answered.
    #[must_use]
    pub fn ask(&self, line: &str, fields: &str, body: &str) -> (u16, Value) {
        let mut stream = UnixStream::connect(self.folder.path("admin.sock")).expect("the socket is there");
        stream.set_read_timeout(Some(DEADLINE)).expect("the deadline is not zero");
        let length = body.len();
        let head =
            format!("{line} HTTP/1.1\r\nHost: node\r\nConnection: close\r\nContent-Length: {length}\r\n{fields}\r\n");
        stream.write_all((head + body).as_bytes()).expect("the node takes a request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("the node answers");
        let status = answer.get(9..12).and_then(|status| status.parse().ok()).unwrap_or_default();
        let content = answer.split_once("\r\n\r\n").map(|(_, content)| content).unwrap_or_default();
        (status, serde_json::from_str(content).unwrap_or_default())
    }

    /// Ends the gateway and gives its folder back.
    ///
    /// # Panics
    /// If it does not end.
    #[must_use]
    pub fn end(mut self) -> Folder {
        self.process.signal(nix::sys::signal::Signal::SIGTERM);
        assert_eq!(self.process.ended().code(), Some(0));
        self.folder
    }

    /// Its folder, once the gateway has ended.
    #[must_use]
    pub fn into_folder(self) -> Folder {
        self.folder
    }

    /// The answer to a GET of the status.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn page(&self, path: &str) -> Response {
        get(self.status, path)
    }
}
