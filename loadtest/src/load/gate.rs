//! How a worker waits: readiness of all its sockets and one timer, in one place, slept on through the ring.
//!
//! Sockets are registered once, edge-triggered, and never touched again: a request costs its send and its receive and no
//! call to ask for readiness. The ring of the worker's runtime waits for the set as a whole when nothing is ready, so that
//! a turn under load enters the kernel once for many connections, and not at all while more is ready.
//!
//! The runtime's own timers have 1 ms; schedules need microseconds, hence a timer descriptor (hrtimer, no slack).

use super::limits::EVENTS_MAX;
use monoio::net::TcpStream;
use rustix::{
    buffer::spare_capacity,
    event::{
        Timespec,
        epoll::{self, CreateFlags, EventData, EventFlags},
    },
    io::Errno,
    time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, timerfd_create, timerfd_settime},
};
use std::{
    io,
    os::fd::{AsFd, OwnedFd},
};

/// The timer among the tokens of sockets.
const TIMER: u64 = u64::MAX;

/// What happened to a socket.
#[derive(Clone, Copy, Debug)]
pub(super) struct Event {
    pub(super) token: u64,
    /// Something can be received, if only that the peer is gone.
    pub(super) is_readable: bool,
    /// The peer has closed or reset: receive until that shows.
    pub(super) is_over: bool,
}

pub(super) struct Gate {
    ready: OwnedFd,
    timer: OwnedFd,
    /// `ready` again, as something the runtime can wait for: it offers that for sockets only.
    slept_on: TcpStream,
    /// When the timer is to ring, on the worker's clock.
    armed: u64,
    found: Vec<epoll::Event>,
}

impl Gate {
    /// Inside a runtime of monoio.
    pub(super) fn new() -> io::Result<Self> {
        let ready = epoll::create(CreateFlags::CLOEXEC)?;
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        epoll::add(&ready, &timer, EventData::new_u64(TIMER), EventFlags::IN | EventFlags::ET)?;
        let slept_on = TcpStream::from_std(std::net::TcpStream::from(ready.try_clone()?))?;
        Ok(Self { ready, timer, slept_on, armed: 0, found: Vec::with_capacity(EVENTS_MAX) })
    }

    /// Reports every change of a socket under `token` until it is closed.
    pub(super) fn add(&self, socket: impl AsFd, token: u64) -> io::Result<()> {
        let flags = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
        Ok(epoll::add(&self.ready, socket, EventData::new_u64(token), flags)?)
    }

    /// What has happened, without waiting. `events` is replaced.
    pub(super) fn poll(&mut self, events: &mut Vec<Event>) -> io::Result<()> {
        events.clear();
        self.found.clear();
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        match epoll::wait(&self.ready, spare_capacity(&mut self.found), Some(&now)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        for event in &self.found {
            let (token, flags) = (event.data.u64(), event.flags);
            if token != TIMER {
                let is_over = flags.intersects(over());
                events.push(Event { token, is_readable: is_over || flags.contains(EventFlags::IN), is_over });
            }
        }
        Ok(())
    }

    /// Waits until something has happened or the worker's clock, which shows `now`, shows `until`.
    pub(super) async fn sleep(&mut self, now: u64, until: u64) -> io::Result<()> {
        // A timer that rings a little early costs one turn; setting it costs a system call.
        if self.armed <= now || self.armed > until {
            self.armed = until;
            self.arm(until.saturating_sub(now).max(1))?;
        }
        // Relaxed is a matter of the runtime's epoll driver: it asks once more whether the set is ready.
        self.slept_on.readable(false).await
    }

    fn arm(&self, nanos: u64) -> io::Result<()> {
        let second = 1_000_000_000;
        let it_value = Timespec { tv_sec: (nanos / second) as i64, tv_nsec: (nanos % second) as i64 };
        let once = Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value };
        timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &once)?;
        Ok(())
    }
}

fn over() -> EventFlags {
    EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR
}
