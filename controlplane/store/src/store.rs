//! The store as everything above sees it: transactions over rows, audit, secrets; backups.
//!
//! ```text
//! api, keys, compile -> Transactions::{read, write} -> Rows, RowsMut -> sqlite (or another)
//!                       Records::{load, save}: records of the domain
//! ```
//!
//! A transaction sees one state of everything and is whole or not at all; once `write` has answered, it outlives the
//! process and the power. Writers take turns. Nothing here is of one database alone: what an implementation owes is
//! `conformance`.

use crate::{
    error::{Error, Result},
    row::{Changes, Draft, Expect, Mark, Page, Query, Row, Space},
    seal::Secret,
    usage::{Batch, Usage, UsagePage, UsageQuery},
};
use std::{path::Path, time::Duration};
use tollgate_domain::AuditEvent;

/// What a transaction reads.
pub trait Rows {
    /// A row.
    ///
    /// # Errors
    /// Those of the database, as everywhere below.
    fn get(&self, space: Space<'_>, kind: &str, key: &str) -> Result<Option<Row>>;

    /// Some rows, in the order of tenants and keys.
    ///
    /// # Errors
    /// Those of the database.
    fn list(&self, query: &Query<'_>) -> Result<Page<Row>>;

    /// How many rows a query has in all; its cursor and limit do not count.
    ///
    /// # Errors
    /// Those of the database.
    fn count(&self, query: &Query<'_>) -> Result<u64>;

    /// Where the store is now.
    ///
    /// # Errors
    /// Those of the database.
    fn mark(&self) -> Result<Mark>;

    /// Up to `limit` changes after `mark`, of all kinds and tenants.
    ///
    /// # Errors
    /// `Reset`, if they are not known: everything has to be read anew, from the mark that is now.
    fn changes_since(&self, mark: &Mark, limit: usize) -> Result<Changes>;

    /// Audit events, the newest first: of a space, and of one record of it if `of` names kind and key.
    ///
    /// # Errors
    /// `Damaged`, or those of the database.
    fn audit(&self, query: &AuditQuery<'_>) -> Result<AuditPage>;

    /// What was used, by application, API and hour.
    ///
    /// # Errors
    /// `Cursor`, or those of the database.
    fn usage(&self, query: &UsageQuery<'_>) -> Result<UsagePage>;

    /// A secret.
    ///
    /// # Errors
    /// `Sealed`, if it cannot be opened.
    fn secret(&self, space: Space<'_>, name: &str) -> Result<Option<Secret>>;
}

/// What a transaction writes.
pub trait RowsMut: Rows {
    /// Writes a row; gives its etag.
    ///
    /// # Errors
    /// `Conflict`, if there is something else than `expect`.
    fn put(&mut self, space: Space<'_>, draft: &Draft<'_>, expect: Expect) -> Result<u64>;

    /// Removes a row. `Expect::Any` of none is no error.
    ///
    /// # Errors
    /// `Conflict`, if there is something else than `expect`.
    fn delete(&mut self, space: Space<'_>, kind: &str, key: &str, expect: Expect) -> Result<()>;

    /// Appends an audit event. There is no way to change or remove one.
    ///
    /// # Errors
    /// Those of the database; an id that there is already is one.
    fn append(&mut self, event: &AuditEvent) -> Result<()>;

    /// Adds what was used to the sums of its hour, unless the batch was added before; says whether it was new. No change of
    /// the store: no etag is given, and nobody is told.
    ///
    /// # Errors
    /// Those of the database.
    fn add_usage(&mut self, batch: &Batch<'_>, used: &[Usage]) -> Result<bool>;

    /// Forgets what was used in hours that began before a time, in Unix seconds.
    ///
    /// # Errors
    /// Those of the database.
    fn forget_usage(&mut self, before_s: u64) -> Result<()>;

    /// Seals a secret; `None` removes it.
    ///
    /// # Errors
    /// Those of the database.
    fn put_secret(&mut self, space: Space<'_>, name: &str, text: Option<&[u8]>) -> Result<()>;
}

/// Which audit events.
#[derive(Clone, Copy, Debug)]
pub struct AuditQuery<'a> {
    /// Of this space. `None`: all, for operators.
    pub space: Option<Space<'a>>,
    /// Of this kind and key.
    pub of: Option<(&'a str, &'a str)>,
    /// Older than this number: `AuditPage::next` of the page before.
    pub before: Option<u64>,
    /// 1 to `PAGE_ROWS_MAX`.
    pub limit: usize,
}

/// Some audit events.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditPage {
    /// The newest first.
    pub events: Vec<AuditEvent>,
    /// For the next page; `None`: this was the last.
    pub next: Option<u64>,
}

/// What a transaction does with what it reads.
pub type Reading<'w> = dyn FnMut(&dyn Rows) -> Result<()> + 'w;

/// What a transaction does.
pub type Writing<'w> = dyn FnMut(&mut dyn RowsMut) -> Result<()> + 'w;

/// A store. Calls block: on a runtime they belong on a thread for that.
pub trait Store: Send + Sync {
    /// Runs `work` once, in a transaction that reads. `Transactions::read` is more convenient.
    ///
    /// # Errors
    /// Those of `work` and of the database.
    fn run(&self, work: &mut Reading<'_>) -> Result<()>;

    /// Runs `work` once, in a transaction that writes: kept if it answers `Ok`, undone otherwise. No other transaction may
    /// be begun inside.
    ///
    /// # Errors
    /// Those of `work` and of the database.
    fn run_mut(&self, work: &mut Writing<'_>) -> Result<()>;

    /// Waits until there is a change after `mark`, but no longer than `most`; gives where the store is then.
    ///
    /// # Errors
    /// Those of the database.
    fn wait(&self, mark: &Mark, most: Duration) -> Result<Mark>;

    /// Ends every `wait`, those that are under way and those to come: for who follows the store and is to end.
    fn end_waits(&self);

    /// Writes one state of the store into a new file, while others read and write.
    ///
    /// # Errors
    /// `File`, if there is one already or it cannot be written.
    fn backup(&self, to: &Path) -> Result<()>;

    /// Replaces everything by what is in a backup, in one transaction. Followers of changes get `Reset`, and no etag comes
    /// back.
    ///
    /// # Errors
    /// `NoBackup`; `Sealed`, if its secrets have another key. Nothing is changed then.
    fn restore(&self, from: &Path) -> Result<()>;
}

/// Transactions with results and errors of the caller's own.
pub trait Transactions: Store {
    /// Runs `work` in a transaction that reads.
    ///
    /// # Errors
    /// Those of `work` and of the database.
    fn read<T, E: From<Error>>(
        &self,
        work: impl FnOnce(&dyn Rows) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        let (mut work, mut done) = (Some(work), None);
        let ran = self.run(&mut |rows| keep(work.take().map(|work| work(rows)), &mut done));
        outcome(ran, done)
    }

    /// Runs `work` in a transaction that writes: kept if it answers `Ok`, undone otherwise.
    ///
    /// # Errors
    /// Those of `work` and of the database.
    fn write<T, E: From<Error>>(
        &self,
        work: impl FnOnce(&mut dyn RowsMut) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        let (mut work, mut done) = (Some(work), None);
        let ran = self.run_mut(&mut |rows| keep(work.take().map(|work| work(rows)), &mut done));
        outcome(ran, done)
    }
}

impl<S: Store + ?Sized> Transactions for S {}

type Done<T, E> = Option<std::result::Result<T, E>>;

fn keep<T, E>(found: Done<T, E>, done: &mut Done<T, E>) -> Result<()> {
    *done = found;
    if matches!(done, Some(Ok(_))) { Ok(()) } else { Err(Error::Aborted) }
}

fn outcome<T, E: From<Error>>(ran: Result<()>, done: Done<T, E>) -> std::result::Result<T, E> {
    match (ran, done) {
        (Ok(()), Some(done)) | (Err(Error::Aborted), Some(done)) => done,
        (Err(error), _) => Err(error.into()),
        (Ok(()), None) => Err(Error::Aborted.into()),
    }
}
