//! TLS 1.2 and 1.3 without sockets: a [`Session`] turns ciphertext into plaintext in the caller's buffers, and back.
//!
//! Configuration: PEM text -> [`Certificate`], [`Authorities`] -> [`ServerSettings`] or [`ClientSettings`], one per listener
//! or upstream and snapshot -> [`Session`], one per connection. rustls does the protocol and aws-lc-rs the cryptography;
//! no other crate names them. Bounds are in `limits`. Nothing here waits, reads a file or a clock.

mod authorities;
mod certificate;
mod client;
mod clock;
mod connection;
mod error;
mod limits;
mod names;
mod provider;
mod server;
mod session;
mod tickets;

pub use authorities::Authorities;
pub use certificate::{Certificate, CertificateError};
pub use client::{ClientOptions, ClientSettings};
pub use clock::WallClock;
pub use error::Error;
pub use limits::{FRAGMENT_BYTES_MAX, OVERHEAD_BYTES_MAX, RECORD_BYTES_MAX, REST_BYTES_MAX};
pub use names::Certificates;
pub use server::{ClientVerification, ServerOptions, ServerSettings};
pub use session::{Phase, Received, Sent, Session, Version};
pub use tickets::Tickets;
