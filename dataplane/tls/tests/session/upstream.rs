//! Both ends are sessions of ours: verification of the server, client certificates, ALPN and resumption.

use crate::{
    authority::{Authority, clock, options, settings},
    wire::{Cut, Gateway, Peer, deliver, pump},
};
use tollgate_tls::{
    Authorities, ClientOptions, ClientSettings, ClientVerification, Error, Phase, ServerOptions, ServerSettings, Trust,
    Version,
};

fn client_options(authority: &Authority) -> ClientOptions {
    ClientOptions {
        trust: Trust::Authorities(authority.authorities()),
        oldest: Version::Tls12,
        alpn: vec![b"http/1.1".to_vec()],
        certificate: None,
    }
}

fn meet(client: &ClientSettings, server: &ServerSettings, name: &str, mut cut: Cut) -> (Gateway, Gateway) {
    let mut client = Gateway::new(client.session(name).unwrap());
    let mut server = Gateway::new(server.session().unwrap());
    loop {
        let (up, down) = (client.transmit(), server.transmit());
        if up.is_empty() && down.is_empty() {
            return (client, server);
        }
        deliver(&up, &mut cut, |piece| server.arrive(piece));
        deliver(&down, &mut cut, |piece| client.arrive(piece));
    }
}

#[test]
fn a_client_session_carries_both_ways_and_resumes() {
    let authority = Authority::new();
    let server = settings(options(&authority));
    let client = ClientSettings::new(client_options(&authority), clock()).unwrap();
    for (round, cut) in [Cut::Whole, Cut::Single, Cut::Random(5)].into_iter().enumerate() {
        let (mut client, mut server) = meet(&client, &server, "a.example.com", cut);
        assert_eq!((client.session.phase(), server.session.phase()), (Phase::Open, Phase::Open));
        assert_eq!(client.session.alpn(), Some(&b"http/1.1"[..]));
        assert_eq!((client.session.is_resumed(), server.session.is_resumed()), (round > 0, round > 0));
        let (ask, reply) = (vec![7; 70_000], vec![9; 70_000]);
        let mut cut = cut;
        deliver(&client.send(&[&ask], 32_000), &mut cut, |piece| server.arrive(piece));
        deliver(&server.send(&[&reply], 32_000), &mut cut, |piece| client.arrive(piece));
        assert!(server.got == ask && client.got == reply);
        server.session.close();
        deliver(&server.transmit(), &mut cut, |piece| client.arrive(piece));
        assert_eq!(client.session.phase(), Phase::PeerClosed);
    }
}

#[test]
fn a_server_that_is_not_who_it_should_be_is_refused() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let server = settings(options(&authority));
    let trusting = ClientSettings::new(client_options(&authority), clock()).unwrap();
    let other = ClientSettings::new(client_options(&stranger), clock()).unwrap();
    for (client, name) in [(&trusting, "b.example.com"), (&trusting, "127.0.0.1"), (&other, "a.example.com")] {
        let (client, server) = meet(client, &server, name, Cut::Whole);
        assert!(matches!(client.failure, Some(Error::PeerCertificate(_))), "{name}: {:?}", client.failure);
        assert!(matches!(server.failure, Some(Error::Alert(_))), "{name}: {:?}", server.failure);
    }
    assert!(trusting.session("not a name").is_err());
}

#[test]
fn a_client_shows_its_certificate() {
    let authority = Authority::new();
    let own = authority.issue(&["client"]);
    let clients = ClientVerification::Required(authority.authorities());
    let server = settings(ServerOptions { clients, ..options(&authority) });
    let certificate = Some(own.load());
    let client = ClientSettings::new(ClientOptions { certificate, ..client_options(&authority) }, clock()).unwrap();
    let (client, server) = meet(&client, &server, "a.example.com", Cut::Random(2));
    assert_eq!(client.session.phase(), Phase::Open);
    assert_eq!(server.session.peer_certificates().collect::<Vec<_>>(), [&own.der[..]]);
}

#[test]
fn no_protocol_or_version_in_common_is_said() {
    let authority = Authority::new();
    let server = settings(options(&authority));
    let alpn = vec![b"h2".to_vec()];
    let client = ClientSettings::new(ClientOptions { alpn, ..client_options(&authority) }, clock()).unwrap();
    let (client, server) = meet(&client, &server, "a.example.com", Cut::Whole);
    assert!(matches!(server.failure, Some(Error::NoAgreement(_))), "{:?}", server.failure);
    assert!(matches!(client.failure, Some(Error::Alert(_))), "{:?}", client.failure);

    let server = settings(ServerOptions { oldest: Version::Tls13, ..options(&authority) });
    let mut server = Gateway::new(server.session().unwrap());
    let config = crate::wire::client(&authority, Version::Tls12, None);
    let mut peer = Peer::new(&std::sync::Arc::new(config), "a.example.com");
    pump(&mut peer, &mut server, &mut Cut::Whole);
    assert!(matches!(server.failure, Some(Error::NoAgreement(_))), "{:?}", server.failure);
    assert!(matches!(peer.failure, Some(rustls::Error::AlertReceived(_))), "{:?}", peer.failure);
}

#[test]
fn a_server_of_a_private_authority_is_not_trusted_in_public() {
    let authority = Authority::new();
    let trust = Trust::Authorities(Authorities::public());
    let client = ClientSettings::new(ClientOptions { trust, ..client_options(&authority) }, clock()).unwrap();
    let (client, _) = meet(&client, &settings(options(&authority)), "a.example.com", Cut::Whole);
    assert!(matches!(client.failure, Some(Error::PeerCertificate(_))), "{:?}", client.failure);
}

#[test]
fn whoever_trusts_anybody_does_so_by_choice() {
    let authority = Authority::new();
    for oldest in [Version::Tls12, Version::Tls13] {
        let options_of_client = ClientOptions { trust: Trust::Anybody, oldest, ..client_options(&authority) };
        let client = ClientSettings::new(options_of_client, clock()).unwrap();
        let (client, server) = meet(&client, &settings(options(&authority)), "b.example.com", Cut::Whole);
        assert_eq!((client.session.phase(), server.session.phase()), (Phase::Open, Phase::Open));
    }
}
