//! Sessions against an independent client (`rustls::ClientConnection`) over byte queues cut at will.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

mod authority;
mod certificates;
mod clients;
mod forged;
mod hostile;
mod names;
mod resumption;
mod retried;
mod transfer;
mod upstream;
mod wire;
