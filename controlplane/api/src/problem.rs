//! Why a request is not done, as `application/problem+json` (RFC 9457).
//!
//! A refusal of the domain keeps its code, place and remedy; the first one says which status. What is the installation's
//! fault is told by its identifier alone: the cause goes to standard error.

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use serde_json::{Value, json};
use tollgate_domain::{Code, Kind, Refusal, Refusals};
use tollgate_store::Error;

/// Why a request is not done.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
    /// Each with its place.
    refusals: Vec<Refusal>,
    /// For standard error, never for who asks.
    cause: Option<String>,
}

/// Why a request from within is not done: what the problem document would say.
#[derive(Clone, Debug)]
pub struct Refused {
    /// Status of the answer.
    pub status: u16,
    /// Stable, for programs.
    pub code: &'static str,
    /// For people.
    pub detail: String,
    /// What is wrong, each with its place and remedy; empty if it is not about places.
    pub refusals: Vec<Refusal>,
    /// As in the log.
    pub request_id: String,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into(), refusals: Vec::new(), cause: None }
    }

    /// What is not there, or not for who asks: the same for both.
    pub(crate) fn not_found() -> Self {
        tollgate_domain::not_found("").into()
    }

    pub(crate) fn unauthenticated() -> Self {
        let detail = "send a token: `Authorization: Bearer tgm_...`; `tollgate login` keeps one for the command line";
        Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", detail)
    }

    /// A value of the request that cannot be used.
    pub(crate) fn invalid(place: &str, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Refusal::new(Code::InvalidValue, place, what, remedy).into()
    }

    /// What is not as it is described: JSON that is no such request or record.
    pub(crate) fn unreadable(error: &serde_path_to_error::Error<serde_json::Error>) -> Self {
        let place = error.path().to_string();
        // A dot stands for the whole.
        let place = if place == "." { "" } else { &place };
        Self::invalid(place, error.inner().to_string(), "look it up in /api/v1/openapi.json")
    }

    /// Something else still needs it.
    pub(crate) fn in_use(what: impl Into<String>, remedy: &str) -> Self {
        Refusal::new(Code::InUse, "", what, remedy).into()
    }

    /// Too much of what takes long at one time.
    pub(crate) fn busy() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "too many passwords are set at this moment: try again")
    }

    pub(crate) fn internal(cause: impl Into<String>) -> Self {
        let detail = "the control plane could not do it; its log says why, under this request_id";
        Self { cause: Some(cause.into()), ..Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail) }
    }

    /// The same, of one document of several.
    pub(crate) fn inside(mut self, outer: &str) -> Self {
        self.detail = format!("{outer}: {}", self.detail);
        self.refusals = self.refusals.into_iter().map(|refusal| refusal.inside(outer)).collect();
        self
    }

    fn log(&self, request_id: &str) {
        if let Some(cause) = &self.cause {
            eprintln!("tollgate: admin request {request_id}: {cause}");
        }
    }

    /// For who asks from within.
    pub(crate) fn into_refused(self, request_id: &str) -> Refused {
        self.log(request_id);
        let Self { status, code, detail, refusals, .. } = self;
        Refused { status: status.as_u16(), code, detail, refusals, request_id: request_id.to_owned() }
    }

    pub(crate) fn into_response(self, request_id: &str) -> Response {
        self.log(request_id);
        let mut response = Response::new(Body::from(self.document(request_id).to_string()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }

    fn document(&self, request_id: &str) -> Value {
        let mut document = json!({
            "type": "about:blank",
            "title": self.status.canonical_reason().unwrap_or_default(),
            "status": self.status.as_u16(),
            "code": self.code,
            "detail": self.detail,
            "request_id": request_id,
        });
        if !self.refusals.is_empty() {
            document["errors"] = json!(self.refusals);
        }
        document
    }
}

const fn status(kind: Kind) -> StatusCode {
    match kind {
        Kind::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
        Kind::Conflict => StatusCode::CONFLICT,
        Kind::Forbidden => StatusCode::FORBIDDEN,
        Kind::Missing => StatusCode::NOT_FOUND,
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Refusals::from(refusal).into()
    }
}

impl From<Refusals> for Problem {
    fn from(refusals: Refusals) -> Self {
        let detail = refusals.to_string();
        let refusals: Vec<_> = refusals.into_iter().collect();
        let code = refusals.first().map_or(Code::InvalidValue, |refusal| refusal.code);
        Self { refusals, ..Self::new(status(code.kind()), code.as_str(), detail) }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let condition = |detail: &str| Self::new(StatusCode::PRECONDITION_FAILED, "precondition_failed", detail);
        match &error {
            Error::Conflict { found: Some(etag) } => {
                condition(&format!("it is now \"{etag}\": read it again, and send that with If-Match"))
            }
            Error::Conflict { found: None } => condition("there is no such thing any more: leave If-Match out"),
            Error::Cursor => Self::invalid("cursor", "this cursor is of no list", "begin again without one"),
            _ => Self::internal(error.to_string()),
        }
    }
}
