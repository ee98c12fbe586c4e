//! The unchanged worker in the simulator: under random exchanges and faults, and in the situations that each need a test.

mod answers;
mod balance;
mod clients;
mod copies;
mod deadlines;
mod drain;
mod gateway;
mod identity;
mod policies;
mod probe;
mod publish;
mod resilience;
mod retries;
mod routing;
mod seeds;
mod smuggling;
mod strict;
mod throttle;
mod tls;
mod traces;
mod truncation;
mod tunnels;
mod uneven;
mod upstreams;
