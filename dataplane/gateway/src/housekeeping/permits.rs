//! Permits: how many checks and lookups may go on at one time, so that a configuration with thousands of endpoints does not
//! take the descriptors that requests need.
//!
//! Whoever finds none free waits; nobody is refused. The time that a check or a server gets begins with the permit.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    future::poll_fn,
    task::{Poll, Waker},
};

/// A fixed number of permits.
pub(super) struct Permits {
    free: Cell<usize>,
    waiting: RefCell<VecDeque<Waker>>,
}

/// A permit that is taken; dropping it gives it to somebody else.
pub(super) struct Permit<'p>(&'p Permits);

impl Permits {
    pub(super) fn new(count: usize) -> Self {
        Self { free: Cell::new(count), waiting: RefCell::default() }
    }

    /// Waits for a permit.
    pub(super) async fn take(&self) -> Permit<'_> {
        poll_fn(|context| {
            if let Some(left) = self.free.get().checked_sub(1) {
                self.free.set(left);
                return Poll::Ready(Permit(self));
            }
            self.waiting.borrow_mut().push_back(context.waker().clone());
            Poll::Pending
        })
        .await
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.0.free.update(|free| free + 1);
        // One that is woken and finds none, since somebody came in between, waits again.
        if let Some(next) = self.0.waiting.borrow_mut().pop_front() {
            next.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        pin::pin,
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
        },
        task::{Context, Wake},
    };

    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn who_finds_no_permit_gets_the_next_that_is_free() {
        let woken = Arc::new(Woken(AtomicUsize::new(0)));
        let waker = Waker::from(woken.clone());
        let mut context = Context::from_waker(&waker);
        let permits = Permits::new(1);
        let (mut first, mut second, mut third) = (pin!(permits.take()), pin!(permits.take()), pin!(permits.take()));
        let Poll::Ready(permit) = first.as_mut().poll(&mut context) else { panic!("there is one") };
        assert!(second.as_mut().poll(&mut context).is_pending() && third.as_mut().poll(&mut context).is_pending());
        let is_woken = |times| woken.0.load(Ordering::Relaxed) == times;
        assert!(is_woken(0));
        drop(permit);
        assert!(is_woken(1), "one for one");
        let Poll::Ready(permit) = second.as_mut().poll(&mut context) else { panic!("it is free again") };
        assert!(third.as_mut().poll(&mut context).is_pending());
        drop(permit);
        assert!(third.as_mut().poll(&mut context).is_ready());
    }
}
