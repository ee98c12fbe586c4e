//! Edge-triggered epoll.

use super::{EVENTS, Event};
use crate::clock::Clock;
use nix::sys::epoll::{EpollCreateFlags, EpollEvent, EpollFlags, EpollOp, epoll_create1, epoll_ctl, epoll_wait};
use std::{
    io,
    os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd},
};
use tollgate_io::Instant;

/// Events taken per call; more are taken at the next.
const BATCH: usize = 256;

pub(crate) struct EpollPoller {
    epoll: OwnedFd,
    batch: Vec<EpollEvent>,
}

impl EpollPoller {
    pub(super) fn new() -> io::Result<Self> {
        let fd = epoll_create1(EpollCreateFlags::EPOLL_CLOEXEC)?;
        // SAFETY: the call has just opened `fd`, which nobody else knows.
        let epoll = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Self { epoll, batch: vec![EpollEvent::empty(); BATCH] })
    }

    pub(super) fn register(&self, fd: RawFd, key: usize) -> io::Result<()> {
        let mut event = EpollEvent::new(EpollFlags::from_bits_truncate(EVENTS as i32), key as u64);
        Ok(epoll_ctl(self.epoll.as_raw_fd(), EpollOp::EpollCtlAdd, fd, &mut event)?)
    }

    pub(super) fn deregister(&self, fd: RawFd) {
        // Only a descriptor that was refused at registration is not there.
        let _ = epoll_ctl(self.epoll.as_raw_fd(), EpollOp::EpollCtlDel, fd, None);
    }

    pub(super) fn poll(
        &mut self,
        wait: bool,
        until: Instant,
        clock: &Clock,
        mut note: impl FnMut(Event),
    ) -> io::Result<bool> {
        let timeout = match (wait, until) {
            (false, _) => 0,
            (true, Instant::NEVER) => -1,
            // Rounded up: waking early would only mean waiting again.
            (true, _) => isize::try_from(until.since(clock.now()).as_nanos().div_ceil(1_000_000)).unwrap_or(-1),
        };
        match epoll_wait(self.epoll.as_raw_fd(), &mut self.batch, timeout) {
            Ok(count) => {
                for event in &self.batch[..count] {
                    let events = Ok(event.events().bits() as u32);
                    note(Event { key: event.data() as usize, events, has_ended: false });
                }
                Ok(until != Instant::NEVER)
            }
            Err(nix::errno::Errno::EINTR) => Ok(true),
            Err(error) => Err(error.into()),
        }
    }
}
