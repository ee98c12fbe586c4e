//! What limits survive by: the file of the quotas and the store of the cluster, and who is told of rules that begin.
//!
//! Opened before the first program is compiled, since the secret that keys of limits are hashed with is kept there; ended
//! when the workers have, so that nothing is counted any more.

use crate::{StartError, error::Part};
use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};
use tollgate_cluster::{QuotaStore, SECRET_BYTES, Secret, ShareSource, Shares};
use tollgate_limit::{Quotas, Shared, Store, WhenLost};
use tollgate_model::{ClusterStore, Snapshot};
use tollgate_ring::Outbox;
use tollgate_worker::{HashKeys, Keeper, Question, RuleRegistry};

/// What is behind the last good configuration's path for that of the quotas.
const EXTENSION: &str = "quotas";

/// The file and the store, where there are any.
#[derive(Clone)]
pub(crate) struct Survival {
    pub(crate) quotas: Option<Arc<QuotaStore>>,
    pub(crate) shares: Option<Arc<Shares>>,
    /// What keys of limits are hashed with.
    pub(crate) keys: HashKeys,
}

impl Survival {
    /// Opens what `snapshot` asks for; `fed` lends shares where that names the control plane.
    pub(crate) fn open(
        snapshot: &Snapshot,
        last_good: Option<&Path>,
        fed: Option<Box<dyn ShareSource>>,
    ) -> Result<Self, StartError> {
        let mut keys = Err(io::ErrorKind::NotFound.into());
        let mut secret = |found: Option<[u8; SECRET_BYTES]>| {
            let shared = snapshot.cluster.as_ref().map(Shares::secret);
            let bytes = shared.or(found).map_or_else(Secret::random, Ok);
            // Without chance keys could be guessed: then the node does not start, see below.
            let (bytes, made) = match bytes {
                Ok(bytes) => (bytes, Ok(HashKeys::new(words(&bytes)))),
                Err(error) => ([0; SECRET_BYTES], Err(error)),
            };
            let probe = made.as_ref().map_or(0, HashKeys::probe);
            keys = made;
            Secret { bytes, probe }
        };
        let settings = snapshot.quota_store.as_ref();
        let path = settings.and_then(|settings| settings.path.clone().or_else(|| beside(last_good?)));
        let quotas = match settings.zip(path) {
            Some((settings, path)) => {
                let store = QuotaStore::open(&path, settings.every, &mut secret);
                Some(Arc::new(store.map_err(io::Error::other).map_err(Part::QuotaStore.failed())?))
            }
            None => {
                secret(None);
                None
            }
        };
        let keys = keys.map_err(Part::QuotaStore.failed())?;
        let shares = match &snapshot.cluster {
            Some(settings) => {
                let part = Part::Cluster { is_fed: settings.store == ClusterStore::ControlPlane };
                Some(Arc::new(Shares::start(settings, fed, keys.probe()).map_err(part.failed())?))
            }
            None => None,
        };
        Ok(Self { quotas, shares, keys })
    }

    /// A registry of rules that go with it.
    pub(crate) fn registry(&self) -> RuleRegistry {
        RuleRegistry::with_keeper(self.keys.clone(), Box::new(self.clone()))
    }

    /// Sets where answers of the store are awaited: the mailbox of each worker.
    pub(crate) fn answer_by(&self, workers: Vec<Outbox<Box<Question>>>) {
        if let Some(shares) = &self.shares {
            shares.answer_by(move |question| {
                // It has room for all that its worker has asked; one that has ended waits for nothing.
                let _ = workers.get(question.worker).map(|worker| worker.send(question));
            });
        }
    }

    /// Counts what the process before this one still counts.
    pub(crate) fn follow_predecessor(&self) {
        self.quotas.iter().for_each(|quotas| quotas.follow_predecessor());
    }

    /// Leaves what is kept to another process, with all that is counted by now.
    pub(crate) fn hand_over(&self) {
        self.quotas.iter().for_each(|quotas| quotas.hand_over());
    }

    /// Keeps it again: there is no other process.
    pub(crate) fn take_back(&self) {
        self.quotas.iter().for_each(|quotas| quotas.take_back());
    }

    /// Writes down what is not written yet. The workers have ended.
    pub(crate) fn end(&self) {
        // What goes back to the store changes what is written down.
        self.shares.iter().for_each(|shares| shares.end());
        self.quotas.iter().for_each(|quotas| quotas.end());
    }
}

impl Keeper for Survival {
    fn keep(&self, identity: &str, quotas: &Arc<Quotas>) {
        self.quotas.iter().for_each(|store| store.adopt(identity, quotas));
    }

    fn share(&self, quotas: &Arc<Quotas>, lost: WhenLost) -> Option<Shared> {
        Some(self.shares.as_ref()?.share(quotas, lost))
    }

    fn store(&self) -> Option<Arc<dyn Store>> {
        self.shares.as_ref()?.store()
    }
}

fn beside(last_good: &Path) -> Option<PathBuf> {
    Some(last_good.with_added_extension(EXTENSION))
}

/// The secret as numbers, the same on every machine.
fn words(bytes: &[u8; SECRET_BYTES]) -> [u64; 2] {
    let mut words = [0; 2];
    for (word, bytes) in words.iter_mut().zip(bytes.as_chunks().0) {
        *word = u64::from_le_bytes(*bytes);
    }
    words
}
