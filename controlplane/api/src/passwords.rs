//! Passwords of members: set by themselves, or by an owner for somebody who has none yet.
//!
//! There is no way to read one. Setting one ends every sign-in that was made with the one before; tokens go on. Kept is the
//! hash, sealed, so that neither the store's file alone nor a backup of it lets anybody guess.

use crate::{
    answer::Answer,
    asker::secret,
    call::Call,
    change::Change,
    endpoint::{Endpoint, Outcome},
    problem::Problem,
};
use serde::Deserialize;
use serde_json::{Value, json};
use tollgate_domain::{Action, Member, Name};
use tollgate_keys::{PASSWORD_SALT_BYTES, PasswordHash, review_password};
use tollgate_store::{Result as Stored, RowsMut, Space};
use zeroize::Zeroizing;

const OF_MEMBER: &str = "/tenants/{tenant}/members/{member}/password";

pub(crate) const ENDPOINTS: &[Endpoint] = &[
    // As `getMe`: whoever may be here at all.
    Endpoint::password("/me/password", "putOwnPassword", "Sets the password of who asks.", own)
        .bodies("Password", "")
        .may(Action::ReadCatalog),
    Endpoint::password(OF_MEMBER, "putPassword", "Sets the password of a member.", put)
        .bodies("Password", "")
        .may(Action::WriteMembers),
    Endpoint::delete(OF_MEMBER, "removePassword", "Takes the password of a member away.", remove)
        .may(Action::WriteMembers),
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Password {
    password: Zeroizing<String>,
}

/// The hash of the password of the body: takes long.
pub(crate) fn hashed(call: &Call) -> Result<impl FnOnce() -> Option<PasswordHash> + Send + use<>, Problem> {
    let Password { password } = call.body()?;
    review_password(&password)?;
    let salt: [u8; PASSWORD_SALT_BYTES] = crate::token::entropy()?;
    Ok(move || PasswordHash::of(&password, salt))
}

fn own(change: &mut Change<'_>, hash: &PasswordHash) -> Outcome {
    let actor = &change.call.permit()?.actor;
    let (tenant, member) = (actor.tenant.clone(), actor.member.clone());
    set(change, &tenant, &member, Some(hash))
}

fn put(change: &mut Change<'_>, hash: &PasswordHash) -> Outcome {
    let member = reached(change)?;
    let tenant = change.call.tenant()?.clone();
    set(change, &tenant, &member, Some(hash))
}

fn remove(change: &mut Change<'_>) -> Outcome {
    let member = reached(change)?;
    let tenant = change.call.tenant()?.clone();
    set(change, &tenant, &member, None)
}

/// The member of the path, if who asks may sign in for them: nobody gets more than they have by it.
fn reached(change: &Change<'_>) -> Result<Name, Problem> {
    let call = change.call;
    let name: Name = call.named("member")?;
    let member = change.wanted::<Member>(call.space()?, name.as_str())?.record;
    if member.operator {
        call.permit()?.actor.may(Action::Operate, call.tenant()?)?;
    }
    Ok(name)
}

fn set(change: &mut Change<'_>, tenant: &Name, member: &Name, hash: Option<&PasswordHash>) -> Outcome {
    let space = Space::Tenant(tenant);
    change.rows.put_secret(space, &secret(member), hash.map(|hash| hash.as_str().as_bytes()))?;
    let verb = if hash.is_some() { "set" } else { "delete" };
    change.tell::<Value>(space, ("password", member.to_string(), verb), None, Some(&json!({ "member": member })))?;
    Ok(Answer::done())
}

/// Takes the password of a member who goes: one of the same name would have it otherwise.
pub(crate) fn forget(rows: &mut dyn RowsMut, space: Space<'_>, member: &Name) -> Stored<()> {
    rows.put_secret(space, &secret(member), None)
}
