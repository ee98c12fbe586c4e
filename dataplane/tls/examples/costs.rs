//! What TLS costs a worker: a handshake, and the records of a small exchange. Prints microseconds; informs, gates nothing.
//!
//! `cargo run --release -p tollgate-tls --example costs`

#![expect(clippy::unwrap_used, reason = "it is run by hand")]

#[path = "../tests/session/authority.rs"]
#[expect(dead_code, reason = "issues more kinds of certificates than are needed here")]
mod authority;
#[path = "../tests/session/wire.rs"]
#[expect(dead_code, reason = "carries more than is needed here")]
mod wire;

use authority::{Authority, options, settings};
use std::{
    hint::black_box,
    sync::Arc,
    time::{Duration, Instant},
};
use tollgate_tls::{ServerSettings, Version};
use wire::{Cut, Gateway, Peer, client, pump};

const HANDSHAKES: u32 = 300;
const EXCHANGES: u32 = 20_000;

#[expect(clippy::disallowed_methods, reason = "a measurement has a clock")]
fn timed<T>(total: &mut Duration, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = work();
    *total += start.elapsed();
    result
}

/// Time per handshake in the gateway alone.
fn handshakes(settings: &ServerSettings, config: &Arc<rustls::ClientConfig>) -> Duration {
    let mut total = Duration::ZERO;
    for _ in 0..HANDSHAKES {
        let mut gateway = timed(&mut total, || Gateway::new(settings.session().unwrap()));
        let mut peer = Peer::new(config, "a.example.com");
        loop {
            let up = peer.outgoing();
            let down = timed(&mut total, || {
                gateway.arrive(&up);
                gateway.transmit()
            });
            if up.is_empty() && down.is_empty() {
                break;
            }
            peer.arrive(&down);
        }
    }
    total / HANDSHAKES
}

/// Time per request of 200 bytes opened and per response of 1 KiB sealed.
fn exchange(settings: &ServerSettings, config: &Arc<rustls::ClientConfig>) -> (Duration, Duration) {
    let mut gateway = Gateway::new(settings.session().unwrap());
    let mut peer = Peer::new(config, "a.example.com");
    pump(&mut peer, &mut gateway, &mut Cut::Whole);
    let (mut opening, mut sealing) = (Duration::ZERO, Duration::ZERO);
    let mut room = vec![0; 32_000];
    for _ in 0..EXCHANGES {
        peer.write(&[1; 200]);
        let mut request = peer.outgoing();
        timed(&mut opening, || gateway.session.receive(&mut request).unwrap());
        let (head, body) = ([2; 200], [3; 1024]);
        black_box(timed(&mut sealing, || gateway.session.send([&head[..], &body[..]], &mut room).unwrap()));
    }
    (opening / EXCHANGES, sealing / EXCHANGES)
}

fn main() {
    for version in [Version::Tls12, Version::Tls13] {
        let authority = Authority::new();
        let settings = settings(options(&authority));
        let resuming = Arc::new(client(&authority, version, None));
        let mut full = client(&authority, version, None);
        full.resumption = rustls::client::Resumption::disabled();
        let full = Arc::new(full);
        println!("{version:?}: full handshake (P-256) {:?}", handshakes(&settings, &full));
        println!("{version:?}: resumed handshake {:?}", handshakes(&settings, &resuming));
        let (opening, sealing) = exchange(&settings, &full);
        println!("{version:?}: 200 bytes opened {opening:?}, 200 + 1,024 bytes sealed {sealing:?}");
    }
}
