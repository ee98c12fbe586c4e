//! The data directory: the store, the key its secrets are sealed with, the keys tokens are signed with.
//!
//! ```text
//! DIR/tollgate.db  the store        DIR/seal.key  64 hexadecimal digits, for its owner alone
//! ```
//!
//! With `TOLLGATE_SEAL_KEY` in the environment there is no file for the key, so that the directory alone opens nothing.

use crate::ServerError;
use std::{env, fs, path::Path, sync::Arc};
use tollgate_keys::{Algorithm, KeyRing, SigningKey};
use tollgate_store::{Error, SealKey, Sealer, Space, Sqlite, Store, Transactions as _};

/// The environment variable that may have the key.
const SEAL_KEY: &str = "TOLLGATE_SEAL_KEY";
/// Name of the secret that has the signing keys.
const SIGNING_KEYS: &str = "signing-keys";

/// Opens the store in `folder`, which is made if it is not there.
pub(crate) fn open(folder: &Path) -> Result<Arc<dyn Store>, ServerError> {
    let failed = |cause| ServerError::Data { path: folder.to_owned(), cause };
    fs::create_dir_all(folder).map_err(failed)?;
    let key = match env::var_os(SEAL_KEY) {
        Some(_) => SealKey::from_environment(SEAL_KEY)?,
        None => SealKey::from_file(&folder.join("seal.key"))?,
    };
    Ok(Arc::new(Sqlite::open(&folder.join("tollgate.db"), Sealer::new(key, Vec::new()))?))
}

/// The keys that tokens are signed with; a first one is made.
pub(crate) fn key_ring(store: &dyn Store, now_s: u64) -> Result<KeyRing, ServerError> {
    let kept = store.read(|rows| rows.secret(Space::Installation, SIGNING_KEYS))?;
    if let Some(kept) = kept {
        let keys: Vec<SigningKey> = serde_json::from_slice(kept.reveal()).map_err(|_| {
            let remedy = "the signing keys were written by something else: restore them from a backup";
            Error::Sealed { remedy: remedy.to_owned() }
        })?;
        return Ok(KeyRing::new(keys)?);
    }
    let ring = KeyRing::generate(Algorithm::default(), now_s)?;
    let text = serde_json::to_vec(ring.keys()).map_err(|error| Error::Database(Box::new(error)))?;
    store.write(|rows| rows.put_secret(Space::Installation, SIGNING_KEYS, Some(&text)))?;
    Ok(ring)
}
