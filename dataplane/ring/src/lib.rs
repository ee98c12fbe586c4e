//! The seam of crate `io` on monoio: io_uring, or epoll where the kernel refuses it.
//!
//! One runtime per thread, pinned to a core, sharing nothing. In the data plane only this crate names monoio, and only
//! this crate contains `unsafe`: each block says who owns the memory until the operation completes.

#![expect(unsafe_code, reason = "kernel interfaces: monoio's buffer traits, affinity, socket calls std does not offer")]

mod listener;
mod mailbox;
pub mod preflight;
mod stream;
mod system;
mod thread;

pub use listener::{BoundListener, RingListener, bind};
pub use mailbox::{Inbox, Outbox, mailbox};
pub use stream::RingStream;
pub use thread::{Driver, RingIo, ThreadSpec, launch};
