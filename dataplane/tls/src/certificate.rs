//! Certificates and keys from PEM text, judged in full before any client sees them.
//!
//! The text is read elsewhere; an error says what is wrong with it and what to do, and whoever knows the file adds the
//! place. Judged: that there is a chain and a key, that both are of a kind we can use, that they belong together, and that
//! today is within the first certificate's validity. Not judged: whether clients will trust the chain.

use crate::provider::provider;
use rustls::{
    InconsistentKeys, SignatureAlgorithm,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{Error as PemError, PemObject},
    },
    server::ParsedCertificate,
    sign::CertifiedKey,
};
use std::{fmt, sync::Arc};
use x509_parser::{
    extensions::GeneralName,
    prelude::{ASN1Time, FromDer, X509Certificate},
};

/// What is wrong with a certificate, a key or a bundle of authorities.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CertificateError {
    /// The text holds no certificate.
    NoCertificate,
    /// The text holds no private key.
    NoKey,
    /// The private key is encrypted.
    EncryptedKey,
    /// The text is not PEM; says why.
    BadPem(String),
    /// The text of the private key is not PEM; says why.
    BadKey(String),
    /// The certificate at this place (1 is the first) cannot be read; says why.
    BadCertificate(usize, String),
    /// The private key is of no kind, or size, we can use; says why.
    UnsupportedKey(String),
    /// The key is not the one in the certificate of this subject.
    KeyMismatch(String),
    /// The certificate of this subject has expired, at this time (RFC 3339).
    Expired(String, String),
    /// The certificate of this subject is not valid before this time (RFC 3339).
    NotYetValid(String, String),
    /// No certificate was given to serve with.
    NoneGiven,
    /// Anything the TLS library refuses besides.
    Unusable(String),
}

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCertificate => f.write_str("there is no certificate in it"),
            Self::NoKey => f.write_str("there is no private key in it"),
            Self::EncryptedKey => f.write_str("the private key is encrypted"),
            Self::BadPem(why) | Self::BadKey(why) => write!(f, "it is not PEM: {why}"),
            Self::BadCertificate(place, why) => write!(f, "certificate {place} cannot be read: {why}"),
            Self::UnsupportedKey(why) => write!(f, "the private key cannot be used: {why}"),
            Self::KeyMismatch(subject) => write!(f, "the private key does not belong to the certificate of {subject}"),
            Self::Expired(subject, at) => write!(f, "the certificate of {subject} expired at {at}"),
            Self::NotYetValid(subject, at) => write!(f, "the certificate of {subject} is not valid before {at}"),
            Self::NoneGiven => f.write_str("there is no certificate to serve with"),
            Self::Unusable(why) => write!(f, "it cannot be used: {why}"),
        }
    }
}

impl std::error::Error for CertificateError {}

impl CertificateError {
    /// Whether the private key is at fault, and not the certificate.
    #[must_use]
    pub const fn is_of_key(&self) -> bool {
        matches!(
            self,
            Self::NoKey | Self::EncryptedKey | Self::UnsupportedKey(_) | Self::KeyMismatch(_) | Self::BadKey(_)
        )
    }

    /// What to do about it.
    #[must_use]
    pub const fn remedy(&self) -> &'static str {
        match self {
            Self::NoCertificate => {
                "give a PEM file with `-----BEGIN CERTIFICATE-----`, the server's own certificate first"
            }
            Self::NoKey => "give a PEM file with `-----BEGIN PRIVATE KEY-----`",
            Self::EncryptedKey => {
                "decrypt it (`openssl pkey -in KEY -out PLAIN`) and protect the file by its mode, 0600"
            }
            Self::BadKey(_) => "look at it with `openssl pkey -in FILE -noout`",
            Self::BadPem(_) | Self::BadCertificate(..) => "look at it with `openssl x509 -in FILE -noout -text`",
            Self::UnsupportedKey(_) => "use an ECDSA key (P-256, P-384 or P-521), Ed25519, or RSA of 2048 to 8192 bits",
            Self::KeyMismatch(_) => "the first certificate must be the key's own; those of its issuers follow",
            Self::Expired(..) => "renew it",
            Self::NotYetValid(..) => "check the clock of this machine, or wait",
            Self::NoneGiven => "give at least one certificate and its key",
            Self::Unusable(_) => "replace it",
        }
    }
}

/// A certificate chain and its key, ready to serve with.
#[derive(Clone, Debug)]
pub struct Certificate {
    pub(crate) key: Arc<CertifiedKey>,
    names: Vec<String>,
    subject: String,
    valid_until: u64,
}

impl Certificate {
    /// From the PEM text of the chain, the own certificate first, and of its private key (PKCS #8, PKCS #1 or SEC 1). They
    /// may be the same text. `now` in seconds since 1970.
    ///
    /// # Errors
    /// See [`CertificateError`].
    pub fn from_pem(chain: &[u8], key: &[u8], now: u64) -> Result<Self, CertificateError> {
        let chain = chain_from_pem(chain)?;
        let key = key_from_pem(key)?;
        let (names, subject, valid_until) = judge(&chain[0], now)?;
        let key = provider()
            .key_provider
            .load_private_key(key)
            .map_err(|error| CertificateError::UnsupportedKey(error.to_string()))?;
        let certified = CertifiedKey::new(chain, key);
        match certified.keys_match() {
            Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => {}
            Err(rustls::Error::InconsistentKeys(_)) => return Err(CertificateError::KeyMismatch(subject)),
            Err(error) => return Err(CertificateError::Unusable(error.to_string())),
        }
        Ok(Self { key: Arc::new(certified), names, subject, valid_until })
    }

    /// The host names it is for (subject alternative names), in lower case; wildcards as `*.example.com`.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// The kind of its key: of two certificates for a name whose keys are of one kind, the second is never served.
    #[must_use]
    pub fn key_kind(&self) -> &'static str {
        match self.key.key.algorithm() {
            SignatureAlgorithm::RSA => "RSA",
            SignatureAlgorithm::ECDSA => "ECDSA",
            SignatureAlgorithm::ED25519 => "Ed25519",
            _ => "other",
        }
    }

    pub(crate) const fn is_nameless(&self) -> bool {
        self.names.is_empty()
    }

    /// Whose it is, for messages.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// Last second of its validity, since 1970.
    #[must_use]
    pub const fn valid_until(&self) -> u64 {
        self.valid_until
    }
}

/// All certificates of a PEM text, at least one.
pub(crate) fn chain_from_pem(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let chain = CertificateDer::pem_slice_iter(text)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| CertificateError::BadPem(why(&error)))?;
    if chain.is_empty() {
        return Err(CertificateError::NoCertificate);
    }
    for (at, certificate) in chain.iter().enumerate() {
        ParsedCertificate::try_from(certificate)
            .map_err(|error| CertificateError::BadCertificate(at + 1, error.to_string()))?;
    }
    Ok(chain)
}

pub(crate) fn key_from_pem(text: &[u8]) -> Result<PrivateKeyDer<'static>, CertificateError> {
    let is_encrypted = |form: &[u8]| text.windows(form.len()).any(|window| window == form);
    if is_encrypted(b"BEGIN ENCRYPTED PRIVATE KEY") || is_encrypted(b"Proc-Type: 4,ENCRYPTED") {
        return Err(CertificateError::EncryptedKey);
    }
    PrivateKeyDer::from_pem_slice(text).map_err(|error| match error {
        PemError::NoItemsFound => CertificateError::NoKey,
        error => CertificateError::BadKey(why(&error)),
    })
}

/// Never shows the text itself: it may be a key.
fn why(error: &PemError) -> String {
    match error {
        PemError::MissingSectionEnd { .. } => "a section has no END line".into(),
        PemError::IllegalSectionStart { .. } => "a BEGIN line is malformed".into(),
        PemError::Base64Decode(_) => "a section is not base64".into(),
        _ => "a section cannot be read".into(),
    }
}

/// Names, subject and end of validity of a certificate that is valid now.
fn judge(certificate: &CertificateDer<'_>, now: u64) -> Result<(Vec<String>, String, u64), CertificateError> {
    let (_, parsed) = X509Certificate::from_der(certificate)
        .map_err(|error| CertificateError::BadCertificate(1, error.to_string()))?;
    let names = names(&parsed)?;
    let subject = names.first().map_or_else(|| parsed.subject().to_string(), Clone::clone);
    let validity = parsed.validity();
    let now = i64::try_from(now).unwrap_or(i64::MAX);
    if now < validity.not_before.timestamp() {
        return Err(CertificateError::NotYetValid(subject, date(&validity.not_before)));
    }
    if now > validity.not_after.timestamp() {
        return Err(CertificateError::Expired(subject, date(&validity.not_after)));
    }
    Ok((names, subject, u64::try_from(validity.not_after.timestamp()).unwrap_or_default()))
}

fn names(certificate: &X509Certificate<'_>) -> Result<Vec<String>, CertificateError> {
    let extension = certificate
        .subject_alternative_name()
        .map_err(|error| CertificateError::BadCertificate(1, format!("subject alternative names: {error}")))?;
    let names = extension.iter().flat_map(|extension| &extension.value.general_names);
    let names = names.filter_map(|name| match name {
        GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
        _ => None,
    });
    Ok(names.collect())
}

/// As RFC 3339 has it.
fn date(time: &ASN1Time) -> String {
    let at = time.to_datetime();
    let (year, month, day) = (at.year(), u8::from(at.month()), at.day());
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", at.hour(), at.minute(), at.second())
}
