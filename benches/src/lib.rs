//! Side-by-side comparison of Tollgate with other gateways, on one machine's loopback.
//!
//! `compare` measures CPU time per request, throughput and latency; `routes` and `rules` the same of configurations of one
//! gateway; `idle` the memory of idle connections; `bulk` long bodies; `patch` changes under load; `reuse` the reuse of
//! upstream connections; `manage` the control plane and who calls; `origin` the origin
//! itself. All put the same [`testbed`] together: the synthetic origin in this process, the gateways as child
//! processes pinned to one CPU, the load pinned to another. One gateway is under load at a time.
//!
//! Nothing is installed and nothing outlives a run: children end with it (on errors and Ctrl-C too) and their files stand
//! in a temporary directory. Figures hold for this machine and hour; what carries over is the ratio within one round.

mod answer;
pub mod bulk;
mod client;
pub mod compare;
pub mod idle;
pub mod interrupt;
mod layout;
mod machine;
pub mod manage;
mod measure;
mod open_loop;
pub mod origin;
pub mod patch;
mod peer;
mod process;
mod report;
pub mod reuse;
pub mod routes;
pub mod rules;
mod secure;
mod statistics;
pub mod testbed;
mod wrk;
