//! Plaintext both ways however the bytes are cut, and the end of a session.

use crate::{
    authority::{Authority, options, settings},
    wire::{Cut, Gateway, Peer, answer, client, pump, random},
};
use std::sync::Arc;
use tollgate_tls::{OVERHEAD_BYTES_MAX, Phase, Version};

const VERSIONS: [Version; 2] = [Version::Tls12, Version::Tls13];

fn bytes(length: usize, mut seed: u64) -> Vec<u8> {
    (0..length).map(|_| random(&mut seed) as u8).collect()
}

fn pair(version: Version, cut: &mut Cut) -> (Peer, Gateway) {
    let authority = Authority::new();
    let mut gateway = Gateway::new(settings(options(&authority)).session().unwrap());
    let mut peer = Peer::new(&Arc::new(client(&authority, version, None)), "a.example.com");
    assert_eq!(gateway.session.phase(), Phase::Hello);
    pump(&mut peer, &mut gateway, cut);
    (peer, gateway)
}

fn carry(version: Version, mut cut: Cut, length: usize) {
    let (mut peer, mut gateway) = pair(version, &mut cut);
    assert_eq!((gateway.session.phase(), &gateway.failure), (Phase::Open, &None), "{version:?} {cut:?}");
    assert_eq!(gateway.session.version(), Some(version));
    assert_eq!(gateway.session.alpn(), Some(&b"http/1.1"[..]));
    assert_eq!(gateway.session.server_name(), Some("a.example.com"));

    let (request, response) = (bytes(length, 1), bytes(length, 2));
    peer.write(&request);
    pump(&mut peer, &mut gateway, &mut cut);
    assert!(gateway.got == request, "{version:?} {cut:?}: the request differs");
    let (head, body) = response.split_at(300);
    answer(&mut peer, &mut gateway, &[&head[..7], b"", &head[7..], body], 20_000, &mut cut);
    assert!(peer.got == response, "{version:?} {cut:?}: the response differs");

    peer.tls.send_close_notify();
    pump(&mut peer, &mut gateway, &mut cut);
    assert_eq!(gateway.session.phase(), Phase::PeerClosed);
    answer(&mut peer, &mut gateway, &[b"still"], 100, &mut cut);
    assert!(peer.got.ends_with(b"still"), "only the client has closed");
    gateway.session.close();
    pump(&mut peer, &mut gateway, &mut cut);
    assert!(peer.tls.process_new_packets().unwrap().peer_has_closed());
}

#[test]
fn a_session_says_what_comes_next() {
    let authority = Authority::new();
    let settings = settings(options(&authority));
    for (version, next) in [(Version::Tls13, Phase::Handshake), (Version::Tls12, Phase::Hello)] {
        let mut gateway = Gateway::new(settings.session().unwrap());
        let mut peer = Peer::new(&Arc::new(client(&authority, version, None)), "a.example.com");
        gateway.arrive(&peer.outgoing());
        // TLS 1.2 makes its keys when it knows the client's.
        assert_eq!(gateway.session.phase(), next, "{version:?}");
        assert_eq!(gateway.session.server_name(), Some("a.example.com"));
        pump(&mut peer, &mut gateway, &mut Cut::Whole);
        assert_eq!(gateway.session.phase(), Phase::Open);
    }
}

#[test]
fn any_cut_carries_both_ways() {
    for version in VERSIONS {
        carry(version, Cut::Whole, 200_000);
        carry(version, Cut::Single, 40_000);
        for seed in 0..20 {
            carry(version, Cut::Random(seed), 100_000);
        }
    }
}

#[test]
fn sealing_keeps_within_any_buffer() {
    for version in VERSIONS {
        let (mut peer, mut gateway) = pair(version, &mut Cut::Whole);
        let pieces: [&[u8]; 4] = [b"HTTP/1.1 200 OK\r\n\r\n", &[1; 5000], &[2; 30], &[3; 17]];
        for room in (OVERHEAD_BYTES_MAX + 3..400).chain([5000, 9000, 40_000]) {
            peer.got.clear();
            answer(&mut peer, &mut gateway, &pieces, room, &mut Cut::Whole);
            assert!(peer.got == pieces.concat(), "{version:?}, {room} bytes");
        }
    }
}

#[test]
fn short_pieces_share_a_record() {
    let (_, mut gateway) = pair(Version::Tls13, &mut Cut::Whole);
    let sealed = gateway.send(&[b"head", b"5\r\n", b"hello", b"\r\n"], 32_000);
    let length = usize::from(u16::from_be_bytes([sealed[3], sealed[4]]));
    assert_eq!(sealed.len(), 5 + length, "one record");
}

#[test]
fn nothing_is_sealed_before_the_handshake_or_after_close() {
    let authority = Authority::new();
    let mut session = settings(options(&authority)).session().unwrap();
    assert_eq!(session.send([&b"early"[..]], &mut [0; 100]).unwrap().taken, 0);
    let (_, mut gateway) = pair(Version::Tls13, &mut Cut::Whole);
    gateway.session.close();
    gateway.session.close();
    let sent = gateway.session.send([&b"late"[..]], &mut [0; 100]).unwrap();
    assert_eq!((sent.taken, sent.written), (0, 5 + 2 + 1 + 16), "one close_notify and nothing else");
}

#[test]
fn without_close_notify_nothing_has_ended() {
    for version in VERSIONS {
        let (mut peer, mut gateway) = pair(version, &mut Cut::Whole);
        peer.write(b"all of it?");
        pump(&mut peer, &mut gateway, &mut Cut::Whole);
        assert_eq!((gateway.session.phase(), gateway.session.failure()), (Phase::Open, None));
    }
}

#[test]
fn what_follows_close_notify_is_ignored() {
    let (mut peer, mut gateway) = pair(Version::Tls13, &mut Cut::Whole);
    peer.write(b"last");
    peer.tls.send_close_notify();
    let mut wire = peer.outgoing();
    wire.extend_from_slice(b"no TLS at all");
    gateway.arrive(&wire);
    assert_eq!((&gateway.got[..], &gateway.failure), (&b"last"[..], &None));
    assert_eq!(gateway.session.phase(), Phase::PeerClosed);
}
