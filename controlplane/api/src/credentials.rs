//! Credentials of applications: issued and shown once, rotated with an overlap, revoked.
//!
//! Their hashes are in no answer and no audit event.

use crate::{
    answer::Answer,
    call::Call,
    change::Change,
    endpoint::{Endpoint, Outcome, PAGE},
    limits::OVERLAP_S,
    problem::Problem,
    resource::page,
    subscriptions::application,
    token::{NoEntropy, entropy},
};
use serde::Deserialize;
use serde_json::{Value, json};
use tollgate_domain::{
    Action, Application, Credential, CredentialKind, Name, SecretText,
    credential::{self, Wanted},
};
use tollgate_store::{Expect, Kept, Query, Record, Records as _, Rows};

const ALL: &str = "/tenants/{tenant}/applications/{application}/credentials";
const ONE: &str = "/tenants/{tenant}/applications/{application}/credentials/{id}";

pub(crate) const ENDPOINTS: &[Endpoint] = &[
    Endpoint::get(ALL, "listCredentials", "Lists the credentials of an application, without their texts.", list)
        .query(PAGE)
        .bodies("", "[Credential]")
        .may(Action::ReadCredentials),
    Endpoint::post(ALL, "issueCredential", "Issues a credential; its text is in this answer and nowhere else.", issue)
        .bodies("Issue", "Issued")
        .may(Action::WriteCredentials),
    Endpoint::get(ONE, "getCredential", "One of the credentials, without its text.", get)
        .bodies("", "Credential")
        .may(Action::ReadCredentials),
    Endpoint::post(
        "/tenants/{tenant}/applications/{application}/credentials/{id}/rotate",
        "rotateCredential",
        "Issues one that takes the place of this one, which goes on for a while.",
        rotate,
    )
    .bodies("Rotate", "Issued")
    .may(Action::WriteCredentials),
    Endpoint::delete(ONE, "revokeCredential", "Ends a credential now.", revoke).may(Action::WriteCredentials),
];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Issue {
    #[serde(default = "api_key")]
    kind: CredentialKind,
    #[serde(default)]
    title: Option<String>,
    #[serde(default)]
    expires_s: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rotate {
    /// How long the old one goes on.
    #[serde(default)]
    overlap_s: Option<u64>,
    #[serde(default)]
    expires_s: Option<u64>,
}

const fn api_key() -> CredentialKind {
    CredentialKind::ApiKey
}

impl From<NoEntropy> for Problem {
    fn from(_: NoEntropy) -> Self {
        Self::internal("the system has no random bytes")
    }
}

fn shown(credential: &Credential) -> Value {
    let mut shown = json!(credential);
    if let Some(map) = shown.as_object_mut() {
        map.remove("hash");
    }
    shown
}

fn issued(credential: &Credential, text: &SecretText) -> Answer {
    Answer::created(&json!({ "credential": shown(credential), "secret": text.reveal() }))
}

/// The credential of the path, of an application that is for who asks.
fn found(call: &Call, rows: &dyn Rows) -> Result<(Application, Kept<Credential>), Problem> {
    let application = application(call, rows)?;
    let kept = rows.load::<Credential>(call.space()?, &call.named::<String>("id")?)?;
    let kept = kept.filter(|kept| kept.record.application == application.name).ok_or_else(Problem::not_found)?;
    Ok((application, kept))
}

fn list(call: &Call, rows: &dyn Rows) -> Outcome {
    let application = application(call, rows)?;
    let query = Query { parent: Some(application.name.as_str()), ..Query::of(Credential::KIND, call.space()?) };
    Ok(page(rows.load_page::<Credential>(&call.page(query)?)?, |kept| Some(shown(&kept.record))))
}

fn get(call: &Call, rows: &dyn Rows) -> Outcome {
    let (_, kept) = found(call, rows)?;
    Ok(Answer::of(&shown(&kept.record)).tagged(kept.etag))
}

fn issue(change: &mut Change<'_>) -> Outcome {
    let call = change.call;
    let Issue { kind, title, expires_s } = call.body()?;
    let application = application(call, change.rows)?.name;
    few_enough(change, &application)?;
    let wanted = Wanted { application, kind, title, expires_s };
    let (credential, text) = Credential::issue(wanted, &entropy()?, call.made(None)?)?;
    change.save(call.space()?, &credential, Expect::Absent, "issue")?;
    Ok(issued(&credential, &text))
}

/// Refuses one more than an application may have.
fn few_enough(change: &Change<'_>, application: &Name) -> Result<(), Problem> {
    let query = Query { parent: Some(application.as_str()), ..Query::of(Credential::KIND, change.call.space()?) };
    Ok(credential::admit_another(&change.all(&query)?, change.call.now_s())?)
}

fn rotate(change: &mut Change<'_>) -> Outcome {
    let call = change.call;
    let Rotate { overlap_s, expires_s } = call.body()?;
    let space = call.space()?;
    let (_, kept) = found(call, change.rows)?;
    call.expect()?.check(Some(kept.etag))?;
    let mut old = kept.record;
    let (new, text) = old.rotate(overlap_s.unwrap_or(OVERLAP_S), expires_s, &entropy()?, call.made(None)?)?;
    change.save(space, &old, Expect::Etag(kept.etag), "rotate")?;
    // While both go on, they are two.
    few_enough(change, &new.application)?;
    change.save(space, &new, Expect::Absent, "issue")?;
    Ok(issued(&new, &text))
}

fn revoke(change: &mut Change<'_>) -> Outcome {
    let call = change.call;
    let (_, kept) = found(call, change.rows)?;
    let mut credential = kept.record;
    credential.revoke(call.now_s());
    change.save(call.space()?, &credential, call.expect()?, "revoke")?;
    Ok(Answer::done())
}
