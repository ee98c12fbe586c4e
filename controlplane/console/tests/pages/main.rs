//! The pages as a browser sees them, over a store in memory.

#![expect(clippy::unwrap_used, reason = "what cannot be had fails the test")]

mod browser;
mod journey;
mod protection;
mod templates;
