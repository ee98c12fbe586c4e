//! Why a page is not shown as it was asked for, and what is shown instead.
//!
//! What the admin API refuses is told in its own words. Where a form was sent, its page shows them beside the fields
//! (`Trouble`); everything else has a page of its own.

use crate::visit::Visit;
use axum::{http::StatusCode, response::Response};
use serde_json::{Value, json};
use tollgate_api::Refused;

/// Why a page is not shown.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Nobody is signed in, or not any more.
    SignedOut,
    /// A form without its proof.
    Unproved,
    /// A form that is too long.
    TooLong,
    /// There is no such page.
    Missing,
    /// The system has no random bytes.
    NoEntropy,
    /// The admin API refuses.
    Refused(Refused),
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        if refused.status == 401 { Self::SignedOut } else { Self::Refused(refused) }
    }
}

impl Failure {
    /// The page instead.
    pub(crate) fn answer(self, visit: &Visit) -> Response {
        let (status, title, detail) = match self {
            Self::SignedOut => {
                let then: String = form_urlencoded::byte_serialize(visit.uri().as_bytes()).collect();
                let mut response = visit.redirect(&format!("/console/sign-in?then={then}"));
                visit.end_session(&mut response);
                return response;
            }
            Self::Unproved => {
                let detail = "The form is not from a page of this sign-in. Go back, load the page again, and send it from there.";
                (403, "This form was not taken", detail.to_owned())
            }
            Self::TooLong => (413, "This form is too long", "Send less at one time.".to_owned()),
            Self::Missing => (404, "There is no such page", "It does not exist, or not for you.".to_owned()),
            Self::NoEntropy => (503, "Not now", "The system has no random bytes: try again.".to_owned()),
            Self::Refused(refused) if refused.status == 404 => return Self::Missing.answer(visit),
            Self::Refused(refused) => {
                let id =
                    if refused.status >= 500 { format!(" (request {})", refused.request_id) } else { String::new() };
                (refused.status, title(refused.status), format!("{}{id}", refused.detail))
            }
        };
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let values = json!({ "title": title, "detail": detail, "status": status.as_u16() });
        visit.page_with(status, "error.html", values)
    }
}

const fn title(status: u16) -> &'static str {
    match status {
        403 => "You may not do this",
        409 | 412 => "It does not fit what there is",
        422 => "Something is not right",
        _ => "This did not work",
    }
}

/// A form that was refused, as its page shows it.
#[derive(Default)]
pub(crate) struct Trouble {
    /// Which form of the page.
    form: &'static str,
    status: u16,
    detail: String,
    errors: Vec<Value>,
    values: Value,
}

impl Trouble {
    /// The failure of `form`, if it is about what was typed; others have a page of their own.
    pub(crate) fn of(form: &'static str, failure: Failure, visit: &Visit) -> Result<Self, Failure> {
        let Failure::Refused(refused) = failure else { return Err(failure) };
        if !matches!(refused.status, 409 | 412 | 422) {
            return Err(Failure::Refused(refused));
        }
        let errors = refused.refusals.iter().map(|one| {
            // A field of the form has the first name of a place: `expires_s`, `canary.percent`.
            json!({ "place": one.place, "what": one.what, "remedy": one.remedy })
        });
        let (status, errors) = (refused.status, errors.collect());
        Ok(Self { form, status, detail: refused.detail, errors, values: visit.form.shown() })
    }

    /// Something that is wrong in one field.
    pub(crate) fn at(form: &'static str, place: &str, what: &str, remedy: &str, visit: &Visit) -> Self {
        let errors = vec![json!({ "place": place, "what": what, "remedy": remedy })];
        Self { form, status: 422, detail: what.to_owned(), errors, values: visit.form.shown() }
    }

    pub(crate) fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::OK)
    }

    /// For the template: `trouble.form`, `.detail`, `.errors`, `.values`.
    pub(crate) fn shown(trouble: Option<&Self>) -> Value {
        trouble.map_or_else(
            || json!({ "form": "", "detail": "", "errors": [], "values": {} }),
            |one| json!({ "form": one.form, "detail": one.detail, "errors": one.errors, "values": one.values }),
        )
    }
}
