//! Changes of the configuration from within the process: the same that `PATCH /config` and SIGHUP do, without a socket.
//!
//! For the control plane, when it runs beside the gateway. The caller waits until all workers have acknowledged, as a
//! client of the status does; nothing here is on the path of a request.

use crate::{
    Gateway,
    changes::{Cause, Change, Outcome, Refusal, Text},
};
use std::{error::Error, fmt};

/// A change from within that was not made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangeRefused {
    /// It was made for another configuration than the one that runs: make it again.
    Conflict,
    /// The node is on its way down.
    Draining,
    /// It cannot be run: why.
    Invalid(String),
}

/// A text that is here already.
#[derive(Debug)]
struct Own(String);

impl Text for Own {
    fn bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl Gateway {
    /// The generation of the configuration that runs: what a patch names as its base. 0 once it has ended.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.control.load().as_ref().map_or(0, |control| control.snapshot().generation)
    }

    /// Whether the configuration that runs has an item of this name; `kind` is the key of the contract: `routes`.
    #[must_use]
    pub fn has(&self, kind: &str, name: &str) -> bool {
        let control = self.control.load();
        let Some(snapshot) = control.as_ref().map(|control| control.snapshot()) else { return false };
        match kind {
            "upstreams" => snapshot.upstreams.slot(name).is_some(),
            "routes" => snapshot.routes.slot(name).is_some(),
            "plans" => snapshot.plans.slot(name).is_some(),
            "applications" => snapshot.applications.get(name).is_some(),
            "listeners" => snapshot.listeners.slot(name).is_some(),
            _ => false,
        }
    }

    /// Whether it is on its way down.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.publisher.is_draining()
    }

    /// Makes a patch of the contract and waits until the workers run it.
    ///
    /// # Errors
    /// Why nothing has changed.
    pub fn patch(&self, text: String) -> Result<(), ChangeRefused> {
        self.make(Change::Patch(Box::new(Own(text))))
    }

    /// Reads the file again, with what is laid over it, and waits until the workers run that.
    ///
    /// # Errors
    /// Why nothing has changed.
    pub fn renew(&self) -> Result<(), ChangeRefused> {
        self.make(Change::File(Cause::Signal))
    }

    fn make(&self, change: Change) -> Result<(), ChangeRefused> {
        let control = self.control.load_full().ok_or(ChangeRefused::Draining)?;
        match control.make(change) {
            Outcome::Refused(Refusal::Conflict { .. } | Refusal::Mismatch { .. }) => Err(ChangeRefused::Conflict),
            Outcome::Refused(Refusal::Draining) => Err(ChangeRefused::Draining),
            Outcome::Refused(refusal) => Err(ChangeRefused::Invalid(refusal.to_string())),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for ChangeRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Conflict => f.write_str("the configuration was changed meanwhile"),
            Self::Draining => f.write_str("the node is shutting down"),
            Self::Invalid(why) => f.write_str(why),
        }
    }
}

impl Error for ChangeRefused {}
