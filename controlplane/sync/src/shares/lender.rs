//! The node's end: asks the control plane for shares, over a connection of its own that is kept.
//!
//! One batch at a time, each within its deadline, from the connection to the last byte; nothing is asked twice.

use super::{SHARES_PATH, ShareAnswer, ShareAsk, ShareRequest};
use crate::{
    client::{Access, Client},
    limits::SHARES_BYTES_MAX,
    message::PROTOCOL,
};
use std::time::Duration;

/// Asks a control plane elsewhere for shares.
pub struct ShareClient(Client);

impl ShareClient {
    /// For the control plane that `access` leads to; it is reached with the first batch.
    #[must_use]
    pub fn new(access: Access) -> Self {
        Self(Client::new(access))
    }

    /// What is given and what is left, for each of `asks`.
    ///
    /// # Errors
    /// Nobody answers in time, or not for this node: in words.
    pub fn answer(
        &self,
        (cluster, probe): (&str, u64),
        asks: Vec<ShareAsk>,
        deadline: Duration,
    ) -> Result<Vec<(i64, i64)>, String> {
        let request = ShareRequest { protocol: PROTOCOL, cluster: cluster.to_owned(), probe, asks };
        let answer = self.0.ask(SHARES_PATH, &request, deadline, SHARES_BYTES_MAX as u64);
        answer.map(|answer: ShareAnswer| answer.answers).map_err(|failure| failure.to_string())
    }
}

impl std::fmt::Debug for ShareClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("ShareClient").field(&self.0.url()).finish()
    }
}
