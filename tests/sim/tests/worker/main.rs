//! The unchanged worker in the simulator: under random exchanges and faults, and in the situations that each need a test.

mod answers;
mod clients;
mod deadlines;
mod drain;
mod gateway;
mod policies;
mod publish;
mod routing;
mod seeds;
mod truncation;
mod tunnels;
mod upstreams;
