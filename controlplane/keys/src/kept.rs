//! The keys of the installation as they are kept: the private halves sealed, the public ones as a record.
//!
//! The record is what everybody else goes by: its etag says that the keys are others, changes of the store tell gateways
//! of it, and the audit shows it. Both are written in one transaction, and there is one of each.

use crate::{
    ring::{KeyRing, RingError},
    signing::{Algorithm, Jwk, SigningKey},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tollgate_store::{
    Error, Expect, Kept, Record, Records as _, RecordsMut as _, Result as Stored, Rows, RowsMut, Space,
};
use zeroize::Zeroizing;

/// Name of the secret that has the private halves.
const SECRET: &str = "signing-keys";
/// Key of the record that has the public ones; in the space of the installation, as the secret.
const KEY: &str = "tokens";

/// The public halves of the keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeySet {
    /// In the order of their making.
    pub keys: Vec<Told>,
}

/// A key as it is told to operators.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Told {
    /// The public half.
    pub jwk: Jwk,
    /// When it was made, in Unix seconds.
    pub made_s: u64,
    /// When another took its place. Left out: it signs, or will.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retired_s: Option<u64>,
}

impl Record for KeySet {
    const KIND: &'static str = "signing_keys";

    fn key(&self) -> String {
        KEY.to_owned()
    }
}

impl KeySet {
    /// The set of public keys (RFC 7517, section 5).
    #[must_use]
    pub fn jwks(&self) -> Value {
        json!({ "keys": self.keys.iter().map(|key| &key.jwk).collect::<Vec<_>>() })
    }

    /// The one there is.
    ///
    /// # Errors
    /// Those of the store.
    pub fn load(rows: &dyn Rows) -> Stored<Option<Kept<Self>>> {
        rows.load(Space::Installation, KEY)
    }

    /// Of the one there is: another after each rotation.
    ///
    /// # Errors
    /// Those of the store.
    pub fn etag(rows: &dyn Rows) -> Stored<Option<u64>> {
        Ok(rows.get(Space::Installation, Self::KIND, KEY)?.map(|row| row.etag))
    }
}

impl From<Error> for RingError {
    fn from(error: Error) -> Self {
        Self::Store(error.to_string())
    }
}

impl KeyRing {
    /// The keys that are kept; the first ones are made and written.
    ///
    /// # Errors
    /// As `load` and `keep`, and `NoEntropy`.
    pub fn open(rows: &mut dyn RowsMut, now_s: u64) -> Result<Self, RingError> {
        let ring = match Self::load(rows)? {
            Some(ring) if KeySet::etag(rows)?.is_some() => return Ok(ring),
            Some(ring) => ring,
            None => Self::generate(Algorithm::default(), now_s)?,
        };
        let set = ring.keep(rows)?;
        rows.save(Space::Installation, &set, Expect::Any)?;
        Ok(ring)
    }

    /// The keys that are kept, if there are any.
    ///
    /// # Errors
    /// They cannot be opened or read.
    pub fn load(rows: &dyn Rows) -> Result<Option<Self>, RingError> {
        let Some(kept) = rows.secret(Space::Installation, SECRET)? else { return Ok(None) };
        let keys: Vec<SigningKey> = serde_json::from_slice(kept.reveal()).map_err(|_| RingError::Unreadable)?;
        Self::new(keys).map(Some)
    }

    /// Seals the private halves. Gives the record, which the caller writes in the same transaction.
    ///
    /// # Errors
    /// Those of the store.
    pub fn keep(&self, rows: &mut dyn RowsMut) -> Result<KeySet, RingError> {
        let text = Zeroizing::new(serde_json::to_vec(self.keys()).map_err(|_| RingError::Unreadable)?);
        rows.put_secret(Space::Installation, SECRET, Some(&text))?;
        let told = |key: &SigningKey| Told { jwk: key.jwk.clone(), made_s: key.made_s, retired_s: key.retired_s };
        Ok(KeySet { keys: self.keys().iter().map(told).collect() })
    }
}
