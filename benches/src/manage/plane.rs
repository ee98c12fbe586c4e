//! The binary with a control plane in it, in a folder of its own, known by what it prints and answers.

use super::admin::Admin;
use crate::process::{Process, Program};
use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use std::{fs, net::SocketAddr, path::Path, time::Duration};

/// The tenant and its owner.
pub(super) const TENANT: &str = "acme";
const OWNER: &str = "ann";
/// Where its records are.
pub(super) const OF_TENANT: &str = "/tenants/acme";

/// `tollgate serve`, `control` or `gateway`.
pub(super) struct Plane {
    process: Process,
}

impl Plane {
    /// Starts it on `cpus`, with `arguments`; its output goes to a file in `folder`.
    pub(super) fn start(binary: &Path, arguments: &[&str], cpus: &[usize], folder: &Path) -> Result<Self> {
        let program = Program::at(binary.to_owned()).args(arguments);
        Ok(Self { process: Process::start(arguments[0], &program, cpus, folder)? })
    }

    pub(super) fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// What follows `prefix` on a line, once it was printed.
    pub(super) fn announced(&mut self, prefix: &str, patience: Duration) -> Result<String> {
        self.process.announced(prefix, patience)
    }

    /// Where it listens.
    pub(super) fn address(&mut self, prefix: &str, patience: Duration) -> Result<SocketAddr> {
        let text = self.announced(prefix, patience)?;
        text.parse().with_context(|| format!("`{text}` is no address"))
    }

    /// Makes the first tenant; gives a token of its owner.
    pub(super) fn set_up(&mut self, admin: SocketAddr) -> Result<String> {
        let setup = self.announced("setup token ", Duration::from_secs(5))?;
        set_up(admin, &setup)
    }
}

/// Makes the first tenant with the token that the first start has printed; gives a token of its owner.
pub(super) fn set_up(admin: SocketAddr, token: &str) -> Result<String> {
    let body = json!({ "token": token, "tenant": TENANT, "member": OWNER });
    let made = Admin::connect(admin, "")?.done("POST", "/setup", &body)?;
    Ok(made["secret"].as_str().context("the setup gives a token")?.to_owned())
}

/// Applies documents to the tenant.
pub(super) fn apply(admin: &mut Admin, documents: &Value) -> Result<()> {
    admin.done("POST", &format!("{OF_TENANT}/apply"), &json!({ "documents": documents })).map(drop)
}

/// Writes the file of a gateway with one listener on a free port.
pub(super) fn gateway_file(path: &Path) -> Result<()> {
    let text = "version: 1\nstatus: { bind: 127.0.0.1:0 }\naccess_log: off\n\
                listeners: [ { name: public, bind: 127.0.0.1:0 } ]\n";
    fs::write(path, text).with_context(|| format!("writing {}", path.display()))
}
