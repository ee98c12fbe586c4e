//! Records of an open session.

use crate::Step;
use rcgen::{CertificateParams, KeyPair};
use std::{hint::black_box, sync::Arc};
use tollgate_tls::{
    Certificate, Certificates, ClientOptions, ClientSettings, ClientVerification, OVERHEAD_BYTES_MAX, Phase,
    ServerOptions, ServerSettings, Session, Trust, Version, WallClock,
};

#[derive(Debug)]
struct Noon;

impl WallClock for Noon {
    fn unix_seconds(&self) -> u64 {
        crate::applications::NOON_S
    }
}

/// A client and a server that have met.
fn pair() -> (Session, Session) {
    let name = "a.example.com";
    let key = KeyPair::generate().expect("there is entropy");
    let issued = CertificateParams::new(vec![name.to_owned()]).and_then(|params| params.self_signed(&key));
    let pem = issued.expect("the name is good").pem();
    let certificate = Certificate::from_pem(pem.as_bytes(), key.serialize_pem().as_bytes(), Noon.unix_seconds());
    let server = ServerOptions {
        certificates: Certificates::new(&[certificate.expect("it is whole")]).expect("it has a name"),
        oldest: Version::Tls13,
        alpn: Vec::new(),
        clients: ClientVerification::Off,
        tickets: None,
    };
    let client = ClientOptions { trust: Trust::Anybody, oldest: Version::Tls13, alpn: Vec::new(), certificate: None };
    let server = ServerSettings::new(server, Arc::new(Noon)).map(|settings| settings.session());
    let client = ClientSettings::new(client, Arc::new(Noon)).expect("the options are good").session(name);
    let (mut client, mut server) =
        (client.expect("it is a name"), server.expect("the options are good").expect("it begins"));
    while client.wants_transmit() || server.wants_transmit() {
        carry(&mut client, &mut server);
        carry(&mut server, &mut client);
    }
    assert_eq!((client.phase(), server.phase()), (Phase::Open, Phase::Open));
    (client, server)
}

/// What one has to say before anything else, to the other.
fn carry(from: &mut Session, to: &mut Session) {
    let mut room = vec![0; 32 << 10];
    let count = from.transmit(&mut room);
    let received = to.receive(&mut room[..count]).expect("it is what the handshake expects");
    assert_eq!((received.plain, received.rest), (0, 0), "messages come whole");
}

/// Seals an answer of 1 KiB: a head, and a body in a buffer of its own.
pub(crate) fn seal_1_kib() -> Step {
    let (_, mut server) = pair();
    let (plain, mut room) = ([b'x'; 1024], vec![0; 1024 + 2 * OVERHEAD_BYTES_MAX]);
    Step::new(move || {
        let sent = server.send(black_box([&plain[..200], &plain[200..]]), &mut room).expect("the session is open");
        assert_eq!(sent.taken, 1024);
        sent.written
    })
}

/// Seals and opens a record.
fn record(bytes: usize) -> Step {
    let (mut client, mut server) = pair();
    let (plain, mut room) = (vec![b'x'; bytes], vec![0; bytes + OVERHEAD_BYTES_MAX]);
    Step::new(move || {
        let sent = client.send(black_box([&plain[..]]), &mut room).expect("the session is open");
        let received = server.receive(&mut room[..sent.written]).expect("it is what was sealed");
        assert_eq!(received.plain, bytes);
    })
}

pub(crate) fn record_1_kib() -> Step {
    record(1 << 10)
}

/// The largest there is.
pub(crate) fn record_16_kib() -> Step {
    record(16 << 10)
}
