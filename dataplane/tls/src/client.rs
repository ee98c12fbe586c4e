//! How an upstream is spoken to in TLS: built once per snapshot, shared by all workers, opens a [`Session`] per connection.

use crate::{
    Authorities, Certificate, CertificateError, Error, Session, Version, WallClock,
    clock::Time,
    limits::CLIENT_SESSIONS_MAX,
    provider::{provider, versions},
};
use rustls::{
    ClientConfig,
    client::{Resumption, UnbufferedClientConnection, WebPkiServerVerifier},
    pki_types::ServerName,
    sign::SingleCertAndKey,
};
use std::sync::Arc;

/// What [`ClientSettings`] are made of.
#[derive(Debug)]
pub struct ClientOptions {
    /// Whom to trust. There is no way to trust everybody.
    pub authorities: Authorities,
    /// The oldest version to accept.
    pub oldest: Version,
    /// Application protocols to offer, the preferred one first.
    pub alpn: Vec<Vec<u8>>,
    /// Our own certificate, for servers that ask for one.
    pub certificate: Option<Certificate>,
}

/// How to speak TLS to a server. Cheap to clone; sessions to be resumed are shared by the clones.
#[derive(Clone, Debug)]
pub struct ClientSettings(Arc<ClientConfig>);

impl ClientSettings {
    /// Settings out of options; `clock` judges server certificates.
    ///
    /// # Errors
    /// The authorities cannot be used.
    pub fn new(options: ClientOptions, clock: Arc<dyn WallClock>) -> Result<Self, CertificateError> {
        let verifier = WebPkiServerVerifier::builder_with_provider(options.authorities.roots.clone(), provider())
            .build()
            .map_err(|error| CertificateError::Unusable(error.to_string()))?;
        let builder = ClientConfig::builder_with_details(provider(), Arc::new(Time(clock)))
            .with_protocol_versions(versions(options.oldest))
            .map_err(|error| CertificateError::Unusable(error.to_string()))?
            .with_webpki_verifier(verifier);
        let mut config = match options.certificate {
            Some(certificate) => builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(certificate.key))),
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = options.alpn;
        config.resumption = Resumption::in_memory_sessions(CLIENT_SESSIONS_MAX);
        Ok(Self(Arc::new(config)))
    }

    /// A session with the server of this name, a host name or an IP address: it is sent as SNI (a host name only) and the
    /// certificate must be for it. The ClientHello waits to be sent.
    ///
    /// # Errors
    /// The name is neither, or there is no entropy.
    pub fn session(&self, server_name: &str) -> Result<Session, Error> {
        let name = ServerName::try_from(server_name)
            .map_err(|_| Error::Internal(format!("`{server_name}` is neither a host name nor an IP address")))?;
        let connection = UnbufferedClientConnection::new(self.0.clone(), name.to_owned())?;
        Ok(Session::client(connection))
    }
}
