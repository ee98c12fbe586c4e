//! The unchanged worker on a virtual clock and network, replayable from a seed.
//!
//! A [`Simulation`] owns everything: tasks, clock, links, faults. A [`Node`] is one simulated core and implements
//! [`tollgate_io::Io`], so the worker runs on it as it runs on `ring`; scripted clients and [`Origin`]s are the other
//! sides of its streams. Scheduling, latencies, faults and entropy are all drawn from one seed, so a run that failed is
//! that number: [`for_each_seed`] prints the command that replays it.
//!
//! A [`Gateway`] is workers on nodes; [`model`] judges what it does, [`swarm`] draws runs by the thousand.
//!
//! The network is bounded in bytes per direction. Several nodes may share a run, and hand streams to each other. Not
//! simulated here: several threads. TLS is real ([`Terminator`]).

mod client;
mod contract;
mod downstream;
mod executor;
mod faults;
mod gateway;
mod ledger;
mod link;
mod mailbox;
mod message;
pub mod model;
mod network;
mod node;
mod offload;
mod origin;
mod pipe;
mod random;
mod scenario;
mod seeds;
mod simulation;
mod store;
mod stream;
pub mod swarm;
mod tls;
mod token;
mod trace;

pub use client::{Body, Client, Reply, Request, Talk};
pub use faults::{Conditions, Counters, Fault, Faults};
pub use gateway::{Ended, GATEWAY, Gateway, listen, security};
pub use link::{Endpoint, Owner};
pub use mailbox::{SimMailbox, SimSender};
pub use message::{Failure, Framing, Head, Pace, Reader, payload};
pub use network::{Backlog, SimListener};
pub use node::Node;
pub use offload::SimOffload;
pub use origin::{Answer, Origin, Script, Seen};
pub use random::Random;
pub use scenario::{Exchanges, Scenario, Tally};
pub use seeds::{Seed, for_each_seed};
pub use simulation::{Leftovers, Simulation, World};
pub use store::{Secrets, SimStore};
pub use stream::{SimDetached, SimStream};
pub use tls::{Authority, Issued, Manners, Terminator};
pub use token::{ISSUER, jwks, named_jwks, named_token, token};
