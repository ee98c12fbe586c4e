//! Where the control plane keeps what it knows: records, secrets, what was changed by whom, and what was used.
//!
//! ```text
//! api, keys -> Transactions::write(|rows| rows.save(..), rows.append(audit)) -> SQLite: WAL, synchronous=FULL
//! compile   <- changes_since(mark) <- wait(mark)
//! ```
//!
//! `Store` is one trait for every database; `Sqlite` is the embedded one. Rows are JSON documents of the domain's records
//! with the few columns that lists go by, so that a new field is no migration. What was acknowledged outlives the
//! process and the power. Judging records is not done here.

mod error;
mod record;
mod row;
mod seal;
mod sqlite;
mod store;
mod usage;

pub use error::{Error, Result};
pub use record::{
    Kept, PastPublication, Record, Records, RecordsMut, past_publication_key, publication_key, revision_key,
    revoked_token_key, subscription_key,
};
pub use row::{Change, Changes, Cursor, Draft, Expect, Mark, PAGE_ROWS_MAX, Page, Query, Row, Space};
pub use seal::{SealKey, Sealer, Secret};
pub use sqlite::Sqlite;
pub use store::{AuditPage, AuditQuery, Reading, Rows, RowsMut, Store, Transactions, Writing};
pub use usage::{Batch, USAGE_HOUR_S, Usage, UsagePage, UsageQuery};
