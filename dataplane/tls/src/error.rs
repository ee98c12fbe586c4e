//! Why a session ended badly. The text is for the access log and metrics; the peer learns only the alert.
//!
//! What is wrong with a configuration is a [`crate::CertificateError`] instead, before there is any session.

use rustls::Error as Cause;
use std::fmt;

/// Why a session cannot go on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The stream ended before there was a session.
    Truncated,
    /// The peer sent a fatal alert, by its name in the registry.
    Alert(String),
    /// The peer's certificate is missing or was not accepted.
    PeerCertificate(String),
    /// There is no version, cipher, group or application protocol that both sides allow.
    NoAgreement(String),
    /// The bytes are not TLS, or break its rules.
    Protocol(String),
    /// The peer's handshake needs more than [`crate::REST_BYTES_MAX`].
    Oversized,
    /// Ours: entropy, keys, or a caller that did not keep the rest of the ciphertext.
    Internal(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => f.write_str("the stream ended in the middle of the handshake"),
            Self::Alert(name) => write!(f, "the peer ended the session: {name}"),
            Self::PeerCertificate(why) => write!(f, "the peer's certificate was not accepted: {why}"),
            Self::NoAgreement(why) => write!(f, "nothing in common with the peer: {why}"),
            Self::Protocol(why) => write!(f, "the peer broke the protocol: {why}"),
            Self::Oversized => f.write_str("the peer's handshake is too large"),
            Self::Internal(why) => write!(f, "internal: {why}"),
        }
    }
}

impl std::error::Error for Error {}

impl From<Cause> for Error {
    fn from(cause: Cause) -> Self {
        let text = cause.to_string();
        match cause {
            Cause::AlertReceived(alert) => Self::Alert(format!("{alert:?}")),
            Cause::NoCertificatesPresented | Cause::InvalidCertificate(_) | Cause::UnsupportedNameType => {
                Self::PeerCertificate(text)
            }
            Cause::PeerIncompatible(_) | Cause::NoApplicationProtocol => Self::NoAgreement(text),
            Cause::InappropriateMessage { .. }
            | Cause::InappropriateHandshakeMessage { .. }
            | Cause::InvalidMessage(_)
            | Cause::DecryptError
            | Cause::PeerMisbehaved(_)
            | Cause::PeerSentOversizedRecord => Self::Protocol(text),
            _ => Self::Internal(text),
        }
    }
}
