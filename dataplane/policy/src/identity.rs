//! The phases identify and authorize of a route, compiled: where a request has its credential, and what refuses it.
//!
//! Crate `identity` gives the verdicts. What is a credential here goes no further: its fields and parameters are left out
//! of what an endpoint gets, whether they were looked at or not. One comparison for routes that ask nobody; no allocation.

use std::sync::Arc;

use tollgate_http::{Reason, RequestHead};
use tollgate_identity::{Caller, authorize, identify_key};
use tollgate_model::{ApiKey, Applications, Authorize, Identify, Method, VALUE_BYTES_MAX};
use tollgate_route::query_value;

/// Who may call a route.
pub struct Identity {
    identify: Arc<Identify>,
    authorize: Option<Arc<Authorize>>,
    /// Whole field lines for 401.
    challenge: Box<[u8]>,
}

impl Identity {
    /// `None` for a route that asks nobody.
    pub(crate) fn compile(identify: Option<&Arc<Identify>>, authorize: Option<&Arc<Authorize>>) -> Option<Self> {
        let identify = identify?.clone();
        let challenge = identify.methods.iter().flat_map(challenge).collect();
        Some(Self { identify, authorize: authorize.cloned(), challenge })
    }

    /// Header fields that have credentials.
    pub(crate) fn fields(&self) -> impl Iterator<Item = &str> {
        self.keys().filter_map(|key| key.header.as_deref())
    }

    /// Query parameters that have credentials.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = &str> {
        self.keys().filter_map(|key| key.query.as_deref())
    }

    fn keys(&self) -> impl Iterator<Item = &ApiKey> {
        let key = |method| if let &Method::ApiKey(ref key) = method { Some(key) } else { None };
        self.identify.methods.iter().filter_map(key)
    }

    /// Who calls. The first method whose credential the request has decides; `now_s` are seconds since 1970.
    ///
    /// # Errors
    /// No credential, or one that does not hold.
    pub fn identify<'a>(
        &self,
        head: &RequestHead<'_>,
        applications: &'a Applications,
        now_s: u64,
    ) -> Result<Caller<'a>, Reason> {
        for method in &self.identify.methods {
            match method {
                Method::ApiKey(key) => {
                    let mut room = [0; VALUE_BYTES_MAX];
                    if let Some(key) = presented(key, head, &mut room) {
                        return identify_key(applications, key, now_s);
                    }
                }
                Method::Anonymous => return Ok(Caller::default()),
                _ => {}
            }
        }
        Err(Reason::CredentialMissing)
    }

    /// Whether the caller may.
    ///
    /// # Errors
    /// What is missing.
    pub fn authorize<'a>(&'a self, caller: Caller<'a>) -> Result<Caller<'a>, Reason> {
        self.authorize.as_deref().map_or(Ok(caller), |asked| authorize(asked, caller))
    }

    /// Whether a plan may hold for its requests.
    pub(crate) const fn has_plans(&self) -> bool {
        self.authorize.is_some()
    }

    /// The field lines that an answer of this reason gets: 401 says what would be taken (RFC 9110, section 11.6.1).
    #[must_use]
    pub fn challenge(&self, reason: Reason) -> &[u8] {
        if reason.status() == 401 { &self.challenge } else { &[] }
    }
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

/// The field line that asks for a credential of a method. There is no registered scheme for keys.
fn challenge(method: &Method) -> Vec<u8> {
    let Method::ApiKey(ApiKey { header, query }) = method else { return Vec::new() };
    let parameter = |(place, name): (&str, &str)| format!("{place}=\"{name}\"");
    let is_plain = |name: &&str| name.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\'));
    let header = header.as_deref().map(|name| ("header", name));
    let query = query.as_deref().filter(is_plain).map(|name| ("query", name));
    let parameters: Vec<String> = header.into_iter().chain(query).map(parameter).collect();
    let space = if parameters.is_empty() { "" } else { " " };
    format!("WWW-Authenticate: ApiKey{space}{}\r\n", parameters.join(", ")).into_bytes()
}
