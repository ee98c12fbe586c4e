//! A change of the store by a request: every record that is written or removed has its audit event in the same
//! transaction.
//!
//! What is written as it was is no change: no event, and the etag stays. `Change` is the only way for handlers to write.

use crate::{call::Call, judge::Touched, problem::Problem};
use serde::Serialize;
use tollgate_domain::{AuditEvent, Name, audit::redacted};
use tollgate_store::{Error, Expect, Kept, Query, Record, Records as _, RecordsMut as _, RowsMut, Space};
use uuid::Uuid;

/// A transaction that writes for a request.
pub(crate) struct Change<'c> {
    pub(crate) call: &'c Call,
    pub(crate) rows: &'c mut dyn RowsMut,
    /// What was written so far, for the `Judge`.
    pub(crate) touched: &'c mut Vec<Touched>,
}

/// What came of a write.
pub(crate) struct Written {
    pub(crate) etag: u64,
    /// There was none before.
    pub(crate) is_new: bool,
}

impl Change<'_> {
    /// A record.
    pub(crate) fn load<R: Record>(&self, space: Space<'_>, key: &str) -> Result<Option<Kept<R>>, Problem> {
        Ok(self.rows.load(space, key)?)
    }

    /// All records of a query.
    pub(crate) fn all<R: Record>(&self, query: &Query<'_>) -> Result<Vec<R>, Problem> {
        let mut all = Vec::new();
        self.rows.for_each::<R>(query, |kept| {
            all.push(kept.record);
            Ok::<_, Error>(())
        })?;
        Ok(all)
    }

    /// A record that has to be there.
    pub(crate) fn wanted<R: Record>(&self, space: Space<'_>, key: &str) -> Result<Kept<R>, Problem> {
        self.load(space, key)?.ok_or_else(Problem::not_found)
    }

    /// Writes a record; `verb` is the second half of the event's action.
    pub(crate) fn save<R: Record>(
        &mut self,
        space: Space<'_>,
        record: &R,
        expect: Expect,
        verb: &str,
    ) -> Result<Written, Problem> {
        let before: Option<Kept<R>> = self.load(space, &record.key())?;
        expect.check(before.as_ref().map(|kept| kept.etag))?;
        if let Some(kept) = &before
            && serde_json::to_value(&kept.record).ok() == serde_json::to_value(record).ok()
        {
            return Ok(Written { etag: kept.etag, is_new: false });
        }
        let etag = self.rows.save(space, record, expect)?;
        let told = before.as_ref().map(|kept| &kept.record);
        self.tell(space, (R::KIND, record.key(), verb), told, Some(record))?;
        Ok(Written { etag, is_new: before.is_none() })
    }

    /// Removes a record that has to be there.
    pub(crate) fn remove<R: Record>(&mut self, space: Space<'_>, key: &str, expect: Expect) -> Result<(), Problem> {
        let before = self.wanted::<R>(space, key)?;
        self.rows.remove::<R>(space, key, expect)?;
        self.tell(space, (R::KIND, key.to_owned(), "delete"), Some(&before.record), None)
    }

    /// Removes every record of a parent that goes.
    pub(crate) fn gone<R: Record>(&mut self, space: Space<'_>, parent: &str) -> Result<(), Problem> {
        let query = Query { parent: Some(parent), ..Query::of(R::KIND, space) };
        let keys: Vec<_> = self.all::<R>(&query)?.iter().map(Record::key).collect();
        keys.iter().try_for_each(|key| self.remove::<R>(space, key, Expect::Any))
    }

    /// Appends the event of a change that was made. `of` is the kind, the key and the verb.
    pub(crate) fn tell<R: Serialize>(
        &mut self,
        space: Space<'_>,
        of: (&str, String, &str),
        before: Option<&R>,
        after: Option<&R>,
    ) -> Result<(), Problem> {
        let (kind, key, verb) = of;
        self.touched.push(Touched { tenant: space.as_str().to_owned(), kind: kind.to_owned(), key: key.clone() });
        let tenant: Option<Name> = match space {
            Space::Installation => None,
            Space::Tenant(name) => Some(name.clone()),
        };
        let call = self.call;
        self.rows.append(&AuditEvent {
            id: Uuid::now_v7().to_string(),
            at_ms: u64::try_from(call.now.as_millis()).unwrap_or(u64::MAX),
            tenant,
            by: call.permit.as_ref().map(|permit| permit.actor.member.clone()),
            from: call.from.clone(),
            request_id: Some(call.request_id.clone()),
            action: format!("{kind}.{verb}"),
            kind: kind.to_owned(),
            key,
            before: before.map(redacted),
            after: after.map(redacted),
        })?;
        Ok(())
    }
}
