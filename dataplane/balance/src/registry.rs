//! The upstreams of a node from snapshot to snapshot.
//!
//! Lives on the publishing thread, which says what has changed; the rest stays as it is. An upstream whose content is the
//! same is the same [`Upstream`]; one that has changed keeps the endpoints it still has, with what is known of them. What
//! is gone is marked, and freed when the last worker has let go of it.

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
    /// Takes an upstream that is new or has changed, and gives it its state.
    pub fn put(&mut self, rules: &Arc<tollgate_model::Upstream>, now: u64) -> Arc<Upstream> {
        let before = self.upstreams.get(&rules.name);
        if let Some(same) = before.filter(|before| before.rules() == rules) {
            return same.clone();
        }
        let upstream = Arc::new(Upstream::new(rules.clone(), before.map(|before| &**before), self.source.clone(), now));
        self.upstreams.insert(rules.name.clone(), upstream.clone());
        upstream
    }

    /// Forgets an upstream that is no more.
    pub fn remove(&mut self, name: &str) {
        if let Some(gone) = self.upstreams.remove(name) {
            gone.retire();
        }
    }

    /// All of them.
    pub fn upstreams(&self) -> impl Iterator<Item = &Arc<Upstream>> {
        self.upstreams.values()
    }
}
