//! Changes that are made once however often they are sent: the Idempotency-Key field.
//!
//! The answer is kept, sealed since keys and tokens are among them, in the transaction of the change itself: either both are
//! there or neither. A key belongs to the member who sent it, and to one request; another request with it is refused.

use crate::{
    answer::Answer,
    change::Change,
    endpoint::Outcome,
    limits::{ID_CHARS_MAX, IDEMPOTENCY_S},
    problem::Problem,
};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use tollgate_domain::Digest;
use tollgate_store::{Error, Expect, Record, RecordsMut as _, Result as Stored, RowsMut, Space};

/// That a request was made.
#[derive(Debug, Serialize, Deserialize)]
struct Done {
    key: String,
    /// Digest of the request.
    request: Digest,
    at_s: u64,
}

impl Record for Done {
    const KIND: &'static str = "idempotency";

    fn key(&self) -> String {
        self.key.clone()
    }
}

/// Runs `run`, unless its request was made before: then it is answered what it was answered.
pub(crate) fn once(change: &mut Change<'_>, run: fn(&mut Change<'_>) -> Outcome) -> Outcome {
    let call = change.call;
    let (Some(field), Some(permit)) = (call.field("idempotency-key")?, call.permit.as_ref()) else {
        return run(change);
    };
    if field.is_empty() || field.len() > ID_CHARS_MAX {
        let remedy = format!("send 1 to {ID_CHARS_MAX} characters, like a UUID");
        return Err(Problem::invalid("Idempotency-Key", "this is no key", remedy));
    }
    let space = Space::Tenant(&permit.actor.tenant);
    let key = Digest::of(&(&permit.actor.member, field)).to_string();
    let body = Digest::of_bytes(&call.body).to_string();
    let request = Digest::of(&(call.method.as_str(), &call.uri, body));
    let secret = format!("idempotency/{key}");
    let before = change.load::<Done>(space, &key)?.map(|kept| kept.record);
    if let Some(before) = before.filter(|before| before.at_s + IDEMPOTENCY_S > call.now_s()) {
        if before.request != request {
            let detail = "another request was sent with this Idempotency-Key: give each its own";
            return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused", detail));
        }
        let kept = change.rows.secret(space, &secret)?;
        let answer = kept.and_then(|kept| serde_json::from_slice::<Answer>(kept.reveal()).ok());
        return answer.ok_or_else(|| Problem::internal("the answer of an Idempotency-Key is gone"));
    }
    let answer = run(change)?;
    let text = serde_json::to_vec(&answer).map_err(|error| Problem::internal(error.to_string()))?;
    change.rows.put_secret(space, &secret, Some(&text))?;
    change.rows.save(space, &Done { key, request, at_s: call.now_s() }, Expect::Any)?;
    Ok(answer)
}

/// Forgets the answers that are older than they have to be kept.
///
/// # Errors
/// Those of the database.
pub(crate) fn forget(rows: &mut dyn RowsMut, now_s: u64) -> Stored<()> {
    use tollgate_store::{Query, Records as _};
    let mut old = Vec::new();
    rows.for_each::<Done>(&Query::everywhere(Done::KIND), |kept| {
        if kept.record.at_s + IDEMPOTENCY_S <= now_s {
            old.push((kept.tenant, kept.record.key));
        }
        Ok::<_, Error>(())
    })?;
    for (tenant, key) in old {
        let Ok(tenant) = tenant.parse() else { continue };
        let space = Space::Tenant(&tenant);
        rows.put_secret(space, &format!("idempotency/{key}"), None)?;
        rows.remove::<Done>(space, &key, Expect::Any)?;
    }
    Ok(())
}
