//! What happens to a gateway from outside while it serves: snapshots, endpoints that fail, health, addresses, drains.
//!
//! It acts between two steps of the run, at times drawn from the seed, as the other threads of a node would.

use super::mix::{Mix, origin};
use crate::{
    Gateway, Secrets,
    model::{Mishap, Started},
};
use std::net::IpAddr;
use tollgate_io::Instant;
use tollgate_model::{Configuration, Snapshot};
use tollgate_worker::Command;

/// Longest time an origin is gone, in nanoseconds.
const GONE_NANOS_MAX: u64 = 30_000_000;

/// Requests from when one worker may end until all may, and as many at most before that and behind it.
const LAST_REQUESTS: usize = 20;

/// The operator of one run.
pub(super) struct Operator<'r> {
    mix: &'r Mix,
    gateway: &'r Gateway,
    started: &'r Started,
    configuration: Configuration,
    generation: u64,
    /// When the workers are told to end, in requests sent.
    end_at: usize,
}

impl<'r> Operator<'r> {
    /// Over a gateway that was started with `configuration`.
    pub(super) fn new(mix: &'r Mix, gateway: &'r Gateway, started: &'r Started, configuration: Configuration) -> Self {
        let all = mix.clients * mix.requests;
        // So late that there were exchanges enough.
        let end_at = all.saturating_sub(LAST_REQUESTS + gateway.world.random().index(LAST_REQUESTS));
        let operator = Self { mix, gateway, started, configuration, generation: 1, end_at };
        operator.resolve(&(0..mix.origins).collect::<Vec<_>>());
        operator
    }

    /// Does what it is time for.
    pub(super) fn act(&mut self) {
        let Started { model, origins } = self.started;
        let (random, now) = (self.gateway.world.random(), self.gateway.world.now());
        if model.strikes(Mishap::Swap) {
            model.happens(Mishap::Swap);
            self.swap();
        }
        if model.strikes(Mishap::EndpointFails) {
            model.happens(Mishap::EndpointFails);
            origins[random.index(origins.len())].fail(random.below(GONE_NANOS_MAX));
        }
        if model.strikes(Mishap::HealthChanges) {
            model.happens(Mishap::HealthChanges);
            self.judge_one(now);
        }
        if self.mix.by_name && model.strikes(Mishap::AddressesChange) {
            model.happens(Mishap::AddressesChange);
            let some: Vec<_> = (0..self.mix.origins).filter(|_| random.chance(0.5)).collect();
            // A name always has an address here, so that nothing excuses a failure.
            self.resolve(if some.is_empty() { &[0] } else { &some });
        }
        if model.sent() >= self.end_at {
            self.end_workers();
        }
    }

    /// Tells workers to end, each way at most once.
    fn end_workers(&self) {
        let (model, workers) = (&self.started.model, self.mix.rules.workers);
        let strikes = |mishap| {
            let strikes = model.happened(mishap) == 0 && model.strikes(mishap);
            if strikes {
                model.happens(mishap);
            }
            strikes
        };
        if workers > 1 && strikes(Mishap::OneDrains) {
            self.gateway.command_one(self.gateway.world.random().index(workers), Command::Drain);
        }
        // Not at once behind it, or one alone would never be seen.
        if model.sent() >= self.end_at + LAST_REQUESTS {
            if strikes(Mishap::AllDrain) {
                self.gateway.drain();
            }
            if strikes(Mishap::AllStop) {
                (0..workers).for_each(|worker| self.gateway.command_one(worker, Command::Stop));
            }
        }
    }

    fn swap(&mut self) {
        self.generation += 1;
        let taken = self.started.model.publishes(self.generation);
        let patch = self.mix.patch(self.generation);
        let patched = self.configuration.patch("swarm.patch", &patch, &Secrets);
        self.configuration = patched.unwrap_or_else(|error| panic!("{error:?}\n{patch}"));
        self.gateway.publish(Snapshot::clone(self.configuration.snapshot()), Vec::new(), taken);
        if self.mix.by_name && self.gateway.upstreams().iter().any(|upstream| upstream.endpoints().members().is_empty())
        {
            self.resolve(&(0..self.mix.origins).collect::<Vec<_>>());
        }
    }

    fn judge_one(&self, now: Instant) {
        let random = self.gateway.world.random();
        let upstreams = self.gateway.upstreams();
        let members: Vec<_> = upstreams.iter().flat_map(|upstream| upstream.endpoints().members().to_vec()).collect();
        if !members.is_empty() {
            members[random.index(members.len())].endpoint.judge(random.chance(0.7), now.nanos());
        }
    }

    /// Gives the name, if endpoints have one, the addresses of these origins.
    fn resolve(&self, origins: &[usize]) {
        let addresses: Vec<IpAddr> = origins.iter().map(|&at| origin(at).ip()).collect();
        let now = self.gateway.world.now().nanos();
        for upstream in self.gateway.upstreams() {
            let entries: Vec<_> = upstream.names().map(|(entry, ..)| entry).collect();
            for entry in entries {
                upstream.set_addresses(entry, &addresses, now);
            }
        }
    }
}
