//! What a listener or upstream says of TLS, with the text of the files it names.
//!
//! The files are read when the configuration is, through [`Source`](crate::Source), and are part of it: a change of one is
//! a change of the digest. No `Debug` here prints any of them. What certificates mean is judged by crate `tls`.

use std::{
    fmt,
    hash::{Hash, Hasher},
    path::PathBuf,
    sync::Arc,
};

/// The oldest protocol version to accept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TlsVersion {
    /// RFC 5246.
    Tls12,
    /// RFC 8446.
    Tls13,
}

/// The text of a PEM file.
#[derive(Clone)]
pub struct Pem {
    /// The file.
    pub path: PathBuf,
    /// What is in it. May be a private key.
    pub text: Arc<[u8]>,
}

/// A certificate chain and its private key.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Identity {
    /// The chain, the own certificate first.
    pub chain: Pem,
    /// The private key.
    pub key: Pem,
}

/// Whether clients show a certificate.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum ClientAuth {
    /// They are not asked.
    None,
    /// They are asked; one that shows none passes.
    Optional(Pem),
    /// Who shows no certificate of these authorities is refused.
    Required(Pem),
}

/// TLS of a listener.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ListenerTls {
    /// At least one; the first is the default.
    pub certificates: Vec<Identity>,
    /// The oldest version to accept.
    pub min_version: TlsVersion,
    /// Whether clients show a certificate.
    pub client_auth: ClientAuth,
}

/// The name an endpoint's certificate must be for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ServerName {
    /// This one, a host name or an address; a host name is sent as SNI.
    Name(String),
    /// The endpoint's address.
    Address,
}

/// TLS to an upstream.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct UpstreamTls {
    /// The name its certificates must be for.
    pub server_name: ServerName,
    /// Whether certificates are judged at all.
    pub verify: bool,
    /// Whom to trust; `None`: the public authorities.
    pub authorities: Option<Pem>,
    /// Our own certificate, for endpoints that ask for one.
    pub certificate: Option<Identity>,
    /// The oldest version to accept.
    pub min_version: TlsVersion,
}

/// A mistake in a certificate or key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// Whether it is the key's file that has it.
    pub in_key: bool,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub remedy: String,
}

/// By content: a file that is renamed is the same file.
impl PartialEq for Pem {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Pem {}

impl Hash for Pem {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.text.hash(hasher);
    }
}

impl fmt::Debug for Pem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pem")
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity")
    }
}

impl fmt::Debug for ClientAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Optional(_) => "Optional",
            Self::Required(_) => "Required",
        })
    }
}
