//! Records no honest client sends: a client's keys are taken out of rustls and used to seal them.

use crate::{
    authority::{Authority, options, settings},
    wire::{Cut, Gateway, Peer, pump},
};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use rustls::{
    CipherSuite, ClientConfig, ConnectionTrafficSecrets, RootCertStore,
    crypto::aws_lc_rs::default_provider,
    version::{TLS12, TLS13},
};
use std::sync::Arc;
use tollgate_tls::{Error, Phase, Version};

const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const DATA: u8 = 23;
/// A KeyUpdate that asks for ours in return (RFC 8446, section 4.6.3).
const KEY_UPDATE: [u8; 5] = [24, 0, 0, 1, 1];

/// A record's type, version and length; also what is authenticated with it.
fn header(kind: u8, length: usize) -> [u8; 5] {
    let [high, low] = (length as u16).to_be_bytes();
    [kind, 3, 3, high, low]
}

/// Seals records in an honest client's stead.
struct Forger {
    version: Version,
    key: LessSafeKey,
    iv: [u8; 12],
    sequence: u64,
}

impl Forger {
    fn seal(&mut self, kind: u8, content: &[u8]) -> Vec<u8> {
        let sequence = self.sequence.to_be_bytes();
        self.sequence += 1;
        match self.version {
            Version::Tls13 => {
                let mut sealed = [content, &[kind]].concat();
                let header = header(DATA, sealed.len() + 16);
                let mut nonce = self.iv;
                nonce[4..].iter_mut().zip(sequence).for_each(|(byte, other)| *byte ^= other);
                let nonce = Nonce::assume_unique_for_key(nonce);
                self.key.seal_in_place_append_tag(nonce, Aad::from(header), &mut sealed).unwrap();
                [&header[..], &sealed].concat()
            }
            Version::Tls12 => {
                let mut sealed = content.to_vec();
                let associated = [&sequence[..], &header(kind, content.len())].concat();
                let explicit = [0xee, 0, 0, 0, 0, 0, 0, self.sequence as u8];
                let nonce = [&self.iv[..4], &explicit].concat();
                let nonce = Nonce::try_assume_unique_for_key(&nonce).unwrap();
                self.key.seal_in_place_append_tag(nonce, Aad::from(associated), &mut sealed).unwrap();
                [&header(kind, sealed.len() + 8)[..], &explicit, &sealed].concat()
            }
        }
    }
}

/// A client whose keys can be taken, and are of the one kind the forger knows.
fn config(authority: &Authority, version: Version) -> ClientConfig {
    let (version, suite) = match version {
        Version::Tls12 => (&TLS12, CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384),
        Version::Tls13 => (&TLS13, CipherSuite::TLS13_AES_256_GCM_SHA384),
    };
    let mut provider = default_provider();
    provider.cipher_suites.retain(|one| one.suite() == suite);
    let mut roots = RootCertStore::empty();
    roots.add(authority.der()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.enable_secret_extraction = true;
    config
}

/// A session that is open, the forger who has taken its client over, and a ClientHello such as clients send.
fn taken_over(version: Version) -> (Forger, Gateway, Vec<u8>) {
    let authority = Authority::new();
    let config = Arc::new(config(&authority, version));
    let mut gateway = Gateway::new(settings(options(&authority)).session().unwrap());
    let mut peer = Peer::new(&config, "a.example.com");
    pump(&mut peer, &mut gateway, &mut Cut::Whole);
    assert_eq!((gateway.session.phase(), gateway.session.version()), (Phase::Open, Some(version)));
    let (sequence, secrets) = peer.tls.dangerous_extract_secrets().unwrap().tx;
    let ConnectionTrafficSecrets::Aes256Gcm { key, iv } = secrets else { panic!("another cipher") };
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key.as_ref()).unwrap());
    let iv = iv.as_ref().try_into().unwrap();
    let hello = Peer::new(&config, "a.example.com").outgoing().split_off(5);
    (Forger { version, key, iv, sequence }, gateway, hello)
}

#[test]
fn the_forger_is_believed() {
    for version in [Version::Tls12, Version::Tls13] {
        let (mut forger, mut gateway, _) = taken_over(version);
        gateway.arrive(&forger.seal(DATA, b"as if genuine"));
        assert_eq!((&gateway.got[..], &gateway.failure), (&b"as if genuine"[..], &None), "{version:?}");
    }
}

#[test]
fn renegotiation_is_refused() {
    let (mut forger, mut gateway, hello) = taken_over(Version::Tls12);
    gateway.arrive(&forger.seal(HANDSHAKE, &hello));
    assert_eq!((gateway.session.phase(), &gateway.failure), (Phase::Open, &None), "RFC 5746: a warning, once");
    let alert = gateway.transmit();
    assert_eq!(alert[0], ALERT);
    assert!(!gateway.session.wants_transmit(), "and no ServerHello");
    gateway.arrive(&forger.seal(DATA, b"goes on"));
    assert_eq!(gateway.got, b"goes on");
    gateway.arrive(&forger.seal(HANDSHAKE, &hello));
    assert!(matches!(gateway.failure, Some(Error::Protocol(_))), "{:?}", gateway.failure);
}

#[test]
fn a_second_hello_ends_a_session_of_tls13() {
    let (mut forger, mut gateway, hello) = taken_over(Version::Tls13);
    gateway.arrive(&forger.seal(HANDSHAKE, &hello));
    assert!(matches!(gateway.failure, Some(Error::Protocol(_))), "{:?}", gateway.failure);
    assert!(gateway.session.wants_transmit());
}

#[test]
fn half_a_message_does_not_hinder_sending() {
    for cut in 1..KEY_UPDATE.len() {
        let (mut forger, mut gateway, _) = taken_over(Version::Tls13);
        gateway.arrive(&forger.seal(DATA, b"before"));
        gateway.arrive(&forger.seal(HANDSHAKE, &KEY_UPDATE[..cut]));
        assert_eq!(gateway.failure, None);
        assert!(!gateway.send(&[b"answer"], 1000).is_empty());
        let rest = forger.seal(HANDSHAKE, &KEY_UPDATE[cut..]);
        let (one, two) = rest.split_at(9);
        gateway.arrive(one);
        assert!(!gateway.send(&[b"answer"], 1000).is_empty());
        gateway.arrive(two);
        assert_eq!((gateway.session.phase(), &gateway.failure), (Phase::Open, &None), "cut at {cut}");
        let sealed = gateway.send(&[b"answer"], 1000);
        assert!(sealed.len() > 2 * (5 + 16), "the new key is announced in front of the record");
        assert_eq!(gateway.got, b"before");
    }
}

#[test]
fn half_a_message_does_not_hinder_closing() {
    let (mut forger, mut gateway, _) = taken_over(Version::Tls13);
    gateway.arrive(&forger.seal(HANDSHAKE, &KEY_UPDATE[..2]));
    gateway.session.close();
    assert_eq!(gateway.transmit().len(), 5 + 2 + 1 + 16);
    gateway.arrive(&forger.seal(DATA, b"between"));
    assert!(matches!(gateway.failure, Some(Error::Protocol(_))), "nothing may stand between the halves");
}

#[test]
fn empty_records_and_key_updates_have_a_bound() {
    let (mut forger, mut gateway, _) = taken_over(Version::Tls13);
    for _ in 0..100 {
        gateway.arrive(&forger.seal(DATA, b""));
    }
    assert!(matches!(gateway.failure, Some(Error::Protocol(_))), "{:?}", gateway.failure);
}
