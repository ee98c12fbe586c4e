//! The token endpoint (RFC 6749, 7009, 7517, 7662) over HTTP, on the control plane's port and, by a route, on the gateway's
//! listeners.
//!
//! What is answered is decided in `keys`; here is HTTP around it. Answers are never cached.

use crate::clients::StoredClients;
use axum::{
    Router,
    body::{Body, Bytes},
    extract::{DefaultBodyLimit, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
    routing::{get, post},
};
use serde_json::{Value, json};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};
use tokio::task;
use tollgate_keys::{Issuer, OauthError, Revoked, TOKEN_ENTROPY_BYTES, TokenRequest};

/// Bytes of a form: a little more than `keys` takes, so that it says what is too long.
const FORM_BYTES_MAX: usize = 32 << 10;

/// Who grants tokens, to whom.
pub(crate) struct Tokens {
    pub(crate) issuer: Issuer,
    pub(crate) clients: StoredClients,
    /// Of this process: it is not kept yet, and gateways are not told.
    pub(crate) revoked: Mutex<Revoked>,
}

type Answer = Result<Value, OauthError>;

pub(crate) fn router(tokens: Arc<Tokens>) -> Router {
    Router::new()
        .route("/oauth2/token", post(token))
        .route("/oauth2/introspect", post(introspect))
        .route("/oauth2/revoke", post(revoke))
        .route("/oauth2/jwks", get(jwks))
        .layer(DefaultBodyLimit::max(FORM_BYTES_MAX))
        .with_state(tokens)
}

async fn token(State(tokens): State<Arc<Tokens>>, headers: HeaderMap, form: Bytes) -> Response {
    answered(tokens, headers, form, |tokens, authorization, form, now_s| {
        let request = TokenRequest::read(form, authorization)?;
        let mut entropy = [0; TOKEN_ENTROPY_BYTES];
        if aws_lc_rs::rand::fill(&mut entropy).is_err() {
            // As good as an unknown client: nothing is granted.
            return Ok(Value::Null);
        }
        let token = tokens.issuer.grant(&request, &tokens.clients, now_s, entropy)?;
        Ok(json!(token))
    })
    .await
}

async fn introspect(State(tokens): State<Arc<Tokens>>, headers: HeaderMap, form: Bytes) -> Response {
    answered(tokens, headers, form, |tokens, authorization, form, now_s| {
        let revoked = tokens.revoked.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(json!(tokens.issuer.introspect(form, authorization, &tokens.clients, &revoked, now_s)?))
    })
    .await
}

async fn revoke(State(tokens): State<Arc<Tokens>>, headers: HeaderMap, form: Bytes) -> Response {
    answered(tokens, headers, form, |tokens, authorization, form, now_s| {
        let mut revoked = tokens.revoked.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.issuer.revoke(form, authorization, &tokens.clients, &mut revoked, now_s)?;
        revoked.forget(now_s);
        Ok(json!({}))
    })
    .await
}

async fn jwks(State(tokens): State<Arc<Tokens>>) -> Response {
    let mut response = respond(StatusCode::OK, &tokens.issuer.ring().jwks());
    // Shorter than keys are announced before they sign.
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("max-age=300"));
    response
}

/// Runs `work` on a thread that may block, and answers with what it gives.
async fn answered(
    tokens: Arc<Tokens>,
    headers: HeaderMap,
    form: Bytes,
    work: impl FnOnce(&Tokens, Option<&str>, &[u8], u64) -> Answer + Send + 'static,
) -> Response {
    let done = task::spawn_blocking(move || {
        let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        work(&tokens, authorization, &form, now.as_secs())
    });
    match done.await {
        Ok(Ok(Value::Null)) | Err(_) => respond(StatusCode::INTERNAL_SERVER_ERROR, &json!({ "error": "server_error" })),
        Ok(Ok(answer)) => respond(StatusCode::OK, &answer),
        Ok(Err(error)) => {
            let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::BAD_REQUEST);
            let mut response = respond(status, &json!(error));
            if status == StatusCode::UNAUTHORIZED {
                let basic = HeaderValue::from_static("Basic realm=\"token endpoint\"");
                response.headers_mut().insert(header::WWW_AUTHENTICATE, basic);
            }
            response
        }
    }
}

fn respond(status: StatusCode, body: &Value) -> Response {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
