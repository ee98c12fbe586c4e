//! One worker's alarm clock: the runtime's timers are a millisecond coarse, this one is as fine as the kernel's.
//!
//! One timerfd behind a heap of deadlines. It never wakes early. How late depends on what else the CPU does: on an idle one
//! about 0.1 ms. Bound: one entry per connection, since each waits for one thing at a time.

use monoio::net::UnixStream;
use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec};
use std::{
    cell::RefCell,
    cmp::Ordering,
    collections::BinaryHeap,
    future::poll_fn,
    io,
    os::fd::OwnedFd,
    rc::Rc,
    task::{Poll, Waker},
    time::{Duration, Instant},
};

/// Wakes tasks of one thread.
pub(super) struct Alarm {
    timer: OwnedFd,
    /// The earliest on top.
    waiting: RefCell<BinaryHeap<Waiting>>,
}

struct Waiting {
    until: Instant,
    waker: Waker,
}

impl Alarm {
    /// An alarm whose task runs on the calling runtime.
    pub(super) fn start() -> io::Result<Rc<Self>> {
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        let timer = rustix::time::timerfd_create(TimerfdClockId::Monotonic, flags)?;
        // The runtime waits for descriptors of sockets only; a stream is asked for nothing but its readiness.
        let bell = UnixStream::from_std(timer.try_clone()?.into())?;
        let alarm = Rc::new(Self { timer, waiting: RefCell::default() });
        monoio::spawn(alarm.clone().ring(bell));
        Ok(alarm)
    }

    /// Waits until then. At once if it is past.
    pub(super) async fn sleep_until(&self, until: Instant) {
        let mut set = false;
        poll_fn(|context| {
            if Instant::now() >= until {
                return Poll::Ready(());
            }
            if !set {
                set = true;
                self.wait(Waiting { until, waker: context.waker().clone() });
            }
            Poll::Pending
        })
        .await;
    }

    /// Waits for `time`.
    pub(super) async fn sleep(&self, time: Duration) {
        self.sleep_until(Instant::now() + time).await;
    }

    fn wait(&self, entry: Waiting) {
        let mut waiting = self.waiting.borrow_mut();
        let earliest = waiting.peek().is_none_or(|first| entry.until < first.until);
        let until = entry.until;
        waiting.push(entry);
        if earliest {
            self.set(until);
        }
    }

    /// Has the timer end at `until`, and a moment from now if that is past.
    fn set(&self, until: Instant) {
        let left = until.saturating_duration_since(Instant::now()).max(Duration::from_nanos(1));
        let value = Timespec { tv_sec: left.as_secs().cast_signed(), tv_nsec: left.subsec_nanos().into() };
        let once = Itimerspec { it_interval: Timespec::default(), it_value: value };
        // It fails for a time out of range only, and delays are bounded.
        let _ = rustix::time::timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &once);
    }

    async fn ring(self: Rc<Self>, bell: UnixStream) {
        while bell.readable(false).await.is_ok() {
            // What it counts is of no use; reading makes it silent.
            let _ = rustix::io::read(&self.timer, &mut [0; 8]);
            self.wake();
        }
    }

    fn wake(&self) {
        let now = Instant::now();
        let mut waiting = self.waiting.borrow_mut();
        while let Some(first) = waiting.peek() {
            if first.until > now {
                self.set(first.until);
                break;
            }
            waiting.pop().into_iter().for_each(|due| due.waker.wake());
        }
    }
}

impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> Ordering {
        // The heap has the greatest on top.
        other.until.cmp(&self.until)
    }
}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.until == other.until
    }
}

impl Eq for Waiting {}
