//! A request to a page: who sends it, what the path, the query and the form say; and how it is answered.
//!
//! ```text
//! request -> serve: cookies -> session -> form, if it has its proof -> who it is (getMe) -> page -> fields of the answer
//! ```
//!
//! A form without its proof is 403 before any page sees it, so that no page can forget to ask. Pages that are not open send
//! whoever is not signed in to the sign-in page, and back from there.

use crate::{
    Console, cookies,
    cookies::Cookie,
    failure::Failure,
    form::Form,
    limits::{FORM_BYTES_MAX, SESSION_LIFE},
    now, proofs,
    sessions::Notice,
};
use axum::{
    body::{self, Body},
    extract::{ConnectInfo, RawPathParams, Request},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, request::Parts},
    response::Response,
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, net::SocketAddr, sync::Arc};
use tollgate_api::{Ask, Asker, Done, Origin, SignedIn};
use uuid::Uuid;

/// What comes of a page.
pub(crate) type Outcome = Result<Response, Failure>;

/// A request to a page.
pub(crate) struct Visit {
    pub(crate) console: Console,
    pub(crate) path: BTreeMap<String, String>,
    pub(crate) query: Form,
    pub(crate) form: Form,
    pub(crate) origin: Origin,
    /// As it was asked for, with its query.
    uri: String,
    is_https: bool,
    /// Asked for by the script of the page, for a part of it.
    is_part: bool,
    /// The cookie that forms are proved with.
    cookie: String,
    /// It is new: the answer has to set it.
    is_new: bool,
    session: Option<Session>,
}

/// Who is signed in.
struct Session {
    token: String,
    member: SignedIn,
    /// What `getMe` says of them.
    me: Value,
}

/// Answers a request with a page; one that is not open is for members.
pub(crate) async fn serve<P, W>(
    console: Console,
    path: RawPathParams,
    request: Request,
    is_open: bool,
    page: P,
) -> Response
where
    P: FnOnce(Arc<Visit>) -> W,
    W: Future<Output = Outcome>,
{
    let path = path.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let mut visit = match Visit::begin(console, path, request).await {
        Ok(visit) => visit,
        Err(response) => return response,
    };
    let known = visit.know().await;
    let visit = Arc::new(visit);
    let outcome = match known {
        Ok(()) if visit.session.is_none() && !is_open => Err(Failure::SignedOut),
        Ok(()) => page(visit.clone()).await,
        Err(failure) => Err(failure),
    };
    let mut response = outcome.unwrap_or_else(|failure| failure.answer(&visit));
    visit.finish(response.headers_mut());
    response
}

impl Visit {
    /// # Errors
    /// The answer to a request that cannot be read, or whose form has no proof.
    async fn begin(console: Console, path: BTreeMap<String, String>, request: Request) -> Result<Self, Response> {
        let (head, body) = request.into_parts();
        let is_https = cookies::is_https(&head.headers);
        let session = Cookie::Session.of(&head.headers, is_https);
        let session = session.and_then(|token| {
            let member = console.sessions().member(&token, now())?;
            Some(Session { token, member, me: Value::Null })
        });
        let known = session.as_ref().map(|session| session.token.clone());
        let known = known.or_else(|| Cookie::Visit.of(&head.headers, is_https));
        let (is_new, cookie) = (known.is_none(), known.or_else(proofs::token).unwrap_or_default());
        let mut visit = Self {
            path,
            query: Form::read(head.uri.query().unwrap_or_default().as_bytes()),
            form: Form::default(),
            origin: origin(&head),
            uri: head.uri.to_string(),
            is_https,
            is_part: head.headers.contains_key("hx-request"),
            cookie,
            is_new,
            session,
            console,
        };
        if head.method == Method::POST {
            let form = body::to_bytes(body, FORM_BYTES_MAX).await.map_err(|_| Failure::TooLong.answer(&visit))?;
            visit.form = Form::read(&form);
            if visit.is_new || !visit.console.proofs.holds(&visit.cookie, visit.form.text("csrf")) {
                return Err(Failure::Unproved.answer(&visit));
            }
        }
        Ok(visit)
    }

    /// Finds out who it is and what they may do.
    async fn know(&mut self) -> Result<(), Failure> {
        if self.session.is_none() {
            return Ok(());
        }
        let me = self.ask(self.to("getMe")).await?.body;
        if let Some(session) = &mut self.session {
            session.me = me;
        }
        Ok(())
    }

    /// A request to an endpoint in the tenant of who is signed in.
    pub(crate) fn to(&self, endpoint: &'static str) -> Ask {
        let ask = Ask::to(endpoint).from(&self.origin);
        match &self.session {
            Some(session) => ask.path("tenant", session.member.tenant()),
            None => ask,
        }
    }

    /// The same, about what `name` of the page's own path names.
    pub(crate) fn about(&self, endpoint: &'static str, names: &[&str]) -> Ask {
        names.iter().fold(self.to(endpoint), |ask, name| ask.path(name, self.named(name)))
    }

    /// Asks as who is signed in.
    pub(crate) async fn ask(&self, ask: Ask) -> Result<Done, Failure> {
        let asker = match &self.session {
            Some(session) => Asker::SignedIn(session.member.clone()),
            None => Asker::Nobody,
        };
        Ok(self.console.desk.ask(&asker, ask).await?)
    }

    /// What an endpoint answers.
    pub(crate) async fn get(&self, ask: Ask) -> Result<Value, Failure> {
        Ok(self.ask(ask).await?.body)
    }

    /// All items of a list, up to a thousand.
    pub(crate) async fn all(&self, ask: Ask) -> Result<Vec<Value>, Failure> {
        let mut page = self.get(ask.query("limit", "1000")).await?;
        Ok(if let Value::Array(items) = page["items"].take() { items } else { Vec::new() })
    }

    /// What `name` of the path is.
    pub(crate) fn named(&self, name: &str) -> &str {
        self.path.get(name).map_or("", String::as_str)
    }

    /// Whether who is signed in may do this to anything.
    pub(crate) fn may(&self, action: &str) -> bool {
        self.session.as_ref().is_some_and(|session| !session.me["may"][action].is_null())
    }

    /// Who is signed in.
    pub(crate) fn member(&self) -> Option<&SignedIn> {
        self.session.as_ref().map(|session| &session.member)
    }

    /// Where to after signing in.
    pub(crate) fn uri(&self) -> &str {
        &self.uri
    }

    /// A page.
    pub(crate) fn page(&self, template: &str, values: Value) -> Response {
        self.page_with(StatusCode::OK, template, values)
    }

    /// A page with another status.
    pub(crate) fn page_with(&self, status: StatusCode, template: &str, mut values: Value) -> Response {
        let session = self.session.as_ref();
        values["csrf"] = json!(self.console.proofs.of(&self.cookie));
        values["assets"] = json!(self.console.assets);
        values["me"] = session.map_or(Value::Null, |session| session.me.clone());
        values["notice"] = self.notice();
        let (status, text) = match self.console.templates.render(template, &values) {
            Ok(text) => (status, text),
            Err(error) => {
                eprintln!("tollgate: console request {}: {error}", self.origin.request_id);
                let id = &self.origin.request_id;
                (
                    StatusCode::INTERNAL_SERVER_ERROR,
                    format!("The page cannot be shown; the log says why, under {id}.\n"),
                )
            }
        };
        let mut response = Response::new(Body::from(text));
        *response.status_mut() = status;
        let is_page = status != StatusCode::INTERNAL_SERVER_ERROR;
        let media = if is_page { "text/html; charset=utf-8" } else { "text/plain; charset=utf-8" };
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
        response
    }

    /// What was left for this page, once.
    fn notice(&self) -> Value {
        let taken = self.session.as_ref().and_then(|session| self.console.sessions().take(&session.token));
        match taken {
            None => Value::Null,
            Some(Notice::Done(text)) => json!({ "text": text }),
            Some(Notice::Issued { what, id, text }) => {
                json!({ "issued": { "what": what, "id": id, "text": text.as_str() } })
            }
        }
    }

    /// To another page, which says what was done.
    pub(crate) fn done(&self, to: &str, notice: Notice) -> Response {
        if let Some(session) = &self.session {
            self.console.sessions().leave(&session.token, notice);
        }
        self.redirect(to)
    }

    /// To another page (303: with GET).
    pub(crate) fn redirect(&self, to: &str) -> Response {
        let mut response = Response::new(Body::empty());
        // The script of a page would put the other page in the place of a part of this one.
        let (status, name) = if self.is_part {
            (StatusCode::OK, HeaderName::from_static("hx-redirect"))
        } else {
            (StatusCode::SEE_OTHER, header::LOCATION)
        };
        *response.status_mut() = status;
        let to = HeaderValue::from_str(to).unwrap_or_else(|_| HeaderValue::from_static("/console"));
        response.headers_mut().insert(name, to);
        response
    }

    /// Begins a session for a member; the answer gets its cookie.
    pub(crate) fn begin_session(&self, member: SignedIn, response: &mut Response) -> Result<(), Failure> {
        let token = proofs::token().ok_or(Failure::NoEntropy)?;
        self.console.sessions().begin(&token, member, now());
        self.set(Cookie::Session, &token, response.headers_mut());
        self.set(Cookie::Visit, "", response.headers_mut());
        Ok(())
    }

    /// Ends the session, if there is one.
    pub(crate) fn end_session(&self, response: &mut Response) {
        if let Some(session) = &self.session {
            self.console.sessions().end(&session.token);
        }
        self.set(Cookie::Session, "", response.headers_mut());
    }

    fn set(&self, cookie: Cookie, value: &str, headers: &mut HeaderMap) {
        if let Ok(value) = HeaderValue::from_str(&cookie.set(value, self.is_https, SESSION_LIFE)) {
            headers.append(header::SET_COOKIE, value);
        }
    }

    fn finish(&self, headers: &mut HeaderMap) {
        if self.is_new && !headers.contains_key(header::SET_COOKIE) {
            self.set(Cookie::Visit, &self.cookie, headers);
        }
    }
}

fn origin(head: &Parts) -> Origin {
    let address = head.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip().to_string());
    Origin { address, request_id: Uuid::now_v7().to_string() }
}
