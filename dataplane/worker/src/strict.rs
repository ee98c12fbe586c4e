//! Exchanges that wait until the store that nodes share has decided on their request.
//!
//! ```text
//! throttle -> pose -> Store::ask .. a side thread, the store .. mailbox -> hear -> the exchange goes on
//!                `-> no room, lost, late, or the exchange is ended: at once
//! ```
//!
//! The worker goes on with its other exchanges meanwhile. At most [`limits::QUESTIONS_MAX`] questions of a worker are out
//! at a time, one that nobody waits for any more among them until it is back, so that its mailbox has room for each. What
//! a request is decided by is `tollgate_policy`'s. Such a request allocates what its waiting needs, and no other does.

use crate::{exchange::Machine, limits, policies::Early, state::Worker, tickets::Tickets};
use std::{cell::RefCell, rc::Rc, time::Duration};
use tollgate_http::Reason;
use tollgate_io::{Io, Mailbox};
use tollgate_policy::{Admission, Question, Rules, Store, Unanswered};

/// The questions of a worker that are out.
pub(crate) struct Questions {
    tickets: Tickets<Box<Question>>,
    #[expect(clippy::vec_box, reason = "questions travel between threads as boxes, and are used again as they are")]
    spare: RefCell<Vec<Box<Question>>>,
}

impl Default for Questions {
    fn default() -> Self {
        Self { tickets: Tickets::new(limits::QUESTIONS_MAX), spare: RefCell::default() }
    }
}

/// Notes the answers that come, until no more can.
pub(crate) async fn hear<I: Io>(worker: Rc<Worker<I>>, answers: impl Mailbox<Box<Question>>) {
    while let Some(question) = answers.receive().await {
        if let Some(question) = worker.questions.tickets.note(question.ticket, question) {
            worker.questions.keep(question);
        }
    }
}

impl Questions {
    fn take_spare(&self) -> Box<Question> {
        self.spare.borrow_mut().pop().unwrap_or_default()
    }

    fn keep(&self, question: Box<Question>) {
        self.spare.borrow_mut().push(question);
    }
}

impl<'p, I: Io> Machine<'_, 'p, I> {
    /// Waits for the store to decide on a request that all other rules let in.
    pub(crate) async fn await_store(
        &self,
        rules: Rules<'p>,
        mut admission: Box<Admission>,
        idle: Duration,
    ) -> Result<(), Early<'p>> {
        let worker = &self.connection.worker;
        let waited = match (rules.store(), self.pose(rules, &admission)) {
            (Some(store), Some(ticket)) => self.answer(&**store, ticket, idle).await,
            _ => Ok(None),
        };
        if let Ok(answer) = &waited {
            rules.settle(&mut admission, answer.as_deref(), worker.rule_time(), &mut worker.limiter.borrow_mut());
        }
        // Also of a request that is not decided on, since it has ended: what it was let in with is given back.
        let admission = self.admission.get_or_init(|| admission);
        match waited {
            Ok(answer) => answer.into_iter().for_each(|question| worker.questions.keep(question)),
            Err(cause) => return Err(Early::Refused(cause, None)),
        }
        rules.throttled(admission).map_or(Ok(()), |throttled| Err(Early::Throttled(throttled)))
    }

    /// Asks the store; `None` if it cannot be asked now.
    fn pose(&self, rules: Rules<'p>, admission: &Admission) -> Option<usize> {
        let (worker, store) = (&self.connection.worker, rules.store()?);
        let questions = &worker.questions;
        let Some(ticket) = questions.tickets.take() else {
            store.note(Unanswered::Full);
            return None;
        };
        let mut question = questions.take_spare();
        (question.worker, question.ticket) = (worker.peers.index(), ticket);
        rules.question(admission, &mut question);
        match store.ask(question) {
            Ok(()) => Some(ticket),
            Err(question) => {
                questions.tickets.give_back(ticket);
                questions.keep(question);
                None
            }
        }
    }

    /// The question with its answer, if that comes in time.
    ///
    /// # Errors
    /// The exchange was ended meanwhile.
    async fn answer(&self, store: &dyn Store, ticket: usize, idle: Duration) -> Result<Option<Box<Question>>, Reason> {
        let questions = &self.connection.worker.questions;
        match self.wait(&questions.tickets, ticket, (store.patience(), idle)).await {
            (answer, Some(cause)) => {
                answer.into_iter().for_each(|question| questions.keep(question));
                Err(cause)
            }
            (answer, None) => {
                if answer.is_none() {
                    store.note(Unanswered::Late);
                }
                Ok(answer)
            }
        }
    }
}
