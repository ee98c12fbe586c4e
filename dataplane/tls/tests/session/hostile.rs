//! Bytes that are no TLS, or broken TLS: an alert, an error and never a panic.

use crate::{
    authority::{Authority, options, settings},
    wire::{Cut, Gateway, Peer, client, pump, random},
};
use std::sync::Arc;
use tollgate_tls::{Error, Phase, REST_BYTES_MAX, Version};

const ALERT: u8 = 21;
const FATAL: u8 = 2;

fn fresh() -> Gateway {
    Gateway::new(settings(options(&Authority::new())).session().unwrap())
}

#[test]
fn plain_http_is_answered_with_an_alert() {
    let mut gateway = fresh();
    gateway.arrive(b"GET / HTTP/1.1\r\nHost: a.example.com\r\n\r\n");
    assert!(matches!(gateway.failure, Some(Error::Protocol(_))), "{:?}", gateway.failure);
    assert_eq!(gateway.session.phase(), Phase::Failed);
    let alert = gateway.transmit();
    assert_eq!((alert[0], alert[5]), (ALERT, FATAL));
    assert!(gateway.session.receive(&mut []).is_err(), "it stays failed");
    assert!(!gateway.session.wants_transmit());
}

#[test]
fn chance_is_refused() {
    for seed in 0..300 {
        let mut state = seed;
        let mut bytes: Vec<_> = (0..600).map(|_| random(&mut state) as u8).collect();
        if seed % 3 > 0 {
            // As near to a ClientHello as chance gets.
            bytes[..6].copy_from_slice(&[22, 3, 1, 1, (seed % 251) as u8, 1]);
        }
        let mut gateway = fresh();
        let mut cut = Cut::Random(seed);
        crate::wire::deliver(&bytes, &mut cut, |piece| gateway.arrive(piece));
        assert!(gateway.failure.is_some() || gateway.session.phase() == Phase::Hello, "seed {seed}");
    }
}

#[test]
fn a_changed_handshake_never_opens() {
    let authority = Authority::new();
    let settings = settings(options(&authority));
    for version in [Version::Tls12, Version::Tls13] {
        let config = Arc::new(client(&authority, version, None));
        for at in (0..240).step_by(7) {
            let mut gateway = Gateway::new(settings.session().unwrap());
            let mut peer = Peer::new(&config, "a.example.com");
            let mut hello = peer.outgoing();
            let at = at % hello.len();
            hello[at] ^= 0x41;
            gateway.arrive(&hello);
            pump(&mut peer, &mut gateway, &mut Cut::Whole);
            // The record's version is ignored (RFC 8446, section 5.1), all else is authenticated.
            assert!(gateway.session.phase() != Phase::Open || at == 2, "{version:?}, byte {at}");
        }
    }
}

#[test]
fn one_changed_byte_anywhere_lets_nothing_false_through() {
    let authority = Authority::new();
    let settings = settings(options(&authority));
    for version in [Version::Tls12, Version::Tls13] {
        let config = Arc::new(client(&authority, version, None));
        for seed in 0..150 {
            let mut state = seed;
            let mut gateway = Gateway::new(settings.session().unwrap());
            let mut peer = Peer::new(&config, "a.example.com");
            let request: Vec<_> = (0..5000).map(|at| (at % 251) as u8).collect();
            // Written before the handshake is done: it leaves as soon as it may.
            peer.write(&request);
            let mut sent = 0;
            let target = random(&mut state) as usize % 5500;
            let mut cut = Cut::Random(seed);
            loop {
                let (mut up, down) = (peer.outgoing(), gateway.transmit());
                if up.is_empty() && down.is_empty() {
                    break;
                }
                if let Some(byte) = target.checked_sub(sent).and_then(|at| up.get_mut(at)) {
                    *byte ^= 1 << (seed % 8);
                }
                sent += up.len();
                crate::wire::deliver(&up, &mut cut, |piece| gateway.arrive(piece));
                peer.arrive(&down);
            }
            assert!(request.starts_with(&gateway.got), "{version:?}, seed {seed}");
            assert!(gateway.failure.is_none() || gateway.session.phase() == Phase::Failed);
        }
    }
}

#[test]
fn plaintext_before_a_forged_record_is_handed_out_first() {
    for version in [Version::Tls12, Version::Tls13] {
        let authority = Authority::new();
        let mut gateway = Gateway::new(settings(options(&authority)).session().unwrap());
        let mut peer = Peer::new(&Arc::new(client(&authority, version, None)), "a.example.com");
        pump(&mut peer, &mut gateway, &mut Cut::Whole);
        peer.write(b"genuine");
        let mut wire = peer.outgoing();
        peer.write(b"forged");
        let mut forged = peer.outgoing();
        *forged.last_mut().unwrap() ^= 1;
        wire.extend_from_slice(&forged);
        gateway.arrive(&wire);
        assert_eq!((&gateway.got[..], gateway.session.phase()), (&b"genuine"[..], Phase::Failed));
        assert!(matches!(gateway.session.receive(&mut []), Err(Error::Protocol(_))));
        pump(&mut peer, &mut gateway, &mut Cut::Whole);
        assert_eq!(peer.failure, Some(rustls::Error::AlertReceived(rustls::AlertDescription::BadRecordMac)));
    }
}

#[test]
fn a_hello_without_end_is_refused_within_the_bound() {
    let mut gateway = fresh();
    let record = [&[22, 3, 1, 0x20, 0][..], &[0; 0x2000]].concat();
    let mut first = record.clone();
    first[5..9].copy_from_slice(&[1, 0, 0xf0, 0]);
    gateway.arrive(&first);
    for _ in 0..REST_BYTES_MAX / record.len() + 1 {
        gateway.arrive(&record);
    }
    assert_eq!(gateway.failure, Some(Error::Oversized));
}

#[test]
fn a_rest_that_was_not_kept_is_noticed() {
    let mut gateway = fresh();
    let mut first = vec![22, 3, 1, 0, 4, 1, 0, 1, 0];
    let received = gateway.session.receive(&mut first).unwrap();
    assert_eq!((received.plain, received.rest), (0, 9));
    assert!(matches!(gateway.session.receive(&mut []), Err(Error::Internal(_))));
}
