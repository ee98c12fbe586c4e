//! Which certificate is shown for which name.

use crate::{
    authority::{Authority, Issued, options, settings},
    wire::{Cut, Gateway, Peer, client, pump},
};
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs::default_provider, version::TLS12};
use std::sync::Arc;
use tollgate_tls::{CertificateError, Certificates, Error, ServerOptions, ServerSettings, Version};

struct Host {
    authority: Authority,
    issued: Vec<Issued>,
    settings: ServerSettings,
}

fn host() -> Host {
    let authority = Authority::new();
    let issued: Vec<_> = [&["a.example.com"][..], &["*.example.com"], &["b.example.com", "other.example.org"]]
        .iter()
        .map(|names| authority.issue(names))
        .collect();
    let loaded: Vec<_> = issued.iter().map(Issued::load).collect();
    let certificates = Certificates::new(&loaded).unwrap();
    let settings = settings(ServerOptions { certificates, ..options(&authority) });
    Host { authority, issued, settings }
}

/// Which certificate a client is shown that asks for `name`.
fn shown(host: &Host, name: &str, version: Version) -> (Option<usize>, Peer, Gateway) {
    let mut config = client(&host.authority, version, None);
    // IP addresses are never sent as SNI.
    config.enable_sni = !name.is_empty();
    let name = if name.is_empty() { "a.example.com" } else { name };
    let mut gateway = Gateway::new(host.settings.session().unwrap());
    let mut peer = Peer::new(&Arc::new(config), name);
    pump(&mut peer, &mut gateway, &mut Cut::Whole);
    let der = peer.tls.peer_certificates().and_then(|chain| chain.first()).map(|der| der.to_vec());
    (der.and_then(|der| host.issued.iter().position(|issued| issued.der == der)), peer, gateway)
}

#[test]
fn a_name_chooses_its_certificate() {
    let host = host();
    for version in [Version::Tls12, Version::Tls13] {
        for (name, expected) in [
            ("a.example.com", 0),
            ("A.Example.com", 0),
            ("", 0),
            ("c.example.com", 1),
            ("b.example.com", 2),
            ("other.example.org", 2),
        ] {
            let (found, peer, gateway) = shown(&host, name, version);
            assert_eq!((found, &peer.failure), (Some(expected), &None), "{name} {version:?}");
            let asked = Some(name.to_ascii_lowercase()).filter(|name| !name.is_empty());
            assert_eq!(gateway.session.server_name(), asked.as_deref());
        }
    }
}

#[test]
fn a_wildcard_stands_for_one_label_and_a_wrong_name_gets_the_default() {
    let host = host();
    for name in ["d.c.example.com", "example.com", "nowhere.test"] {
        let (_, peer, mut gateway) = shown(&host, name, Version::Tls13);
        assert!(matches!(peer.failure, Some(rustls::Error::InvalidCertificate(_))), "{name}: {:?}", peer.failure);
        let mut peer = peer;
        pump(&mut peer, &mut gateway, &mut Cut::Whole);
        assert!(matches!(gateway.failure, Some(Error::Alert(_))), "{name}: {:?}", gateway.failure);
    }
}

#[test]
fn a_client_gets_the_kind_of_key_it_can_verify() {
    let authority = Authority::new();
    let issued = [authority.issue(&["a.example.com"]), authority.issue_rsa(&["a.example.com"])];
    let certificates = Certificates::new(&[issued[0].load(), issued[1].load()]).unwrap();
    let host = settings(ServerOptions { certificates, ..options(&authority) });
    for (suites, expected) in [("ECDHE_ECDSA", 0), ("ECDHE_RSA", 1)] {
        let mut provider = default_provider();
        provider.cipher_suites.retain(|suite| format!("{:?}", suite.suite()).contains(suites));
        let mut roots = RootCertStore::empty();
        roots.add(authority.der()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[&TLS12])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut gateway = Gateway::new(host.session().unwrap());
        let mut peer = Peer::new(&Arc::new(config), "a.example.com");
        pump(&mut peer, &mut gateway, &mut Cut::Whole);
        assert_eq!(peer.failure, None, "{suites}");
        assert_eq!(peer.tls.peer_certificates().unwrap()[0].as_ref(), issued[expected].der, "{suites}");
    }
}

#[test]
fn there_must_be_a_certificate() {
    assert_eq!(Certificates::new(&[]).unwrap_err(), CertificateError::NoneGiven);
}

#[test]
fn a_session_is_for_the_hosts_of_the_certificate_that_was_shown() {
    let host = host();
    for (asked, other, is_for) in [
        ("a.example.com", "a.example.com", true),
        ("a.example.com", "A.Example.COM.", true),
        ("a.example.com", "", true),
        ("a.example.com", "c.example.com", false),
        ("c.example.com", "d.example.com", true),
        ("c.example.com", "a.example.com", false),
        ("b.example.com", "other.example.org", true),
        ("b.example.com", "elsewhere.test", false),
        // Shown the default for want of a better one.
        ("elsewhere.test", "elsewhere.test", true),
        ("elsewhere.test", "a.example.com", true),
        ("elsewhere.test", "c.example.com", false),
        ("", "anything", true),
    ] {
        let (_, _, gateway) = shown(&host, asked, Version::Tls13);
        assert_eq!(gateway.session.is_for(other.as_bytes()), is_for, "{other} over a session for {asked}");
    }
}
