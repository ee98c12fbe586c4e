//! The token endpoint (RFC 6749, 7009, 7517, 7662) over HTTP, on the control plane's port and, by a route, on the gateway's
//! listeners.
//!
//! What is answered is decided in `keys`; here is HTTP around it. Answers are never cached.

use crate::{clients::StoredClients, published::AUDIENCE};
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
use tollgate_keys::{
    Ended, Issuer, KeyRing, KeySet, OauthError, RingError, TOKEN_ENTROPY_BYTES, TokenRequest, is_revoked, note_revoked,
};
use tollgate_store::{Store, Transactions as _};

/// Bytes of a form: a little more than `keys` takes, so that it says what is too long.
const FORM_BYTES_MAX: usize = 32 << 10;

/// When to try again what does not go now, in seconds.
const RETRY_AFTER_S: &str = "300";

/// Who grants tokens, to whom.
pub(crate) struct Tokens {
    store: Arc<dyn Store>,
    /// With the keys of this etag.
    issuer: Mutex<(Option<u64>, Arc<Issuer>)>,
    clients: StoredClients,
}

impl Tokens {
    /// Tokens of the issuer `name`, signed with `ring` until other keys are kept.
    pub(crate) fn new(store: Arc<dyn Store>, name: String, ring: KeyRing) -> Self {
        let issuer = Mutex::new((None, Arc::new(Issuer::new(name, AUDIENCE.to_owned(), ring))));
        Self { clients: StoredClients::new(store.clone()), store, issuer }
    }

    /// The issuer with the keys that are kept now. If they cannot be had it goes on with those it has, and says so.
    fn issuer(&self) -> Arc<Issuer> {
        let found = self.store.read(|rows| {
            let etag = KeySet::etag(rows)?;
            let issuer = self.issuer.lock().unwrap_or_else(PoisonError::into_inner).clone();
            if issuer.0 == etag {
                return Ok(issuer);
            }
            let ring = KeyRing::load(rows)?.ok_or(RingError::Count(0))?;
            let Issuer { name, audience, .. } = &*issuer.1;
            Ok::<_, RingError>((etag, Arc::new(Issuer::new(name.clone(), audience.clone(), ring))))
        });
        let mut issuer = self.issuer.lock().unwrap_or_else(PoisonError::into_inner);
        match found {
            // Whoever has read the store later has a higher one.
            Ok(found) if found.0 >= issuer.0 => *issuer = found,
            Ok(_) => {}
            Err(error) => eprintln!("tollgate: the keys that tokens are signed with cannot be read: {error}"),
        }
        issuer.1.clone()
    }

    /// Whether a token has ended; one of which that cannot be told has.
    fn is_revoked(&self, ended: &Ended) -> bool {
        self.store.read(|rows| is_revoked(rows, ended)).unwrap_or_else(|error| {
            eprintln!("tollgate: whether a token was revoked cannot be told: {error}");
            true
        })
    }
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
            // Answered as a failure of ours: nothing is granted.
            return Ok(Value::Null);
        }
        let token = tokens.issuer().grant(&request, &tokens.clients, now_s, entropy)?;
        Ok(json!(token))
    })
    .await
}

async fn introspect(State(tokens): State<Arc<Tokens>>, headers: HeaderMap, form: Bytes) -> Response {
    answered(tokens, headers, form, |tokens, authorization, form, now_s| {
        let is_revoked = |ended: &Ended| tokens.is_revoked(ended);
        Ok(json!(tokens.issuer().introspect(form, authorization, &tokens.clients, now_s, is_revoked)?))
    })
    .await
}

async fn revoke(State(tokens): State<Arc<Tokens>>, headers: HeaderMap, form: Bytes) -> Response {
    answered(tokens, headers, form, |tokens, authorization, form, now_s| {
        let ended = tokens.issuer().revoke(form, authorization, &tokens.clients, now_s)?;
        let Some(ended) = ended else { return Ok(json!({})) };
        // Gateways follow the store, so that they are told by what is kept.
        match tokens.store.write(|rows| note_revoked(rows, &ended, now_s)) {
            Ok(true) => Ok(json!({})),
            Ok(false) => Err(OauthError::too_many_revoked()),
            Err(error) => {
                eprintln!("tollgate: a token cannot be revoked: {error}");
                Ok(Value::Null)
            }
        }
    })
    .await
}

async fn jwks(State(tokens): State<Arc<Tokens>>) -> Response {
    let told = task::spawn_blocking(move || tokens.issuer().ring().jwks()).await;
    let Ok(told) = told else { return failed() };
    let mut response = respond(StatusCode::OK, &told);
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
        Ok(Ok(Value::Null)) | Err(_) => failed(),
        Ok(Ok(answer)) => respond(StatusCode::OK, &answer),
        Ok(Err(error)) => {
            let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::BAD_REQUEST);
            let mut response = respond(status, &json!(error));
            if status == StatusCode::SERVICE_UNAVAILABLE {
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_S));
            }
            if status == StatusCode::UNAUTHORIZED {
                let basic = HeaderValue::from_static("Basic realm=\"token endpoint\"");
                response.headers_mut().insert(header::WWW_AUTHENTICATE, basic);
            }
            response
        }
    }
}

fn failed() -> Response {
    respond(StatusCode::INTERNAL_SERVER_ERROR, &json!({ "error": "server_error" }))
}

fn respond(status: StatusCode, body: &Value) -> Response {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
