//! A gateway's daily work: callers need a key and are throttled, requests are logged and counted.
//!
//! The throttle lets everything pass. Before it is measured, a gateway has refused a request without a key.

use super::{Scenario, Stage};
use crate::{
    client::Client,
    measure::{self, Sample},
    peer::{Peer, Task},
    testbed::{Gateway, PATH},
};
use anyhow::{Result, ensure};

pub(super) struct Policies;

impl Scenario for Policies {
    fn name(&self) -> String {
        "policies".to_owned()
    }

    fn about(&self) -> String {
        "GET of 1 KiB with a key that is known, a throttle that lets it pass, an access log and metrics; 64 keep-alive \
         connections. nginx: `map`, `limit_req`, `access_log`. HAProxy: an ACL, a stick table, `log`. Envoy: its filters for keys \
         and local rates, a file log."
            .to_owned()
    }

    fn task(&self) -> Task {
        Task::Policies
    }

    fn prepare(&self, gateway: &mut Gateway) -> Result<()> {
        let refused = Client::connect(gateway.address)?.download(1024, |_| {}).is_err();
        ensure!(refused, "a request without a key was answered");
        Ok(())
    }

    fn measure(&self, stage: &Stage<'_>, _peer: &dyn Peer, gateway: &mut Gateway) -> Result<Sample> {
        measure::sample(gateway, super::CONNECTIONS, || stage.load(gateway, PATH, stage.seconds))
    }
}
