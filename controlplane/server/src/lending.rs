//! Shares of limits for a gateway, as `sync` lends them: by the control plane of this process, or by one elsewhere.

use std::sync::Arc;
use tollgate_gateway::{ShareAsk, ShareBatch, ShareOf, ShareSource};
use tollgate_sync::{Access, PROTOCOL, ShareAsk as Ask, ShareClient, ShareOf as Of, ShareRequest, Shares};

/// Lends to the gateway of this process.
pub(crate) struct Here(pub(crate) Arc<Shares>);

/// Lends to a gateway that a control plane elsewhere feeds.
#[derive(Debug)]
pub struct Elsewhere(ShareClient);

impl Elsewhere {
    /// By the control plane that `access` leads to; it need not be there yet.
    #[must_use]
    pub fn new(access: Access) -> Self {
        Self(ShareClient::new(access))
    }
}

impl ShareSource for Here {
    fn answer(&mut self, batch: &ShareBatch<'_>) -> Result<Vec<(i64, i64)>, String> {
        let asks = batch.asks.iter().map(ask).collect();
        let request = ShareRequest { protocol: PROTOCOL, cluster: batch.cluster.to_owned(), probe: batch.probe, asks };
        self.0.answer(&request).map_err(|refusal| refusal.to_string())
    }
}

impl ShareSource for Elsewhere {
    fn answer(&mut self, batch: &ShareBatch<'_>) -> Result<Vec<(i64, i64)>, String> {
        self.0.answer((batch.cluster, batch.probe), batch.asks.iter().map(ask).collect(), batch.deadline)
    }
}

fn ask(ask: &ShareAsk) -> Ask {
    let of = match ask.of {
        ShareOf::Quota { limit, end_s, is_debit } => Of::Quota { limit, end_s, debit: is_debit },
        ShareOf::Bucket { unit_us, fill_us, spare, drained_us } => Of::Bucket { unit_us, fill_us, spare, drained_us },
    };
    Ask { key: ask.key, units: ask.units, of }
}
