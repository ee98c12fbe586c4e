//! A certificate authority for tests, and what it issues.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, PKCS_RSA_SHA256, RsaKeySize};
use std::sync::Arc;
use tollgate_tls::{
    Authorities, Certificate, Certificates, ClientVerification, ServerOptions, ServerSettings, Tickets, Version,
    WallClock,
};

/// 2027-01-15.
pub(crate) const NOW: u64 = 1_800_000_000;

#[derive(Debug)]
pub(crate) struct Still;

impl WallClock for Still {
    fn unix_seconds(&self) -> u64 {
        NOW
    }
}

pub(crate) fn clock() -> Arc<dyn WallClock> {
    Arc::new(Still)
}

/// Issues certificates.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, as PEM text.
pub(crate) struct Issued {
    pub(crate) certificate: String,
    pub(crate) key: String,
    pub(crate) der: Vec<u8>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, "test authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    pub(crate) fn der(&self) -> rustls::pki_types::CertificateDer<'static> {
        self.0.der().clone()
    }

    pub(crate) fn authorities(&self) -> Authorities {
        Authorities::from_pem(self.pem().as_bytes()).unwrap()
    }

    pub(crate) fn issue(&self, names: &[&str]) -> Issued {
        self.issue_with(names, |_| {})
    }

    pub(crate) fn issue_with(&self, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Issued {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        change(&mut params);
        self.sign(&params, &KeyPair::generate().unwrap())
    }

    pub(crate) fn issue_rsa(&self, names: &[&str]) -> Issued {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
        self.sign(&CertificateParams::new(names).unwrap(), &key)
    }

    fn sign(&self, params: &CertificateParams, key: &KeyPair) -> Issued {
        let certificate = params.signed_by(key, &self.0).unwrap();
        Issued { certificate: certificate.pem(), key: key.serialize_pem(), der: certificate.der().to_vec() }
    }
}

impl Issued {
    pub(crate) fn load(&self) -> Certificate {
        Certificate::from_pem(self.certificate.as_bytes(), self.key.as_bytes(), NOW).unwrap()
    }
}

/// Options of a server for `a.example.com`.
pub(crate) fn options(authority: &Authority) -> ServerOptions {
    ServerOptions {
        certificates: Certificates::new(&[authority.issue(&["a.example.com"]).load()]).unwrap(),
        oldest: Version::Tls12,
        alpn: vec![b"http/1.1".to_vec()],
        clients: ClientVerification::Off,
        tickets: Some(Tickets::new(clock()).unwrap()),
    }
}

pub(crate) fn settings(options: ServerOptions) -> ServerSettings {
    ServerSettings::new(options, clock()).unwrap()
}
