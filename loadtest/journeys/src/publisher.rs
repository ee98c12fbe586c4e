//! A publisher: publishes one revision after the other, of an API of its own and of the one that all others call.
//!
//! ```text
//! ( write -> publish -> until it is served -> until the one before is not -> publish what is called ) ...
//! ```

use crate::{
    ask::{Answer, Failed, ask, failed, made, until},
    stage::{API, ENVIRONMENT, HOST, Stage},
};
use goose::prelude::*;
use serde_json::json;
use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Between two revisions: people are slow.
const PAUSE: Duration = Duration::from_millis(200);

/// The number in the path of the revision that was published last.
#[derive(Clone)]
struct Published(u64);

/// The scenario of such publishers.
pub(crate) fn scenario(stage: &Arc<Stage>) -> Result<Scenario, GooseError> {
    let (first, then) = (stage.clone(), stage.clone());
    let arrive = Transaction::new(Arc::new(move |user| Box::pin(arrive(user, first.clone()))));
    let release = Transaction::new(Arc::new(move |user| Box::pin(release(user, then.clone()))));
    Ok(scenario!("publisher")
        .set_wait_time(PAUSE, PAUSE)?
        .register_transaction(arrive.set_name("publish the first revision").set_on_start())
        .register_transaction(release.set_name("publish another revision")))
}

async fn arrive(user: &mut GooseUser, stage: Arc<Stage>) -> TransactionResult {
    // Another number than in any run before, whose last revision may still be there.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let number = u64::try_from(now.as_micros()).unwrap_or_default();
    publish(user, &stage, number).await?;
    user.set_session_data(Published(number));
    Ok(())
}

async fn release(user: &mut GooseUser, stage: Arc<Stage>) -> TransactionResult {
    let Some(&Published(before)) = user.get_session_data() else {
        return Err(failed("nothing was published to begin with"));
    };
    publish(user, &stage, before + 1).await?;
    let old = |user: &GooseUser| call(user, &stage, before);
    let gone = |answer: &Answer| answer.turned(&[200], &[404]);
    until(user, ("GET", "until the revision before is gone"), old, gone).await?;
    let note = json!({ "note": "again, while it is called" });
    make_public(user, &stage, API, &note).await?;
    user.set_session_data(Published(before + 1));
    Ok(())
}

/// Writes and publishes the revision with that number, and waits until the gateway has it.
async fn publish(user: &mut GooseUser, stage: &Stage, number: u64) -> Result<(), Failed> {
    let api = format!("{}@1", name(user));
    let url = stage.admin(&format!("/apis/{api}"));
    let written = stage.released(user.weighted_users_index, number);
    let request = user.client.put(url).bearer_auth(&stage.place.admin.token).json(&written);
    ask(user, ("PUT", "api"), request, made).await?;
    make_public(user, stage, &api, &json!({})).await?;
    let new = |user: &GooseUser| call(user, stage, number);
    let served = |answer: &Answer| answer.turned(&[404], &[200]);
    until(user, ("GET", "until a revision is served"), new, served).await.map(drop)
}

async fn make_public(user: &mut GooseUser, stage: &Stage, api: &str, body: &serde_json::Value) -> Result<(), Failed> {
    let url = stage.admin(&format!("/apis/{api}/publications/{ENVIRONMENT}"));
    let request = user.client.post(url).bearer_auth(&stage.place.admin.token).json(body);
    ask(user, ("POST", "publication"), request, made).await
}

fn call(user: &GooseUser, stage: &Stage, number: u64) -> reqwest::RequestBuilder {
    let url = format!("{}/{}/revision/{number}", stage.place.gateway, name(user));
    user.client.get(url).header("Host", HOST)
}

fn name(user: &GooseUser) -> String {
    format!("journeys-release-{}", user.weighted_users_index)
}
