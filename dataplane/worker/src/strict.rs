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

use crate::{bell, exchange::Machine, limits, policies::Early, state::Worker, watch::Waiting};
use std::{
    cell::RefCell,
    future::{Future, poll_fn},
    mem,
    rc::Rc,
    task::{Poll, Waker},
    time::Duration,
};
use tollgate_http::Reason;
use tollgate_io::{Io, Mailbox};
use tollgate_policy::{Admission, Question, Rules, Store, Unanswered};

/// The questions of a worker that are out.
#[derive(Default)]
pub(crate) struct Questions {
    /// By ticket.
    slots: RefCell<Vec<Slot>>,
    free: RefCell<Vec<usize>>,
    #[expect(clippy::vec_box, reason = "questions travel between threads as boxes, and are used again as they are")]
    spare: RefCell<Vec<Box<Question>>>,
}

/// What has become of a ticket.
#[derive(Default)]
enum Slot {
    #[default]
    Free,
    /// The question is out; who waits wants to be woken.
    Awaited(Option<Waker>),
    /// The question is out, and nobody waits for it.
    Abandoned,
    Answered(Box<Question>),
}

/// Notes the answers that come, until no more can.
pub(crate) async fn hear<I: Io>(worker: Rc<Worker<I>>, answers: impl Mailbox<Box<Question>>) {
    while let Some(question) = answers.receive().await {
        worker.questions.note(question);
    }
}

impl Questions {
    /// A place for one more, if there is any.
    fn ticket(&self) -> Option<usize> {
        let mut slots = self.slots.borrow_mut();
        if let Some(ticket) = self.free.borrow_mut().pop() {
            slots[ticket] = Slot::Awaited(None);
            return Some(ticket);
        }
        (slots.len() < limits::QUESTIONS_MAX).then(|| {
            slots.push(Slot::Awaited(None));
            slots.len() - 1
        })
    }

    fn take_spare(&self) -> Box<Question> {
        self.spare.borrow_mut().pop().unwrap_or_default()
    }

    fn end(&self, ticket: usize, question: Box<Question>) {
        self.slots.borrow_mut()[ticket] = Slot::Free;
        self.free.borrow_mut().push(ticket);
        self.spare.borrow_mut().push(question);
    }

    /// A question is back.
    fn note(&self, question: Box<Question>) {
        let ticket = question.ticket;
        let Some(slot) = self.slots.borrow_mut().get_mut(ticket).map(mem::take) else { return };
        match slot {
            Slot::Awaited(waker) => {
                self.slots.borrow_mut()[ticket] = Slot::Answered(question);
                waker.into_iter().for_each(Waker::wake);
            }
            Slot::Abandoned | Slot::Free | Slot::Answered(_) => self.end(ticket, question),
        }
    }

    /// Completes when a question is back. May be dropped.
    fn answer(&self, ticket: usize) -> impl Future<Output = ()> {
        poll_fn(move |context| match &mut self.slots.borrow_mut()[ticket] {
            Slot::Awaited(waker) => {
                waker.replace(context.waker().clone());
                Poll::Pending
            }
            Slot::Free | Slot::Abandoned | Slot::Answered(_) => Poll::Ready(()),
        })
    }

    /// The question if it is back; else nobody waits for it any more.
    fn take(&self, ticket: usize) -> Option<Box<Question>> {
        let slot = &mut self.slots.borrow_mut()[ticket];
        match mem::replace(slot, Slot::Abandoned) {
            Slot::Answered(question) => Some(question),
            Slot::Free | Slot::Awaited(_) | Slot::Abandoned => None,
        }
    }
}

impl<'p, I: Io> Machine<'_, 'p, I> {
    /// Waits for the store to decide on a request that all other rules let in.
    pub(crate) async fn await_store(
        &self,
        rules: &'p Rules,
        mut admission: Box<Admission>,
        idle: Duration,
    ) -> Result<(), Early<'p>> {
        let worker = &self.connection.worker;
        let waited = match (rules.store(), self.pose(rules, &admission)) {
            (Some(store), Some(ticket)) => self.wait(&**store, ticket, idle).await,
            _ => Ok(None),
        };
        if let Ok(answer) = &waited {
            let answer = answer.as_ref().map(|(_, question)| &**question);
            rules.settle(&mut admission, answer, worker.rule_time(), &mut worker.limiter.borrow_mut());
        }
        // Also of a request that is not decided on, since it has ended: what it was let in with is given back.
        let admission = self.admission.get_or_init(|| admission);
        match waited {
            Ok(answer) => answer.into_iter().for_each(|(ticket, question)| worker.questions.end(ticket, question)),
            Err(cause) => return Err(Early::Refused(cause, None)),
        }
        rules.throttled(admission).map_or(Ok(()), |throttled| Err(Early::Throttled(throttled)))
    }

    /// Asks the store; `None` if it cannot be asked now.
    fn pose(&self, rules: &Rules, admission: &Admission) -> Option<usize> {
        let (worker, store) = (&self.connection.worker, rules.store()?);
        let questions = &worker.questions;
        let Some(ticket) = questions.ticket() else {
            store.note(Unanswered::Full);
            return None;
        };
        let mut question = questions.take_spare();
        (question.worker, question.ticket) = (worker.peers.index(), ticket);
        rules.question(admission, &mut question);
        match store.ask(question) {
            Ok(()) => Some(ticket),
            Err(question) => {
                questions.end(ticket, question);
                None
            }
        }
    }

    /// The question with its answer, if that comes in time.
    ///
    /// # Errors
    /// The exchange was ended meanwhile.
    async fn wait(
        &self,
        store: &dyn Store,
        ticket: usize,
        idle: Duration,
    ) -> Result<Option<(usize, Box<Question>)>, Reason> {
        let (worker, watch) = (&self.connection.worker, &self.connection.watch);
        let due = worker.io.now() + store.patience();
        watch.extend(due + idle);
        watch.begin_waiting(Waiting::Upstream);
        // All may be dropped.
        let overdue = bell::first(worker.questions.answer(ticket), worker.io.sleep_until(due));
        let waited = bell::first(watch.ended(), overdue).await;
        watch.end_waiting(Waiting::Upstream);
        watch.set_upstream(None);
        let answer = worker.questions.take(ticket).map(|question| (ticket, question));
        match waited {
            Ok(cause) => {
                answer.into_iter().for_each(|(ticket, question)| worker.questions.end(ticket, question));
                Err(cause)
            }
            Err(_) => {
                if answer.is_none() {
                    store.note(Unanswered::Late);
                }
                Ok(answer)
            }
        }
    }
}
