//! Changes of the configuration under load: how soon each is served, and what requests notice.
//!
//! Twenty a second are asked for, one after the other: each waits until a fresh connection is answered by the new configuration,
//! which says its generation in a header field. A gateway that takes longer gets the next at once.

use super::{Scenario, Stage};
use crate::{
    interrupt,
    measure::{self, Sample},
    peer::{GENERATION, Peer, Task},
    statistics::Spread,
    testbed::{Gateway, PATH},
};
use anyhow::{Context as _, Result, anyhow, ensure};
use std::{
    thread,
    time::{Duration, Instant},
};

/// Between the beginnings of two changes.
const GAP: Duration = Duration::from_millis(50);

/// How long a change may take until it is served.
const SERVED_MAX: Duration = Duration::from_secs(10);

/// Between two looks whether it is.
const LOOK: Duration = Duration::from_millis(1);

pub(super) struct Swaps;

impl Scenario for Swaps {
    fn name(&self) -> String {
        "swaps".to_owned()
    }

    fn about(&self) -> String {
        "GET of 1 KiB, 64 keep-alive connections, while the configuration is changed up to 20 times a second, each change after the \
         one before is served. Tollgate: `PATCH /config`; nginx: SIGHUP; HAProxy: `reload` of its master; Envoy and Traefik: a \
         watched file; Caddy: `POST /load`; Varnish: `vcl.load`, `vcl.use`. Failed requests are those that lost their connection."
            .to_owned()
    }

    fn task(&self) -> Task {
        Task::Swaps
    }

    fn prepare(&self, gateway: &mut Gateway) -> Result<()> {
        ensure!(generation(gateway)? == Some(1), "it does not say the generation of its configuration");
        Ok(())
    }

    fn measure(&self, stage: &Stage<'_>, peer: &dyn Peer, gateway: &mut Gateway) -> Result<Sample> {
        // The load needs the gateway as it is; changes need it by name and generation.
        let mut changed = Changed::of(gateway);
        let mut sample = measure::sample(gateway, super::CONNECTIONS, || {
            thread::scope(|scope| {
                let load = scope.spawn(|| stage.load(gateway, PATH, stage.seconds));
                let changes = changed.often(peer, gateway, &|| load.is_finished());
                let outcome = load.join().map_err(|_| anyhow!("the load panicked"))?;
                changes.and(outcome)
            })
        })?;
        gateway.setup.generation = changed.generation;
        let millis = changed.millis;
        let seconds = f64::from(stage.seconds);
        sample.more.insert("swaps_per_second".to_owned(), millis.len() as f64 / seconds);
        let spread = Spread::of(millis).context("not one change was served while the load ran")?;
        sample.more.insert("swap_ms_median".to_owned(), spread.median);
        sample.more.insert("swap_ms_max".to_owned(), spread.max);
        Ok(sample)
    }
}

/// Changes made so far.
struct Changed {
    generation: u32,
    /// From asking for a change to the first answer by it.
    millis: Vec<f64>,
}

impl Changed {
    fn of(gateway: &Gateway) -> Self {
        Self { generation: gateway.setup.generation, millis: Vec::new() }
    }

    /// Changes the configuration until `ended`.
    fn often(&mut self, peer: &dyn Peer, gateway: &Gateway, ended: &dyn Fn() -> bool) -> Result<()> {
        let mut setup = gateway.setup.clone();
        while !ended() {
            let begun = Instant::now();
            self.generation += 1;
            setup.generation = self.generation;
            peer.swap(&setup, gateway.pid())?;
            while generation(gateway).ok().flatten() != Some(self.generation) {
                let waited = begun.elapsed();
                ensure!(waited < SERVED_MAX, "change {} was not served within {waited:?}", self.generation);
                interrupt::pause(LOOK)?;
            }
            self.millis.push(begun.elapsed().as_secs_f64() * 1e3);
            thread::sleep(GAP.saturating_sub(begun.elapsed()));
        }
        Ok(())
    }
}

/// What a fresh connection is told.
fn generation(gateway: &Gateway) -> Result<Option<u32>> {
    let field = gateway.connect()?.field_of(PATH, 1024, GENERATION)?;
    field.map(|value| value.parse().context("a generation that is no number")).transpose()
}
