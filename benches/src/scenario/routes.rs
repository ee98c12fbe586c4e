//! Many routes, asked for at random: each a path of its own that is rewritten to the origin's.
//!
//! Measured on gateways that look routes up in a table; those that try one after the other take part with the fewest only. One
//! route has been asked for, and its answer checked, before a gateway is measured.

use super::{Scenario, Stage};
use crate::{
    layout::Layout,
    measure::{self, Sample},
    peer::{Peer, Task},
    testbed::{Gateway, PATH},
};
use anyhow::Result;
use std::fs;

struct Routes(Layout);

pub(super) fn all(tiny: bool) -> impl Iterator<Item = Box<dyn Scenario>> {
    let sizes = [("routes-100", 100), ("routes-10k", 10_000), ("routes-100k", 100_000)];
    sizes.into_iter().map(move |(name, paths)| {
        let paths = if tiny { paths / 50 } else { paths };
        Box::new(Routes(Layout { name, hosts: 1, paths })) as Box<dyn Scenario>
    })
}

impl Scenario for Routes {
    fn name(&self) -> String {
        self.0.name.to_owned()
    }

    fn about(&self) -> String {
        format!("GET of 1 KiB by one of {} routes drawn at random, 64 keep-alive connections.", self.0.paths)
    }

    fn task(&self) -> Task {
        Task::Routes(self.0)
    }

    fn prepare(&self, gateway: &mut Gateway) -> Result<()> {
        let script = gateway.setup.directory.join("routes.lua");
        fs::write(&script, self.0.script())?;
        gateway.script = Some(script);
        let (host, path) = self.0.target(self.0.paths - 1);
        gateway.connect()?.fetch(&host, &path, 1024, |_| {}).map(drop)
    }

    fn measure(&self, stage: &Stage<'_>, _peer: &dyn Peer, gateway: &mut Gateway) -> Result<Sample> {
        measure::sample(gateway, super::CONNECTIONS, || stage.load(gateway, PATH, stage.seconds))
    }
}
