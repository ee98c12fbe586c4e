//! What applications have used: out of reports into the store, and out of the gateway of this process.
//!
//! Nodes elsewhere report with their polls (`fleet`); the gateway of this process is asked every [`EVERY`], and once more at
//! the end. Both come in batches that count once however often they come.

use crate::{now, served::Served};
use std::{
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::Duration,
};
use tollgate_compile::names;
use tollgate_store::{Batch, Store, Transactions as _, Usage};
use tollgate_sync::{Count, Reporter, Target as _, UsageBatch};

/// How often the gateway of this process is asked.
const EVERY: Duration = Duration::from_secs(5);
/// Applications and APIs of a batch of it, which is one transaction.
const COUNTS_MAX: usize = 5000;

/// Adds what `source` reports.
pub(crate) fn add(store: &dyn Store, source: &str, batch: &UsageBatch) -> Result<(), String> {
    let used: Vec<Usage> = batch.used.iter().map(usage).collect();
    let batch = Batch { source, start: &batch.start, number: batch.number, at_s: now().as_secs() };
    store
        .write(|rows| rows.add_usage(&batch, &used))
        .map(drop)
        .map_err(|error: tollgate_store::Error| error.to_string())
}

fn usage(count: &Count) -> Usage {
    let Count { tenant, application, api, ok, throttled, errors } = count;
    let within = |item: &str| names::within(tenant, item).to_owned();
    let counts = [*ok, *throttled, *errors];
    Usage { tenant: tenant.clone(), application: within(application), api: within(api), counts }
}

/// Adds what the gateway of this process counts, until nobody holds the other end of `ended`.
pub(crate) fn collect(store: &dyn Store, served: &Arc<Served>, ended: &Receiver<()>) {
    let mut reporter = Reporter::new();
    loop {
        let is_over = !matches!(ended.recv_timeout(EVERY), Err(RecvTimeoutError::Timeout));
        while let Some(batch) = reporter.batch(COUNTS_MAX, |max| served.used(max)) {
            let id = batch.id();
            if let Err(why) = add(store, tollgate_api::LOCAL, batch) {
                eprintln!("tollgate: what applications have used cannot be kept: {why}");
                break;
            }
            reporter.answered(Some(&id));
        }
        if is_over {
            return;
        }
    }
}
