//! Load from several machines: a controller gives each agent a part of the plan, and merges what they measured.
//!
//! ```text
//! controller --Hello--> agent      (version, token)
//!            <-Welcome-            (how long that took tells the way there)
//!            --Prepare-->          (its part of the plan)
//!            <-Ready-- --Begin-->  (in so many ms: the same moment for all)
//!            <-Tick..-- --Stop-->  (four times a second; if somebody asks for an early end)
//!            <-Done--              (a recording)
//! ```
//!
//! An [`Agent`] does one run at a time, judges the target for itself, and ends a run whose controller is gone. Whoever can
//! reach it can make load on its machine, hence loopback or a token. The messages are JSON in frames of a bounded length, in
//! the clear: the token protects against strangers, not against those who read the network.

mod agent;
mod controller;
mod message;
mod split;

pub use agent::{Agent, Options};
pub use controller::{Lost, Outcome, run};
