//! Lists as SQL: the conditions of a query in the order of an index, and how rows are read out.
//!
//! What a list looks at is bounded by its page: each names the index that leads to its rows in their order. Values never
//! become part of the SQL.

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
    // One more than asked for tells whether there is another page.
    let mut statement = connection.prepare_cached(&select(&conditions, query, limit + 1))?;
    let found = statement.query_map(params_from_iter(conditions.values.iter()), row)?;
    let mut rows: Vec<_> = found.collect::<Result<_>>()?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more).map(|last| Cursor { tenant: last.tenant.clone(), key: last.key.clone() });
    Ok(Page { rows, next })
}

fn select(conditions: &Conditions<'_>, query: &Query<'_>, limit: usize) -> String {
    let order = if query.space.is_some() { "key" } else { "tenant, key" };
    format!("SELECT {COLUMNS} FROM rows {} WHERE {} ORDER BY {order} LIMIT {limit}", index(query), conditions.sql)
}

/// What was written or removed after `?1`, `?2` at most.
pub(super) fn changes() -> String {
    format!(
        "SELECT {COLUMNS} FROM rows WHERE change > ?1 UNION ALL \
         SELECT tenant, kind, key, NULL, NULL, NULL, change, NULL FROM removed WHERE change > ?1 \
         ORDER BY change LIMIT ?2"
    )
}

/// The index that leads to the fewest rows. Without statistics SQLite would take the one of the keys for its order, and
/// look at a million subscriptions for those of one application.
fn index(query: &Query<'_>) -> &'static str {
    match (query.space, query.parent, query.target, query.state) {
        (None, ..) if !query.prefix.is_empty() => "INDEXED BY rows_key",
        (None, ..) => "",
        (_, Some(_), ..) => "INDEXED BY rows_parent",
        (_, _, Some(_), _) => "INDEXED BY rows_target",
        (_, _, _, Some(_)) => "INDEXED BY rows_state",
        _ => "",
    }
}

pub(super) fn count(connection: &Connection, query: &Query<'_>) -> Result<u64> {
    let conditions = Conditions::of(query);
    let sql = format!("SELECT count(*) FROM rows {} WHERE {}", index(query), conditions.sql);
    connection.prepare_cached(&sql)?.query_row(params_from_iter(conditions.values.iter()), |row| row.get(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        row::Space,
        seal::{SealKey, Sealer},
        sqlite::migrate::prepare,
    };

    /// However many rows there are, a list looks at those it gives and no others, and sorts nothing.
    #[test]
    fn every_list_goes_by_an_index() {
        let mut connection = Connection::open_in_memory().unwrap();
        prepare(&mut connection, &Sealer::new(SealKey::random().unwrap(), vec![])).unwrap();
        let name = "acme".parse().unwrap();
        let after = Some(Cursor { tenant: "acme".to_owned(), key: "k".to_owned() });
        let all = Query { after, ..Query::of("thing", Space::Tenant(&name)) };
        let lists = [
            (all.clone(), "sqlite_autoindex_rows_1 (kind=? AND tenant=? AND key>?)"),
            (Query { prefix: "k", ..all.clone() }, "sqlite_autoindex_rows_1 (kind=? AND tenant=? AND key>? AND key<?)"),
            (Query { parent: Some("p"), ..all.clone() }, "rows_parent (kind=? AND tenant=? AND parent=? AND key>?)"),
            (Query { target: Some("t"), ..all.clone() }, "rows_target (kind=? AND tenant=? AND target=? AND key>?)"),
            (Query { state: Some("s"), ..all.clone() }, "rows_state (kind=? AND tenant=? AND state=? AND key>?)"),
            (
                Query { parent: Some("p"), prefix: "k", ..all.clone() },
                "rows_parent (kind=? AND tenant=? AND parent=? AND key>? AND key<?)",
            ),
            (Query { space: None, ..all.clone() }, "sqlite_autoindex_rows_1 (kind=? AND (tenant,key)>(?,?))"),
            (Query { prefix: "k", ..Query::everywhere("thing") }, "rows_key (kind=? AND key>? AND key<?)"),
        ];
        for (query, wanted) in lists {
            let mut conditions = Conditions::of(&query);
            conditions.after(&query);
            let sql = format!("EXPLAIN QUERY PLAN {}", select(&conditions, &query, 10));
            let mut statement = connection.prepare(&sql).unwrap();
            let plan = statement.query_map(params_from_iter(conditions.values.iter()), |row| row.get::<_, String>(3));
            let plan = plan.unwrap().map(Result::unwrap).collect::<Vec<_>>().join("; ");
            assert!(plan.contains(wanted), "{query:?}: {plan}");
            assert!(query.space.is_none() || !plan.contains("B-TREE"), "{query:?}: {plan}");
        }
    }
    /// Rows and removals are merged in the order of their changes, from the mark on.
    #[test]
    fn changes_go_by_their_indexes() {
        let mut connection = Connection::open_in_memory().unwrap();
        prepare(&mut connection, &Sealer::new(SealKey::random().unwrap(), vec![])).unwrap();
        let sql = format!("EXPLAIN QUERY PLAN {}", changes());
        let mut statement = connection.prepare(&sql).unwrap();
        let plan = statement.query_map([0, 10], |row| row.get::<_, String>(3)).unwrap();
        let plan = plan.map(Result::unwrap).collect::<Vec<_>>().join("; ");
        assert!(plan.contains("rows_change (change>?)") && plan.contains("removed_change (change>?)"), "{plan}");
        assert!(!plan.contains("B-TREE"), "{plan}");
    }
}
