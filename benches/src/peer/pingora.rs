//! Pingora: a small program on the crate, in `benches/pingora`, with one thread.
//!
//! It is a library: what has no configuration there (routes, policies, reloads) would be code of ours, and is not compared.

use super::{Peer, Setup, Task};
use crate::process::Program;
use anyhow::Result;

pub(super) struct Pingora(pub(super) Program);

pub(super) const NAME: &str = "tollgate-pingora-peer";

pub(super) const BUILD: &str =
    "(cd benches/pingora && cargo build --release)   # needs cmake: apt-get install -y cmake";

impl Peer for Pingora {
    fn name(&self) -> &'static str {
        "pingora"
    }

    fn lacks(&self, task: Task, _secure: bool) -> Option<&'static str> {
        let is_plain = matches!(task, Task::Proxy | Task::Stream | Task::Endpoints);
        (!is_plain).then_some("it is a library: this would be code of ours")
    }

    fn prepare(&self, setup: &Setup) -> Result<Program> {
        let program = self.0.clone().args([setup.listen.to_string(), setup.each(",", ToString::to_string)]);
        Ok(match &setup.certificate {
            Some(certificate) => program.args([&certificate.chain, &certificate.key]),
            None => program,
        })
    }

    fn version(&self) -> (Program, &'static str) {
        (self.0.clone().args(["--version"]), "pingora ")
    }
}
