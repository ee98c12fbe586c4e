//! The admin API as a client sees it, over a store in memory.

#![expect(clippy::unwrap_used, reason = "what cannot be had fails the test")]

mod authorization;
mod changes;
mod conventions;
mod document;
mod files;
mod journey;
mod passwords;
mod removal;
mod signing_keys;
mod world;
