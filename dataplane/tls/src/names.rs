//! Which certificate for which host name: exact names first, then wildcards, then the default.
//!
//! Where several certificates are for one name, the first one whose key the client can verify is served, so that an ECDSA
//! certificate may stand before an RSA one for old clients.

use crate::certificate::{Certificate, CertificateError};
use ahash::AHashMap;
use rustls::{
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use std::sync::{Arc, OnceLock};

/// The certificates of a listener.
#[derive(Debug)]
pub struct Certificates {
    exact: AHashMap<String, Vec<Arc<CertifiedKey>>>,
    /// By what follows `*.`, which stands for exactly one label (RFC 9525, section 6.3).
    wildcard: AHashMap<String, Vec<Arc<CertifiedKey>>>,
    /// For clients that name no host, or one that no certificate is for.
    default: Vec<Arc<CertifiedKey>>,
}

impl Certificates {
    /// All of `certificates`, each under its own names. The first is the default, with those of the same names.
    ///
    /// # Errors
    /// There is none.
    pub fn new(certificates: &[Certificate]) -> Result<Self, CertificateError> {
        let first = certificates.first().ok_or(CertificateError::NoneGiven)?;
        let alike = certificates.iter().skip(1).filter(|other| !first.is_nameless() && other.names().eq(first.names()));
        let mut all = Self {
            exact: AHashMap::new(),
            wildcard: AHashMap::new(),
            default: std::iter::once(first).chain(alike).map(|certificate| certificate.key.clone()).collect(),
        };
        for certificate in certificates {
            for name in certificate.names() {
                let (table, name) = match name.strip_prefix("*.") {
                    Some(suffix) => (&mut all.wildcard, suffix),
                    None => (&mut all.exact, name),
                };
                table.entry(name.to_owned()).or_default().push(certificate.key.clone());
            }
        }
        Ok(all)
    }

    /// Those that are for `name`, which is in lower case.
    fn known(&self, name: &str) -> Option<&[Arc<CertifiedKey>]> {
        let under = || self.wildcard.get(name.split_once('.')?.1);
        self.exact.get(name).or_else(under).map(AsRef::as_ref)
    }

    fn candidates(&self, name: Option<&str>) -> &[Arc<CertifiedKey>] {
        name.and_then(|name| self.known(&name.to_ascii_lowercase())).unwrap_or(&self.default)
    }

    fn choose(&self, hello: &ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let candidates = self.candidates(hello.server_name());
        let usable = candidates.iter().find(|one| one.key.choose_scheme(hello.signature_schemes()).is_some());
        usable.or(candidates.first()).cloned()
    }
}

/// The choice for one session, which remembers what the client asked for.
#[derive(Debug)]
pub(crate) struct Asked {
    certificates: Arc<Certificates>,
    name: OnceLock<Box<str>>,
}

impl Asked {
    pub(crate) const fn new(certificates: Arc<Certificates>) -> Self {
        Self { certificates, name: OnceLock::new() }
    }

    pub(crate) fn name(&self) -> Option<&str> {
        self.name.get().map(AsRef::as_ref)
    }

    /// Whether a certificate shown for `name` is for `host`, too.
    pub(crate) fn are_alike(&self, name: &str, host: &[u8]) -> bool {
        let Ok(host) = str::from_utf8(host) else { return false };
        let shown = self.certificates.candidates(Some(name));
        let known = self.certificates.known(&host.to_ascii_lowercase()).unwrap_or_default();
        known.iter().any(|one| shown.iter().any(|other| Arc::ptr_eq(one, other)))
    }
}

impl ResolvesServerCert for Asked {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        if let Some(name) = hello.server_name() {
            self.name.get_or_init(|| name.to_ascii_lowercase().into());
        }
        self.certificates.choose(&hello)
    }
}
