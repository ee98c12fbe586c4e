//! The seam of crate `io` on Linux: one runtime per thread, pinned to a core, sharing nothing.
//!
//! ```text
//! turn: poll ready tasks -> one system call: register, wait -> note events of descriptors, wake their tasks -> turn
//! ```
//!
//! A descriptor is registered once, with a multishot poll on io_uring or edge-triggered with epoll where that is refused,
//! and reports every change from then on; transfers are plain non-blocking calls on the task's stack. So no memory is
//! lent to the kernel, an idle connection has nothing but its registration, and back pressure is exact: what nobody
//! receives stays in the socket. docs/decisions/0004-own-ring-driver.md says what this saves over posted receives.
//!
//! Only this crate contains `unsafe`.

#![expect(unsafe_code, reason = "kernel interfaces: the ring, wakers, affinity, socket calls std does not offer")]

mod clock;
mod datagram;
mod executor;
mod listener;
mod mailbox;
mod poller;
pub mod preflight;
mod process;
mod queue;
mod reactor;
mod runtime;
mod source;
mod stream;
mod sync;
mod system;
mod thread;
mod timers;

pub use clock::now;
pub use datagram::RingDatagram;
pub use listener::{BoundListener, ListenerHandle, RingListener, bind, bind_unix, spread};
pub use mailbox::{Inbox, Outbox, mailbox};
pub use poller::Driver;
pub use process::{Child, FIRST_INHERITED, inherited, spawn};
pub use runtime::RingIo;
pub use stream::{RingDetached, RingStream};
pub use thread::{ThreadSpec, Tuning, launch};
