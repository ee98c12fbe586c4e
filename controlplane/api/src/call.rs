//! A request as handlers see it: who asks and how far they may go, what the path and the query name, the body.
//!
//! Names in a path that can be none are 404, like those of nothing. Everything else that cannot be read is told with its
//! place. Nothing here reads the store.

use crate::{
    asker::Asker,
    fleet::Fleet,
    limits::{ID_CHARS_MAX, PAGE_ROWS},
    problem::Problem,
};
use axum::{
    body::Bytes,
    http::{HeaderMap, Method, StatusCode},
};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::{
    collections::{BTreeMap, BTreeSet},
    str::FromStr,
    sync::Arc,
    time::Duration,
};
use tollgate_domain::{Action, Actor, ApiName, Made, Name, Reach, Viewer};
use tollgate_store::{Cursor, Expect, PAGE_ROWS_MAX, Query, Space};
use uuid::Uuid;

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// Who says to ask; not judged yet.
    pub(crate) asker: Asker,
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

impl Permit {
    /// Whether a thing of these owners is for who asks.
    pub(crate) fn reaches(&self, owners: &BTreeSet<Name>) -> bool {
        self.actor.reaches(self.reach, owners)
    }

    /// Whether who asks may do something else, too.
    pub(crate) fn also(&self, action: Action) -> bool {
        self.actor.may(action, &self.tenant).is_ok()
    }

    /// Who looks at the catalog.
    pub(crate) fn viewer(&self) -> Viewer<'_> {
        Viewer { member: Some((&self.actor.tenant, &self.actor.member)) }
    }
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

    /// By whom, when and why.
    pub(crate) fn made(&self, note: Option<String>) -> Result<Made, Problem> {
        let made = Made { by: self.permit()?.actor.member.clone(), at_s: self.now_s(), note };
        made.check()?;
        Ok(made)
    }

    /// A header field, if it is there. What cannot be read is not as good as nothing: the request would be done without it.
    pub(crate) fn field(&self, name: &'static str) -> Result<Option<&str>, Problem> {
        let unreadable = |_| {
            let detail = format!("the field {name} is not visible ASCII text");
            Problem::new(StatusCode::BAD_REQUEST, "invalid_field", detail)
        };
        self.headers.get(name).map(|value| value.to_str().map_err(unreadable)).transpose()
    }

    /// What If-Match and If-None-Match expect of the record (RFC 9110, section 13.1).
    pub(crate) fn expect(&self) -> Result<Expect, Problem> {
        let wrong = |place: &str, remedy: &str| Err(Problem::invalid(place, "this is no condition here", remedy));
        match (self.field("if-match")?, self.field("if-none-match")?) {
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
        self.flag("dry_run")
    }

    /// A truth value of the query: without a value it is `true`, left out `false`.
    pub(crate) fn flag(&self, name: &str) -> Result<bool, Problem> {
        match self.query.get(name).map(String::as_str) {
            None | Some("false") => Ok(false),
            Some("true" | "") => Ok(true),
            Some(_) => Err(Problem::invalid(name, "this is no truth value", "write `true` or `false`")),
        }
    }

    /// The body as JSON. None at all is as `{}`.
    pub(crate) fn body<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        let bytes = if self.body.is_empty() { b"{}".as_slice() } else { &self.body };
        let mut reader = serde_json::Deserializer::from_slice(bytes);
        let read = serde_path_to_error::deserialize(&mut reader);
        let value = read.map_err(|error| Problem::unreadable(&error))?;
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

/// A JSON object as a request or a record.
pub(crate) fn read<T: DeserializeOwned>(body: Map<String, Value>) -> Result<T, Problem> {
    serde_path_to_error::deserialize(Value::Object(body)).map_err(|error| Problem::unreadable(&error))
}

/// The caller's own identifier of a request, if it can be one, or a new one.
pub(crate) fn request_id(headers: &HeaderMap) -> String {
    let own = headers.get("x-request-id").and_then(|value| value.to_str().ok());
    let own = own.filter(|id| (1..=ID_CHARS_MAX).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic()));
    own.map_or_else(|| Uuid::now_v7().to_string(), str::to_owned)
}
