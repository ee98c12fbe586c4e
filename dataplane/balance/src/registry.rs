//! The upstreams of a node from snapshot to snapshot.
//!
//! Lives on the publishing thread. An upstream whose content is the same is the same [`Upstream`], turns and all; one
//! that has changed keeps the endpoints it still has, with what is known of them. What is gone is marked, and freed when
//! the last worker has let go of it.

use crate::{Upstream, upstream::Source};
use ahash::AHashMap;
use std::sync::Arc;

/// Keeps the state of upstreams while snapshots come and go.
#[derive(Debug, Default)]
pub struct Registry {
    source: Arc<Source>,
    upstreams: AHashMap<String, Arc<Upstream>>,
}

impl Registry {
    /// Takes the upstreams of a snapshot and gives each its state, in the same order. Those left out are gone. Costs a
    /// comparison for one that has not changed.
    pub fn publish<'m>(
        &mut self,
        upstreams: impl IntoIterator<Item = &'m tollgate_model::Upstream>,
        now: u64,
    ) -> Vec<Arc<Upstream>> {
        let mut before = std::mem::take(&mut self.upstreams);
        let published: Vec<_> = upstreams
            .into_iter()
            .map(|rules| match before.remove(&rules.name) {
                Some(same) if **same.rules() == *rules => same,
                old => Arc::new(Upstream::new(Arc::new(rules.clone()), old.as_deref(), self.source.clone(), now)),
            })
            .collect();
        before.values().for_each(|gone| gone.retire());
        self.upstreams =
            published.iter().map(|upstream| (upstream.rules().name.clone(), upstream.clone())).collect();
        published
    }
}
