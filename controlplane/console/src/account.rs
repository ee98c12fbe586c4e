//! The page of who is signed in: what they are and may do, and a new password.

use crate::{
    Console,
    failure::Trouble,
    get, post,
    visit::{Outcome, Visit},
};
use axum::{Router, http::StatusCode, response::Response};
use serde_json::json;
use std::sync::Arc;
use tollgate_api::{SignIn, SignInRefused};
use zeroize::Zeroizing;

pub(crate) fn routes() -> Router<Console> {
    Router::new()
        .route("/console/account", get(|visit: Arc<Visit>| async move { Ok(show(&visit, None)) }))
        .route("/console/account/password", post(change))
}

fn show(visit: &Visit, trouble: Option<&Trouble>) -> Response {
    let status = trouble.map_or(StatusCode::OK, Trouble::status);
    visit.page_with(status, "account.html", json!({ "trouble": Trouble::shown(trouble) }))
}

/// Who sits at somebody's browser does not have their password yet: it is asked for, and its attempts are limited.
async fn change(visit: Arc<Visit>) -> Outcome {
    let refuse = |place: &str, what: &str, remedy: &str| {
        Ok(show(&visit, Some(&Trouble::at("password", place, what, remedy, &visit))))
    };
    let Some(member) = visit.member() else { return Ok(show(&visit, None)) };
    if visit.form.raw("password") != visit.form.raw("again") {
        return refuse("again", "the two passwords differ", "type the same one twice");
    }
    let (tenant, name) = (member.tenant().clone(), member.member().clone());
    let password = Zeroizing::new(visit.form.raw("current").to_owned());
    let shown = SignIn { tenant, member: name, password, origin: visit.origin.clone() };
    match visit.console.desk.sign_in(shown).await {
        Ok(_) => {}
        Err(SignInRefused::Unknown) => {
            return refuse("current", "this is not your password", "type the one you have now");
        }
        Err(SignInRefused::Later(_)) => return refuse("current", "too many attempts", "try again in a minute"),
        Err(SignInRefused::Refused(refused)) => return Err(refused.into()),
    }
    let body = json!({ "password": visit.form.raw("password") });
    if let Err(failure) = visit.ask(visit.to("putOwnPassword").body(&body)).await {
        return Ok(show(&visit, Some(&Trouble::of("password", failure, &visit)?)));
    }
    let mut response = visit.redirect("/console/sign-in");
    visit.end_session(&mut response);
    Ok(response)
}
