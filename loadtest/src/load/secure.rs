//! TLS of the generator: rustls, told which certificates to trust.
//!
//! Every connection makes a full handshake: tickets are not kept, so that fresh connections measure what a new client
//! costs. HTTP/1.1 without ALPN. The provider is named, since a process may have several.

use super::{ErrorKind, Failure, Plan, Tls};
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        Resumption,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject as _},
};
use std::sync::Arc;

/// What makes the TLS connections of a run.
#[derive(Clone, Debug)]
pub(super) struct Secure {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

impl Secure {
    /// `None` for a target without TLS.
    ///
    /// # Errors
    /// The name or a certificate to trust cannot be read.
    pub(super) fn new(plan: &Plan) -> Result<Option<Self>, Failure> {
        let Some(tls) = &plan.tls else { return Ok(None) };
        let name = tls.server_name.as_ref().unwrap_or(&plan.target.host).clone();
        let refused = |error: &dyn std::fmt::Display| Failure::Plan(format!("{name:?} is no server name: {error}"));
        let name = ServerName::try_from(name.clone()).map_err(|error| refused(&error))?;
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|error| Failure::Start(format!("TLS: {error}")))?;
        let mut config = match tls.insecure {
            true => builder.dangerous().with_custom_certificate_verifier(Arc::new(AnyCertificate(provider))),
            false => builder.with_root_certificates(roots(tls)?),
        }
        .with_no_client_auth();
        config.resumption = Resumption::disabled();
        Ok(Some(Self { config: Arc::new(config), name }))
    }

    /// A connection that has sent nothing yet.
    pub(super) fn connection(&self) -> Result<Box<ClientConnection>, Error> {
        ClientConnection::new(self.config.clone(), self.name.clone()).map(Box::new)
    }
}

fn roots(tls: &Tls) -> Result<RootCertStore, Failure> {
    let mut roots = RootCertStore::empty();
    let Some(pem) = &tls.ca else {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        return Ok(roots);
    };
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        let certificate = certificate.map_err(|error| Failure::Plan(format!("the certificates to trust: {error}")))?;
        roots.add(certificate).map_err(|error| Failure::Plan(format!("a certificate to trust: {error}")))?;
    }
    match roots.is_empty() {
        true => Err(Failure::Plan("the certificates to trust: no PEM certificate in them".to_owned())),
        false => Ok(roots),
    }
}

/// Whether the certificate or the rest of TLS is at fault.
pub(super) const fn kind(error: &Error) -> ErrorKind {
    match error {
        Error::InvalidCertificate(_) | Error::NoCertificatesPresented => ErrorKind::Certificate,
        _ => ErrorKind::Tls,
    }
}

/// What an error says to someone who runs a load test.
pub(super) fn said(error: &Error) -> String {
    match error {
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            "the certificate is signed by none that is trusted; name its authority, or accept any".to_owned()
        }
        Error::InvalidMessage(_) => format!("the target does not speak TLS ({error})"),
        _ => error.to_string(),
    }
}

/// Accepts any certificate. Signatures are still checked: the peer has the certificate's key.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
