//! What every request goes through: who asks, may they, the transaction, the answer.
//!
//! ```text
//! axum -> Desk::serve -> a thread that may block:
//!     read  { token -> actor -> rule -> handler }
//!     write { answer kept for the Idempotency-Key, or handler -> keep }   undone if it is a dry run
//! ```
//!
//! At most `REQUESTS_MAX` requests are worked on at one time; the others wait for their turn without a thread.

use crate::{
    answer::Answer,
    call::{Call, Permit},
    change::Change,
    endpoint::{Endpoint, Outcome, Rule, Run},
    fleet::Fleet,
    idempotency,
    judge::Judge,
    limits::REQUESTS_MAX,
    problem::Problem,
    token,
};
use axum::response::Response;
use std::sync::Arc;
use tokio::{sync::Semaphore, task};
use tollgate_domain::{Name, Tenant};
use tollgate_store::{Error, Records as _, Rows, Space, Store, Transactions as _};

/// The state of the admin API.
#[derive(Clone)]
pub(crate) struct Desk {
    store: Arc<dyn Store>,
    judge: Option<Arc<dyn Judge>>,
    fleet: Option<Arc<dyn Fleet>>,
    turns: Arc<Semaphore>,
}

/// How a transaction ends without an answer.
enum Stop {
    Problem(Problem),
    /// What would have been answered.
    DryRun(Answer),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Problem(error.into())
    }
}

impl Desk {
    pub(crate) fn new(store: Arc<dyn Store>, judge: Option<Arc<dyn Judge>>, fleet: Option<Arc<dyn Fleet>>) -> Self {
        Self { store, judge, fleet, turns: Arc::new(Semaphore::new(REQUESTS_MAX)) }
    }

    /// Answers a request.
    pub(crate) async fn serve(self, endpoint: &'static Endpoint, call: Call) -> Response {
        let request_id = call.request_id.clone();
        let Ok(turn) = self.turns.clone().acquire_owned().await else {
            return Problem::internal("the admin API is closed").into_response(&request_id);
        };
        let work = task::spawn_blocking(move || {
            let _turn = turn;
            let is_dry_run = endpoint.is_change() && call.is_dry_run().unwrap_or(false);
            (self.answer(endpoint, call), is_dry_run)
        });
        match work.await {
            Ok((Ok(answer), is_dry_run)) => answer.into_response(is_dry_run),
            Ok((Err(problem), _)) => problem.into_response(&request_id),
            Err(_) => Problem::internal("a handler panicked").into_response(&request_id),
        }
    }

    fn answer(&self, endpoint: &Endpoint, mut call: Call) -> Outcome {
        self.store.read(|rows| {
            call.permit = permit(endpoint, &call, rows)?;
            Ok::<_, Problem>(())
        })?;
        call.fleet = self.fleet.clone();
        known_query(endpoint, &call)?;
        match endpoint.run {
            Run::Read(run) => self.store.read(|rows| run(&call, rows)),
            Run::Write(run) => self.change(&call, run),
        }
    }

    fn change(&self, call: &Call, run: fn(&mut Change<'_>) -> Outcome) -> Outcome {
        let is_dry_run = call.is_dry_run()?;
        let done = self.store.write(|rows| {
            let mut touched = Vec::new();
            let mut change = Change { call, rows, touched: &mut touched };
            let answer = idempotency::once(&mut change, run).map_err(Stop::Problem)?;
            if let Some(judge) = self.judge.as_ref().filter(|_| !touched.is_empty()) {
                judge.judge(rows, &touched)?.map_err(|refusals| Stop::Problem(refusals.into()))?;
            }
            if is_dry_run { Err(Stop::DryRun(answer)) } else { Ok(answer) }
        });
        match done {
            Ok(answer) | Err(Stop::DryRun(answer)) => Ok(answer),
            Err(Stop::Problem(problem)) => Err(problem),
        }
    }
}

/// What the rule of the endpoint gives who asks.
fn permit(endpoint: &Endpoint, call: &Call, rows: &dyn Rows) -> Result<Option<Permit>, Problem> {
    let Rule::May(action) = endpoint.rule else { return Ok(None) };
    let token = call.bearer().ok_or_else(Problem::unauthenticated)?;
    let actor = token::actor(rows, token, call.now_s())?.ok_or_else(Problem::unauthenticated)?;
    let tenant: Name = match call.path.get("tenant") {
        Some(_) => call.named("tenant")?,
        None => actor.tenant.clone(),
    };
    let reach = actor.may(action, &tenant)?;
    // Operators go everywhere, but not to where nothing is.
    let is_there = tenant == actor.tenant || endpoint.makes_tenant;
    if !is_there && rows.load::<Tenant>(Space::Installation, tenant.as_str())?.is_none() {
        return Err(Problem::not_found());
    }
    Ok(Some(Permit { actor, reach, tenant }))
}

fn known_query(endpoint: &Endpoint, call: &Call) -> Result<(), Problem> {
    let Some(unknown) = call.query.keys().find(|name| !endpoint.takes(name)) else { return Ok(()) };
    let own = endpoint.query.iter().map(|(name, _)| *name);
    let names: Vec<_> = own.chain(endpoint.is_change().then_some("dry_run")).collect();
    let remedy = if names.is_empty() { "leave it out".to_owned() } else { format!("use one of {}", names.join(", ")) };
    Err(Problem::invalid(unknown, format!("there is no query parameter `{unknown}` here"), remedy))
}
