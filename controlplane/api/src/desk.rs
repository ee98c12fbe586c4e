//! What every request goes through: who asks, may they, the transaction, the answer.
//!
//! ```text
//! axum -> Desk::serve -> a thread that may block:
//!     read  { token -> actor -> rule -> handler }
//!     write { answer kept for the Idempotency-Key, or handler -> keep }   undone if it is a dry run
//! ```
//!
//! `Desk::ask` is the same for who asks from within the process, the pages of the console: an endpoint by its name.
//! At most `REQUESTS_MAX` requests are worked on at one time; the others wait for their turn without a thread.

use crate::{
    answer::Answer,
    ask::{Ask, Done},
    asker::Asker,
    attempts::Attempts,
    call::{Call, Permit},
    change::Change,
    debug::{self, Debugger, NotDebugged},
    endpoint::{Endpoint, Outcome, Rule, Run},
    endpoints,
    fleet::Fleet,
    hasher::Hasher,
    idempotency,
    judge::Judge,
    limits::{BODY_BYTES_MAX, OPEN_BODY_BYTES_MAX, REQUESTS_MAX},
    passwords,
    problem::{Problem, Refused},
};
use axum::response::Response;
use std::sync::{Arc, Mutex};
use tokio::{runtime::Handle, sync::Semaphore, task};
use tollgate_domain::{Name, Tenant};
use tollgate_store::{Error, Records as _, Rows, Space, Store, Transactions as _};

/// The state of the admin API.
#[derive(Clone)]
pub struct Desk {
    pub(crate) store: Arc<dyn Store>,
    judge: Option<Arc<dyn Judge>>,
    fleet: Option<Arc<dyn Fleet>>,
    debugger: Option<Arc<dyn Debugger>>,
    turns: Arc<Semaphore>,
    pub(crate) hasher: Hasher,
    pub(crate) attempts: Arc<Mutex<Attempts>>,
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
    /// A desk over a store. `judge` is asked about every change before it is made, `fleet` about what nodes run.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, judge: Option<Arc<dyn Judge>>, fleet: Option<Arc<dyn Fleet>>) -> Self {
        let turns = Arc::new(Semaphore::new(REQUESTS_MAX));
        Self { store, judge, fleet, debugger: None, turns, hasher: Hasher::new(), attempts: Arc::default() }
    }

    /// The same with somebody who has test requests sent.
    #[must_use]
    pub fn with_debugger(self, debugger: Arc<dyn Debugger>) -> Self {
        Self { debugger: Some(debugger), ..self }
    }

    /// Answers a request from within the process: with the same rules, audit and judge as one over HTTP.
    ///
    /// # Errors
    /// What the problem document would say. An endpoint that there is not is a mistake of the caller, told as `internal`.
    pub async fn ask(&self, asker: &Asker, ask: Ask) -> Result<Done, Refused> {
        let request_id = ask.request_id().to_owned();
        let Some(endpoint) = endpoints().find(|endpoint| endpoint.name == ask.endpoint()) else {
            return Err(Problem::internal(format!("there is no endpoint {}", ask.endpoint())).into_refused(&request_id));
        };
        let call = ask.call(endpoint, asker);
        let answer = self.clone().work(endpoint, call).await.map_err(|problem| problem.into_refused(&request_id))?;
        let (body, etag) = answer.into_parts();
        Ok(Done { body, etag })
    }

    /// Answers a request.
    pub(crate) async fn serve(self, endpoint: &'static Endpoint, call: Call) -> Response {
        let request_id = call.request_id.clone();
        let is_dry_run = endpoint.is_change() && call.is_dry_run().unwrap_or(false);
        match self.work(endpoint, call).await {
            Ok(answer) => answer.into_response(is_dry_run),
            Err(problem) => problem.into_response(&request_id),
        }
    }

    async fn work(self, endpoint: &'static Endpoint, call: Call) -> Outcome {
        self.in_turn(move |desk| desk.answer(endpoint, call)).await
    }

    /// Looks at who asks before their body is read; gives how many bytes that may have.
    pub(crate) async fn admit(&self, endpoint: &'static Endpoint, call: Call) -> Result<(Call, usize), Problem> {
        if !matches!(endpoint.rule, Rule::May(_)) {
            return Ok((call, OPEN_BODY_BYTES_MAX));
        }
        let admit = move |desk: &Self| {
            desk.store.read(|rows| permit(endpoint, &call, rows).map(drop))?;
            Ok((call, BODY_BYTES_MAX))
        };
        self.clone().in_turn(admit).await
    }

    /// Waits for a turn, and works on a thread that may block.
    async fn in_turn<T: Send + 'static>(
        self,
        work: impl FnOnce(&Self) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let Ok(turn) = self.turns.clone().acquire_owned().await else {
            return Err(Problem::internal("the admin API is closed"));
        };
        let work = task::spawn_blocking(move || {
            let _turn = turn;
            work(&self)
        });
        work.await.unwrap_or_else(|_| Err(Problem::internal("a handler panicked")))
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
            Run::Write(run) => self.change(&call, |change| idempotency::once(change, run)),
            Run::Debug => {
                let debugger = self.debugger.as_ref().ok_or(NotDebugged::NoGateway)?;
                let request = self.store.read(|rows| debug::prepared(&call, rows))?;
                let scope = request.scope.clone();
                let said = debugger.debug(request)?;
                self.store.read(|rows| debug::told(&call, rows, &scope, said))
            }
            Run::Password(run) => {
                let hash = passwords::hashed(&call)?;
                // On a thread that may block, and so may wait for another.
                let hash = Handle::current().block_on(self.hasher.run(hash)).map_err(|_| Problem::busy())?;
                let hash = hash.ok_or_else(|| Problem::internal("a password cannot be hashed"))?;
                self.change(&call, |change| run(change, &hash))
            }
        }
    }

    fn change(&self, call: &Call, run: impl FnOnce(&mut Change<'_>) -> Outcome) -> Outcome {
        let is_dry_run = call.is_dry_run()?;
        let done = self.store.write(|rows| {
            let mut touched = Vec::new();
            let mut change = Change { call, rows, touched: &mut touched };
            let answer = run(&mut change).map_err(Stop::Problem)?;
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
    let actor = call.asker.actor(rows, call.now_s())?.ok_or_else(Problem::unauthenticated)?;
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
