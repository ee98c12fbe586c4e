//! Sessions against an independent client (`rustls::ClientConnection`) over byte queues cut at will.

mod authority;
mod certificates;
mod clients;
mod forged;
mod hostile;
mod names;
mod resumption;
mod transfer;
mod upstream;
mod wire;
