//! The control plane's end: answers polls of nodes, and their asks for shares, over HTTP.
//!
//! ```text
//! POST -> which node does the token belong to -> what does it lack: answer at once
//!                                                  `-> nothing: wait for another head, then once more, until its wait is over
//! ```
//!
//! A poll that waits costs a task and no thread. Whose the token is, is asked again before anything is answered, so that a
//! node which was removed gets nothing more. Everything is built once for all who lack it at the same time.

use crate::{
    feed::Feed,
    limits::{POLL_BYTES_MAX, SHARES_BYTES_MAX, WAIT_MAX},
    log::Lack,
    message::{Answer, Delta, PATH, PROTOCOL, PROTOCOL_MIN, Poll},
    shares::{SHARES_PATH, ShareAnswer, ShareRefusal, ShareRequest, Shares},
    usage::{BatchId, UsageBatch},
};
use axum::{
    Router,
    body::{Body, Bytes},
    extract::{DefaultBodyLimit, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
    routing::post,
};
use serde::Serialize;
use serde_json::json;
use std::{
    sync::{Arc, Weak},
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::{sync::Mutex, task, time};

/// What the control plane knows. Calls may block.
pub trait Source: Send + Sync + 'static {
    /// The name of the node that a token belongs to.
    ///
    /// # Errors
    /// It cannot be looked up.
    fn node(&self, token: &str) -> Result<Option<String>, String>;

    /// Everything there is, as a delta without `from`.
    ///
    /// # Errors
    /// It cannot be read.
    fn everything(&self) -> Result<Delta, String>;

    /// Adds what a node reports, once however often it comes.
    ///
    /// # Errors
    /// It was not added: the node will report it again.
    fn used(&self, node: &str, batch: &UsageBatch) -> Result<(), String>;
}

/// What the handler works with.
struct Desk {
    feed: Arc<Feed>,
    source: Arc<dyn Source>,
    shares: Arc<Shares>,
    /// Everything as it was last sent, for as long as anybody is being sent it.
    whole: Mutex<Weak<Whole>>,
}

/// An answer with everything.
struct Whole {
    digest: String,
    text: Vec<u8>,
}

/// An answer that is being sent.
struct Sending(Arc<Whole>);

impl AsRef<[u8]> for Sending {
    fn as_ref(&self) -> &[u8] {
        &self.0.text
    }
}

/// Why a poll is not answered as it wishes.
#[derive(Debug)]
enum Refusal {
    /// No node has this token.
    Unknown,
    /// It cannot be read.
    Malformed(String),
    /// It speaks what is not spoken here any more.
    TooOld(u32),
    /// It asks for shares that are not lent.
    Shares(ShareRefusal),
    /// Ours.
    Broken(String),
}

/// Says that a poll has ended when it is dropped, however it ends.
struct Presence<'d> {
    feed: &'d Feed,
    name: String,
}

impl Drop for Presence<'_> {
    fn drop(&mut self) {
        self.feed.left(&self.name, now());
    }
}

/// Where nodes poll, and where they ask for shares of limits.
pub fn router(feed: Arc<Feed>, source: Arc<dyn Source>, shares: Arc<Shares>) -> Router {
    let desk = Arc::new(Desk { feed, source, shares, whole: Mutex::default() });
    Router::new()
        .route(PATH, post(poll).layer(DefaultBodyLimit::max(POLL_BYTES_MAX)))
        .route(SHARES_PATH, post(lend).layer(DefaultBodyLimit::max(SHARES_BYTES_MAX)))
        .with_state(desk)
}

async fn poll(State(desk): State<Arc<Desk>>, headers: HeaderMap, body: Bytes) -> Response {
    told(desk.answer(&headers, &body).await)
}

async fn lend(State(desk): State<Arc<Desk>>, headers: HeaderMap, body: Bytes) -> Response {
    told(desk.lend(&headers, body).await)
}

fn told(answer: Result<Bytes, Refusal>) -> Response {
    match answer {
        Ok(text) => respond(StatusCode::OK, "application/json", Body::from(text)),
        Err(refusal) => refusal.into_response(),
    }
}

impl Desk {
    async fn answer(&self, headers: &HeaderMap, body: &[u8]) -> Result<Bytes, Refusal> {
        let token = bearer(headers).ok_or(Refusal::Unknown)?;
        let name = self.name(&token).await?;
        let mut poll: Poll = serde_json::from_slice(body).map_err(|error| Refusal::Malformed(error.to_string()))?;
        if poll.protocol < PROTOCOL_MIN {
            return Err(Refusal::TooOld(poll.protocol));
        }
        let usage = self.add(&name, poll.usage.take()).await;
        let mut heads = self.feed.heads();
        let until = time::Instant::now() + Duration::from_millis(poll.wait_ms).min(WAIT_MAX);
        self.feed.arrived(&name, &poll, now());
        let presence = Presence { feed: &self.feed, name };
        loop {
            // From here on a new head is heard of, so that none slips between the look and the wait.
            let is_over = heads.borrow_and_update().is_none();
            let lack = self.feed.news(&poll);
            if !matches!(lack, Lack::Nothing) {
                if self.name(&token).await? != presence.name {
                    return Err(Refusal::Unknown);
                }
                return self.text(lack, usage).await;
            }
            if is_over || !matches!(time::timeout_at(until, heads.changed()).await, Ok(Ok(()))) {
                return self.text(Lack::Nothing, usage).await;
            }
        }
    }

    /// Answers for shares, in one step on a thread that may block: nothing waits there but who the node is.
    async fn lend(&self, headers: &HeaderMap, body: Bytes) -> Result<Bytes, Refusal> {
        let token = bearer(headers).ok_or(Refusal::Unknown)?;
        let (source, shares) = (self.source.clone(), self.shares.clone());
        blocking(move || {
            let Some(_) = source.node(&token)? else { return Ok(Err(Refusal::Unknown)) };
            Ok(lent(&shares, &body))
        })
        .await?
    }

    async fn name(&self, token: &str) -> Result<String, Refusal> {
        let (source, token) = (self.source.clone(), token.to_owned());
        blocking(move || source.node(&token)).await?.ok_or(Refusal::Unknown)
    }

    /// Adds what a node reports; gives what it may forget. A failure is no reason not to tell it what is new.
    async fn add(&self, name: &str, batch: Option<UsageBatch>) -> Option<BatchId> {
        let batch = batch?;
        let (source, name, id) = (self.source.clone(), name.to_owned(), batch.id());
        match task::spawn_blocking(move || source.used(&name, &batch)).await {
            Ok(Ok(())) => Some(id),
            Ok(Err(why)) => {
                eprintln!("tollgate: what a node reports of usage cannot be kept: {why}");
                None
            }
            Err(_) => None,
        }
    }

    async fn text(&self, lack: Lack, usage: Option<BatchId>) -> Result<Bytes, Refusal> {
        match lack {
            Lack::Nothing => written(&Answer { protocol: PROTOCOL, head: self.feed.head(), delta: None, usage }),
            Lack::Delta(delta) => written(&Answer { usage, ..whole(delta) }),
            // Shared by all who lack it: what is not acknowledged comes again, and is known then.
            Lack::Everything => self.everything().await,
        }
    }

    /// Everything, as who asked a moment before gets it, or built anew; one at a time.
    async fn everything(&self) -> Result<Bytes, Refusal> {
        let mut kept = self.whole.lock().await;
        let is_newest = |whole: &Arc<Whole>| self.feed.head().is_some_and(|head| head.digest == whole.digest);
        let shared = match kept.upgrade().filter(is_newest) {
            Some(shared) => shared,
            None => {
                let source = self.source.clone();
                let built = blocking(move || {
                    let delta = source.everything()?;
                    let digest = delta.to.digest.clone();
                    let text = serde_json::to_vec(&whole(delta)).map_err(|error| error.to_string())?;
                    Ok(Arc::new(Whole { digest, text }))
                });
                let built = built.await?;
                *kept = Arc::downgrade(&built);
                built
            }
        };
        Ok(Bytes::from_owner(Sending(shared)))
    }
}

fn lent(shares: &Shares, body: &[u8]) -> Result<Bytes, Refusal> {
    let request: ShareRequest = serde_json::from_slice(body).map_err(|error| Refusal::Malformed(error.to_string()))?;
    if request.protocol < PROTOCOL_MIN {
        return Err(Refusal::TooOld(request.protocol));
    }
    let answers = shares.answer(&request).map_err(Refusal::Shares)?;
    written(&ShareAnswer { protocol: PROTOCOL, answers })
}

fn whole(delta: Delta) -> Answer {
    Answer { protocol: PROTOCOL, head: Some(delta.to.clone()), delta: Some(delta), usage: None }
}

fn written(answer: &impl Serialize) -> Result<Bytes, Refusal> {
    serde_json::to_vec(answer).map(Bytes::from).map_err(|error| Refusal::Broken(error.to_string()))
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, String> + Send + 'static) -> Result<T, Refusal> {
    match task::spawn_blocking(work).await {
        Ok(done) => done.map_err(Refusal::Broken),
        Err(_) => Err(Refusal::Broken("it panicked".to_owned())),
    }
}

fn bearer(headers: &HeaderMap) -> Option<String> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

impl Refusal {
    fn into_response(self) -> Response {
        let (status, code, detail) = match self {
            Self::Unknown => {
                let detail = "no node has this token; `tollgate nodes add NAME` gives one";
                (StatusCode::UNAUTHORIZED, "unauthenticated", detail.to_owned())
            }
            Self::Malformed(why) => (StatusCode::BAD_REQUEST, "malformed", format!("this cannot be read: {why}")),
            Self::TooOld(protocol) => {
                let detail = format!(
                    "protocol {protocol} is not spoken here, but {PROTOCOL_MIN} to {PROTOCOL}; update the node"
                );
                (StatusCode::UPGRADE_REQUIRED, "protocol_too_old", detail)
            }
            Self::Shares(refusal) => {
                let (status, code) = match refusal {
                    ShareRefusal::TooMany(_) => (StatusCode::PAYLOAD_TOO_LARGE, "too_many_asks"),
                    ShareRefusal::Malformed(_) => (StatusCode::BAD_REQUEST, "malformed"),
                    ShareRefusal::OtherSecret => (StatusCode::CONFLICT, "other_secret"),
                    ShareRefusal::Full => (StatusCode::SERVICE_UNAVAILABLE, "full"),
                };
                (status, code, refusal.to_string())
            }
            Self::Broken(why) => {
                eprintln!("tollgate: a node cannot be answered: {why}");
                (StatusCode::INTERNAL_SERVER_ERROR, "internal", "the control plane says why".to_owned())
            }
        };
        let problem = json!({
            "type": "about:blank", "title": status.canonical_reason(), "status": status.as_u16(), "code": code,
            "detail": detail,
        });
        respond(status, "application/problem+json", Body::from(problem.to_string()))
    }
}

fn respond(status: StatusCode, kind: &'static str, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
