//! The atomics of what threads share here. Whatever uses them names this module, by `super`, so that `tests/loom` can put the
//! same files beside a module whose types try every order.

pub(crate) use crossbeam::queue::ArrayQueue;
pub(crate) use std::sync::atomic::{AtomicBool, Ordering, fence};
