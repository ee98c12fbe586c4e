//! The world a node's configuration is resolved in: the system's, and the knowledge of certificates and their time.
//!
//! `model` reads files and knows their places, crate `tls` knows what is in them; here they meet, when a configuration is
//! read and never while requests pass.

use std::{
    io,
    path::Path,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};
use tollgate_model::{Flaw, Identity, Pem, Source, SystemSource};
use tollgate_tls::{Authorities, Certificate, CertificateError, WallClock};

/// The system's environment, files and names; certificates and keys are judged.
#[derive(Clone, Copy, Debug, Default)]
pub struct NodeSource;

impl Source for NodeSource {
    fn env(&self, name: &str) -> Option<String> {
        SystemSource.env(name)
    }

    fn read(&self, path: &Path) -> io::Result<String> {
        SystemSource.read(path)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        SystemSource.list(folder)
    }

    fn judge_identity(&self, identity: &Identity) -> Result<Vec<String>, Flaw> {
        let now = SystemClock.unix_seconds();
        let certificate =
            Certificate::from_pem(&identity.chain.text, &identity.key.text, now).map_err(|error| flaw(&error))?;
        Ok(certificate.names().map(|name| format!("{name} {}", certificate.key_kind())).collect())
    }

    fn judge_authorities(&self, bundle: &Pem) -> Result<(), Flaw> {
        Authorities::from_pem(&bundle.text).map(drop).map_err(|error| flaw(&error))
    }
}

fn flaw(error: &CertificateError) -> Flaw {
    Flaw { in_key: error.is_of_key(), message: error.to_string(), remedy: error.remedy().to_owned() }
}

/// The system's wall clock, which judges certificates and the age of tickets, and dates changes of the configuration.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SystemClock;

impl SystemClock {
    pub(crate) fn shared() -> Arc<dyn WallClock> {
        Arc::new(Self)
    }
}

impl WallClock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "asked in handshakes, which have no `Io`, and by threads that are no worker"
    )]
    fn unix_seconds(&self) -> u64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
    }
}
