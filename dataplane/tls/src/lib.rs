//! TLS 1.2 and 1.3 without sockets: a [`Session`] turns ciphertext into plaintext in the caller's buffers, and back.
//!
//! PEM text -> [`Certificate`], [`Authorities`] -> [`ServerSettings`] or [`ClientSettings`], one per listener or upstream and
//! snapshot -> [`Session`], one per connection. A worker receives behind what its buffer holds and calls
//! [`Session::receive`] on `rest | new`, which leaves `plain | rest`; it seals pieces of a response into another buffer with
//! [`Session::send`]; what [`Session::wants_transmit`] announces goes out before anything else. `docs/internals/tls.md`
//! has this step by step.
//!
//! rustls does the protocol and aws-lc-rs the cryptography, named in every builder; no other crate of the data plane names
//! them. Bounds are in `limits`. Nothing here waits, reads a file, or has a clock.

mod authorities;
mod certificate;
mod client;
mod clock;
mod connection;
mod error;
mod limits;
mod names;
mod provider;
mod security;
mod server;
mod session;
mod tickets;

pub use authorities::Authorities;
pub use certificate::{Certificate, CertificateError};
pub use client::{ClientOptions, ClientSettings, Trust};
pub use clock::WallClock;
pub use error::Error;
pub use limits::{FRAGMENT_BYTES_MAX, OVERHEAD_BYTES_MAX, RECORD_BYTES_MAX, REST_BYTES_MAX};
pub use names::Certificates;
pub use provider::provide_by_default;
pub use security::{ClientTls, Security, SecurityError, Validity};
pub use server::{ClientVerification, ServerOptions, ServerSettings};
pub use session::{Phase, Received, Sent, Session, Version};
pub use tickets::Tickets;

// One of each for all workers.
const _: () = {
    const fn is_shared<T: Clone + Send + Sync>() {}
    is_shared::<ServerSettings>();
    is_shared::<ClientSettings>();
    is_shared::<Tickets>();
};
