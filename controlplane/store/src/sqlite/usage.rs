//! Sums of usage in SQLite: a batch added once, pages, and forgetting.

use crate::{
    error::{Error, Result},
    row::{Cursor, PAGE_ROWS_MAX},
    usage::{Batch, USAGE_HOUR_S, Usage, UsagePage, UsageQuery},
};
use rusqlite::{Connection, OptionalExtension, named_params};

/// Adds a batch, unless it was added before. Says whether it was new.
pub(super) fn add(connection: &Connection, batch: &Batch<'_>, used: &[Usage]) -> Result<bool> {
    let select = "SELECT number FROM usage_batches WHERE source = ?1 AND start = ?2";
    let mut statement = connection.prepare_cached(select)?;
    let last: Option<u64> = statement.query_row((batch.source, batch.start), |row| row.get(0)).optional()?;
    if last.is_some_and(|last| batch.number <= last) {
        return Ok(false);
    }
    let note = "INSERT INTO usage_batches (source, start, number, seen) VALUES (?1, ?2, ?3, ?4) \
        ON CONFLICT (source) DO UPDATE SET start = excluded.start, number = excluded.number, seen = excluded.seen";
    connection.prepare_cached(note)?.execute((batch.source, batch.start, batch.number, batch.at_s))?;
    let sum = "INSERT INTO usage (tenant, application, api, hour, ok, throttled, errors) \
        VALUES (:tenant, :application, :api, :hour, :ok, :throttled, :errors) \
        ON CONFLICT (tenant, application, api, hour) DO UPDATE SET ok = usage.ok + excluded.ok, \
        throttled = usage.throttled + excluded.throttled, errors = usage.errors + excluded.errors";
    let mut sum = connection.prepare_cached(sum)?;
    let hour = batch.at_s / USAGE_HOUR_S * USAGE_HOUR_S;
    for Usage { tenant, application, api, counts: [ok, throttled, errors] } in used {
        sum.execute(named_params! {
            ":tenant": tenant, ":application": application, ":api": api, ":hour": hour, ":ok": ok,
            ":throttled": throttled, ":errors": errors,
        })?;
    }
    Ok(true)
}

pub(super) fn list(connection: &Connection, query: &UsageQuery<'_>) -> Result<UsagePage> {
    let limit = query.limit.clamp(1, PAGE_ROWS_MAX);
    let mut select = "SELECT application, api, hour, ok, throttled, errors FROM usage WHERE tenant = :tenant \
        AND hour >= :from AND hour < :to AND (application, api, hour) > (:after_application, :after_api, :after_hour)"
        .to_owned();
    let both = [(query.application, "application"), (query.api, "api")];
    for (wanted, column) in both {
        // Without a value the name still stands in the statement, so that all have the same parameters.
        let compared = if wanted.is_some() { column } else { "''" };
        select.extend([" AND ", compared, " = :", column]);
    }
    select.push_str(" ORDER BY application, api, hour LIMIT :limit");
    let (application, api, hour) = match &query.after {
        None => (String::new(), String::new(), 0),
        Some(Cursor { tenant: application, key }) => {
            let (api, hour) = key.rsplit_once(' ').ok_or(Error::Cursor)?;
            (application.clone(), api.to_owned(), hour.parse::<i64>().map_err(|_| Error::Cursor)?)
        }
    };
    let within = |seconds: u64| i64::try_from(seconds).unwrap_or(i64::MAX);
    let mut statement = connection.prepare_cached(&select)?;
    let values = named_params! {
        ":tenant": query.tenant.as_str(), ":from": within(query.from_s), ":to": within(query.to_s),
        ":after_application": application, ":after_api": api, ":after_hour": hour,
        ":application": query.application.unwrap_or_default(), ":api": query.api.unwrap_or_default(),
        ":limit": limit + 1,
    };
    let found = statement.query_map(values, |row| {
        let counts = [row.get(3)?, row.get(4)?, row.get(5)?];
        let tenant = query.tenant.to_string();
        Ok((row.get(2)?, Usage { tenant, application: row.get(0)?, api: row.get(1)?, counts }))
    })?;
    let mut rows: Vec<(u64, Usage)> = found.collect::<rusqlite::Result<_>>()?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more).map(|(hour, Usage { application, api, .. })| Cursor {
        tenant: application.clone(),
        key: format!("{api} {hour}"),
    });
    Ok(UsagePage { rows, next })
}

/// Forgets hours that began before, and sources that have not reported since.
pub(super) fn forget(connection: &Connection, before_s: u64) -> Result<()> {
    connection.execute("DELETE FROM usage WHERE hour < ?1", [before_s])?;
    connection.execute("DELETE FROM usage_batches WHERE seen < ?1", [before_s])?;
    Ok(())
}
