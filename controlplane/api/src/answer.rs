//! What a request is answered with when it is done: JSON, its entity tag, where it is.

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a request is answered with. Kept, sealed, for its Idempotency-Key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Answer {
    status: u16,
    body: Value,
    etag: Option<u64>,
}

impl Answer {
    /// 200 with `body`.
    pub(crate) fn of(body: &impl Serialize) -> Self {
        Self { status: 200, body: serde_json::to_value(body).unwrap_or_default(), etag: None }
    }

    /// 201 with `body`.
    pub(crate) fn created(body: &impl Serialize) -> Self {
        Self { status: 201, ..Self::of(body) }
    }

    /// 204.
    pub(crate) const fn done() -> Self {
        Self { status: 204, body: Value::Null, etag: None }
    }

    /// The same, of a record in this state.
    pub(crate) const fn tagged(mut self, etag: u64) -> Self {
        self.etag = Some(etag);
        self
    }

    /// Body and entity tag, for who asks from within.
    pub(crate) fn into_parts(self) -> (Value, Option<u64>) {
        (self.body, self.etag)
    }

    pub(crate) fn into_response(self, is_dry_run: bool) -> Response {
        let is_empty = self.body.is_null();
        let mut response = Response::new(if is_empty { Body::empty() } else { Body::from(self.body.to_string()) });
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or(StatusCode::OK);
        let headers = response.headers_mut();
        if !is_empty {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        // Keys and tokens are among the answers.
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(tag) = self.etag.and_then(|etag| HeaderValue::from_str(&format!("\"{etag}\"")).ok()) {
            headers.insert(header::ETAG, tag);
        }
        if is_dry_run {
            headers.insert("dry-run", HeaderValue::from_static("true"));
        }
        response
    }
}
