//! A transaction of SQLite as the traits see it: rows, changes, audit events, secrets.
//!
//! It counts the changes it makes and notes them once, at its end (`finish`). Beginning, committing and undoing is the
//! store's business. The removals that are remembered are bounded by `REMOVED_MAX`.

use super::{
    REMOVED_MAX,
    migrate::{mark, number, set_fact},
    query::{self, COLUMNS},
    usage,
};
use crate::{
    error::{Error, Result},
    row::{Change, Changes, Draft, Expect, Mark, PAGE_ROWS_MAX, Page, Query, Row, Space},
    seal::{Sealer, Secret},
    store::{AuditPage, AuditQuery, Rows, RowsMut},
    usage::{Batch, Usage, UsagePage, UsageQuery},
};
use rusqlite::{Connection, OptionalExtension, named_params};
use tollgate_domain::AuditEvent;

/// How often removals that are too many are forgotten: with every so many changes.
const FORGET_EVERY: u64 = 1024;

/// What goes on in a transaction.
pub(super) struct Session<'c> {
    connection: &'c Connection,
    sealer: &'c Sealer,
    /// Where the store was when the transaction began, and the last change of it. `None`: it reads only.
    wrote: Option<(u64, u64)>,
}

impl<'c> Session<'c> {
    pub(super) fn reading(connection: &'c Connection, sealer: &'c Sealer) -> Self {
        Self { connection, sealer, wrote: None }
    }

    pub(super) fn writing(connection: &'c Connection, sealer: &'c Sealer) -> Result<Self> {
        let change = number(connection, "change")?;
        Ok(Self { connection, sealer, wrote: Some((change, change)) })
    }

    /// Notes where the store is now.
    pub(super) fn finish(&self) -> Result<Mark> {
        if let Some((before, now)) = self.wrote.filter(|(before, now)| before != now) {
            set_fact(self.connection, "change", &now.to_string())?;
            if before / FORGET_EVERY != now / FORGET_EVERY {
                self.forget(REMOVED_MAX)?;
            }
        }
        mark(self.connection)
    }

    /// Keeps the last `most` removals.
    fn forget(&self, most: u64) -> Result<()> {
        let select = "SELECT change FROM removed ORDER BY change DESC LIMIT 1 OFFSET ?1";
        let floor: Option<u64> = self.connection.query_row(select, [most], |row| row.get(0)).optional()?;
        if let Some(floor) = floor {
            self.connection.execute("DELETE FROM removed WHERE change <= ?1", [floor])?;
            set_fact(self.connection, "floor", &floor.to_string())?;
        }
        Ok(())
    }

    fn next_change(&mut self) -> u64 {
        let (_, now) = self.wrote.get_or_insert_default();
        *now += 1;
        *now
    }

    fn etag(&self, space: Space<'_>, kind: &str, key: &str) -> Result<Option<u64>> {
        let select = "SELECT change FROM rows WHERE kind = ?1 AND tenant = ?2 AND key = ?3";
        let mut statement = self.connection.prepare_cached(select)?;
        Ok(statement.query_row((kind, space.as_str(), key), |row| row.get(0)).optional()?)
    }
}

impl Rows for Session<'_> {
    fn get(&self, space: Space<'_>, kind: &str, key: &str) -> Result<Option<Row>> {
        let select = format!("SELECT {COLUMNS} FROM rows WHERE kind = ?1 AND tenant = ?2 AND key = ?3");
        let mut statement = self.connection.prepare_cached(&select)?;
        Ok(statement.query_row((kind, space.as_str(), key), query::row).optional()?)
    }

    fn list(&self, query: &Query<'_>) -> Result<Page<Row>> {
        Ok(query::list(self.connection, query)?)
    }

    fn count(&self, query: &Query<'_>) -> Result<u64> {
        Ok(query::count(self.connection, query)?)
    }

    fn mark(&self) -> Result<Mark> {
        let mark = mark(self.connection)?;
        Ok(Mark { change: self.wrote.map_or(mark.change, |(_, now)| now), ..mark })
    }

    fn changes_since(&self, since: &Mark, limit: usize) -> Result<Changes> {
        let now = self.mark()?;
        if since.epoch != now.epoch || since.change > now.change || since.change < number(self.connection, "floor")? {
            return Err(Error::Reset);
        }
        let limit = limit.clamp(1, PAGE_ROWS_MAX);
        let mut statement = self.connection.prepare_cached(&query::changes())?;
        let found = statement.query_map((since.change, limit as u64 + 1), change)?;
        let mut changes: Vec<_> = found.collect::<rusqlite::Result<_>>()?;
        let more = changes.len() > limit;
        changes.truncate(limit);
        let last = changes.last().filter(|_| more).map_or(now.change, |last| last.change);
        Ok(Changes { changes, mark: Mark { epoch: now.epoch, change: last }, more })
    }

    fn audit(&self, query: &AuditQuery<'_>) -> Result<AuditPage> {
        let limit = query.limit.clamp(1, PAGE_ROWS_MAX);
        let mut select = "SELECT number, body FROM audit WHERE number < :before".to_owned();
        select.push_str(if query.space.is_some() { " AND tenant = :tenant" } else { " AND :tenant = ''" });
        select.push_str(if query.of.is_some() { " AND kind = :kind AND key = :key" } else { " AND :kind = :key" });
        select.push_str(" ORDER BY number DESC LIMIT :limit");
        let (kind, key) = query.of.unwrap_or_default();
        let before = query.before.map_or(i64::MAX, |number| i64::try_from(number).unwrap_or(i64::MAX));
        let tenant = query.space.as_ref().map_or("", Space::as_str);
        let mut statement = self.connection.prepare_cached(&select)?;
        let values =
            named_params! {":before": before, ":tenant": tenant, ":kind": kind, ":key": key, ":limit": limit + 1};
        let found = statement.query_map(values, |row| Ok((row.get::<_, u64>(0)?, row.get::<_, String>(1)?)))?;
        let mut found: Vec<_> = found.collect::<rusqlite::Result<_>>()?;
        let more = found.len() > limit;
        found.truncate(limit);
        let next = found.last().filter(|_| more).map(|(number, _)| *number);
        let events = found.iter().map(|(number, body)| {
            serde_json::from_str(body).map_err(|cause| Error::Damaged { row: format!("audit {number}"), cause })
        });
        Ok(AuditPage { events: events.collect::<Result<_>>()?, next })
    }

    fn usage(&self, query: &UsageQuery<'_>) -> Result<UsagePage> {
        usage::list(self.connection, query)
    }

    fn secret(&self, space: Space<'_>, name: &str) -> Result<Option<Secret>> {
        let select = "SELECT sealed FROM secrets WHERE tenant = ?1 AND name = ?2";
        let mut statement = self.connection.prepare_cached(select)?;
        let sealed: Option<Vec<u8>> = statement.query_row((space.as_str(), name), |row| row.get(0)).optional()?;
        sealed.map(|sealed| self.sealer.open(space.as_str(), name, &sealed)).transpose()
    }
}

fn change(found: &rusqlite::Row<'_>) -> rusqlite::Result<Change> {
    let removed = found.get_ref(7)? == rusqlite::types::ValueRef::Null;
    Ok(Change {
        change: found.get(6)?,
        tenant: found.get(0)?,
        kind: found.get(1)?,
        key: found.get(2)?,
        row: if removed { None } else { Some(query::row(found)?) },
    })
}

impl RowsMut for Session<'_> {
    fn put(&mut self, space: Space<'_>, draft: &Draft<'_>, expect: Expect) -> Result<u64> {
        expect.check(self.etag(space, draft.kind, draft.key)?)?;
        let change = self.next_change();
        let insert = "INSERT INTO rows (kind, tenant, key, parent, target, state, change, body) \
            VALUES (:kind, :tenant, :key, :parent, :target, :state, :change, :body) \
            ON CONFLICT (kind, tenant, key) DO UPDATE SET parent = excluded.parent, target = excluded.target, \
            state = excluded.state, change = excluded.change, body = excluded.body";
        self.connection.prepare_cached(insert)?.execute(named_params! {
            ":kind": draft.kind, ":tenant": space.as_str(), ":key": draft.key, ":parent": draft.parent,
            ":target": draft.target, ":state": draft.state, ":change": change, ":body": draft.body,
        })?;
        let delete = "DELETE FROM removed WHERE kind = ?1 AND tenant = ?2 AND key = ?3";
        self.connection.prepare_cached(delete)?.execute((draft.kind, space.as_str(), draft.key))?;
        Ok(change)
    }

    fn delete(&mut self, space: Space<'_>, kind: &str, key: &str, expect: Expect) -> Result<()> {
        let found = self.etag(space, kind, key)?;
        expect.check(found)?;
        if found.is_none() {
            return Ok(());
        }
        let change = self.next_change();
        let delete = "DELETE FROM rows WHERE kind = ?1 AND tenant = ?2 AND key = ?3";
        self.connection.prepare_cached(delete)?.execute((kind, space.as_str(), key))?;
        let insert = "INSERT INTO removed (kind, tenant, key, change) VALUES (?1, ?2, ?3, ?4)";
        self.connection.prepare_cached(insert)?.execute((kind, space.as_str(), key, change))?;
        Ok(())
    }

    fn append(&mut self, event: &AuditEvent) -> Result<()> {
        let damaged = |cause| Error::Damaged { row: format!("audit {}", event.id), cause };
        let body = serde_json::to_string(event).map_err(damaged)?;
        let tenant = event.tenant.as_ref().map_or("", |tenant| tenant.as_str());
        let insert = "INSERT INTO audit (number, id, tenant, kind, key, body) \
            VALUES ((SELECT coalesce(max(number), 0) + 1 FROM audit), ?1, ?2, ?3, ?4, ?5)";
        self.connection.prepare_cached(insert)?.execute((&event.id, tenant, &event.kind, &event.key, body))?;
        Ok(())
    }

    fn add_usage(&mut self, batch: &Batch<'_>, used: &[Usage]) -> Result<bool> {
        usage::add(self.connection, batch, used)
    }

    fn forget_usage(&mut self, before_s: u64) -> Result<()> {
        usage::forget(self.connection, before_s)
    }

    fn put_secret(&mut self, space: Space<'_>, name: &str, text: Option<&[u8]>) -> Result<()> {
        let tenant = space.as_str();
        let Some(text) = text else {
            self.connection.execute("DELETE FROM secrets WHERE tenant = ?1 AND name = ?2", (tenant, name))?;
            return Ok(());
        };
        let sealed = self.sealer.seal(tenant, name, text)?;
        let insert = "INSERT INTO secrets (tenant, name, sealed) VALUES (?1, ?2, ?3) \
            ON CONFLICT (tenant, name) DO UPDATE SET sealed = excluded.sealed";
        self.connection.prepare_cached(insert)?.execute((tenant, name, sealed))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::SealKey;
    use crate::sqlite::migrate::prepare;

    #[test]
    fn who_missed_removals_that_were_forgotten_reads_anew() {
        let sealer = Sealer::new(SealKey::random().unwrap(), vec![]);
        let mut connection = Connection::open_in_memory().unwrap();
        let begin = prepare(&mut connection, &sealer).unwrap();
        let mut session = Session::writing(&connection, &sealer).unwrap();
        for key in ["a", "b", "c"] {
            let draft = Draft { kind: "x", key, parent: None, target: None, state: None, body: "{}" };
            session.put(Space::Installation, &draft, Expect::Absent).unwrap();
            session.delete(Space::Installation, "x", key, Expect::Any).unwrap();
        }
        session.forget(3).unwrap();
        assert_eq!(session.changes_since(&begin, 10).unwrap().changes.len(), 3);
        session.forget(1).unwrap();
        assert!(matches!(session.changes_since(&begin, 10), Err(Error::Reset)));
        let later = Mark { change: 4, ..begin };
        let found = session.changes_since(&later, 10).unwrap();
        assert_eq!(
            found.changes.iter().map(|change| (change.change, change.row.is_some())).collect::<Vec<_>>(),
            [(6, false)]
        );
    }
}
