//! How an application begins: it is made, it subscribes, it gets a credential. Each user has one of its own.
//!
//! The admin API is asked with the token of the run, through goose, so that these requests are counted as well.

use crate::{
    ask::{Failed, ask, issued, made},
    stage::{API, Stage},
};
use goose::prelude::*;
use serde_json::json;

/// The path of the user's application in the tenant.
pub(crate) fn path(user: &GooseUser) -> String {
    format!("/applications/journeys-{}", user.weighted_users_index)
}

/// Makes the user's application, subscribed under `plan`; gives id and text of a credential of that kind.
pub(crate) async fn application(
    user: &mut GooseUser,
    stage: &Stage,
    plan: &str,
    kind: &str,
) -> Result<(String, String), Failed> {
    let path = path(user);
    let token = &stage.place.admin.token;
    let request = user.client.put(stage.admin(&path)).bearer_auth(token).json(&stage.application());
    ask(user, ("PUT", "application"), request, made).await?;
    let url = stage.admin(&format!("{path}/subscriptions/{API}"));
    let request = user.client.put(url).bearer_auth(token).json(&json!({ "plan": plan }));
    ask(user, ("PUT", "subscription"), request, made).await?;
    let url = stage.admin(&format!("{path}/credentials"));
    let request = user.client.post(url).bearer_auth(token).json(&json!({ "kind": kind }));
    ask(user, ("POST", "credential"), request, issued).await
}
