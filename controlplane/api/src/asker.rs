//! Who asks: nobody that is known, the bearer of a token, or a member who signed in with a password.
//!
//! A member who signed in is known by the password that was shown: with another password, disabled or deleted, they are
//! nobody from the next request on. What they may do is looked up with each request.

use crate::token;
use axum::http::{HeaderMap, header};
use tollgate_domain::{Actor, Member, Name};
use tollgate_keys::PasswordHash;
use tollgate_store::{Records as _, Result, Rows, Space};

/// Who asks.
#[derive(Clone, Debug, Default)]
pub enum Asker {
    /// Nobody that is known.
    #[default]
    Nobody,
    /// Whoever has this token.
    Bearer(String),
    /// A member.
    SignedIn(SignedIn),
}

/// A member who has shown their password; only `Desk::sign_in` makes one.
#[derive(Clone, Debug)]
pub struct SignedIn {
    pub(crate) tenant: Name,
    pub(crate) member: Name,
    pub(crate) password: PasswordHash,
}

impl SignedIn {
    /// Whose member it is.
    #[must_use]
    pub const fn tenant(&self) -> &Name {
        &self.tenant
    }

    /// Who it is.
    #[must_use]
    pub const fn member(&self) -> &Name {
        &self.member
    }
}

impl Asker {
    /// Who sends a request with these fields.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let field = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token =
            field.and_then(|field| field.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        token.map_or(Self::Nobody, |(_, token)| Self::Bearer(token.trim().to_owned()))
    }

    /// Who it is, if they may ask for anything at all.
    pub(crate) fn actor(&self, rows: &dyn Rows, now_s: u64) -> Result<Option<Actor>> {
        match self {
            Self::Nobody => Ok(None),
            Self::Bearer(text) => token::actor(rows, text, now_s),
            Self::SignedIn(signed_in) => signed_in.actor(rows),
        }
    }
}

impl SignedIn {
    fn actor(&self, rows: &dyn Rows) -> Result<Option<Actor>> {
        let kept = password(rows, &self.tenant, &self.member)?;
        if kept.is_none_or(|kept| kept != self.password) {
            return Ok(None);
        }
        let member = rows.load::<Member>(Space::Tenant(&self.tenant), self.member.as_str())?;
        let member = member.map(|kept| kept.record).filter(|member| !member.disabled);
        Ok(member.map(|member| Actor {
            tenant: self.tenant.clone(),
            member: member.name,
            roles: member.roles,
            operator: member.operator,
        }))
    }
}

/// Name of the secret that has the hash of a member's password.
pub(crate) fn secret(member: &Name) -> String {
    format!("password/{member}")
}

/// The hash of a member's password, if they have one.
pub(crate) fn password(rows: &dyn Rows, tenant: &Name, member: &Name) -> Result<Option<PasswordHash>> {
    let kept = rows.secret(Space::Tenant(tenant), &secret(member))?;
    Ok(kept.and_then(|kept| String::from_utf8(kept.reveal().to_vec()).ok()).map(PasswordHash::kept))
}
