//! Sessions that continue earlier ones, across settings objects that share the node's ticket keys.

use crate::{
    authority::{Authority, clock, options, settings},
    wire::{Cut, Gateway, Peer, client, pump},
};
use rustls::{ClientConfig, HandshakeKind};
use std::sync::Arc;
use tollgate_tls::{ClientVerification, ServerOptions, ServerSettings, Tickets, Version};

fn is_resumed(settings: &ServerSettings, config: &Arc<ClientConfig>) -> bool {
    let mut gateway = Gateway::new(settings.session().unwrap());
    let mut peer = Peer::new(config, "a.example.com");
    pump(&mut peer, &mut gateway, &mut Cut::Random(1));
    assert_eq!((&gateway.failure, &peer.failure), (&None, &None));
    assert_eq!(gateway.session.server_name(), Some("a.example.com"), "a resumed session has its name too");
    let by_client = peer.tls.handshake_kind() == Some(HandshakeKind::Resumed);
    assert_eq!(gateway.session.is_resumed(), by_client);
    by_client
}

#[test]
fn a_session_is_resumed_on_any_worker_and_after_a_reload() {
    for version in [Version::Tls12, Version::Tls13] {
        let authority = Authority::new();
        let tickets = Tickets::new(clock()).unwrap();
        let config = Arc::new(client(&authority, version, None));
        let first = settings(ServerOptions { tickets: Some(tickets.clone()), ..options(&authority) });
        assert!(!is_resumed(&first, &config), "{version:?}");
        assert!(is_resumed(&first, &config), "{version:?}");
        let reloaded = settings(ServerOptions { tickets: Some(tickets), ..options(&authority) });
        assert!(is_resumed(&reloaded, &config), "{version:?}");
        assert!(!is_resumed(&settings(options(&authority)), &config), "another node's keys");
    }
}

#[test]
fn without_tickets_nothing_is_resumed() {
    for version in [Version::Tls12, Version::Tls13] {
        let authority = Authority::new();
        let config = Arc::new(client(&authority, version, None));
        let settings = settings(ServerOptions { tickets: None, ..options(&authority) });
        assert!(!is_resumed(&settings, &config));
        assert!(!is_resumed(&settings, &config));
    }
}

#[test]
fn a_ticket_does_not_stand_in_for_a_certificate() {
    for version in [Version::Tls12, Version::Tls13] {
        let authority = Authority::new();
        let tickets = Tickets::new(clock()).unwrap();
        let own = authority.issue(&["client"]);
        let config = Arc::new(client(&authority, version, Some(&own)));
        let open = settings(ServerOptions { tickets: Some(tickets.clone()), ..options(&authority) });
        let strict = settings(ServerOptions {
            tickets: Some(tickets),
            clients: ClientVerification::Required(authority.authorities()),
            ..options(&authority)
        });
        assert!(!is_resumed(&open, &config));
        assert!(!is_resumed(&strict, &config), "{version:?}: issued where no certificate was asked for");
        assert!(is_resumed(&strict, &config), "{version:?}");
    }
}
