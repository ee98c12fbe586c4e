//! What tells of changes of descriptors: io_uring or epoll, behind the same few calls.

mod epoll;
mod uring;

use crate::clock::Clock;
use epoll::EpollPoller;
use std::{io, os::fd::RawFd};
use tollgate_io::Instant;
use uring::UringPoller;

/// Every change in what can be read or written, once per change.
const EVENTS: u32 = (libc::EPOLLIN | libc::EPOLLOUT | libc::EPOLLRDHUP | libc::EPOLLET) as u32;

/// What tells a thread of changes of its descriptors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Driver {
    /// A ring shared with the kernel: registrations and waiting are one system call per turn.
    IoUring,
    /// epoll, where io_uring is refused: a system call for each registration.
    Epoll,
}

/// What happened to a registration.
pub(crate) struct Event {
    pub(crate) key: usize,
    /// The `EPOLL*` bits, or the error number that ended the registration for good.
    pub(crate) events: Result<u32, i32>,
    /// Whether the kernel has let go of the registration.
    pub(crate) has_ended: bool,
}

pub(crate) enum Poller {
    Uring(Box<UringPoller>),
    Epoll(EpollPoller),
}

impl Poller {
    /// # Errors
    /// The kernel refuses it.
    pub(crate) fn new(driver: Driver, ring_entries: u32) -> io::Result<Self> {
        Ok(match driver {
            Driver::IoUring => Self::Uring(Box::new(UringPoller::new(ring_entries)?)),
            Driver::Epoll => Self::Epoll(EpollPoller::new()?),
        })
    }

    /// Reports every change of `fd` under `key` from now on.
    ///
    /// # Errors
    /// The kernel refuses it at once.
    pub(crate) fn register(&mut self, fd: RawFd, key: usize) -> io::Result<()> {
        match self {
            Self::Uring(uring) => {
                uring.register(fd, key);
                Ok(())
            }
            Self::Epoll(epoll) => epoll.register(fd, key),
        }
    }

    /// Ends the reports, before `fd` is closed. Says whether `key` is free at once, else an event tells of it.
    pub(crate) fn deregister(&mut self, fd: RawFd, key: usize) -> bool {
        match self {
            Self::Uring(uring) => {
                uring.deregister(key);
                false
            }
            Self::Epoll(epoll) => {
                epoll.deregister(fd);
                true
            }
        }
    }

    /// Hands every event there is to `note`; if there is none and `wait`, waits for one, at most until `until`. Says whether
    /// `until` may have passed.
    ///
    /// # Errors
    /// The driver is broken.
    pub(crate) fn poll(
        &mut self,
        wait: bool,
        until: Instant,
        clock: &Clock,
        note: impl FnMut(Event),
    ) -> io::Result<bool> {
        match self {
            Self::Uring(uring) => uring.poll(wait, until, clock, note),
            Self::Epoll(epoll) => epoll.poll(wait, until, clock, note),
        }
    }
}
