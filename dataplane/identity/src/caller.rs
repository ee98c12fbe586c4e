//! Who calls: found by a credential, then held against what a route asks.
//!
//! A key is looked up by its hash, so that neither the time it takes nor the table tells anything of other keys. One that
//! was revoked is not in the table and so the same as one that never was.

use std::rc::Rc;

use tollgate_http::Reason;
use tollgate_model::{Application, Applications, Authorize, Subscription, Texts, key_proof};

use crate::Token;

/// Who calls, as far as that is known; of an anonymous request nothing is.
#[derive(Clone, Debug, Default)]
pub struct Caller<'a> {
    /// Whose credential it is.
    pub application: Option<&'a Application>,
    /// What the credential is called.
    pub credential: &'a str,
    /// What it may do.
    scopes: Texts<'a>,
    /// What it has shown, if that was no key.
    pub token: Option<Rc<Token>>,
    /// What it may call, once that is authorized.
    pub access: Access<'a>,
}

/// What a caller may call.
#[derive(Clone, Copy, Debug, Default)]
pub struct Access<'a> {
    /// The API.
    pub api: &'a str,
    /// Its subscription to that API.
    pub subscription: Option<Subscription<'a>>,
}

/// Whose key this is; `now_s` are seconds since 1970.
///
/// # Errors
/// A key that nobody has, or that has expired.
pub fn identify_key<'a>(applications: &'a Applications, key: &[u8], now_s: u64) -> Result<Caller<'a>, Reason> {
    let (application, credential) = applications.find(&key_proof(key)).ok_or(Reason::CredentialInvalid)?;
    // What stands for a client of an issuer is no key: nobody can show what hashes to it.
    if credential.expires_s.is_some_and(|expires_s| expires_s <= now_s) {
        return Err(Reason::CredentialExpired);
    }
    let (id, scopes) = (credential.id, credential.scopes);
    Ok(Caller { application: Some(application), credential: id, scopes, ..Caller::default() })
}

/// Whose token this is, which was verified before. One of a client that nobody has registered is of no application, where
/// that is allowed. That a token was revoked is asked each time, of the few that its client has.
///
/// # Errors
/// A token or a client that holds no more, or not yet.
pub fn identify_token<'a>(applications: &'a Applications, token: &Rc<Token>, now_s: u64) -> Result<Caller<'a>, Reason> {
    token.holds(now_s)?;
    let caller = Caller { token: Some(token.clone()), ..Caller::default() };
    let Some((application, credential)) = token.client.and_then(|proof| applications.find(&proof)) else {
        return if token.needs_credential { Err(Reason::CredentialInvalid) } else { Ok(caller) };
    };
    if credential.expires_s.is_some_and(|expires_s| expires_s <= now_s) {
        return Err(Reason::CredentialExpired);
    }
    if !credential.revoked.is_empty() && credential.revoked.iter().any(|jti| jti == token.claim("jti")) {
        return Err(Reason::CredentialInvalid);
    }
    let (id, scopes) = (credential.id, credential.scopes);
    Ok(Caller { application: Some(application), credential: id, scopes, ..caller })
}

/// What the caller may call, if it has what a route asks.
///
/// # Errors
/// What is missing first: a credential, a subscription, a scope.
pub fn authorize<'a>(asked: &'a Authorize, caller: &Caller<'a>) -> Result<Access<'a>, Reason> {
    let subscription = caller.application.and_then(|application| application.subscription(&asked.api));
    if asked.needs_subscription && subscription.is_none() {
        return Err(if caller.is_anonymous() { Reason::CredentialMissing } else { Reason::NotSubscribed });
    }
    if !asked.scopes.iter().all(|scope| caller.may(scope)) {
        return Err(if caller.is_anonymous() { Reason::CredentialMissing } else { Reason::ScopeMissing });
    }
    Ok(Access { api: &asked.api, subscription })
}

impl<'a> Caller<'a> {
    /// Whether nobody said who calls.
    #[must_use]
    pub const fn is_anonymous(&self) -> bool {
        self.application.is_none() && self.token.is_none()
    }

    /// The name of the application; empty for none.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.application.map_or("", Application::name)
    }

    /// Whose the application is; empty for nobody's.
    #[must_use]
    pub fn tenant(&self) -> &'a str {
        self.application.map_or("", Application::tenant)
    }

    fn may(&self, scope: &str) -> bool {
        let of_token = self.token.iter().flat_map(|token| &token.scopes);
        self.scopes.iter().chain(of_token.map(String::as_str)).any(|held| held == scope)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tollgate_model::{Credential, Lists, Proof};

    fn applications() -> Applications {
        let (scopes, revoked) = (Texts::default(), Texts::default());
        let credential = |id, proof: Proof, expires_s| Credential { id, proof, who: None, expires_s, scopes, revoked };
        let keys = [
            (credential("lasting", key_proof(b"abc"), None), Lists { scopes: vec!["read"], ..Lists::default() }),
            (credential("ending", key_proof(b"def"), Some(100)), Lists::default()),
        ];
        let subscriptions = [Subscription { api: "orders", plan: Some(1) }];
        let mut all = Applications::default();
        all.insert(&Application::new("mobile", "acme", &keys, &subscriptions));
        all
    }

    fn asked(api: &str, scopes: &[&str], needs_subscription: bool) -> Authorize {
        let scopes = scopes.iter().map(|&scope| scope.to_owned()).collect();
        Authorize { api: api.into(), scopes, needs_subscription }
    }

    #[test]
    fn a_key_is_known_until_it_ends() {
        let all = applications();
        let caller = identify_key(&all, b"abc", u64::MAX).unwrap();
        assert_eq!((caller.name(), caller.tenant(), caller.credential), ("mobile", "acme", "lasting"));
        assert_eq!(identify_key(&all, b"def", 99).map(|caller| caller.credential), Ok("ending"));
        assert_eq!(identify_key(&all, b"def", 100).map(|_| ()), Err(Reason::CredentialExpired));
        for key in ["", "abcd", "ABC"] {
            assert_eq!(identify_key(&all, key.as_bytes(), 0).map(|_| ()), Err(Reason::CredentialInvalid));
        }
    }

    #[test]
    fn what_is_missing_is_told() {
        let all = applications();
        let (caller, nobody) = (identify_key(&all, b"abc", 0).unwrap(), Caller::default());
        let verdict = |asked: &Authorize, caller: &Caller<'_>| {
            authorize(asked, caller).map(|access| access.subscription.is_some())
        };
        assert_eq!(verdict(&asked("orders", &["read"], true), &caller), Ok(true));
        assert_eq!(verdict(&asked("users", &["read"], false), &caller), Ok(false));
        assert_eq!(verdict(&asked("users", &[], true), &caller), Err(Reason::NotSubscribed));
        assert_eq!(verdict(&asked("orders", &["read", "write"], true), &caller), Err(Reason::ScopeMissing));
        assert_eq!(verdict(&asked("orders", &[], false), &nobody), Ok(false));
        assert_eq!(verdict(&asked("orders", &["read"], false), &nobody), Err(Reason::CredentialMissing));
        assert_eq!(verdict(&asked("orders", &[], true), &nobody), Err(Reason::CredentialMissing));
        assert_eq!(authorize(&asked("orders", &[], true), &caller).unwrap().api, "orders");
    }
}
