//! A request as handlers see it: who asks and how far they may go, what the path and the query name, the body.
//!
//! Names in a path that can be none are 404, like those of nothing. Everything else that cannot be read is told with its
//! place. Nothing here reads the store.

use crate::{
    fleet::Fleet,
    limits::{ID_CHARS_MAX, PAGE_ROWS},
    problem::Problem,
};
use axum::{
    body::Bytes,
    http::{HeaderMap, Method, header},
};
use serde::de::DeserializeOwned;
use std::{collections::BTreeMap, str::FromStr, sync::Arc, time::Duration};
use tollgate_domain::{Actor, ApiName, Made, Name, Reach};
use tollgate_store::{Cursor, Expect, PAGE_ROWS_MAX, Query, Space};
use uuid::Uuid;

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) method: Method,
    /// As it was sent, with the query.
    pub(crate) uri: String,
    pub(crate) path: BTreeMap<String, String>,
    pub(crate) query: BTreeMap<String, String>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// Address of the client.
    pub(crate) from: Option<String>,
    pub(crate) request_id: String,
    /// Since the Unix epoch.
    pub(crate) now: Duration,
    /// `None` before who asks is known, and where that does not matter.
    pub(crate) permit: Option<Permit>,
    /// Who knows what nodes run, if anybody does.
    pub(crate) fleet: Option<Arc<dyn Fleet>>,
}

/// Who asks, and how far they may go in which tenant.
#[derive(Clone, Debug)]
pub(crate) struct Permit {
    pub(crate) actor: Actor,
    pub(crate) reach: Reach,
    pub(crate) tenant: Name,
}

impl Call {
    /// The same with another permit.
    pub(crate) fn with(&self, permit: Permit) -> Self {
        Self { permit: Some(permit), ..self.clone() }
    }

    /// The permit of who asks.
    pub(crate) fn permit(&self) -> Result<&Permit, Problem> {
        self.permit.as_ref().ok_or_else(Problem::unauthenticated)
    }

    /// The tenant the request is about.
    pub(crate) fn tenant(&self) -> Result<&Name, Problem> {
        Ok(&self.permit()?.tenant)
    }

    /// Its records.
    pub(crate) fn space(&self) -> Result<Space<'_>, Problem> {
        self.tenant().map(Space::Tenant)
    }

    /// What `{key}` of the path names.
    pub(crate) fn named<T: FromStr>(&self, key: &str) -> Result<T, Problem> {
        self.path.get(key).and_then(|text| text.parse().ok()).ok_or_else(Problem::not_found)
    }

    /// What `{api}` of the path names: `orders@1.0`.
    pub(crate) fn api(&self) -> Result<ApiName, Problem> {
        self.named("api")
    }

    pub(crate) const fn now_s(&self) -> u64 {
        self.now.as_secs()
    }

    /// By whom and when.
    pub(crate) fn made(&self, note: Option<String>) -> Result<Made, Problem> {
        Ok(Made { by: self.permit()?.actor.member.clone(), at_s: self.now_s(), note })
    }

    /// A header field, if it is there and text.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The token of `Authorization: Bearer`.
    pub(crate) fn bearer(&self) -> Option<&str> {
        let (scheme, token) = self.field(header::AUTHORIZATION.as_str())?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    }

    /// What If-Match and If-None-Match expect of the record (RFC 9110, section 13.1).
    pub(crate) fn expect(&self) -> Result<Expect, Problem> {
        let wrong = |place: &str, remedy: &str| Err(Problem::invalid(place, "this is no condition here", remedy));
        match (self.field("if-match"), self.field("if-none-match")) {
            (None, None) => Ok(Expect::Any),
            (None, Some("*")) => Ok(Expect::Absent),
            (Some(tag), None) => match tag.trim().trim_matches('"').parse() {
                Ok(etag) => Ok(Expect::Etag(etag)),
                Err(_) => wrong("If-Match", "send one ETag as it was answered, like `\"17\"`"),
            },
            _ => wrong("If-None-Match", "send `*`, and no If-Match beside it"),
        }
    }

    /// Whether the request is judged only.
    pub(crate) fn is_dry_run(&self) -> Result<bool, Problem> {
        match self.query.get("dry_run").map(String::as_str) {
            None | Some("false") => Ok(false),
            Some("true" | "") => Ok(true),
            Some(_) => Err(Problem::invalid("dry_run", "this is no truth value", "write `true` or `false`")),
        }
    }

    /// The body as JSON. None at all is as `{}`.
    pub(crate) fn body<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        let bytes = if self.body.is_empty() { b"{}".as_slice() } else { &self.body };
        let mut reader = serde_json::Deserializer::from_slice(bytes);
        let read = serde_path_to_error::deserialize(&mut reader);
        let value = read.map_err(|error| {
            let place = error.path().to_string();
            let place = if place == "." { "" } else { &place };
            Problem::invalid(place, error.inner().to_string(), "look it up in /api/v1/openapi.json")
        })?;
        let rest = reader.end();
        rest.map_err(|error| Problem::invalid("", error.to_string(), "send one JSON value"))?;
        Ok(value)
    }

    /// The body as text.
    pub(crate) fn text(&self) -> Result<&str, Problem> {
        str::from_utf8(&self.body).map_err(|_| Problem::invalid("", "the body is not UTF-8", "send UTF-8"))
    }

    /// `query` with the cursor and the limit that are asked for.
    pub(crate) fn page<'q>(&self, mut query: Query<'q>) -> Result<Query<'q>, Problem> {
        query.after = self.query.get("cursor").map(|text| Cursor::read(text)).transpose()?;
        query.limit = self.limit()?;
        Ok(query)
    }

    /// Rows of a page.
    pub(crate) fn limit(&self) -> Result<usize, Problem> {
        let Some(text) = self.query.get("limit") else { return Ok(PAGE_ROWS) };
        let limit = text.parse().ok().filter(|limit| (1..=PAGE_ROWS_MAX).contains(limit));
        limit.ok_or_else(|| {
            Problem::invalid("limit", "a page does not have so many rows", format!("write 1 to {PAGE_ROWS_MAX}"))
        })
    }
}

/// The caller's own identifier of a request, if it can be one, or a new one.
pub(crate) fn request_id(headers: &HeaderMap) -> String {
    let own = headers.get("x-request-id").and_then(|value| value.to_str().ok());
    let own = own.filter(|id| (1..=ID_CHARS_MAX).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic()));
    own.map_or_else(|| Uuid::now_v7().to_string(), str::to_owned)
}
