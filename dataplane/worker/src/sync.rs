//! The atomics of what workers share. Whatever uses them names this module, by `super`, so that `tests/loom` can put the same
//! files beside a module whose types try every order.

pub(crate) use crossbeam::{atomic::AtomicCell, utils::CachePadded};
pub(crate) use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicU32, AtomicUsize, Ordering},
};
