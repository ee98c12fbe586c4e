//! The schema: migrations in their order, what a new store begins with, and whether the key is the right one.

use crate::{
    error::{Error, Result},
    row::Mark,
    seal::Sealer,
};
use aws_lc_rs::rand;
use refinery::{Migration, Runner};
use rusqlite::{Connection, OptionalExtension};
use tollgate_domain::digest::hex;

/// Never change one that was released: add the next.
const MIGRATIONS: &[(&str, &str)] = &[
    ("V1__rows", include_str!("../../migrations/V1__rows.sql")),
    ("V2__usage", include_str!("../../migrations/V2__usage.sql")),
];

/// A secret of the installation that is there to see whether secrets can be opened.
const PROBE: &str = "probe";

/// Brings the schema to where this program expects it, and gives where the store is.
pub(super) fn prepare(connection: &mut Connection, sealer: &Sealer) -> Result<Mark> {
    migrate(connection)?;
    let epoch: String = fact(connection, "epoch")?;
    if epoch.is_empty() {
        set_fact(connection, "epoch", &new_epoch()?)?;
    }
    check_key(connection, sealer)?;
    mark(connection)
}

fn migrate(connection: &mut Connection) -> Result<()> {
    let migrations = MIGRATIONS.iter().map(|(name, sql)| Migration::unapplied(name, sql));
    let migrations: Vec<_> = migrations.collect::<std::result::Result<_, _>>().map_err(refused)?;
    Runner::new(&migrations).run(connection).map(drop).map_err(refused)
}

fn refused(error: refinery::Error) -> Error {
    use refinery::error::Kind;
    match error.kind() {
        Kind::MissingVersion(found) => Error::Newer { what: format!("it has the schema `{found}`") },
        Kind::DivergentVersion(found, _) => Error::Newer { what: format!("its schema `{found}` is another one") },
        _ => Error::Database(Box::new(error)),
    }
}

/// Seals the probe in a new store, opens it in one that is there.
fn check_key(connection: &Connection, sealer: &Sealer) -> Result<()> {
    let select = "SELECT sealed FROM secrets WHERE tenant = '' AND name = ?1";
    let sealed: Option<Vec<u8>> = connection.query_row(select, [PROBE], |row| row.get(0)).optional()?;
    if let Some(sealed) = sealed {
        return sealer.open("", PROBE, &sealed).map(drop);
    }
    let sealed = sealer.seal("", PROBE, PROBE.as_bytes())?;
    connection.execute("INSERT INTO secrets (tenant, name, sealed) VALUES ('', ?1, ?2)", (PROBE, sealed))?;
    Ok(())
}

/// A name that no restore had before.
pub(super) fn new_epoch() -> Result<String> {
    let mut bytes = [0; 8];
    rand::fill(&mut bytes).map_err(|_| Error::Database("the system has no random bytes".into()))?;
    Ok(hex(&bytes))
}

pub(super) fn fact(connection: &Connection, name: &str) -> rusqlite::Result<String> {
    connection.prepare_cached("SELECT value FROM facts WHERE name = ?1")?.query_row([name], |row| row.get(0))
}

pub(super) fn set_fact(connection: &Connection, name: &str, value: &str) -> rusqlite::Result<()> {
    connection.prepare_cached("UPDATE facts SET value = ?2 WHERE name = ?1")?.execute((name, value)).map(drop)
}

/// A fact that is a number.
pub(super) fn number(connection: &Connection, name: &str) -> Result<u64> {
    fact(connection, name)?.parse().map_err(|_| Error::Database(format!("the fact `{name}` is no number").into()))
}

/// Where the store is.
pub(super) fn mark(connection: &Connection) -> Result<Mark> {
    Ok(Mark { epoch: fact(connection, "epoch")?, change: number(connection, "change")? })
}
