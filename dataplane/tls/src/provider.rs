//! The cryptography: aws-lc-rs, named wherever rustls would look for a default of the process.

use crate::Version;
use rustls::{
    SupportedProtocolVersion,
    crypto::{CryptoProvider, aws_lc_rs},
    version::{TLS12, TLS13},
};
use std::sync::Arc;

static FROM_TLS12: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];
static FROM_TLS13: [&SupportedProtocolVersion; 1] = [&TLS13];

pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// Makes it the default of the process, for libraries that build TLS by themselves (the client of nodes and of the command
/// line) and ask for that. Again: nothing.
pub fn provide_by_default() {
    // Somebody was first, with the same.
    let _ = aws_lc_rs::default_provider().install_default();
}

/// The versions from `oldest` on.
pub(crate) fn versions(oldest: Version) -> &'static [&'static SupportedProtocolVersion] {
    match oldest {
        Version::Tls12 => &FROM_TLS12,
        Version::Tls13 => &FROM_TLS13,
    }
}
