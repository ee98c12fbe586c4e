//! A request to the token endpoint, read: what is asked for, and who asks.
//!
//! A client shows who it is with HTTP Basic (RFC 6749, section 2.3.1: identifier and secret are form-encoded first) or in
//! the form, never with both. Parameters that come twice are refused (section 3.2); unknown ones are ignored.

use crate::{
    grant::{OauthError, OauthErrorCode},
    limits::{FORM_BYTES_MAX, SCOPES_MAX},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};
use zeroize::Zeroizing;

/// Who a client says it is.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientAuth {
    /// `client_id`.
    pub id: String,
    /// `client_secret`.
    pub secret: Zeroizing<String>,
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRequest {
    /// Who asks.
    pub client: ClientAuth,
    /// How.
    pub grant_type: String,
    /// Which scopes; all the client may have if it names none.
    pub scopes: BTreeSet<String>,
    /// Which resource the token is for (RFC 8707), if it says.
    pub resource: Option<String>,
}

/// The parameters of a form, each once.
pub(crate) struct Form(BTreeMap<String, Zeroizing<String>>);

impl TokenRequest {
    /// Reads the form of a request and its `Authorization` field.
    ///
    /// # Errors
    /// `InvalidRequest` and `InvalidClient`.
    pub fn read(form: &[u8], authorization: Option<&str>) -> Result<Self, OauthError> {
        let form = Form::read(form)?;
        let client = ClientAuth::read(&form, authorization)?;
        let Some(grant_type) = form.get("grant_type") else {
            return Err(OauthError::new(OauthErrorCode::InvalidRequest, "`grant_type` is missing"));
        };
        let scopes: BTreeSet<_> = form.get("scope").unwrap_or_default().split(' ').map(str::to_owned).collect();
        let scopes: BTreeSet<_> = scopes.into_iter().filter(|scope| !scope.is_empty()).collect();
        if scopes.len() > SCOPES_MAX {
            return Err(OauthError::new(OauthErrorCode::InvalidScope, format!("more than {SCOPES_MAX} scopes")));
        }
        Ok(Self {
            client,
            grant_type: grant_type.to_owned(),
            scopes,
            resource: form.get("resource").map(str::to_owned),
        })
    }
}

impl Form {
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, OauthError> {
        let refuse = |what: String| Err(OauthError::new(OauthErrorCode::InvalidRequest, what));
        if bytes.len() > FORM_BYTES_MAX {
            return refuse(format!("the form is longer than {FORM_BYTES_MAX} bytes"));
        }
        let mut form = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(bytes) {
            // A parameter without a value is as if it were not there.
            if value.is_empty() {
                continue;
            }
            if form.insert(name.clone().into_owned(), Zeroizing::new(value.into_owned())).is_some() {
                return refuse(format!("`{}` is there twice", name.escape_default()));
            }
        }
        Ok(Self(form))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| value.as_str())
    }
}

impl ClientAuth {
    pub(crate) fn read(form: &Form, authorization: Option<&str>) -> Result<Self, OauthError> {
        let in_form = form.get("client_secret");
        match (authorization, in_form) {
            (Some(_), Some(_)) => {
                let what = "the client shows who it is in two ways: leave `client_secret` out of the form";
                Err(OauthError::new(OauthErrorCode::InvalidRequest, what))
            }
            (Some(field), None) => {
                let client = Self::basic(field).ok_or_else(unknown)?;
                // RFC 6749, section 3.2.1: it may be named in the form, too.
                if form.get("client_id").is_some_and(|id| id != client.id) { Err(unknown()) } else { Ok(client) }
            }
            (None, Some(secret)) => {
                let id = form.get("client_id").ok_or_else(unknown)?.to_owned();
                Ok(Self { id, secret: Zeroizing::new(secret.to_owned()) })
            }
            (None, None) => Err(unknown()),
        }
    }

    fn basic(field: &str) -> Option<Self> {
        let (scheme, encoded) = field.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let text = Zeroizing::new(BASE64_STANDARD.decode(encoded.trim()).ok()?);
        let (id, secret) = std::str::from_utf8(&text).ok()?.split_once(':')?;
        let decoded = |text: &str| {
            // One name without a value: the text as a form would have it.
            form_urlencoded::parse(text.as_bytes()).next().map(|(name, _)| name.into_owned()).unwrap_or_default()
        };
        Some(Self { id: decoded(id), secret: Zeroizing::new(decoded(secret)) })
    }
}

/// The same whatever was wrong.
pub(crate) fn unknown() -> OauthError {
    OauthError::new(OauthErrorCode::InvalidClient, "no client has this identifier and secret")
}

/// Says nothing of the secret.
impl fmt::Debug for ClientAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientAuth").field("id", &self.id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn basic(text: &str) -> String {
        format!("Basic {}", BASE64_STANDARD.encode(text))
    }

    #[test]
    fn who_asks_and_for_what() {
        let form = b"grant_type=client_credentials&scope=read+write&x=1&y=";
        let request = TokenRequest::read(form, Some(&basic("a%2Bb:s%3A1"))).unwrap();
        assert_eq!((request.client.id.as_str(), request.client.secret.as_str()), ("a+b", "s:1"));
        assert_eq!(request.scopes, ["read".to_owned(), "write".to_owned()].into());
        let form = b"grant_type=client_credentials&client_id=a&client_secret=b";
        assert_eq!(TokenRequest::read(form, None).unwrap().client.secret.as_str(), "b");
        assert!(!format!("{:?}", TokenRequest::read(b"grant_type=g", Some(&basic("a:hidden")))).contains("hidden"));
    }

    #[test]
    fn what_is_refused() {
        use OauthErrorCode::{InvalidClient, InvalidRequest};
        for (form, field, code) in [
            ("grant_type=g", None, InvalidClient),
            ("grant_type=g", Some("Bearer x".to_owned()), InvalidClient),
            ("grant_type=g", Some("Basic ???".to_owned()), InvalidClient),
            ("grant_type=g&client_secret=b", None, InvalidClient),
            ("grant_type=g&client_id=other", Some(basic("a:b")), InvalidClient),
            ("grant_type=g&client_secret=b", Some(basic("a:b")), InvalidRequest),
            ("grant_type=g&grant_type=h", Some(basic("a:b")), InvalidRequest),
            ("scope=a", Some(basic("a:b")), InvalidRequest),
        ] {
            assert_eq!(TokenRequest::read(form.as_bytes(), field.as_deref()).unwrap_err().error, code, "{form}");
        }
        let long = vec![b'a'; FORM_BYTES_MAX + 1];
        assert_eq!(TokenRequest::read(&long, None).unwrap_err().error, InvalidRequest);
    }
}
