//! A snapshot compiled for the workers: route table, endpoint schedules and splits. Built once, on the publishing thread, and
//! shared by all workers; nothing in it changes.

use std::sync::Arc;
use tollgate_http::{ForwardedStyle, HeadLimits};
use tollgate_model::{Action, Forwarded, Route, Snapshot};
use tollgate_policy::Chain;
use tollgate_route::Table;

/// A route that shares its requests between upstreams.
pub(crate) struct Split {
    pub(crate) route: u32,
    /// Upstreams in the order they take their turns.
    pub(crate) order: Box<[u32]>,
}

fn splits(snapshot: &Snapshot) -> Box<[Split]> {
    let routes = snapshot.routes.iter().enumerate();
    let splits = routes.filter_map(|(route, Route { action, .. })| match action {
        Action::Forward(forwarding) if forwarding.shares.len() > 1 => {
            // A schedule gives each at least one turn, so those that are to have none stay out.
            let shares: Vec<_> = forwarding.shares.iter().filter(|share| share.weight > 0).collect();
            let weights: Vec<u32> = shares.iter().map(|share| share.weight).collect();
            let turns = tollgate_balance::schedule(&weights);
            let order = turns.iter().map(|&turn| shares[turn as usize].upstream as u32).collect();
            Some(Split { route: route as u32, order })
        }
        _ => None,
    });
    splits.collect()
}

/// What workers run.
pub struct Program {
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) table: Table,
    /// Order of endpoints, by upstream.
    pub(crate) schedules: Vec<Box<[u32]>>,
    /// Of the routes that share their requests between upstreams, by route.
    pub(crate) splits: Box<[Split]>,
    pub(crate) heads: HeadLimits,
    pub(crate) forwarded: ForwardedStyle,
    /// This worker's share of `limits.connections`.
    pub(crate) connections_max: usize,
    pub(crate) chain: Chain,
    /// Bytes of a request body's content.
    pub(crate) body_bytes_max: u64,
}

impl Program {
    /// Compiles `snapshot` for `workers` workers.
    #[must_use]
    pub fn build(snapshot: Arc<Snapshot>, workers: usize) -> Self {
        let limits = snapshot.limits;
        Self {
            table: Table::build(&snapshot.routes),
            schedules: snapshot
                .upstreams
                .iter()
                .map(|upstream| {
                    let weights: Vec<u32> = upstream.endpoints.iter().map(|endpoint| endpoint.weight).collect();
                    tollgate_balance::schedule(&weights)
                })
                .collect(),
            splits: splits(&snapshot),
            heads: HeadLimits {
                head_bytes: limits.head_bytes,
                target_bytes: limits.target_bytes,
                fields: limits.fields,
            },
            forwarded: match snapshot.forwarded {
                Forwarded::Off => ForwardedStyle::Off,
                Forwarded::XForwarded => ForwardedStyle::XForwarded,
                Forwarded::Standard => ForwardedStyle::Standard,
                Forwarded::Both => ForwardedStyle::Both,
            },
            connections_max: limits.connections.div_ceil(workers.max(1)),
            chain: Chain::compile(limits.body_bytes),
            body_bytes_max: limits.body_bytes.unwrap_or(u64::MAX),
            snapshot,
        }
    }

    /// The configuration it was built from.
    #[must_use]
    pub const fn snapshot(&self) -> &Arc<Snapshot> {
        &self.snapshot
    }
}
