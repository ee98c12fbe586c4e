//! The phases identify and authorize of a route, compiled: where a request has its credential, and what refuses it.
//!
//! Crate `identity` gives the verdicts. What is a credential here goes no further: its fields and parameters are left out
//! of what an endpoint gets, whether they were looked at or not. One comparison for routes that ask nobody; no allocation
//! for a key, or for a token that the worker has seen. One that it has not is a [`Check`], which others do; then the phase
//! is entered again.

use std::{
    hash::{BuildHasher, RandomState},
    sync::{Arc, LazyLock},
};

use tollgate_http::{Name, Reason, RequestHead, bearer};
use tollgate_identity::{
    Access, Caller, Issuer, KeyRegistry, Tokens, Verdict, authorize, identify_key, identify_token,
};
use tollgate_model::{ApiKey, Applications, Authorize, Identify, Jwt, Method, VALUE_BYTES_MAX};
use tollgate_route::query_value;

use crate::{Check, Job};

/// Bytes of a token.
const TOKEN_BYTES_MAX: usize = 8 << 10;

/// Tells what routes ask of tokens apart, for as long as the process lives.
static ASKED: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// Who may call a route.
pub struct Identity {
    identify: Arc<Identify>,
    authorize: Option<Arc<Authorize>>,
    /// Of tokens, all of them together.
    issuers: Arc<[Issuer]>,
    asked: u64,
    /// Whether keys of an issuer are fetched, and so may become others.
    is_fetched: bool,
    /// Whole field lines, for each of [`CHALLENGED`].
    challenges: [Box<[u8]>; 3],
}

/// Reasons whose answers say more of tokens than that one is wanted (RFC 6750, section 3).
const CHALLENGED: [Reason; 3] = [Reason::CredentialMissing, Reason::CredentialInvalid, Reason::ScopeMissing];

/// What is known of who calls.
pub enum Identified<'a> {
    /// All there is to know.
    Caller(Caller<'a>),
    /// A token that has to be verified first.
    Unseen(Box<Check>),
}

impl Identity {
    /// `None` for a route that asks nobody.
    pub(crate) fn compile(
        identify: Option<&Arc<Identify>>,
        authorize: Option<&Arc<Authorize>>,
        registry: &mut KeyRegistry,
    ) -> Option<Self> {
        let identify = identify?.clone();
        let jwt = |method: &Method| if let Method::Jwt(jwt) = method { Some(jwt.clone()) } else { None };
        let asked: Vec<Arc<Jwt>> = identify.methods.iter().filter_map(jwt).collect();
        let issuers: Arc<[Issuer]> = asked.iter().map(|jwt| Issuer::new(jwt.clone(), registry)).collect();
        let scopes = authorize.map(|asked| asked.scopes.join(" ")).unwrap_or_default();
        let challenges = CHALLENGED.map(|reason| challenge(&identify, reason, &scopes).into());
        let is_fetched = issuers.iter().any(Issuer::is_fetched);
        let asked = ASKED.hash_one(&asked);
        Some(Self { authorize: authorize.cloned(), asked, is_fetched, issuers, challenges, identify })
    }

    /// Header fields that have credentials.
    pub(crate) fn fields(&self) -> impl Iterator<Item = &str> {
        let authorization = (!self.issuers.is_empty()).then_some("Authorization");
        self.keys().filter_map(|key| key.header.as_deref()).chain(authorization)
    }

    /// Query parameters that have credentials.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = &str> {
        self.keys().filter_map(|key| key.query.as_deref())
    }

    fn keys(&self) -> impl Iterator<Item = &ApiKey> {
        self.identify
            .methods
            .iter()
            .filter_map(|method| if let Method::ApiKey(key) = method { Some(key) } else { None })
    }

    /// Who calls. The first method whose credential the request has decides; `now_s` are seconds since 1970.
    ///
    /// # Errors
    /// No credential, or one that does not hold.
    pub fn identify<'a>(
        &self,
        head: &RequestHead<'_>,
        applications: &'a Applications,
        tokens: &mut Tokens,
        now_s: u64,
    ) -> Result<Identified<'a>, Reason> {
        for method in &self.identify.methods {
            match method {
                Method::ApiKey(key) => {
                    let mut room = [0; VALUE_BYTES_MAX];
                    if let Some(key) = presented(key, head, &mut room) {
                        return identify_key(applications, key, now_s).map(Identified::Caller);
                    }
                }
                Method::Jwt(_) => {
                    if let Some(token) = head.field(Name::Authorization).and_then(bearer) {
                        return self.identify_token(token, applications, tokens, now_s);
                    }
                }
                Method::Anonymous => return Ok(Identified::Caller(Caller::default())),
                _ => {}
            }
        }
        Err(Reason::CredentialMissing)
    }

    fn identify_token<'a>(
        &self,
        token: &[u8],
        applications: &'a Applications,
        tokens: &mut Tokens,
        now_s: u64,
    ) -> Result<Identified<'a>, Reason> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(Reason::CredentialInvalid);
        }
        let asked = self.asked();
        match tokens.get(asked, token) {
            Some(verdict) => identify_token(applications, &verdict?, now_s).map(Identified::Caller),
            None => {
                let check = Check { issuers: self.issuers.clone(), asked, token: token.into() };
                Ok(Identified::Unseen(Box::new(check)))
            }
        }
    }

    /// What verdicts are found by: what is asked, and with which keys.
    fn asked(&self) -> u64 {
        if !self.is_fetched {
            return self.asked;
        }
        // No sum: of two issuers one may have what the other had.
        self.issuers
            .iter()
            .fold(self.asked, |asked, issuer| asked.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(issuer.version()))
    }

    /// What the caller may call.
    ///
    /// # Errors
    /// What is missing.
    pub fn authorize<'a>(&'a self, caller: &Caller<'a>) -> Result<Access<'a>, Reason> {
        self.authorize.as_deref().map_or(Ok(Access::default()), |asked| authorize(asked, caller))
    }

    /// Whether a plan may hold for its requests.
    pub(crate) const fn has_plans(&self) -> bool {
        self.authorize.is_some()
    }

    /// The field lines that an answer of this reason gets: 401 says what would be taken (RFC 9110, section 11.6.1).
    #[must_use]
    pub fn challenge(&self, reason: Reason) -> &[u8] {
        let same = if reason == Reason::CredentialExpired { Reason::CredentialInvalid } else { reason };
        CHALLENGED.iter().position(|reason| *reason == same).map_or(&[], |at| &self.challenges[at])
    }
}

/// Keeps what came of a job, unless it may come to something else the next time: that is given.
pub(crate) fn keep(job: Job, tokens: &mut Tokens) -> Result<(), Reason> {
    let Job { check: Check { asked, token, .. }, verdict, .. } = job;
    match verdict {
        Some(Verdict::Passing(reason)) => return Err(reason),
        Some(Verdict::Final(verdict)) => tokens.put(asked, token, verdict),
        None => {}
    }
    Ok(())
}

/// The key a request has; an empty one is none.
fn presented<'r>(key: &ApiKey, head: &RequestHead<'r>, room: &'r mut [u8; VALUE_BYTES_MAX]) -> Option<&'r [u8]> {
    let header = key.header.as_deref().and_then(|name| head.field_named(name.as_bytes()));
    if let Some(value) = header.filter(|value| !value.is_empty()) {
        return Some(value);
    }
    let (name, query) = (key.query.as_deref()?, head.query()?);
    Some(query_value(query, name, room)).filter(|value| !value.is_empty())
}

/// The field lines that ask for a credential. There is no registered scheme for keys.
fn challenge(identify: &Identify, reason: Reason, scopes: &str) -> Vec<u8> {
    let mut lines = String::new();
    let mut has_bearer = false;
    for method in &identify.methods {
        match method {
            Method::ApiKey(key) if reason.status() == 401 => lines.push_str(&key_challenge(key)),
            Method::Jwt(_) if !has_bearer => {
                has_bearer = true;
                lines.push_str(&match reason {
                    Reason::CredentialMissing => "WWW-Authenticate: Bearer\r\n".to_owned(),
                    Reason::ScopeMissing => {
                        format!("WWW-Authenticate: Bearer error=\"insufficient_scope\", scope=\"{scopes}\"\r\n")
                    }
                    _ => "WWW-Authenticate: Bearer error=\"invalid_token\"\r\n".to_owned(),
                });
            }
            _ => {}
        }
    }
    lines.into_bytes()
}

fn key_challenge(ApiKey { header, query }: &ApiKey) -> String {
    let parameter = |(place, name): (&str, &str)| format!("{place}=\"{name}\"");
    let is_plain = |name: &&str| name.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\'));
    let header = header.as_deref().map(|name| ("header", name));
    let query = query.as_deref().filter(is_plain).map(|name| ("query", name));
    let parameters: Vec<String> = header.into_iter().chain(query).map(parameter).collect();
    let space = if parameters.is_empty() { "" } else { " " };
    format!("WWW-Authenticate: ApiKey{space}{}\r\n", parameters.join(", "))
}
