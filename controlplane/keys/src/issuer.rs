//! Grants tokens to clients, and says of a token what it is good for.
//!
//! Client credentials only (RFC 6749, section 4.4): programs that call on their own behalf. A token is a signed JWT as RFC
//! 9068 has it, so that gateways check it without asking anybody; that it was revoked they are told.

use crate::{
    client::{ClientAuth, Form, TokenRequest, unknown},
    grant::{OauthError, OauthErrorCode},
    limits::TOKEN_LIFETIME_S,
    ring::{KeyRing, RingError},
    signing::Algorithm,
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD as URL};
use jsonwebtoken::{Algorithm as Jwa, Header, Validation, decode, decode_header, encode};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use tollgate_domain::{Credential, CredentialKind, Name, RevokedToken};

/// Random bytes that a token takes.
pub const TOKEN_ENTROPY_BYTES: usize = 16;

/// A client as it is looked up.
#[derive(Clone, Debug)]
pub struct Client {
    /// Its secret, hashed.
    pub credential: Credential,
    /// Whose it is.
    pub tenant: String,
    /// The scopes it may have.
    pub scopes: BTreeSet<String>,
}

/// Who knows clients.
pub trait Clients {
    /// The client of this identifier, if its application may call at all.
    fn client(&self, id: &str) -> Option<Client>;
}

/// Grants tokens.
pub struct Issuer {
    /// `iss`: a URL under which the public keys are found.
    pub name: String,
    /// `aud` of all tokens: what checks them expects it. The one resource that may be named (RFC 8707).
    pub audience: String,
    ring: KeyRing,
}

/// What a client gets (RFC 6749, section 5.1).
#[derive(Debug, Serialize)]
pub struct Token {
    /// The token.
    pub access_token: String,
    /// `Bearer`.
    pub token_type: &'static str,
    /// In seconds.
    pub expires_in: u64,
    /// Its scopes, with spaces between. Left out if it has none: RFC 6749, section 3.3, wants one at least.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub scope: String,
}

/// A token that ends before its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Whose application it was granted to.
    pub tenant: Name,
    /// Which one.
    pub token: RevokedToken,
}

/// What a token says (RFC 9068, section 2.2).
#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    client_id: String,
    aud: String,
    exp: u64,
    iat: u64,
    jti: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    scope: String,
    /// Whose application it is.
    tenant: String,
    application: String,
}

impl Claims {
    /// What is noted when it ends. Its names are those it was granted with.
    fn ended(&self) -> Option<Ended> {
        let (tenant, application) = (self.tenant.parse().ok()?, self.application.parse().ok()?);
        let (client, jti) = (self.client_id.clone(), self.jti.clone());
        Some(Ended { tenant, token: RevokedToken { application, client, jti, expires_s: self.exp } })
    }
}

/// What a token is good for (RFC 7662, section 2.2).
#[derive(Debug, Serialize)]
pub struct Introspection {
    /// Whether it is good for anything.
    pub active: bool,
    /// What it says, if it is.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    claims: Option<Claims>,
}

impl Issuer {
    /// One that signs with the keys of `ring`.
    #[must_use]
    pub fn new(name: String, audience: String, ring: KeyRing) -> Self {
        Self { name, audience, ring }
    }

    /// Its keys.
    #[must_use]
    pub const fn ring(&self) -> &KeyRing {
        &self.ring
    }

    /// Grants a token.
    ///
    /// # Errors
    /// What the client did wrong.
    pub fn grant(
        &self,
        request: &TokenRequest,
        clients: &dyn Clients,
        now_s: u64,
        entropy: [u8; TOKEN_ENTROPY_BYTES],
    ) -> Result<Token, OauthError> {
        let client = known(&request.client, clients, now_s)?;
        if request.grant_type != "client_credentials" {
            let what = "only `client_credentials` is a way to ask for a token";
            return Err(OauthError::new(OauthErrorCode::UnsupportedGrantType, what));
        }
        if let Some(scope) = request.scopes.difference(&client.scopes).next() {
            let what = format!("the scope `{}` is not the client's", scope.escape_default());
            return Err(OauthError::new(OauthErrorCode::InvalidScope, what));
        }
        if let Some(resource) = request.resource.as_ref().filter(|resource| **resource != self.audience) {
            let what = format!("tokens are not issued for `{}`: leave `resource` out", resource.escape_default());
            return Err(OauthError::new(OauthErrorCode::InvalidTarget, what));
        }
        let scopes = if request.scopes.is_empty() { &client.scopes } else { &request.scopes };
        let scope = scopes.iter().map(String::as_str).collect::<Vec<_>>().join(" ");
        let claims = Claims {
            iss: self.name.clone(),
            sub: client.credential.application.to_string(),
            client_id: client.credential.id.clone(),
            aud: self.audience.clone(),
            exp: now_s + TOKEN_LIFETIME_S,
            iat: now_s,
            jti: URL.encode(entropy),
            scope: scope.clone(),
            tenant: client.tenant,
            application: client.credential.application.to_string(),
        };
        let access_token = self.sign(&claims).map_err(|_| {
            // The key was checked when the ring was made.
            OauthError::new(OauthErrorCode::InvalidRequest, "the token could not be signed")
        })?;
        Ok(Token { access_token, token_type: "Bearer", expires_in: TOKEN_LIFETIME_S, scope })
    }

    fn sign(&self, claims: &Claims) -> Result<String, RingError> {
        let (jwk, key) = self.ring.signing();
        let header = Header { typ: Some("at+jwt".to_owned()), kid: Some(jwk.kid.clone()), ..Header::new(jwa(jwk.alg)) };
        encode(&header, claims, key).map_err(|_| RingError::Damaged(jwk.kid.clone()))
    }

    /// Says what a token is good for. `form` is that of the request, whose client must be known; `is_revoked` is asked last,
    /// of a token that is good but for that. Of a client whose secret was revoked no token is.
    ///
    /// # Errors
    /// What the client did wrong; a token that is none is no mistake, but not active.
    pub fn introspect(
        &self,
        form: &[u8],
        authorization: Option<&str>,
        clients: &dyn Clients,
        now_s: u64,
        is_revoked: impl FnOnce(&Ended) -> bool,
    ) -> Result<Introspection, OauthError> {
        let (client, token) = self.asked(form, authorization, clients, now_s)?;
        // Of other tenants' tokens nothing is told.
        let claims = token.filter(|claims| {
            let has_client = || {
                let client = clients.client(&claims.client_id);
                client.is_some_and(|client| client.credential.revoked_s.is_none())
            };
            let is_ended = || claims.ended().is_none_or(|ended| is_revoked(&ended));
            claims.tenant == client.tenant && claims.exp > now_s && has_client() && !is_ended()
        });
        Ok(Introspection { active: claims.is_some(), claims })
    }

    /// Which token the client that asks wants to end (RFC 7009). A token that is none, or is another's, is not told.
    ///
    /// # Errors
    /// What the client did wrong.
    pub fn revoke(
        &self,
        form: &[u8],
        authorization: Option<&str>,
        clients: &dyn Clients,
        now_s: u64,
    ) -> Result<Option<Ended>, OauthError> {
        let (client, token) = self.asked(form, authorization, clients, now_s)?;
        let own = token.filter(|claims| claims.client_id == client.credential.id);
        Ok(own.and_then(|claims| claims.ended()))
    }

    /// Who asks about which token, if it is one of ours.
    fn asked(
        &self,
        form: &[u8],
        authorization: Option<&str>,
        clients: &dyn Clients,
        now_s: u64,
    ) -> Result<(Client, Option<Claims>), OauthError> {
        let form = Form::read(form)?;
        let client = known(&ClientAuth::read(&form, authorization)?, clients, now_s)?;
        let Some(token) = form.get("token") else {
            return Err(OauthError::new(OauthErrorCode::InvalidRequest, "`token` is missing"));
        };
        Ok((client, self.read(token)))
    }

    /// What a token says that this issuer has signed, however old it is.
    fn read(&self, token: &str) -> Option<Claims> {
        let header = decode_header(token).ok()?;
        let (algorithm, key) = self.ring.verifying(header.kid.as_deref()?)?;
        // The key says how it is used, never the token.
        let mut validation = Validation::new(jwa(algorithm));
        validation.set_issuer(&[&self.name]);
        (validation.validate_aud, validation.validate_exp) = (false, false);
        decode(token, &key, &validation).ok().map(|data| data.claims)
    }
}

fn known(shown: &ClientAuth, clients: &dyn Clients, now_s: u64) -> Result<Client, OauthError> {
    let client = clients.client(&shown.id).ok_or_else(unknown)?;
    let credential = &client.credential;
    let is_good = credential.kind == CredentialKind::OauthClient && credential.is_valid(now_s);
    if is_good && credential.is(&shown.secret) { Ok(client) } else { Err(unknown()) }
}

const fn jwa(algorithm: Algorithm) -> Jwa {
    match algorithm {
        Algorithm::EdDSA => Jwa::EdDSA,
        Algorithm::ES256 => Jwa::ES256,
    }
}

#[cfg(test)]
mod tests;
