//! Lists as SQL: the conditions of a query in the order of an index, and how rows are read out.

use crate::row::{Cursor, Page, Query, Row};
use rusqlite::{Connection, Result, ToSql, params_from_iter};

pub(super) const COLUMNS: &str = "tenant, kind, key, parent, target, state, change, body";

/// Reads the columns of `COLUMNS`.
pub(super) fn row(found: &rusqlite::Row<'_>) -> Result<Row> {
    Ok(Row {
        tenant: found.get(0)?,
        kind: found.get(1)?,
        key: found.get(2)?,
        parent: found.get(3)?,
        target: found.get(4)?,
        state: found.get(5)?,
        etag: found.get(6)?,
        body: found.get(7)?,
    })
}

/// Conditions and what stands for their `?`.
struct Conditions<'q> {
    sql: String,
    values: Vec<Box<dyn ToSql + 'q>>,
}

impl<'q> Conditions<'q> {
    fn of(query: &'q Query<'q>) -> Self {
        let mut all = Self { sql: "kind = ?".to_owned(), values: vec![Box::new(query.kind)] };
        if let Some(space) = &query.space {
            all.add("tenant = ?", space.as_str());
        }
        for (condition, value) in
            [("parent = ?", query.parent), ("target = ?", query.target), ("state = ?", query.state)]
        {
            if let Some(value) = value {
                all.add(condition, value);
            }
        }
        if !query.prefix.is_empty() {
            all.add("key >= ?", query.prefix);
            // No key has this character, which is the last of all.
            all.add("key < ?", format!("{}\u{10FFFF}", query.prefix));
        }
        all
    }

    fn add(&mut self, condition: &str, value: impl ToSql + 'q) {
        self.sql.push_str(" AND ");
        self.sql.push_str(condition);
        self.values.push(Box::new(value));
    }

    fn after(&mut self, query: &'q Query<'q>) {
        match (&query.after, query.space) {
            (Some(cursor), Some(_)) => self.add("key > ?", cursor.key.as_str()),
            (Some(cursor), None) => {
                self.add("(tenant, key) > (?, ?)", cursor.tenant.as_str());
                self.values.push(Box::new(cursor.key.as_str()));
            }
            (None, _) => {}
        }
    }
}

pub(super) fn list(connection: &Connection, query: &Query<'_>) -> Result<Page<Row>> {
    let limit = query.limit.clamp(1, crate::row::PAGE_ROWS_MAX);
    let mut conditions = Conditions::of(query);
    conditions.after(query);
    let order = if query.space.is_some() { "key" } else { "tenant, key" };
    // One more than asked for tells whether there is another page.
    let sql = format!("SELECT {COLUMNS} FROM rows WHERE {} ORDER BY {order} LIMIT {}", conditions.sql, limit + 1);
    let mut statement = connection.prepare_cached(&sql)?;
    let found = statement.query_map(params_from_iter(conditions.values.iter()), row)?;
    let mut rows: Vec<_> = found.collect::<Result<_>>()?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more).map(|last| Cursor { tenant: last.tenant.clone(), key: last.key.clone() });
    Ok(Page { rows, next })
}

pub(super) fn count(connection: &Connection, query: &Query<'_>) -> Result<u64> {
    let conditions = Conditions::of(query);
    let sql = format!("SELECT count(*) FROM rows WHERE {}", conditions.sql);
    connection.prepare_cached(&sql)?.query_row(params_from_iter(conditions.values.iter()), |row| row.get(0))
}
