//! What a worker counts of TLS handshakes, with clients and with endpoints, and how a scrape shows it.
//!
//! Every label is one of a few words, so the figures have a fixed size. One writer, as for all of [`crate::WorkerMetrics`].

use crate::Counter;

/// With whom a handshake is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsSide {
    /// A client.
    Downstream,
    /// An endpoint.
    Upstream,
}

/// A protocol version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsVersion {
    /// TLS 1.2.
    Tls12,
    /// TLS 1.3.
    Tls13,
}

/// A handshake that is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handshake {
    /// The version agreed on.
    pub version: TlsVersion,
    /// Whether an earlier session was continued.
    pub is_resumed: bool,
}

macro_rules! failures {
    ($($failure:ident $label:literal $help:literal;)+) => {
        /// Why a handshake did not come to its end.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum HandshakeFailure {
            $(#[doc = $help] $failure,)+
        }

        /// Labels, by failure.
        pub(crate) const FAILURES: &[&str] = &[$($label),+];
    };
}

failures! {
    Closed "closed" "The peer went away in the middle of it.";
    Timeout "timeout" "It was not done in the time allowed.";
    Alert "alert" "The peer refused it.";
    PeerCertificate "peer_certificate" "The peer's certificate is missing or not accepted.";
    NoAgreement "no_agreement" "No version, cipher or application protocol both sides allow.";
    Protocol "protocol" "The peer broke the protocol.";
    PlainHttp "plain_http" "The client speaks HTTP without TLS.";
    Internal "internal" "Ours: no entropy, or keys that fail.";
}

pub(crate) const SIDES: [(TlsSide, &str); 2] = [(TlsSide::Downstream, "downstream"), (TlsSide::Upstream, "upstream")];

/// Version, kind, and where the count is.
pub(crate) const DONE: [(&str, &str, Handshake); 4] = [
    ("1.2", "full", Handshake { version: TlsVersion::Tls12, is_resumed: false }),
    ("1.2", "resumed", Handshake { version: TlsVersion::Tls12, is_resumed: true }),
    ("1.3", "full", Handshake { version: TlsVersion::Tls13, is_resumed: false }),
    ("1.3", "resumed", Handshake { version: TlsVersion::Tls13, is_resumed: true }),
];

/// The figures of one side.
#[derive(Default)]
pub(crate) struct TlsMetrics {
    /// By version, then by kind.
    done: [[Counter; 2]; 2],
    failed: [Counter; FAILURES.len()],
}

impl TlsMetrics {
    pub(crate) fn count(&self, done: Handshake) {
        self.counter(done).increment();
    }

    pub(crate) fn count_failure(&self, failure: HandshakeFailure) {
        self.failed[failure as usize].increment();
    }

    pub(crate) fn done(&self, done: Handshake) -> u64 {
        self.counter(done).value()
    }

    pub(crate) fn failed(&self, index: usize) -> u64 {
        self.failed[index].value()
    }

    const fn counter(&self, done: Handshake) -> &Counter {
        &self.done[done.version as usize][done.is_resumed as usize]
    }
}
