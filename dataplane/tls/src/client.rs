//! How an upstream is spoken to in TLS: built once per snapshot, shared by all workers, opens a [`Session`] per connection.
//!
//! Sessions to be resumed are kept for all workers, at most `CLIENT_SESSIONS_MAX` of them, behind a lock that only
//! handshakes take. Whoever is to be trusted is said in [`Trust`]; nothing is trusted by default.

use crate::{
    Authorities, Certificate, CertificateError, Error, Session, Version, WallClock,
    clock::Time,
    limits::CLIENT_SESSIONS_MAX,
    provider::{provider, versions},
};
use rustls::{
    ClientConfig, DigitallySignedStruct, SignatureScheme,
    client::{
        Resumption, UnbufferedClientConnection, WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
    sign::SingleCertAndKey,
};
use std::sync::Arc;

/// What [`ClientSettings`] are made of.
#[derive(Debug)]
pub struct ClientOptions {
    /// Whom to trust.
    pub trust: Trust,
    /// The oldest version to accept.
    pub oldest: Version,
    /// Application protocols to offer, the preferred one first.
    pub alpn: Vec<Vec<u8>>,
    /// Our own certificate, for servers that ask for one.
    pub certificate: Option<Certificate>,
}

/// Whom a client takes for the server it means.
#[derive(Debug)]
pub enum Trust {
    /// Who shows a certificate for the name that leads to one of these.
    Authorities(Authorities),
    /// Whoever answers. What is sent is still sealed, but nobody knows for whom.
    Anybody,
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
        let verifier: Arc<dyn ServerCertVerifier> = match options.trust {
            Trust::Anybody => Arc::new(Unjudged(provider())),
            Trust::Authorities(authorities) => {
                WebPkiServerVerifier::builder_with_provider(authorities.roots, provider())
                    .build()
                    .map_err(|error| CertificateError::Unusable(error.to_string()))?
            }
        };
        let builder = ClientConfig::builder_with_details(provider(), Arc::new(Time(clock)))
            .with_protocol_versions(versions(options.oldest))
            .map_err(|error| CertificateError::Unusable(error.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
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

/// Accepts every certificate. Whoever shows it still proves to have its key.
#[derive(Debug)]
struct Unjudged(Arc<CryptoProvider>);

impl ServerCertVerifier for Unjudged {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
