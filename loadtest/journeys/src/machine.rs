//! A machine client: gets a token for itself, looks for the API, and calls it with the token.
//!
//! ```text
//! sign up -> ( token -> catalog -> 10 calls ) ...
//! ```

use crate::{
    ask::{Answer, Failed, ask, failed, until},
    sign_up,
    stage::{API, HOST, OPEN_PLAN, Stage},
};
use goose::prelude::*;
use reqwest::RequestBuilder;
use std::sync::Arc;

/// Calls with each token.
const CALLS: u32 = 10;

/// What a client knows of itself.
#[derive(Clone)]
struct Client {
    id: String,
    secret: String,
}

/// The scenario of such clients.
pub(crate) fn scenario(stage: &Arc<Stage>) -> Result<Scenario, GooseError> {
    let (first, then) = (stage.clone(), stage.clone());
    let arrive = Transaction::new(Arc::new(move |user| Box::pin(arrive(user, first.clone()))));
    let work = Transaction::new(Arc::new(move |user| Box::pin(work(user, then.clone()))));
    Ok(scenario!("machine client")
        .set_weight(2)?
        .register_transaction(arrive.set_name("sign up a client").set_on_start())
        .register_transaction(work.set_name("token, catalog, calls")))
}

async fn arrive(user: &mut GooseUser, stage: Arc<Stage>) -> TransactionResult {
    let stage = &*stage;
    let (id, secret) = sign_up::application(user, stage, OPEN_PLAN, "oauth_client").await?;
    user.set_session_data(Client { id, secret });
    let token = token(user, stage).await?;
    let call = |user: &GooseUser| call(user, stage, &token);
    let may = |answer: &Answer| answer.turned(&[401, 403], &[200]);
    until(user, ("GET", "until a new client may call"), call, may).await.map(drop)
}

async fn work(user: &mut GooseUser, stage: Arc<Stage>) -> TransactionResult {
    let stage = &*stage;
    let token = token(user, stage).await?;
    let catalog = user.client.get(stage.admin("/catalog/apis?limit=1000")).bearer_auth(&stage.place.admin.token);
    let lists = |answer: &Answer| match answer.is(&[200]) {
        Ok(()) if !answer.has("\"journeys\"") => Err(format!("a catalog without {API}")),
        verdict => verdict,
    };
    ask(user, ("GET", "catalog"), catalog, lists).await?;
    for _ in 0..CALLS {
        let call = call(user, stage, &token);
        ask(user, ("GET", "call with a token"), call, |answer| answer.is(&[200])).await?;
    }
    Ok(())
}

/// A token of the client credentials grant (RFC 6749 section 4.4).
async fn token(user: &mut GooseUser, stage: &Stage) -> Result<String, Failed> {
    let Some(Client { id, secret }) = user.get_session_data() else {
        return Err(failed("this client has not signed up"));
    };
    let form = user.client.post(format!("{}/oauth2/token", stage.place.gateway));
    let form = form.header("Content-Type", "application/x-www-form-urlencoded").basic_auth(id, Some(secret));
    let form = form.body("grant_type=client_credentials");
    ask(user, ("POST", "token"), form, |answer| answer.is(&[200]).and_then(|()| answer.text("/access_token"))).await
}

fn call(user: &GooseUser, stage: &Stage, token: &str) -> RequestBuilder {
    user.client.get(format!("{}/journeys/orders/17", stage.place.gateway)).header("Host", HOST).bearer_auth(token)
}
