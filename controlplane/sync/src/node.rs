//! The node's end: polls, has the gateway take what is new, keeps it, and says so with the next poll.
//!
//! ```text
//!        .--------------- what it has, what it has refused -----------------.
//!        v                                                                  |
//! poll -> nothing new ---------------------------------------------------->-|
//!      -> delta -> the gateway takes it -> kept in the file --------------->-|
//!      |             `-> it does not: it goes on with what it has --------->-|
//!      `-> nobody answers: a pause, twice as long each time, then ---------'
//! ```
//!
//! One thread that sleeps in a poll; nothing here is on the path of a request. A gateway that gets nothing goes on with what
//! it has for as long as it takes.

use crate::{
    client::{Access, Client, Failure},
    keeper::Keeper,
    limits::{COUNTS_MAX, PAUSE_MAX, PAUSE_MIN, REFUSED_FOR, TEXT_CHARS_MAX, WAIT},
    message::{Answer, Delta, Health, PROTOCOL, Poll, Refused},
    patch::Patch,
    usage::{Count, Reporter},
};
use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher as _, Hasher as _},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

/// A gateway that takes patches.
pub trait Target {
    /// The generation of its configuration: what a patch is for.
    fn generation(&self) -> u64;
    /// Whether its configuration has an item of this kind (`routes`) and name.
    fn has(&self, kind: &str, name: &str) -> bool;
    /// Makes a patch and waits until it runs.
    ///
    /// # Errors
    /// It does not run.
    fn patch(&self, text: String) -> Result<(), NotTaken>;
    /// Reads its file and the overlay over it anew.
    ///
    /// # Errors
    /// It goes on with what it has.
    fn renew(&self) -> Result<(), NotTaken>;
    /// How it is.
    fn health(&self) -> Health;
    /// What applications have used since it was asked last, of `max` applications and APIs at most. Nothing, if it does not
    /// count.
    fn used(&self, _max: usize) -> Vec<Count> {
        Vec::new()
    }
}

/// Why a gateway has not taken something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotTaken {
    /// It was for another configuration than the one that runs: make it again.
    Conflict,
    /// It is on its way down.
    Draining,
    /// It cannot run it: why.
    Invalid(String),
}

/// Makes a patch of whatever `target` runs.
///
/// # Errors
/// `Draining` or `Invalid`: nothing has changed.
pub fn apply(target: &impl Target, patch: &Patch) -> Result<(), NotTaken> {
    loop {
        // Before the question what is there: if that changes meanwhile, the patch is for something else.
        let base = target.generation().to_string();
        match target.patch(patch.text(&base, |kind, name| target.has(kind, name))) {
            Err(NotTaken::Conflict) => {}
            done => return done,
        }
    }
}

/// The node's end.
pub struct Node<T> {
    client: Client,
    keeper: Arc<Keeper>,
    target: T,
    version: &'static str,
    refused: Option<(Refused, Instant)>,
    reporter: Reporter,
}

/// Asks for everything once, without waiting: before a gateway starts that has nothing yet. It need not be there.
///
/// # Errors
/// Nobody answers, or what came cannot be kept: in words.
pub fn fetch(access: Access, keeper: &Keeper, version: &'static str) -> Result<(), String> {
    let poll = Poll {
        protocol: PROTOCOL,
        version: version.to_owned(),
        has: None,
        refused: None,
        health: Health::default(),
        usage: None,
        wait_ms: 0,
    };
    let answer = Client::new(access).poll(&poll).map_err(|failure| failure.to_string())?;
    let Some(delta) = answer.delta.filter(|delta| delta.from.is_none()) else { return Ok(()) };
    keeper.try_on(&delta).and_then(|_| keeper.keep()).map_err(|error| format!("what came cannot be kept: {error}"))
}

impl<T: Target> Node<T> {
    /// For `target`, which runs what `keeper` has.
    pub fn new(access: Access, keeper: Arc<Keeper>, target: T, version: &'static str) -> Self {
        Self { client: Client::new(access), keeper, target, version, refused: None, reporter: Reporter::new() }
    }

    /// Goes on for as long as the gateway does.
    pub fn run(mut self) {
        let (mut pause, mut failed) = (PAUSE_MIN, None);
        loop {
            let poll = self.poll();
            match self.client.poll(&poll) {
                Ok(answer) => {
                    if failed.take().is_some() {
                        eprintln!("tollgate: the control plane at {} answers again", self.client.url());
                    }
                    pause = PAUSE_MIN;
                    if self.take(answer) == Err(NotTaken::Draining) {
                        return;
                    }
                }
                Err(failure) => {
                    self.say(&failure, &mut failed);
                    thread::sleep(by_chance(pause));
                    pause = (pause * 2).min(PAUSE_MAX);
                }
            }
        }
    }

    /// Says a failure, unless it was the last one already.
    fn say(&self, failure: &Failure, before: &mut Option<String>) {
        let now = failure.to_string();
        if before.as_ref() != Some(&now) {
            eprintln!("tollgate: {now} ({}); what was published runs on", self.client.url());
        }
        *before = Some(now);
    }

    fn poll(&mut self) -> Poll {
        self.refused.take_if(|(_, since)| since.elapsed() > REFUSED_FOR);
        let wait =
            self.refused.as_ref().map_or(WAIT, |(_, since)| WAIT.min(REFUSED_FOR.saturating_sub(since.elapsed())));
        Poll {
            protocol: PROTOCOL,
            version: self.version.to_owned(),
            has: self.keeper.position(),
            refused: self.refused.as_ref().map(|(refused, _)| refused.clone()),
            health: self.target.health(),
            usage: self.reporter.batch(COUNTS_MAX, |max| self.target.used(max)).cloned(),
            wait_ms: if self.reporter.has_more() { 0 } else { u64::try_from(wait.as_millis()).unwrap_or(u64::MAX) },
        }
    }

    /// Takes what is new. Only the end of the gateway is an error.
    fn take(&mut self, answer: Answer) -> Result<(), NotTaken> {
        self.reporter.answered(answer.usage.as_ref());
        let Some(delta) = answer.delta else { return Ok(()) };
        let done = match self.keeper.try_on(&delta) {
            Ok(Some(patch)) => self.run_with(&delta, &patch),
            // Another one is under way, or it was sent by mistake: the next poll says what is here.
            Ok(None) => Err(NotTaken::Invalid("it is for something else than what runs here".to_owned())),
            Err(error) => Err(NotTaken::Invalid(format!("what is kept cannot be read: {error}"))),
        };
        match done {
            Ok(()) => {
                self.refused = None;
                if let Err(error) = self.keeper.keep() {
                    eprintln!("tollgate: what was published runs, and is not kept for the next start: {error}");
                }
            }
            Err(NotTaken::Invalid(why)) => {
                self.keeper.put_back();
                eprintln!(
                    "tollgate: what was published is refused by this node, which goes on with what it has:\n{why}"
                );
                let why = why.chars().take(TEXT_CHARS_MAX).collect();
                self.refused = Some((Refused { to: delta.to, why }, Instant::now()));
            }
            Err(error) => {
                self.keeper.put_back();
                return Err(error);
            }
        }
        Ok(())
    }

    fn run_with(&self, delta: &Delta, patch: &Patch) -> Result<(), NotTaken> {
        let applied = apply(&self.target, patch);
        match applied {
            // What runs may be something else than what was kept: all of it over the file anew says more.
            Err(NotTaken::Invalid(_)) if delta.from.is_none() && self.target.renew().is_ok() => Ok(()),
            applied => applied,
        }
    }
}

/// Between half of a pause and all of it, so that nodes that have lost a control plane together do not come back together.
fn by_chance(pause: Duration) -> Duration {
    let chance = RandomState::new().build_hasher().finish();
    let half = pause / 2;
    half + half.mul_f64((chance % 1024) as f64 / 1024.0)
}
