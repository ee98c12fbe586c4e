//! The seam's mailbox: messages for a worker.
//!
//! From the script, bounded by the script's own length, or from another worker, bounded by a number. It ends with its last
//! sender; what nobody will receive is dropped.

use crate::{World, contract::InFlight};
use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    future::poll_fn,
    rc::Rc,
    task::{Poll, Waker},
};
use tollgate_io::{Mailbox, Post};

#[derive(Debug)]
struct Queue<M> {
    messages_max: usize,
    senders: Cell<usize>,
    /// Nobody receives any more.
    is_abandoned: Cell<bool>,
    messages: RefCell<VecDeque<M>>,
    waiting: RefCell<Option<Waker>>,
}

/// Where a worker receives.
#[derive(Debug)]
pub struct SimMailbox<M> {
    world: World,
    queue: Rc<Queue<M>>,
    receiving: Cell<bool>,
}

/// Where a script or another worker sends. Dropping the last ends the mailbox.
#[derive(Debug)]
pub struct SimSender<M>(Rc<Queue<M>>);

impl World {
    /// A mailbox and its one sender.
    #[must_use]
    pub fn mailbox<M>(&self) -> (SimSender<M>, SimMailbox<M>) {
        self.bounded_mailbox(usize::MAX)
    }

    /// A mailbox for at most `messages_max` messages, and a sender.
    #[must_use]
    pub fn bounded_mailbox<M>(&self, messages_max: usize) -> (SimSender<M>, SimMailbox<M>) {
        let queue = Rc::new(Queue {
            messages_max,
            senders: Cell::new(1),
            is_abandoned: Cell::new(false),
            messages: RefCell::default(),
            waiting: RefCell::default(),
        });
        (SimSender(queue.clone()), SimMailbox { world: self.clone(), queue, receiving: Cell::new(false) })
    }
}

impl<M> SimSender<M> {
    /// Leaves `message` for the worker. It is lost if the mailbox is full or nobody receives any more.
    pub fn send(&self, message: M) {
        drop(self.try_send(message));
    }

    fn try_send(&self, message: M) -> Result<(), M> {
        let Queue { messages, messages_max, .. } = &*self.0;
        if self.0.is_abandoned.get() || messages.borrow().len() >= *messages_max {
            return Err(message);
        }
        messages.borrow_mut().push_back(message);
        self.0.wake();
        Ok(())
    }
}

impl<M: 'static> Post<M> for SimSender<M> {
    fn post(&self, message: M) -> Result<(), M> {
        self.try_send(message)
    }
}

impl<M> Clone for SimSender<M> {
    fn clone(&self) -> Self {
        self.0.senders.set(self.0.senders.get() + 1);
        Self(self.0.clone())
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
        self.0.senders.set(self.0.senders.get() - 1);
        self.0.wake();
    }
}

impl<M> Drop for SimMailbox<M> {
    fn drop(&mut self) {
        self.queue.is_abandoned.set(true);
        // Out of the cell first: what is dropped may send.
        drop(self.queue.messages.take());
    }
}

impl<M: 'static> Mailbox<M> for SimMailbox<M> {
    async fn receive(&self) -> Option<M> {
        let receive = InFlight::begin(&self.world, &self.receiving, "a mailbox receive");
        let message = poll_fn(|context| {
            let message = self.queue.messages.borrow_mut().pop_front();
            if message.is_some() || self.queue.senders.get() == 0 {
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
