//! A request from within the process: an endpoint by its name, with what the path, the query and the body would say.
//!
//! It becomes a `Call` like one that came over HTTP, and is judged, authorized and told of in the same way; only who asks is
//! said by the caller, the console, in place of a token. There is no Idempotency-Key: forms have no use for one.

use crate::{asker::Asker, call::Call, endpoint::Endpoint, router::now, signin::Origin};
use axum::{
    body::Bytes,
    http::{HeaderMap, HeaderValue, Method, header},
};
use serde_json::Value;
use std::collections::BTreeMap;

/// A request from within the process.
#[derive(Clone, Debug)]
pub struct Ask {
    endpoint: &'static str,
    path: BTreeMap<String, String>,
    query: BTreeMap<String, String>,
    body: Bytes,
    etag: Option<u64>,
    is_absent: bool,
    origin: Origin,
}

/// What an endpoint answers.
#[derive(Clone, Debug)]
pub struct Done {
    /// What the body of the answer would be; null if it had none.
    pub body: Value,
    /// Of the record, if it is one.
    pub etag: Option<u64>,
}

impl Ask {
    /// To the endpoint of this name (`operationId`).
    #[must_use]
    pub fn to(endpoint: &'static str) -> Self {
        let (path, query) = (BTreeMap::new(), BTreeMap::new());
        Self { endpoint, path, query, body: Bytes::new(), etag: None, is_absent: false, origin: Origin::default() }
    }

    /// With what `{name}` of the path stands for.
    #[must_use]
    pub fn path(mut self, name: &str, value: &(impl ToString + ?Sized)) -> Self {
        self.path.insert(name.to_owned(), value.to_string());
        self
    }

    /// With a parameter of the query.
    #[must_use]
    pub fn query(mut self, name: &str, value: &(impl ToString + ?Sized)) -> Self {
        self.query.insert(name.to_owned(), value.to_string());
        self
    }

    /// With a body.
    #[must_use]
    pub fn body(mut self, body: &Value) -> Self {
        self.body = body.to_string().into();
        self
    }

    /// With a body that is no JSON, as an OpenAPI document.
    #[must_use]
    pub fn text(mut self, body: &str) -> Self {
        self.body = Bytes::copy_from_slice(body.as_bytes());
        self
    }

    /// Only if the record is as it was with this etag.
    #[must_use]
    pub const fn if_match(mut self, etag: u64) -> Self {
        self.etag = Some(etag);
        self
    }

    /// Only if there is no such record.
    #[must_use]
    pub const fn if_absent(mut self) -> Self {
        self.is_absent = true;
        self
    }

    /// For somebody who asks from there.
    #[must_use]
    pub fn from(mut self, origin: &Origin) -> Self {
        self.origin = origin.clone();
        self
    }

    pub(crate) const fn endpoint(&self) -> &'static str {
        self.endpoint
    }

    pub(crate) fn request_id(&self) -> &str {
        &self.origin.request_id
    }

    /// The request that it stands for.
    pub(crate) fn call(self, endpoint: &Endpoint, asker: &Asker) -> Call {
        let mut headers = HeaderMap::new();
        if let Some(tag) = self.etag.and_then(|etag| HeaderValue::from_str(&format!("\"{etag}\"")).ok()) {
            headers.insert(header::IF_MATCH, tag);
        }
        if self.is_absent {
            headers.insert(header::IF_NONE_MATCH, HeaderValue::from_static("*"));
        }
        Call {
            asker: asker.clone(),
            method: Method::from_bytes(endpoint.verb.as_str().to_uppercase().as_bytes()).unwrap_or_default(),
            uri: endpoint.path.to_owned(),
            path: self.path,
            query: self.query,
            headers,
            body: self.body,
            from: self.origin.address,
            request_id: self.origin.request_id,
            now: now(),
            permit: None,
            fleet: None,
        }
    }
}
