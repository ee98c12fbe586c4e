//! The table of endpoints as routes of axum.
//!
//! What is not in the table is 404, what is there with another method 405, both as problem documents.

use crate::{
    asker::Asker,
    call::{Call, request_id},
    desk::Desk,
    endpoint::Endpoint,
    endpoints, openapi,
    problem::Problem,
};
use axum::{
    Router,
    body::{self, Body, Bytes, HttpBody as _},
    extract::{ConnectInfo, RawPathParams, Request, rejection::RawPathParamsRejection},
    http::{HeaderMap, StatusCode, Uri, request::Parts},
    response::Response,
    routing::{self, MethodRouter},
};
use http_body_util::LengthLimitError;
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

const PREFIX: &str = "/api/v1";

/// The admin API of a desk.
pub fn router(desk: &Desk) -> Router {
    let mut router = Router::new();
    let mut paths: BTreeMap<&str, MethodRouter> = BTreeMap::new();
    for endpoint in endpoints() {
        let desk = desk.clone();
        let answer = move |path: Path, request: Request| serve(desk.clone(), endpoint, path, request);
        let methods = paths.remove(endpoint.path).unwrap_or_default();
        paths.insert(endpoint.path, methods.on(endpoint.verb.filter(), answer));
    }
    for (path, methods) in paths {
        router = router.route(&format!("{PREFIX}{path}"), methods.fallback(no_such_method));
    }
    router.route(&format!("{PREFIX}/openapi.json"), routing::get(document)).fallback(no_such_path)
}

/// What the path names; an error if that is no UTF-8, and so the name of nothing.
type Path = Result<RawPathParams, RawPathParamsRejection>;

async fn document() -> Response {
    let mut response = Response::new(Body::from(openapi::document().to_string()));
    response.headers_mut().insert("content-type", axum::http::HeaderValue::from_static("application/json"));
    response
}

async fn no_such_method(headers: HeaderMap) -> Response {
    let detail = "this method is none of those of this path; `/api/v1/openapi.json` lists them";
    let problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail);
    problem.into_response(&request_id(&headers))
}

async fn no_such_path(headers: HeaderMap) -> Response {
    Problem::not_found().into_response(&request_id(&headers))
}

async fn serve(desk: Desk, endpoint: &'static Endpoint, path: Path, request: Request) -> Response {
    let id = request_id(request.headers());
    let (head, body) = request.into_parts();
    let called: Result<Call, Problem> = async {
        let call = call(&path.map_err(|_| Problem::not_found())?, head, &id)?;
        if body.is_end_stream() {
            return Ok(call);
        }
        // Nobody who may not ask makes us read, and keep, what they send.
        let (call, most) = desk.admit(endpoint, call).await?;
        Ok(Call { body: read(body, most).await?, ..call })
    }
    .await;
    match called {
        Ok(call) => desk.serve(endpoint, call).await,
        Err(problem) => problem.into_response(&id),
    }
}

async fn read(body: Body, most: usize) -> Result<Bytes, Problem> {
    body::to_bytes(body, most).await.map_err(|error| {
        let is_long = error.into_inner().is::<LengthLimitError>();
        let (status, code, detail) = if is_long {
            (StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", format!("the body is longer than {most} bytes"))
        } else {
            (StatusCode::BAD_REQUEST, "malformed", "the body ended early, or took too long to come".to_owned())
        };
        Problem::new(status, code, detail)
    })
}

/// The request, as far as it is known without its body.
fn call(path: &RawPathParams, head: Parts, request_id: &str) -> Result<Call, Problem> {
    let from = head.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip().to_string());
    let path = path.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    Ok(Call {
        asker: Asker::of(&head.headers),
        method: head.method,
        query: query(&head.uri)?,
        uri: head.uri.to_string(),
        path,
        headers: head.headers,
        body: Bytes::new(),
        from,
        request_id: request_id.to_owned(),
        now: now(),
        permit: None,
        fleet: None,
    })
}

/// Since the Unix epoch.
pub(crate) fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// The parameters of the query, each once.
fn query(uri: &Uri) -> Result<BTreeMap<String, String>, Problem> {
    let mut query = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()) {
        if query.insert(name.clone().into_owned(), value.into_owned()).is_some() {
            return Err(Problem::invalid(&name, "the parameter is there twice", "send it once"));
        }
    }
    Ok(query)
}
