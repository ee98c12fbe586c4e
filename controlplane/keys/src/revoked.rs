//! Tokens that ended before their time, as they are kept until that time.
//!
//! A record each, in the space of the tenant, so that what compiles follows it as any change and every gateway is told. A
//! client has [`limits::REVOKED_TOKENS_MAX`] of them. Those that have expired go when the client ends another, and once in an
//! hour all of them. That the secret of a client was revoked is not noted here: its credential says it.

use crate::issuer::Ended;
use tollgate_domain::{Name, RevokedToken, limits};
use tollgate_store::{
    Error, Expect, Query, Record as _, Records as _, RecordsMut as _, Result as Stored, Rows, RowsMut, Space,
    revoked_token_key,
};

/// What gateways allow a token beyond its time (30 s), and by how much their clocks may differ. In seconds.
const SKEW_S: u64 = 120;

/// Notes that a token has ended. `false`: its client has too many that have; nothing is noted then.
///
/// # Errors
/// Those of the store.
pub fn note_revoked(rows: &mut dyn RowsMut, ended: &Ended, now_s: u64) -> Stored<bool> {
    let (space, token) = (Space::Tenant(&ended.tenant), &ended.token);
    if token.is_over(now_s, SKEW_S) || is_revoked(rows, ended)? {
        return Ok(true);
    }
    let (parent, target) = (token.application.as_str(), token.client.as_str());
    let of_client = Query { parent: Some(parent), target: Some(target), ..Query::of(RevokedToken::KIND, space) };
    if rows.count(&of_client)? >= limits::REVOKED_TOKENS_MAX as u64 {
        forget(rows, &of_client, now_s)?;
    }
    if rows.count(&of_client)? >= limits::REVOKED_TOKENS_MAX as u64 {
        return Ok(false);
    }
    rows.save(space, token, Expect::Any)?;
    Ok(true)
}

/// Whether a token has ended.
///
/// # Errors
/// Those of the store.
pub fn is_revoked(rows: &dyn Rows, ended: &Ended) -> Stored<bool> {
    let key = revoked_token_key(&ended.token.application, &ended.token.jti);
    Ok(rows.get(Space::Tenant(&ended.tenant), RevokedToken::KIND, &key)?.is_some())
}

/// Forgets what no living token is meant by.
///
/// # Errors
/// Those of the store.
pub fn forget_revoked(rows: &mut dyn RowsMut, now_s: u64) -> Stored<()> {
    forget(rows, &Query::everywhere(RevokedToken::KIND), now_s)
}

fn forget(rows: &mut dyn RowsMut, query: &Query<'_>, now_s: u64) -> Stored<()> {
    let mut over = Vec::new();
    rows.for_each::<RevokedToken>(query, |kept| {
        if kept.record.is_over(now_s, SKEW_S) {
            over.push((kept.tenant, kept.record.key()));
        }
        Ok::<_, Error>(())
    })?;
    for (tenant, key) in over {
        let Ok(tenant) = tenant.parse::<Name>() else { continue };
        rows.remove::<RevokedToken>(Space::Tenant(&tenant), &key, Expect::Any)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tollgate_store::{SealKey, Sealer, Sqlite, Transactions as _};

    fn ended(client: &str, jti: &str, expires_s: u64) -> Ended {
        let application = "shop".parse().unwrap();
        let token = RevokedToken { application, client: client.to_owned(), jti: jti.to_owned(), expires_s };
        Ended { tenant: "acme".parse().unwrap(), token }
    }

    #[test]
    fn until_they_would_have_ended() {
        let folder = tempfile::tempdir().unwrap();
        let sealer = Sealer::new(SealKey::random().unwrap(), Vec::new());
        let store = Sqlite::open(&folder.path().join("store.db"), sealer).unwrap();
        let note = |ended: &Ended, now_s| store.write(|rows| note_revoked(rows, ended, now_s)).unwrap();
        let has = |ended: &Ended| store.read(|rows| is_revoked(rows, ended)).unwrap();
        let (one, other) = (ended("web", "a", 1000), ended("web", "b", 1000));
        assert!(note(&one, 10) && note(&one, 10));
        assert_eq!([has(&one), has(&other)], [true, false]);
        let elsewhere = Ended { tenant: "other".parse().unwrap(), ..one.clone() };
        assert!(!has(&elsewhere), "of another tenant nothing is meant");
        assert!(note(&ended("web", "old", 10), 10 + SKEW_S), "one that has expired needs no note");
        assert!(!has(&ended("web", "old", 10)));
        store.write(|rows| forget_revoked(rows, 999 + SKEW_S)).unwrap();
        assert!(has(&one));
        store.write(|rows| forget_revoked(rows, 1000 + SKEW_S)).unwrap();
        assert!(!has(&one));
    }

    #[test]
    fn a_client_has_room_for_some_and_expired_ones_make_it() {
        let folder = tempfile::tempdir().unwrap();
        let sealer = Sealer::new(SealKey::random().unwrap(), Vec::new());
        let store = Sqlite::open(&folder.path().join("store.db"), sealer).unwrap();
        let of = |number: usize| ended("web", &number.to_string(), if number == 0 { 100 } else { 1000 });
        let all = |rows: &mut dyn RowsMut| {
            (0..limits::REVOKED_TOKENS_MAX)
                .try_fold(true, |fit, number| Ok(fit && note_revoked(rows, &of(number), 10)?))
        };
        assert!(store.write::<_, Error>(all).unwrap());
        let note = |ended: &Ended, now_s| store.write(|rows| note_revoked(rows, ended, now_s)).unwrap();
        assert!(!note(&ended("web", "more", 1000), 10));
        assert!(note(&of(1), 10), "what is noted is no more");
        assert!(note(&ended("batch", "more", 1000), 10), "each client has its own room");
        assert!(note(&ended("web", "more", 1000), 100 + SKEW_S), "one has expired");
    }
}
