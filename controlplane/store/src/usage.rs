//! What applications have used, as it is kept: sums by tenant, application, API and hour.
//!
//! Gateways report in numbered batches; one that comes again, because its answer was lost, counts once. A report is no change
//! of the store: nobody who follows it is told.

use crate::row::Cursor;
use tollgate_domain::Name;

/// Seconds that are summed up in one row.
pub const USAGE_HOUR_S: u64 = 3600;

/// What an application has used of an API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Whose application.
    pub tenant: String,
    /// Its name.
    pub application: String,
    /// `orders@1.0`, or with an operation behind it.
    pub api: String,
    /// Requests that were answered, that a limit refused, and that failed.
    pub counts: [u64; 3],
}

/// Which report.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    /// Who reports: the name of a node.
    pub source: &'a str,
    /// Of which of its starts; each begins to count anew.
    pub start: &'a str,
    /// Grows with each batch of a start.
    pub number: u64,
    /// When it came, in Unix seconds.
    pub at_s: u64,
}

/// What is asked for.
#[derive(Clone, Debug)]
pub struct UsageQuery<'a> {
    /// Whose applications.
    pub tenant: &'a Name,
    /// Of this one.
    pub application: Option<&'a str>,
    /// Of this API.
    pub api: Option<&'a str>,
    /// Hours that begin from here on, in Unix seconds.
    pub from_s: u64,
    /// And before this.
    pub to_s: u64,
    /// `UsagePage::next` of the page before.
    pub after: Option<Cursor>,
    /// 1 to `PAGE_ROWS_MAX`.
    pub limit: usize,
}

/// Some of it: by application, API and hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsagePage {
    /// Beginnings of hours in Unix seconds, and what was used in them.
    pub rows: Vec<(u64, Usage)>,
    /// For the next page; `None`: this was the last.
    pub next: Option<Cursor>,
}
