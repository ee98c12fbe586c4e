//! What was changed by whom, the newest first.

use crate::{
    answer::Answer,
    call::Call,
    endpoint::{Endpoint, Outcome, PAGE},
    problem::Problem,
};
use serde_json::json;
use tollgate_domain::Action;
use tollgate_store::{AuditQuery, Rows};

const FILTERS: &[(&str, &str)] =
    &[PAGE[0], PAGE[1], ("kind", "Of records of this kind; with `key`."), ("key", "Of this record; with `kind`.")];

pub(crate) const ENDPOINTS: &[Endpoint] =
    &[Endpoint::get("/tenants/{tenant}/audit", "listAudit", "What was changed by whom, the newest first.", list)
        .query(FILTERS)
        .bodies("", "[AuditEvent]")
        .may(Action::ReadAudit)];

fn list(call: &Call, rows: &dyn Rows) -> Outcome {
    let [kind, key] = ["kind", "key"].map(|name| call.query.get(name).map(String::as_str));
    let of = match (kind, key) {
        (None, None) => None,
        (Some(kind), Some(key)) => Some((kind, key)),
        _ => return Err(Problem::invalid("kind", "`kind` and `key` go together", "send both, or none")),
    };
    let before = call.query.get("cursor").map(|text| text.parse::<u64>()).transpose();
    let before =
        before.map_err(|_| Problem::invalid("cursor", "this cursor is of no list", "begin again without one"))?;
    let found = rows.audit(&AuditQuery { space: Some(call.space()?), of, before, limit: call.limit()? })?;
    let next = found.next.map(|next| next.to_string());
    Ok(Answer::of(&json!({ "items": found.events, "next": next })))
}
