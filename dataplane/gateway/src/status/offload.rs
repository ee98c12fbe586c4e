//! What a connection waits for while another thread does it, so that the thread of the status never blocks.
//!
//! The other thread gets an [`Answering`]; its answer comes back through the mailbox of the status and wakes the
//! connection. An [`Answering`] that is dropped answers too, so that nobody waits for a thread that is gone. A connection
//! waits for one answer at a time, which bounds the mailbox.

use super::{Message, pages::Page};
use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    task::{Poll, Waker},
};
use tollgate_http::Reason;
use tollgate_ring::Outbox;

/// The connections that wait.
pub(super) struct Waiting {
    outbox: Outbox<Message>,
    next: Cell<u64>,
    /// At most one per connection.
    slots: RefCell<Vec<Slot>>,
}

struct Slot {
    ticket: u64,
    page: Option<Page>,
    waker: Option<Waker>,
}

/// The other thread's end: owes one answer.
pub(crate) struct Answering {
    outbox: Outbox<Message>,
    ticket: u64,
    is_owed: bool,
}

impl Waiting {
    pub(super) fn new(outbox: Outbox<Message>) -> Self {
        Self { outbox, next: Cell::new(0), slots: RefCell::default() }
    }

    /// The answer to what `begin` hands to another thread.
    pub(super) async fn answer(&self, begin: impl FnOnce(Answering)) -> Page {
        let ticket = self.next.replace(self.next.get() + 1);
        self.slots.borrow_mut().push(Slot { ticket, page: None, waker: None });
        begin(Answering { outbox: self.outbox.clone(), ticket, is_owed: true });
        poll_fn(|context| {
            let mut slots = self.slots.borrow_mut();
            let Some(at) = slots.iter().position(|slot| slot.ticket == ticket) else { return Poll::Pending };
            if slots[at].page.is_none() {
                slots[at].waker = Some(context.waker().clone());
                return Poll::Pending;
            }
            slots.swap_remove(at).page.map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }

    /// Answers all who wait: nothing more comes through the mailbox.
    pub(super) fn give_up(&self) {
        for slot in &mut *self.slots.borrow_mut() {
            slot.page.get_or_insert_with(|| Page::problem(Reason::Draining, None));
            slot.waker.take().into_iter().for_each(Waker::wake);
        }
    }

    /// Hands an answer to the connection that waits for it.
    pub(super) fn take(&self, ticket: u64, page: Page) {
        let mut slots = self.slots.borrow_mut();
        if let Some(slot) = slots.iter_mut().find(|slot| slot.ticket == ticket) {
            slot.page = Some(page);
            slot.waker.take().into_iter().for_each(Waker::wake);
        }
    }
}

impl Answering {
    pub(super) fn answer(mut self, page: Page) {
        self.is_owed = false;
        // It has room for an answer to each connection; when its thread is gone, so is who waits.
        let _ = self.outbox.send(Message::Answer { ticket: self.ticket, page });
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        if self.is_owed {
            let page = Page::problem(Reason::Draining, None);
            let _ = self.outbox.send(Message::Answer { ticket: self.ticket, page });
        }
    }
}
