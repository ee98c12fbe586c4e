//! The keys that tokens are signed with, for operators: which there are, and another in the place of the one that signs.
//!
//! A rotation has an overlap: what signs from then on was told to gateways before, and what signed before stays told until
//! no token of it lives. Private halves are in no answer and no audit event.

use crate::{
    answer::Answer,
    call::Call,
    change::Change,
    endpoint::{Endpoint, Outcome},
    problem::Problem,
};
use axum::http::StatusCode;
use serde::Deserialize;
use tollgate_domain::Action;
use tollgate_keys::{Algorithm, KeyRing, KeySet, RingError};
use tollgate_store::{Rows, Space};

pub(crate) const ENDPOINTS: &[Endpoint] = &[
    Endpoint::get("/signing-keys", "listSigningKeys", "The public keys of tokens, in the order of their making.", list)
        .bodies("", "KeySet")
        .may(Action::Operate),
    Endpoint::post(
        "/signing-keys/rotate",
        "rotateSigningKeys",
        "Lets the next key sign, keeps telling the one before for a day, and makes another.",
        rotate,
    )
    .bodies("RotateKeys", "KeySet")
    .may(Action::Operate),
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RotateKeys {
    /// How the key that is made will sign. Left out: as the one that was made last.
    #[serde(default)]
    algorithm: Option<Algorithm>,
}

impl From<RingError> for Problem {
    fn from(error: RingError) -> Self {
        match error {
            RingError::Count(count) if count > 0 => {
                let detail = format!("{error}: wait until those that sign no more have gone, a day after they did");
                Self::new(StatusCode::CONFLICT, "too_many_keys", detail)
            }
            _ => Self::internal(error.to_string()),
        }
    }
}

fn list(_: &Call, rows: &dyn Rows) -> Outcome {
    let kept = KeySet::load(rows)?.ok_or_else(Problem::not_found)?;
    Ok(Answer::of(&kept.record).tagged(kept.etag))
}

fn rotate(change: &mut Change<'_>) -> Outcome {
    let call = change.call;
    let RotateKeys { algorithm } = call.body()?;
    let mut ring = KeyRing::load(change.rows)?.ok_or_else(Problem::not_found)?;
    ring.rotate(algorithm.unwrap_or_else(|| ring.algorithm()), call.now_s())?;
    let told = ring.keep(change.rows)?;
    let written = change.save(Space::Installation, &told, call.expect()?, "rotate")?;
    Ok(Answer::of(&told).tagged(written.etag))
}
