//! How many handshakes may begin to cost something in one turn of the worker's loop.
//!
//! A key exchange and a signature take as long as some ten exchanges. In a storm of new clients those already served would
//! wait behind all of them; so each turn lets `tuning.handshakes_per_turn` go on, first come first served, and the others wait
//! without a buffer. A turn ends when a sleep that was due at once is over.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    future::poll_fn,
    rc::Rc,
    task::{Poll, Waker},
    time::Duration,
};
use tollgate_io::Io;

/// What is left of a turn's handshakes, and who waits for the next.
pub(crate) struct Budget {
    /// Of one turn, from the next on; at least 1.
    pub(crate) most: Cell<u32>,
    taken: Cell<u32>,
    /// Whether the end of the turn is awaited; it is while any are taken or wait.
    is_counting: Cell<bool>,
    waiting: RefCell<VecDeque<Rc<Waiter>>>,
}

struct Waiter {
    waker: Waker,
    may_go: Cell<bool>,
}

impl Budget {
    pub(crate) fn of(most: u32) -> Self {
        Self {
            most: Cell::new(most),
            taken: Cell::default(),
            is_counting: Cell::default(),
            waiting: RefCell::default(),
        }
    }

    /// Completes when it is the caller's turn. To be awaited to its end, or the place is wasted.
    pub(crate) async fn turn<I: Io>(this: &Rc<Self>, io: &I) {
        if !this.is_counting.replace(true) {
            io.spawn(count_turns(this.clone(), io.clone()));
        }
        if this.taken.get() < this.most.get() && this.waiting.borrow().is_empty() {
            this.taken.set(this.taken.get() + 1);
            return;
        }
        let mut place: Option<Rc<Waiter>> = None;
        poll_fn(|context| match &place {
            Some(waiter) if waiter.may_go.get() => Poll::Ready(()),
            Some(_) => Poll::Pending,
            None => {
                let waiter = Rc::new(Waiter { waker: context.waker().clone(), may_go: Cell::new(false) });
                this.waiting.borrow_mut().push_back(waiter.clone());
                place = Some(waiter);
                Poll::Pending
            }
        })
        .await;
    }

    /// Begins a turn: lets the first go on. Says whether any did.
    fn refill(&self) -> bool {
        let mut waiting = self.waiting.borrow_mut();
        let count = waiting.len().min(self.most.get() as usize);
        for waiter in waiting.drain(..count) {
            waiter.may_go.set(true);
            waiter.waker.wake_by_ref();
        }
        self.taken.set(count as u32);
        count > 0
    }
}

/// Runs while there are handshakes.
async fn count_turns<I: Io>(budget: Rc<Budget>, io: I) {
    loop {
        io.sleep_until(io.now() + Duration::from_nanos(1)).await;
        if !budget.refill() {
            break;
        }
    }
    budget.is_counting.set(false);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_lets_so_many_go_and_the_first_first() {
        const EACH: usize = 2;
        let budget = Budget::of(EACH as u32);
        let waiters: Vec<_> =
            std::iter::repeat_with(|| Rc::new(Waiter { waker: Waker::noop().clone(), may_go: Cell::new(false) }))
                .take(EACH * 2 + 1)
                .collect();
        budget.waiting.borrow_mut().extend(waiters.iter().cloned());
        for turn in 1..=3 {
            assert!(budget.refill());
            let gone = waiters.iter().take_while(|waiter| waiter.may_go.get()).count();
            assert_eq!(gone, (EACH * turn).min(waiters.len()));
        }
        assert!(!budget.refill());
        assert_eq!(budget.taken.get(), 0);
    }
}
