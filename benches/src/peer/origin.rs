//! The synthetic origin, measured as if it were a gateway: `tollgate origin` with one worker.
//!
//! What it answers comes from itself; it has nobody behind it.

use super::{Peer, Setup};
use crate::process::Program;
use anyhow::Result;
use std::path::PathBuf;

/// The binary that has it.
pub(crate) struct Origin {
    pub(crate) binary: PathBuf,
}

impl Peer for Origin {
    fn name(&self) -> &'static str {
        "origin"
    }

    fn prepare(&self, setup: &Setup) -> Result<Program> {
        let (bind, cpu) = (setup.listen.to_string(), setup.cpu.to_string());
        Ok(Program::at(self.binary.clone()).args(["origin", "--bind", &bind, "--cpus", &cpu]))
    }
    fn version(&self) -> (Program, &'static str) {
        (Program::at(self.binary.clone()).args(["--version"]), "tollgate ")
    }
}
