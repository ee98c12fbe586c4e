//! The data directory: the store, and the key its secrets are sealed with.
//!
//! ```text
//! DIR/tollgate.db  the store        DIR/seal.key  64 hexadecimal digits, for its owner alone
//! ```
//!
//! With `TOLLGATE_SEAL_KEY` in the environment there is no file for the key, so that the directory alone opens nothing.

use crate::ServerError;
use std::{env, fs, path::Path, sync::Arc};
use tollgate_keys::KeyRing;
use tollgate_store::{SealKey, Sealer, Sqlite, Store, Transactions as _};

/// The environment variable that may have the key.
const SEAL_KEY: &str = "TOLLGATE_SEAL_KEY";

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

/// The keys that tokens are signed with; the first ones are made.
pub(crate) fn key_ring(store: &dyn Store, now_s: u64) -> Result<KeyRing, ServerError> {
    store.write(|rows| Ok(KeyRing::open(rows, now_s)?))
}
