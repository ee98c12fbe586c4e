//! What measurements over TLS share: one certificate that all gateways serve with, and the client that trusts it.
//!
//! TLS 1.3 only, P-256, and the cipher suite that wrk prefers: the same for every gateway.

use anyhow::Result;
use rustls::{ClientConfig, RootCertStore, client::Resumption, crypto::aws_lc_rs::default_provider, version::TLS13};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

/// The certificate's name and address, which clients ask for.
const NAMES: [&str; 2] = ["localhost", "127.0.0.1"];

/// A certificate on disk, and a client for it.
pub(crate) struct Certificate {
    pub(crate) chain: PathBuf,
    pub(crate) key: PathBuf,
    /// Both in one file, as HAProxy wants it.
    pub(crate) both: PathBuf,
    pub(crate) client: Arc<ClientConfig>,
}

impl Certificate {
    /// Makes one and writes it into `directory`.
    pub(crate) fn write(directory: &Path) -> Result<Self> {
        let issued = rcgen::generate_simple_self_signed(NAMES.map(str::to_owned))?;
        let (chain, key) = (issued.cert.pem(), issued.signing_key.serialize_pem());
        let mut roots = RootCertStore::empty();
        roots.add(issued.cert.der().clone())?;
        let mut client = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(&[&TLS13])?
            .with_root_certificates(roots)
            .with_no_client_auth();
        // Each connection is a handshake of its own.
        client.resumption = Resumption::disabled();
        let certificate = Self {
            chain: directory.join("certificate.pem"),
            key: directory.join("key.pem"),
            both: directory.join("both.pem"),
            client: Arc::new(client),
        };
        fs::write(&certificate.chain, &chain)?;
        fs::write(&certificate.key, &key)?;
        fs::write(&certificate.both, chain + &key)?;
        Ok(certificate)
    }
}
