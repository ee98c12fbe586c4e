//! Client certificates: off, optional, required.

use crate::{
    authority::{Authority, Issued, options, settings},
    wire::{Cut, Gateway, Peer, client, pump},
};
use std::sync::Arc;
use tollgate_tls::{ClientVerification, Error, Phase, ServerOptions, Version};

fn connect(
    authority: &Authority,
    clients: ClientVerification,
    own: Option<&Issued>,
    version: Version,
) -> (Peer, Gateway) {
    let settings = settings(ServerOptions { clients, ..options(authority) });
    let mut gateway = Gateway::new(settings.session().unwrap());
    let mut peer = Peer::new(&Arc::new(client(authority, version, own)), "a.example.com");
    pump(&mut peer, &mut gateway, &mut Cut::Random(3));
    (peer, gateway)
}

#[test]
fn a_client_shows_its_certificate_if_it_must() {
    let authority = Authority::new();
    let own = authority.issue(&["client"]);
    let stranger = Authority::new().issue(&["client"]);
    let optional = || ClientVerification::Optional(authority.authorities());
    let required = || ClientVerification::Required(authority.authorities());
    for version in [Version::Tls12, Version::Tls13] {
        for (clients, shows, passes, seen) in [
            (ClientVerification::Off, Some(&own), true, false),
            (optional(), None, true, false),
            (optional(), Some(&own), true, true),
            (required(), Some(&own), true, true),
            (required(), None, false, false),
            (optional(), Some(&stranger), false, false),
        ] {
            let case = format!("{clients:?} {version:?} shows {}", shows.is_some());
            let (peer, gateway) = connect(&authority, clients, shows, version);
            assert_eq!(gateway.session.phase() == Phase::Open, passes, "{case}: {:?}", gateway.failure);
            if passes {
                let certificates: Vec<_> = gateway.session.peer_certificates().collect();
                assert_eq!(certificates, if seen { vec![&own.der[..]] } else { vec![] }, "{case}");
            } else {
                assert!(matches!(gateway.failure, Some(Error::PeerCertificate(_))), "{case}: {:?}", gateway.failure);
                assert!(matches!(peer.failure, Some(rustls::Error::AlertReceived(_))), "{case}: {:?}", peer.failure);
            }
        }
    }
}
