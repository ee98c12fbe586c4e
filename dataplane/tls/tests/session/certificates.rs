//! What is wrong with a certificate or key is said, with dates and a remedy.

use crate::authority::{Authority, NOW};
use rcgen::date_time_ymd;
use tollgate_tls::{Authorities, Certificate, CertificateError};

#[test]
fn every_mistake_has_its_message() {
    let authority = Authority::new();
    let good = authority.issue(&["a.example.com"]);
    let other = authority.issue(&["b.example.com"]);
    let old = authority.issue_with(&["old.example.com"], |params| params.not_after = date_time_ymd(2026, 3, 1));
    let young = authority.issue_with(&["young.example.com"], |params| params.not_before = date_time_ymd(2030, 12, 24));
    let torn = good.certificate.replace("-----END CERTIFICATE-----", "");
    let hollow = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let odd = "-----BEGIN CERTIFICATE-----\n*\n-----END CERTIFICATE-----\n";
    let unfit = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    let locked = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let chain_then_hollow = format!("{}{hollow}", good.certificate);
    for (chain, key, message) in [
        ("", &good.key[..], "there is no certificate in it"),
        (&good.key, &good.key, "there is no certificate in it"),
        (&torn, &good.key, "it is not PEM: a section has no END line"),
        (odd, &good.key, "it is not PEM: a section is not base64"),
        (hollow, &good.key, "certificate 1 cannot be read"),
        (&chain_then_hollow, &good.key, "certificate 2 cannot be read"),
        (&good.certificate, "", "there is no private key in it"),
        (&good.certificate, &good.certificate, "there is no private key in it"),
        (&good.certificate, locked, "the private key is encrypted"),
        (&good.certificate, unfit, "the private key cannot be used"),
        (&good.certificate, &other.key, "the private key does not belong to the certificate of a.example.com"),
        (&old.certificate, &old.key, "the certificate of old.example.com expired at 2026-03-01T00:00:00Z"),
        (
            &young.certificate,
            &young.key,
            "the certificate of young.example.com is not valid before 2030-12-24T00:00:00Z",
        ),
    ] {
        let error = Certificate::from_pem(chain.as_bytes(), key.as_bytes(), NOW).unwrap_err();
        assert!(error.to_string().starts_with(message), "`{error}` instead of `{message}`");
        assert!(!error.remedy().is_empty());
    }
}

#[test]
fn a_certificate_knows_its_names_and_end() {
    let authority = Authority::new();
    let issued = authority.issue_with(&["A.example.com", "*.example.com"], |params| {
        params.not_after = date_time_ymd(2100, 1, 1);
    });
    let both = format!("{}{}", issued.certificate, issued.key);
    let certificate = Certificate::from_pem(both.as_bytes(), both.as_bytes(), NOW).unwrap();
    assert_eq!(certificate.names().collect::<Vec<_>>(), ["a.example.com", "*.example.com"]);
    assert_eq!((certificate.subject(), certificate.valid_until()), ("a.example.com", 4_102_444_800));
}

#[test]
fn a_bundle_holds_authorities() {
    assert_eq!(Authorities::from_pem(b"nothing").unwrap_err(), CertificateError::NoCertificate);
    let (one, two) = (Authority::new(), Authority::new());
    assert!(Authorities::from_pem((one.pem() + &two.pem()).as_bytes()).is_ok());
}
