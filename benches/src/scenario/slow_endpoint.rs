//! Four endpoints of which one takes 100 ms longer: who notices, and avoids it.
//!
//! Each gateway balances by load as its documentation recommends (least connections or requests, least time), where it can.
//! With turns alone a closed loop ends with all of its connections at the slow endpoint.

use super::{Scenario, Stage};
use crate::{
    measure::{self, Sample},
    peer::{Peer, Task},
    slow::SlowOrigin,
    testbed::{Gateway, PATH, Testbed},
};
use anyhow::{Context as _, Result};
use std::{cell::OnceCell, net::SocketAddr, time::Duration};
use tollgate_loadtest::{Origin, OriginConfig};

const DELAY: Duration = Duration::from_millis(100);

#[derive(Default)]
pub(super) struct SlowEndpoint {
    others: OnceCell<Others>,
}

/// The endpoints besides the testbed's origin.
struct Others {
    fast: [Origin; 2],
    slow: SlowOrigin,
}

impl Others {
    fn start(cpu: usize) -> Result<Self> {
        let fast = || Origin::start(OriginConfig { cpu: Some(cpu), ..OriginConfig::default() });
        Ok(Self { fast: [fast()?, fast()?], slow: SlowOrigin::start(DELAY)? })
    }
}

impl Scenario for SlowEndpoint {
    fn name(&self) -> String {
        "slow-endpoint".to_owned()
    }

    fn about(&self) -> String {
        "GET of 1 KiB, 64 keep-alive connections, four endpoints of which one answers 100 ms later. Balanced by least connections \
         (nginx, HAProxy, Caddy), least requests (Tollgate, Envoy), least time (Traefik), in turns (Varnish, Pingora)."
            .to_owned()
    }

    fn task(&self) -> Task {
        Task::Endpoints
    }

    fn endpoints(&self, testbed: &Testbed) -> Result<Vec<SocketAddr>> {
        if self.others.get().is_none() {
            self.others.set(Others::start(testbed.load_cpu())?).map_err(|_| anyhow::anyhow!("endpoints twice"))?;
        }
        let others = self.others.get().context("no endpoints")?;
        let [first, second] = &others.fast;
        Ok(vec![testbed.origin_address(), first.address(), second.address(), others.slow.address()])
    }

    fn prepare(&self, _gateway: &mut Gateway) -> Result<()> {
        Ok(())
    }

    fn measure(&self, stage: &Stage<'_>, _peer: &dyn Peer, gateway: &mut Gateway) -> Result<Sample> {
        let slow = &self.others.get().context("no endpoints")?.slow;
        let before = slow.requests();
        let mut sample = measure::sample(gateway, super::CONNECTIONS, || stage.load(gateway, PATH, stage.seconds))?;
        let share = (slow.requests() - before) as f64 / sample.requests as f64;
        sample.more.insert("slow_percent".to_owned(), 100.0 * share);
        Ok(sample)
    }
}
