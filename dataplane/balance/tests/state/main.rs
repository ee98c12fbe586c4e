//! The choice of endpoints and their state, as a worker and the publishing thread see them.

mod budget;
mod choice;
mod ejection;
mod registry;
mod upstreams;
