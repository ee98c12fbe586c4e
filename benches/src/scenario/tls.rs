//! TLS 1.3 with clients: over connections that stay, and with a full handshake for every request.
//!
//! All gateways have the same certificate (P-256). Those that keep connections are loaded by wrk; handshakes come from clients
//! of [`super::fresh`], which resume nothing.

use super::{Scenario, Stage, fresh};
use crate::{
    measure::{self, Sample},
    peer::Peer,
    testbed::{Gateway, PATH},
};
use anyhow::Result;

/// Whether every request has a handshake of its own.
struct Tls {
    handshakes: bool,
}

pub(super) fn all() -> impl Iterator<Item = Box<dyn Scenario>> {
    [false, true].into_iter().map(|handshakes| Box::new(Tls { handshakes }) as Box<dyn Scenario>)
}

impl Scenario for Tls {
    fn name(&self) -> String {
        if self.handshakes { "tls-handshakes" } else { "tls" }.to_owned()
    }

    fn about(&self) -> String {
        if self.handshakes {
            format!("A TLS 1.3 connection for each GET of 1 KiB, without resumption, {} clients.", fresh::CLIENTS)
        } else {
            "GET of 1 KiB, 64 keep-alive connections in TLS 1.3.".to_owned()
        }
    }

    fn is_secure(&self) -> bool {
        true
    }

    fn prepare(&self, _gateway: &mut Gateway) -> Result<()> {
        // It has answered in TLS when it was started.
        Ok(())
    }

    fn measure(&self, stage: &Stage<'_>, _peer: &dyn Peer, gateway: &mut Gateway) -> Result<Sample> {
        if self.handshakes {
            return measure::sample(gateway, fresh::CLIENTS, || fresh::load(gateway, stage.seconds));
        }
        measure::sample(gateway, super::CONNECTIONS, || stage.load(gateway, PATH, stage.seconds))
    }
}
