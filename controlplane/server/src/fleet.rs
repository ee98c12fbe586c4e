//! Between the feed of nodes and those who know or ask: tokens and everything there is for it, what nodes run out of it.

use crate::{compiler::Compiler, now, usage};
use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};
use tollgate_api::{Fleet, LOCAL, NodeReport, NodeState};
use tollgate_store::Store;
use tollgate_sync::{Delta, Feed, Report, Source, UsageBatch};

/// How long a node may be silent between two polls.
const SILENT: Duration = Duration::from_secs(5);

/// What the feed of nodes is about.
pub(crate) struct Nodes {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) compiler: Arc<Compiler>,
    pub(crate) feed: Arc<Feed>,
}

impl fmt::Debug for Nodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Nodes").field("feed", &self.feed).finish_non_exhaustive()
    }
}

impl Source for Nodes {
    fn node(&self, token: &str) -> Result<Option<String>, String> {
        tollgate_api::node(self.store.as_ref(), token).map_err(|error| error.to_string())
    }

    fn everything(&self) -> Result<Delta, String> {
        self.compiler.whole().map_err(|error| error.to_string())
    }

    fn used(&self, node: &str, batch: &UsageBatch) -> Result<(), String> {
        usage::add(self.store.as_ref(), node, batch)
    }
}

impl Fleet for Nodes {
    fn reports(&self) -> BTreeMap<String, NodeReport> {
        let (now, head) = (now(), self.feed.head());
        let all = self.feed.reports().into_iter();
        all.map(|(name, report)| {
            let is_here = name == LOCAL;
            let mut shown = shown(report, is_here, now);
            // One that has all of it is where the head is, by whichever number it got there.
            if let Some(head) = head.as_ref().filter(|head| shown.digest.as_ref() == Some(&head.digest)) {
                shown.generation = Some(head.generation);
            }
            (name, shown)
        })
        .collect()
    }
}

fn shown(report: Report, is_here: bool, now: Duration) -> NodeReport {
    let Report { seen, behind, covers } = report;
    let is_silent = !is_here && seen.waiting == 0 && now.saturating_sub(seen.at) > SILENT;
    let state = match &behind {
        _ if is_silent => NodeState::Away,
        _ if seen.refused.is_some() => NodeState::Refused,
        None => NodeState::Current,
        Some(_) => NodeState::Behind,
    };
    NodeReport {
        state,
        version: Some(seen.version),
        generation: seen.has.as_ref().map(|has| has.generation),
        digest: seen.has.map(|has| has.digest),
        behind_generations: Some(behind.map_or(0, |behind| behind.generations)),
        behind_s: behind.and_then(|behind| behind.since).map(|since| now.saturating_sub(since).as_secs()),
        last_seen_s: Some(if is_here { now } else { seen.at }.as_secs()),
        refused_at: seen.refused.as_ref().map(|(refused, _)| refused.to.generation),
        refused: seen.refused.map(|(refused, _)| refused.why),
        draining: seen.health.draining,
        workers: seen.health.workers,
        workers_behind: seen.health.workers_behind,
        uptime_s: (!is_here).then_some(seen.health.uptime_s),
        covers,
    }
}
