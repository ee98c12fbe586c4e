//! The atomics of what threads share here. Whatever uses them names this module, by `super`, so that `tests/loom` can put the
//! same files beside a module whose types try every order.

pub(crate) use arc_swap::ArcSwap;
pub(crate) use crossbeam::{queue::SegQueue, utils::CachePadded};
pub(crate) use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
};
