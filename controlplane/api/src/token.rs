//! Tokens that members send with their requests, and the one that sets up an installation that has nobody yet.
//!
//! ```text
//! tgm_ 12 digits _ 64 digits         tgs_setup_ 64 digits
//!      the id      32 random bytes
//! ```
//!
//! The text is shown once and kept as SHA-256, as that of credentials. A token is good until it expires or is removed, and
//! only as long as its member is there and not disabled.

use crate::{change::Change, problem::Problem};
use aws_lc_rs::{constant_time::verify_slices_are_equal, rand};
use serde::{Deserialize, Serialize};
use tollgate_domain::{Actor, Made, Member, Name, credential, digest::hex};
use tollgate_store::{Expect, Query, Record, Records as _, RecordsMut as _, Result as Stored, Rows, Space};

/// A token of a member, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MemberToken {
    pub(crate) id: String,
    pub(crate) tenant: Name,
    pub(crate) member: Name,
    /// What its owner calls it. Up to 256 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) title: Option<String>,
    pub(crate) hash: String,
    /// In Unix seconds. `None`: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expires_s: Option<u64>,
    pub(crate) made: Made,
}

/// What sets up an installation that has nobody yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SetupToken {
    pub(crate) hash: String,
}

impl Record for MemberToken {
    const KIND: &'static str = "token";

    fn key(&self) -> String {
        self.id.clone()
    }

    fn parent(&self) -> Option<String> {
        Some(format!("{}/{}", self.tenant, self.member))
    }
}

impl Record for SetupToken {
    const KIND: &'static str = "setup";

    fn key(&self) -> String {
        "setup".to_owned()
    }
}

/// The system gives no random bytes.
#[derive(Debug)]
pub(crate) struct NoEntropy;

pub(crate) fn entropy<const N: usize>() -> Result<[u8; N], NoEntropy> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).map_err(|_| NoEntropy)?;
    Ok(bytes)
}

impl MemberToken {
    /// A new one, and its text, which is nowhere else.
    pub(crate) fn issue(
        (tenant, member): (Name, Name),
        title: Option<String>,
        expires_s: Option<u64>,
        made: Made,
    ) -> Result<(Self, String), NoEntropy> {
        let (id, secret) = (hex(&entropy::<6>()?), hex(&entropy::<32>()?));
        let text = format!("tgm_{id}_{secret}");
        let hash = credential::hash(&text);
        Ok((Self { id, tenant, member, title, hash, expires_s, made }, text))
    }
}

impl SetupToken {
    pub(crate) fn issue() -> Result<(Self, String), NoEntropy> {
        let text = format!("tgs_setup_{}", hex(&entropy::<32>()?));
        Ok((Self { hash: credential::hash(&text) }, text))
    }

    pub(crate) fn is(&self, text: &str) -> bool {
        is(&self.hash, text)
    }
}

/// Whether `text` is the token whose hash is kept.
pub(crate) fn is(kept: &str, text: &str) -> bool {
    verify_slices_are_equal(credential::hash(text).as_bytes(), kept.as_bytes()).is_ok()
}

/// Who sends `text`, if it is the token of anybody who may sign in.
pub(crate) fn actor(rows: &dyn Rows, text: &str, now_s: u64) -> Stored<Option<Actor>> {
    let Some((id, _)) = text.strip_prefix("tgm_").and_then(|rest| rest.split_once('_')) else { return Ok(None) };
    let fits = id.len() == 12 && id.bytes().all(|b| b.is_ascii_hexdigit());
    let token = if fits { rows.load::<MemberToken>(Space::Installation, id)? } else { None };
    let good = |token: &MemberToken| is(&token.hash, text) && token.expires_s.is_none_or(|end_s| now_s < end_s);
    let Some(token) = token.map(|kept| kept.record).filter(good) else { return Ok(None) };
    let member = rows.load::<Member>(Space::Tenant(&token.tenant), token.member.as_str())?;
    let member = member.map(|kept| kept.record).filter(|member| !member.disabled);
    Ok(member.map(|member| Actor {
        tenant: token.tenant,
        member: member.name,
        roles: member.roles,
        operator: member.operator,
    }))
}

/// Ends a token; told of in its tenant.
pub(crate) fn end(change: &mut Change<'_>, token: &MemberToken, expect: Expect) -> Result<(), Problem> {
    change.rows.remove::<MemberToken>(Space::Installation, &token.id, expect)?;
    change.tell(Space::Tenant(&token.tenant), (MemberToken::KIND, token.key(), "delete"), Some(token), None)
}

/// Ends all tokens of a member who goes: one of the same name would have them otherwise.
pub(crate) fn forget(change: &mut Change<'_>, tenant: &Name, member: &Name) -> Result<(), Problem> {
    let parent = format!("{tenant}/{member}");
    let query = Query { parent: Some(&parent), ..Query::of(MemberToken::KIND, Space::Installation) };
    change.all(&query)?.iter().try_for_each(|token| end(change, token, Expect::Any))
}
