//! Ten thousand connections that are open and silent while 64 others are busy.
//!
//! What memory each of the silent ones takes, as in the subcommand `idle`, and what a busy one's request costs beside them. Both
//! sides have their connections in one process each, so 20,000 open files have to be allowed.

use super::{Scenario, Stage};
use crate::{
    idle::Held,
    measure::{self, Sample},
    peer::Peer,
    testbed::{Gateway, PATH},
};
use anyhow::Result;

/// As long as that many rounds: there is but one.
const ROUNDS: u32 = 3;

pub(super) struct Idle {
    pub(super) connections: usize,
}

impl Scenario for Idle {
    fn name(&self) -> String {
        "idle-10k".to_owned()
    }

    fn about(&self) -> String {
        "10,000 connections that have carried one request each and are silent; GET of 1 KiB over 64 others. The figure in bytes is \
         user memory (Pss) per silent connection."
            .to_owned()
    }

    fn is_once(&self) -> bool {
        true
    }

    fn prepare(&self, _gateway: &mut Gateway) -> Result<()> {
        Ok(())
    }

    fn measure(&self, stage: &Stage<'_>, _peer: &dyn Peer, gateway: &mut Gateway) -> Result<Sample> {
        let held = Held::open(gateway, self.connections)?;
        let mut sample =
            measure::sample(gateway, super::CONNECTIONS, || stage.load(gateway, PATH, ROUNDS * stage.seconds))?;
        let bytes = held.each(|memory| memory.pss);
        sample.more.insert("bytes_per_idle_connection".to_owned(), bytes.round());
        Ok(sample)
    }
}
