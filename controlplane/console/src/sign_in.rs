//! Signing in and out, and the setup of an installation that has nobody yet.
//!
//! Whoever is unknown or shows another password is told the same. What is typed into the field of a password is shown nowhere.

use crate::{
    Console,
    failure::{Failure, Trouble},
    open, post,
    visit::{Outcome, Visit},
};
use axum::{Router, http::HeaderValue, http::StatusCode, http::header, response::Response};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use tollgate_api::{SetUp, SignIn, SignInRefused, SignedIn};
use tollgate_domain::Name;
use zeroize::Zeroizing;

pub(crate) fn routes() -> Router<Console> {
    Router::new()
        .route("/console/sign-in", open(sign_in))
        .route("/console/setup", open(set_up))
        .route("/console/sign-out", post(sign_out))
}

/// Where to after signing in: a page of ours, whatever the link says.
fn then(visit: &Visit) -> String {
    let wanted = visit.form.some("then").or_else(|| visit.query.some("then")).unwrap_or_default();
    let is_ours = wanted.starts_with("/console/") && wanted.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    if is_ours { wanted.to_owned() } else { "/console/catalog".to_owned() }
}

async fn sign_in(visit: Arc<Visit>) -> Outcome {
    if visit.form.raw("csrf").is_empty() {
        return Ok(show(&visit, "sign-in.html", StatusCode::OK, None));
    }
    let shown = who(&visit);
    let refused = match shown {
        Some(shown) => visit.console.desk.sign_in(shown).await,
        None => Err(SignInRefused::Unknown),
    };
    entered(&visit, "sign-in.html", refused)
}

async fn set_up(visit: Arc<Visit>) -> Outcome {
    if visit.form.raw("csrf").is_empty() {
        return Ok(show(&visit, "setup.html", StatusCode::OK, None));
    }
    let trouble = |place: &str, what: &str, remedy: &str| {
        let trouble = Trouble::at("setup", place, what, remedy, &visit);
        Ok(show(&visit, "setup.html", trouble.status(), Some(&trouble)))
    };
    for place in ["tenant", "member"] {
        if let Err(refusal) = visit.form.text(place).parse::<Name>() {
            return trouble(place, &refusal.what, &refusal.remedy);
        }
    }
    if visit.form.raw("password") != visit.form.raw("again") {
        return trouble("again", "the two passwords differ", "type the same one twice");
    }
    let Some(owner) = who(&visit) else { return Err(Failure::Missing) };
    let token = visit.form.text("token").to_owned();
    let made = visit.console.desk.set_up(SetUp { token, owner }).await;
    if let Err(SignInRefused::Refused(refused)) = &made
        && refused.status == 401
    {
        return trouble("token", "this is not the setup token", "copy it from where the control plane was started");
    }
    entered(&visit, "setup.html", made)
}

/// Who the form says it is from.
fn who(visit: &Visit) -> Option<SignIn> {
    let (tenant, member) = (visit.form.text("tenant").parse().ok()?, visit.form.text("member").parse().ok()?);
    let password = Zeroizing::new(visit.form.raw("password").to_owned());
    Some(SignIn { tenant, member, password, origin: visit.origin.clone() })
}

fn entered(visit: &Visit, template: &str, outcome: Result<SignedIn, SignInRefused>) -> Outcome {
    let refuse = |what: &str, remedy: &str, status| {
        let trouble = Trouble::at("sign-in", "", what, remedy, visit);
        show(visit, template, status, Some(&trouble))
    };
    match outcome {
        Ok(member) => {
            let mut response = visit.redirect(&then(visit));
            visit.begin_session(member, &mut response)?;
            Ok(response)
        }
        Err(SignInRefused::Unknown) => {
            let remedy = "look at tenant, name and password; an owner of the tenant can set a new password";
            Ok(refuse("there is no such member with this password", remedy, StatusCode::FORBIDDEN))
        }
        Err(SignInRefused::Later(wait)) => Ok(later(refuse, wait)),
        Err(SignInRefused::Refused(refused)) => {
            let trouble = Trouble::of("setup", Failure::Refused(refused), visit)?;
            Ok(show(visit, template, trouble.status(), Some(&trouble)))
        }
    }
}

fn later(refuse: impl Fn(&str, &str, StatusCode) -> Response, wait: Duration) -> Response {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    let remedy = format!("try again in {seconds} s");
    let mut response = refuse("too many attempts to sign in", &remedy, StatusCode::TOO_MANY_REQUESTS);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    response
}

fn show(visit: &Visit, template: &str, status: StatusCode, trouble: Option<&Trouble>) -> Response {
    let values: Value = json!({ "then": then(visit), "trouble": Trouble::shown(trouble) });
    visit.page_with(status, template, values)
}

async fn sign_out(visit: Arc<Visit>) -> Outcome {
    let mut response = visit.redirect("/console/sign-in");
    visit.end_session(&mut response);
    Ok(response)
}
