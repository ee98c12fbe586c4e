//! The page on which an operation is tried out: a form made of its parameters, and what the gateway answered.
//!
//! The server sends the request, to the gateway of its own process and nowhere else: browsers would need CORS at every API, and
//! an address that could be typed in would be a way into the network. What is sent counts like any other call.

use crate::{
    Console, catalog,
    failure::{Failure, Trouble},
    get,
    limits::TRIED_WAIT,
    post,
    reference::Operation,
    tried::{self, Wanted},
    visit::{Outcome, Visit},
};
use axum::{Router, http::StatusCode, response::Response};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::task;

pub(crate) fn routes() -> Router<Console> {
    Router::new().route("/console/catalog/{api}/try", get(show).merge(post(send)))
}

/// The operation that is named, with where the API is served.
async fn operation(visit: &Visit) -> Result<(Value, Operation), Failure> {
    let api = visit.get(visit.about("findApi", &["api"])).await?;
    let Ok(reference) = catalog::reference(visit, &api).await? else { return Err(Failure::Missing) };
    let name = visit.form.some("operation").unwrap_or_else(|| visit.query.text("operation"));
    let operation = reference.operation(name).cloned().ok_or(Failure::Missing)?;
    Ok((api, operation))
}

async fn show(visit: Arc<Visit>) -> Outcome {
    let (api, operation) = operation(&visit).await?;
    Ok(page(&visit, &api, &operation, None, &Value::Null))
}

fn page(visit: &Visit, api: &Value, operation: &Operation, trouble: Option<&Trouble>, tried: &Value) -> Response {
    // Mistakes of these stand beside their fields.
    let mut places: Vec<_> = operation.parameters.iter().map(|one| format!("p.{}.{}", one.place, one.name)).collect();
    places.push("environment".to_owned());
    let gateway = visit.console.gateway.get().map(ToString::to_string);
    let values = json!({
        "name": visit.named("api"), "api": api, "operation": operation, "gateway": gateway,
        "trouble": Trouble::shown(trouble), "values": visit.form.shown(), "tried": tried, "places": places,
    });
    visit.page_with(trouble.map_or(StatusCode::OK, Trouble::status), "try.html", values)
}

async fn send(visit: Arc<Visit>) -> Outcome {
    let (api, operation) = operation(&visit).await?;
    let refuse = |place: &str, what: &str, remedy: &str| {
        let trouble = Trouble::at("try", place, what, remedy, &visit);
        Ok(page(&visit, &api, &operation, Some(&trouble), &Value::Null))
    };
    let environment = visit.form.text("environment");
    let served = api["served"].as_array().into_iter().flatten().find(|one| one["environment"] == environment);
    let Some(served) = served else {
        return refuse("environment", "the API is not served there", "choose another environment");
    };
    let wanted = match Wanted::read(&visit.form, &operation, served) {
        Ok(wanted) => wanted,
        Err(mistake) => return refuse(&mistake.place, &mistake.what, mistake.remedy),
    };
    let Some(gateway) = visit.console.gateway.get().copied() else {
        return refuse("", "there is no gateway in this process", "send the request from where a gateway is reached");
    };
    let Ok(_turn) = visit.console.tries.try_acquire() else {
        return refuse("", "others try requests out at this moment", "try again");
    };
    let shown = wanted.shown();
    let answer = task::spawn_blocking(move || tried::send(&wanted, gateway, TRIED_WAIT)).await;
    match answer {
        Ok(Ok(answer)) => Ok(page(&visit, &api, &operation, None, &json!({ "request": shown, "answer": answer }))),
        Ok(Err(what)) => refuse("", &what, "look whether the gateway listens there without TLS"),
        Err(_) => refuse("", "the request could not be sent", "try again"),
    }
}
