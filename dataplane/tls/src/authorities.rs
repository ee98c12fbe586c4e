//! The certificate authorities a peer's certificate must lead to.

use crate::certificate::{CertificateError, chain_from_pem};
use aws_lc_rs::digest::{SHA256, digest};
use rustls::RootCertStore;
use std::sync::Arc;

/// Authorities to trust.
#[derive(Clone, Debug)]
pub struct Authorities {
    pub(crate) roots: Arc<RootCertStore>,
    /// Tells one set from another.
    pub(crate) digest: Vec<u8>,
}

impl Authorities {
    /// From a bundle: the PEM text of one or more certificates.
    ///
    /// # Errors
    /// There is none, or one cannot be read.
    pub fn from_pem(bundle: &[u8]) -> Result<Self, CertificateError> {
        let mut roots = RootCertStore::empty();
        let mut all = Vec::new();
        for (at, certificate) in chain_from_pem(bundle)?.into_iter().enumerate() {
            all.extend_from_slice(digest(&SHA256, &certificate).as_ref());
            roots.add(certificate).map_err(|error| CertificateError::BadCertificate(at + 1, error.to_string()))?;
        }
        Ok(Self { roots: Arc::new(roots), digest: digest(&SHA256, &all).as_ref().to_vec() })
    }

    /// Those Mozilla's browsers trust, as compiled in.
    #[must_use]
    pub fn public() -> Self {
        let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        Self { roots: Arc::new(roots), digest: b"public".to_vec() }
    }
}
