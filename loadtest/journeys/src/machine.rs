//! A machine client: gets a token for itself, looks for the API, and calls it with the token.
//!
//! ```text
//! sign up -> ( token -> catalog -> 10 calls ) ...
//! ```

use crate::{
    ask::{Failed, ask, failed, until},
    sign_up,
    stage::{API, HOST, OPEN_PLAN, Stage},
};
use goose::{goose::GooseMethod, prelude::*};
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
    until(user, (GooseMethod::Get, "until a new client may call"), call, (&[401, 403], &[200])).await?;
    Ok(())
}

async fn work(user: &mut GooseUser, stage: Arc<Stage>) -> TransactionResult {
    let stage = &*stage;
    let token = token(user, stage).await?;
    let catalog = user.client.get(stage.admin("/catalog/apis?limit=1000")).bearer_auth(&stage.place.admin.token);
    let catalog = ask(user, (GooseMethod::Get, "catalog"), catalog, &[200]).await?;
    if !catalog.has("\"journeys\"") {
        return Err(failed(user, catalog, &format!("a catalog without {API}")));
    }
    for _ in 0..CALLS {
        let call = call(user, stage, &token);
        ask(user, (GooseMethod::Get, "call with a token"), call, &[200]).await?;
    }
    Ok(())
}

/// A token of the client credentials grant (RFC 6749 section 4.4).
async fn token(user: &mut GooseUser, stage: &Stage) -> Result<String, Failed> {
    let Some(Client { id, secret }) = user.get_session_data() else {
        return Err(Box::new(TransactionError::Custom("this client has not signed up".to_owned())));
    };
    let form = user.client.post(format!("{}/oauth2/token", stage.place.gateway));
    let form = form.header("Content-Type", "application/x-www-form-urlencoded").basic_auth(id, Some(secret));
    let form = form.body("grant_type=client_credentials");
    ask(user, (GooseMethod::Post, "token"), form, &[200]).await?.text(user, "/access_token")
}

fn call(user: &GooseUser, stage: &Stage, token: &str) -> RequestBuilder {
    user.client.get(format!("{}/journeys/orders/17", stage.place.gateway)).header("Host", HOST).bearer_auth(token)
}
