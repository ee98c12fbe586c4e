//! The seam of crate `io` on Linux: io_uring, or epoll where the kernel refuses it.
//!
//! One runtime per thread, pinned to a core, sharing nothing. [`uring`] is a small executor over one ring, made for
//! workers; [`epoll`] is monoio on epoll, for the status port and for machines without io_uring. In the data plane only
//! this crate names monoio or io_uring, and only this crate contains `unsafe`.

#![expect(
    unsafe_code,
    reason = "kernel interfaces: the ring, monoio's buffer traits, affinity, calls std does not offer"
)]

mod clock;
mod epoll;
mod listener;
mod mailbox;
pub mod preflight;
mod system;
mod thread;
mod uring;

pub use listener::{BoundListener, bind};
pub use mailbox::{Inbox, Outbox, mailbox};
pub use thread::{Driver, Main, Runtime, ThreadSpec, launch};
