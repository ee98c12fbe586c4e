//! A gateway as a node of a control plane elsewhere: `tollgate gateway --control-plane`, in a folder of its own.

use crate::{
    client::{Response, ask},
    node::Process,
};
use nix::sys::signal::Signal;
use std::{fs, net::SocketAddr, path::PathBuf};
use tempfile::TempDir;

/// The file of a node.
#[must_use]
pub fn edge_file(routes: &str) -> String {
    format!(
        "version: 1\nstatus: {{ bind: 127.0.0.1:0 }}\naccess_log: off\n\
         listeners: [ {{ name: public, bind: 127.0.0.1:0 }} ]\n{routes}"
    )
}

/// A running `tollgate gateway --control-plane`: a node of a [`Platform`].
#[derive(Debug)]
pub struct Edge {
    /// The process.
    pub process: Process,
    /// Its listener.
    pub address: SocketAddr,
    folder: TempDir,
    url: String,
    token: String,
    more: Vec<String>,
}

impl Edge {
    /// Starts one in `folder`, with the URL and the token for a control plane, its file, and more arguments.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn run(folder: TempDir, (url, token): (&str, &str), file: &str, more: &[&str]) -> Self {
        let [config, data] = ["edge.yaml", "data"].map(|name| folder.path().join(name).display().to_string());
        fs::write(&config, file).expect("the folder is ours");
        let mut arguments = vec!["gateway", "--config", &config, "--control-plane", url, "--data", &data];
        arguments.extend(more);
        let mut process = Process::start_in(&arguments, &[("TOLLGATE_NODE_TOKEN", token)]);
        let address = process.announced("listener public on ").parse().expect("it prints an address");
        let more = more.iter().map(|&argument| argument.to_owned()).collect();
        Self { process, address, folder, url: url.to_owned(), token: token.to_owned(), more }
    }

    /// Kills it and starts it again with what it has kept.
    ///
    /// # Panics
    /// If it does not start again.
    #[must_use]
    pub fn crashed_and_restarted(self) -> Self {
        let Self { mut process, folder, url, token, more, .. } = self;
        process.signal(Signal::SIGKILL);
        process.ended();
        let file = fs::read_to_string(folder.path().join("edge.yaml")).expect("it is ours");
        let more: Vec<_> = more.iter().map(String::as_str).collect();
        Self::run(folder, (&url, &token), &file, &more)
    }

    /// What it has kept of what was published.
    #[must_use]
    pub fn kept(&self) -> PathBuf {
        self.folder.path().join("data/published")
    }

    /// One request on a connection of its own, with more `fields`, each with its line end.
    ///
    /// # Panics
    /// If there is no response.
    #[must_use]
    pub fn ask(&self, target: &str, fields: &str) -> Response {
        ask(self.address, target, fields)
    }
}
