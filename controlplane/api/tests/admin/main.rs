//! The admin API as a client sees it, over a store in memory.

mod authorization;
mod changes;
mod conventions;
mod document;
mod journey;
mod world;
