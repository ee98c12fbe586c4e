//! A caller with a key: calls within the plan and beyond it, rotates the key, and calls on with the new one.
//!
//! ```text
//! sign up -> ( within -> beyond: 429 -> rotate -> until the new key holds -> call -> until the old key ends -> pause ) ...
//! ```

use crate::{
    ask::{Answer, Failed, ask, failed, issued, until},
    sign_up,
    stage::{HOST, SMALL_LIMIT, SMALL_PLAN, Stage},
};
use goose::prelude::*;
use reqwest::RequestBuilder;
use serde_json::json;
use std::{sync::Arc, time::Duration};

/// Seconds that an old key goes on beside the new one.
const OVERLAP_S: u64 = 1;
/// Calls that exhaust the plan on any machine that makes more than a handful a second.
const BEYOND_MAX: u32 = 20 * SMALL_LIMIT;
/// After which the plan has room for all of its calls.
const REFILL: Duration = Duration::from_millis(1100);
/// Longest wait that a caller believes in, in seconds.
const RETRY_AFTER_MAX: u64 = 5;

/// The key of a caller.
#[derive(Clone)]
struct Key {
    id: String,
    text: String,
}

/// The scenario of such callers.
pub(crate) fn scenario(stage: &Arc<Stage>) -> Result<Scenario, GooseError> {
    let (first, then, last) = (stage.clone(), stage.clone(), stage.clone());
    let arrive = Transaction::new(Arc::new(move |user| Box::pin(arrive(user, first.clone()))));
    let exceed = Transaction::new(Arc::new(move |user| Box::pin(exceed(user, then.clone()))));
    let rotate = Transaction::new(Arc::new(move |user| Box::pin(rotate(user, last.clone()))));
    Ok(scenario!("caller with a key")
        .set_weight(2)?
        .register_transaction(arrive.set_name("sign up a caller").set_on_start())
        .register_transaction(exceed.set_name("within the plan and beyond").set_sequence(1))
        .register_transaction(rotate.set_name("rotate the key").set_sequence(2)))
}

async fn arrive(user: &mut GooseUser, stage: Arc<Stage>) -> TransactionResult {
    let (id, text) = sign_up::application(user, &stage, SMALL_PLAN, "api_key").await?;
    let key = |user: &GooseUser| call(user, &stage, &text);
    let may = |answer: &Answer| answer.turned(&[401, 403], &[200]);
    until(user, ("GET", "until a new caller may call"), key, may).await?;
    user.set_session_data(Key { id, text });
    Ok(())
}

async fn exceed(user: &mut GooseUser, stage: Arc<Stage>) -> TransactionResult {
    // What was called before counts no more.
    tokio::time::sleep(REFILL).await;
    let key = key(user)?.text.clone();
    for _ in 0..SMALL_LIMIT {
        let call = call(user, &stage, &key);
        ask(user, ("GET", "call within the plan"), call, |answer| answer.is(&[200])).await?;
    }
    for _ in 0..BEYOND_MAX {
        let call = call(user, &stage, &key);
        if ask(user, ("GET", "call beyond the plan"), call, held_back).await?.is_some() {
            return Ok(());
        }
    }
    Err(failed(format!("{BEYOND_MAX} calls at once, and the plan of {SMALL_LIMIT} a second refused none")))
}

/// Seconds to wait, where the plan has no room; a refusal says so, and how much there is.
fn held_back(answer: &Answer) -> Result<Option<u64>, String> {
    answer.is(&[200, 429])?;
    match answer.number("Retry-After") {
        _ if answer.status == 200 => Ok(None),
        Some(after @ 0..=RETRY_AFTER_MAX) if answer.has_field("RateLimit") => Ok(Some(after)),
        _ => Err(format!("429 without RateLimit, or without a Retry-After of up to {RETRY_AFTER_MAX} s")),
    }
}

async fn rotate(user: &mut GooseUser, stage: Arc<Stage>) -> TransactionResult {
    let old = key(user)?;
    let (old_id, old_text) = (old.id.clone(), old.text.clone());
    let url = stage.admin(&format!("{}/credentials/{old_id}/rotate", sign_up::path(user)));
    let request = user.client.post(url).bearer_auth(&stage.place.admin.token).json(&json!({ "overlap_s": OVERLAP_S }));
    let (id, text) = ask(user, ("POST", "rotate"), request, issued).await?;
    // To be held back is an answer to a key that holds.
    let new = |user: &GooseUser| call(user, &stage, &text);
    let holds = |answer: &Answer| if answer.status == 401 { Ok(None) } else { held_back(answer).map(Some) };
    if let Some(after) = until(user, ("GET", "until the new key holds"), new, holds).await? {
        tokio::time::sleep(Duration::from_secs(after)).await;
    }
    let request = call(user, &stage, &text);
    ask(user, ("GET", "call with the new key"), request, |answer| answer.is(&[200])).await?;
    let old = |user: &GooseUser| call(user, &stage, &old_text);
    let ended = |answer: &Answer| answer.turned(&[200, 429], &[401]);
    until(user, ("GET", "until the old key ends"), old, ended).await?;
    user.set_session_data(Key { id, text });
    Ok(())
}

fn key(user: &GooseUser) -> Result<&Key, Failed> {
    user.get_session_data().ok_or_else(|| failed("this caller has not signed up"))
}

fn call(user: &GooseUser, stage: &Stage, key: &str) -> RequestBuilder {
    let url = format!("{}/journeys/orders/17", stage.place.gateway);
    user.client.get(url).header("Host", HOST).header("X-API-Key", key)
}
