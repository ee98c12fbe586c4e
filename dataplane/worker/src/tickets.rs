//! Exchanges that wait for what another thread does: a ticket for each, until what it is for is back.
//!
//! A bounded number is out at one time, those that nobody waits for any more among them until they are back, so that the
//! mailbox they come by has room for all.

use std::{
    cell::RefCell,
    future::{Future, poll_fn},
    mem,
    task::{Poll, Waker},
};

/// The tickets of a worker.
pub(crate) struct Tickets<T> {
    slots: RefCell<Vec<Slot<T>>>,
    free: RefCell<Vec<usize>>,
    most: usize,
}

/// What has become of a ticket.
enum Slot<T> {
    Free,
    /// It is out; who waits wants to be woken.
    Awaited(Option<Waker>),
    /// It is out, and nobody waits.
    Abandoned,
    Back(T),
}

impl<T> Tickets<T> {
    pub(crate) fn new(most: usize) -> Self {
        Self { slots: RefCell::default(), free: RefCell::default(), most }
    }

    /// One more, if there may be.
    pub(crate) fn take(&self) -> Option<usize> {
        let mut slots = self.slots.borrow_mut();
        if let Some(ticket) = self.free.borrow_mut().pop() {
            slots[ticket] = Slot::Awaited(None);
            return Some(ticket);
        }
        (slots.len() < self.most).then(|| {
            slots.push(Slot::Awaited(None));
            slots.len() - 1
        })
    }

    /// Gives back one that was not used.
    pub(crate) fn give_back(&self, ticket: usize) {
        self.slots.borrow_mut()[ticket] = Slot::Free;
        self.free.borrow_mut().push(ticket);
    }

    /// What a ticket is for is back. Says so if nobody waits for it.
    pub(crate) fn note(&self, ticket: usize, back: T) -> Option<T> {
        let mut slots = self.slots.borrow_mut();
        let slot = slots.get_mut(ticket)?;
        match mem::replace(slot, Slot::Free) {
            Slot::Awaited(waker) => {
                *slot = Slot::Back(back);
                waker.into_iter().for_each(Waker::wake);
                None
            }
            Slot::Abandoned | Slot::Free | Slot::Back(_) => {
                self.free.borrow_mut().push(ticket);
                Some(back)
            }
        }
    }

    /// Completes when it is back. May be dropped.
    pub(crate) fn wait(&self, ticket: usize) -> impl Future<Output = ()> {
        poll_fn(move |context| match &mut self.slots.borrow_mut()[ticket] {
            Slot::Awaited(waker) => {
                waker.replace(context.waker().clone());
                Poll::Pending
            }
            Slot::Free | Slot::Abandoned | Slot::Back(_) => Poll::Ready(()),
        })
    }

    /// What is back, and the ticket with it; else nobody waits for it any more.
    pub(crate) fn redeem(&self, ticket: usize) -> Option<T> {
        let back = mem::replace(&mut self.slots.borrow_mut()[ticket], Slot::Abandoned);
        if let Slot::Back(back) = back {
            self.give_back(ticket);
            return Some(back);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_free_when_what_it_is_for_is_back_and_not_before() {
        let tickets = Tickets::new(2);
        let (one, other) = (tickets.take().unwrap(), tickets.take().unwrap());
        assert_eq!(tickets.take(), None);
        assert_eq!((tickets.note(one, 7), tickets.redeem(one)), (None, Some(7)));
        assert_eq!(tickets.redeem(other), None, "nobody waits for it from now on");
        assert_eq!((tickets.take(), tickets.take()), (Some(one), None));
        assert_eq!(tickets.note(other, 8), Some(8));
        assert_eq!((tickets.take(), tickets.take()), (Some(other), None));
        tickets.give_back(other);
        assert_eq!((tickets.take(), tickets.note(9, 1)), (Some(other), None));
    }
}
