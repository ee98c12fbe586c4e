//! Side-by-side comparison of Tollgate with other gateways, on one machine's loopback.
//!
//! `scenarios` compares all gateways in everything, and `report` makes docs/performance.md of its results. The others look
//! closer: `compare` at CPU time, throughput and latency by number of connections; `routes` and `rules` at the same of
//! configurations of one gateway; `idle` at idle connections, `bulk` at long bodies, `patch` at changes under load, `reuse` at
//! upstream connections, `restart` at hot restarts under load, `manage` at the control plane and who calls. All put the same [`testbed`] together: the synthetic origin in this process, the gateways as child
//! processes pinned to one CPU, the load pinned to another. One gateway is under load at a time.
//!
//! Nothing is installed and nothing outlives a run: children end with it (on errors and Ctrl-C too) and their files stand
//! in a temporary directory. Figures hold for this machine and hour; what carries over is the ratio within one round.

mod answer;
pub mod bulk;
mod change;
mod client;
pub mod compare;
mod facts;
pub mod idle;
pub mod interrupt;
mod layout;
mod machine;
pub mod manage;
mod measure;
mod open_loop;
pub mod page;
pub mod patch;
mod peer;
mod process;
mod report;
pub mod restart;
mod results;
pub mod reuse;
pub mod rounds;
pub mod routes;
pub mod rules;
pub mod scenario;
mod secure;
mod slow;
mod statistics;
pub mod testbed;
mod wrk;
