//! The seam's mailbox: messages for a worker from the script, bounded by the script's own length.

use crate::{World, contract::InFlight};
use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    future::poll_fn,
    rc::Rc,
    task::{Poll, Waker},
};
use tollgate_io::Mailbox;

#[derive(Debug)]
struct Queue<M> {
    messages: RefCell<VecDeque<M>>,
    gone: Cell<bool>,
    waiting: RefCell<Option<Waker>>,
}

/// Where a worker receives.
#[derive(Debug)]
pub struct SimMailbox<M> {
    world: World,
    queue: Rc<Queue<M>>,
    receiving: Cell<bool>,
}

/// Where a script sends. Dropping it ends the mailbox.
#[derive(Debug)]
pub struct SimSender<M>(Rc<Queue<M>>);

impl World {
    /// A mailbox and its one sender.
    #[must_use]
    pub fn mailbox<M>(&self) -> (SimSender<M>, SimMailbox<M>) {
        let queue =
            Rc::new(Queue { messages: RefCell::default(), gone: Cell::new(false), waiting: RefCell::default() });
        (SimSender(queue.clone()), SimMailbox { world: self.clone(), queue, receiving: Cell::new(false) })
    }
}

impl<M> SimSender<M> {
    /// Leaves `message` for the worker.
    pub fn send(&self, message: M) {
        self.0.messages.borrow_mut().push_back(message);
        self.0.wake();
    }
}

impl<M> Queue<M> {
    fn wake(&self) {
        if let Some(waker) = self.waiting.take() {
            waker.wake();
        }
    }
}

impl<M> Drop for SimSender<M> {
    fn drop(&mut self) {
        self.0.gone.set(true);
        self.0.wake();
    }
}

impl<M: 'static> Mailbox<M> for SimMailbox<M> {
    async fn receive(&self) -> Option<M> {
        let receive = InFlight::begin(&self.world, &self.receiving, "a mailbox receive");
        let message = poll_fn(|context| {
            let message = self.queue.messages.borrow_mut().pop_front();
            if message.is_some() || self.queue.gone.get() {
                return Poll::Ready(message);
            }
            *self.queue.waiting.borrow_mut() = Some(context.waker().clone());
            Poll::Pending
        })
        .await;
        receive.complete();
        message
    }
}
