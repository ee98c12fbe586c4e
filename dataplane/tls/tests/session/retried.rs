//! HelloRetryRequest (RFC 8446, section 4.1.4): a peer whose first key share is of a group the other does not take.

use crate::{
    authority::{Authority, clock, options, settings},
    wire::{Cut, Gateway, Peer, deliver, pump},
};
use rustls::{
    ClientConfig, Error, HandshakeKind, NamedGroup, RootCertStore, ServerConfig, ServerConnection,
    crypto::{
        ActiveKeyExchange, SharedSecret, SupportedKxGroup,
        aws_lc_rs::{
            default_provider,
            kx_group::{SECP384R1, X25519},
        },
    },
    pki_types::{PrivateKeyDer, pem::PemObject},
    version::TLS13,
};
use std::sync::Arc;
use tollgate_tls::{ClientOptions, ClientSettings, Phase, Trust, Version};

const CUTS: [Cut; 3] = [Cut::Whole, Cut::Single, Cut::Random(11)];

/// A group that nobody else knows, with the shares of X25519.
#[derive(Debug)]
struct Foreign;

struct ForeignKey(Box<dyn ActiveKeyExchange>);

const FOREIGN: NamedGroup = NamedGroup::Unknown(0xFE01);

impl SupportedKxGroup for Foreign {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        Ok(Box::new(ForeignKey(X25519.start()?)))
    }

    fn name(&self) -> NamedGroup {
        FOREIGN
    }
}

impl ActiveKeyExchange for ForeignKey {
    fn complete(self: Box<Self>, peer: &[u8]) -> Result<SharedSecret, Error> {
        self.0.complete(peer)
    }

    fn pub_key(&self) -> &[u8] {
        self.0.pub_key()
    }

    fn group(&self) -> NamedGroup {
        FOREIGN
    }
}

/// A client that offers a share of the foreign group and would take the others as well.
fn insistent(authority: &Authority, others: &[&'static dyn SupportedKxGroup]) -> Arc<ClientConfig> {
    let mut provider = default_provider();
    provider.kx_groups = [&[&Foreign as &'static dyn SupportedKxGroup], others].concat();
    let mut roots = RootCertStore::empty();
    roots.add(authority.der()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(provider)).with_protocol_versions(&[&TLS13]).unwrap();
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Arc::new(config)
}

#[test]
fn a_client_is_asked_for_another_share() {
    let authority = Authority::new();
    let server = settings(options(&authority));
    for mut cut in CUTS {
        let mut gateway = Gateway::new(server.session().unwrap());
        // Anew, since rustls remembers the group that a server took.
        let mut peer = Peer::new(&insistent(&authority, &[X25519]), "a.example.com");
        deliver(&peer.outgoing(), &mut cut, |piece| gateway.arrive(piece));
        // It has cost nothing yet: the next message does, and is counted against the budget as a first one.
        assert_eq!((gateway.session.phase(), gateway.session.server_name()), (Phase::Hello, Some("a.example.com")));
        pump(&mut peer, &mut gateway, &mut cut);
        assert_eq!((gateway.session.phase(), &gateway.failure), (Phase::Open, &None), "{cut:?}");
        assert_eq!(peer.tls.handshake_kind(), Some(HandshakeKind::FullWithHelloRetryRequest), "{cut:?}");
        assert!(gateway.session.is_for(b"a.example.com") && !gateway.session.is_for(b"b.example.com"));
        peer.write(&[7; 20_000]);
        pump(&mut peer, &mut gateway, &mut cut);
        deliver(&gateway.send(&[&[9; 20_000]], 32_000), &mut cut, |piece| peer.arrive(piece));
        assert!(gateway.got.ends_with(&[7; 1_000]) && peer.got == [9; 20_000]);
    }
}

#[test]
fn a_client_with_no_group_in_common_is_refused() {
    let authority = Authority::new();
    let mut gateway = Gateway::new(settings(options(&authority)).session().unwrap());
    let mut peer = Peer::new(&insistent(&authority, &[]), "a.example.com");
    pump(&mut peer, &mut gateway, &mut Cut::Whole);
    assert!(matches!(gateway.failure, Some(tollgate_tls::Error::NoAgreement(_))), "{:?}", gateway.failure);
    assert!(matches!(peer.failure, Some(Error::AlertReceived(_))), "{:?}", peer.failure);
}

#[test]
fn our_client_gives_another_share() {
    let authority = Authority::new();
    let issued = authority.issue(&["a.example.com"]);
    let mut provider = default_provider();
    provider.kx_groups = vec![SECP384R1];
    let builder = ServerConfig::builder_with_provider(Arc::new(provider)).with_protocol_versions(&[&TLS13]).unwrap();
    let key = PrivateKeyDer::from_pem_slice(issued.key.as_bytes()).unwrap();
    let server = builder.with_no_client_auth().with_single_cert(vec![issued.der.clone().into()], key).unwrap();
    let server = Arc::new(server);
    let client_options = || ClientOptions {
        trust: Trust::Authorities(authority.authorities()),
        oldest: Version::Tls12,
        alpn: Vec::new(),
        certificate: None,
    };
    for mut cut in CUTS {
        let client = ClientSettings::new(client_options(), clock()).unwrap();
        let mut gateway = Gateway::new(client.session("a.example.com").unwrap());
        let mut tls = ServerConnection::new(server.clone()).unwrap();
        loop {
            let (up, mut down) = (gateway.transmit(), Vec::new());
            while tls.wants_write() {
                tls.write_tls(&mut down).unwrap();
            }
            if up.is_empty() && down.is_empty() {
                break;
            }
            let mut up = &up[..];
            while !up.is_empty() {
                tls.read_tls(&mut up).unwrap();
                tls.process_new_packets().unwrap();
            }
            deliver(&down, &mut cut, |piece| gateway.arrive(piece));
        }
        assert_eq!((gateway.session.phase(), &gateway.failure), (Phase::Open, &None), "{cut:?}");
        assert!(!tls.is_handshaking());
        assert_eq!(tls.handshake_kind(), Some(HandshakeKind::FullWithHelloRetryRequest), "{cut:?}");
    }
}
