//! The two ends: a client of rustls' own, and a gateway that drives a session as the worker does, over one fixed buffer.

use crate::authority::{Authority, Issued};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore,
    crypto::aws_lc_rs::default_provider,
    pki_types::{PrivateKeyDer, pem::PemObject},
};
use std::{
    io::{Read, Write},
    sync::Arc,
};
use tollgate_tls::{Error, Session, Version};

/// As `io::Buffer`: 32 KiB without the headroom.
const BUFFER_BYTES: usize = 32 * 1024 - 512;

/// How bytes are cut on their way.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cut {
    Whole,
    Single,
    /// Pieces of 1 to 3,000 bytes, drawn from this seed.
    Random(u64),
}

pub(crate) fn random(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *seed >> 33
}

impl Cut {
    /// How many of `left` bytes come next.
    fn next(&mut self, left: usize) -> usize {
        match self {
            Self::Whole => left.min(4096),
            Self::Single => 1,
            Self::Random(seed) => left.min(1 + random(seed) as usize % 3_000),
        }
    }
}

/// A session with the buffers of a worker. What it receives is `plain | rest | room` in one buffer.
pub(crate) struct Gateway {
    pub(crate) session: Session,
    buffer: Vec<u8>,
    plain: usize,
    filled: usize,
    /// Plaintext that came.
    pub(crate) got: Vec<u8>,
    pub(crate) failure: Option<Error>,
}

impl Gateway {
    pub(crate) fn new(session: Session) -> Self {
        Self { session, buffer: vec![0; BUFFER_BYTES], plain: 0, filled: 0, got: Vec::new(), failure: None }
    }

    pub(crate) fn arrive(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() && self.failure.is_none() {
            let count = bytes.len().min(self.buffer.len() - self.filled);
            assert!(count > 0, "no room to receive into");
            self.buffer[self.filled..self.filled + count].copy_from_slice(&bytes[..count]);
            self.filled += count;
            bytes = &bytes[count..];
            self.receive();
        }
    }

    fn receive(&mut self) {
        match self.session.receive(&mut self.buffer[self.plain..self.filled]) {
            Ok(received) => {
                self.plain += received.plain;
                self.filled = self.plain + received.rest;
            }
            Err(error) => self.failure = Some(error),
        }
        // A head that is not complete stays for a while.
        if self.plain > 1000 || self.filled == self.plain {
            self.got.extend_from_slice(&self.buffer[..self.plain]);
            self.buffer.copy_within(self.plain..self.filled, 0);
            (self.plain, self.filled) = (0, self.filled - self.plain);
        }
    }

    /// Handshake messages and alerts.
    pub(crate) fn transmit(&mut self) -> Vec<u8> {
        let (mut out, mut room) = (Vec::new(), [0; 700]);
        while self.session.wants_transmit() {
            let count = self.session.transmit(&mut room);
            out.extend_from_slice(&room[..count]);
        }
        out
    }

    /// All of `pieces`, through a buffer of `room` bytes.
    pub(crate) fn send(&mut self, pieces: &[&[u8]], room: usize) -> Vec<u8> {
        let (mut out, mut room) = (Vec::new(), vec![0; room]);
        let mut taken = 0;
        loop {
            let mut skip = taken;
            let left = pieces.iter().map(|piece| {
                let from = skip.min(piece.len());
                skip -= from;
                &piece[from..]
            });
            let sent = self.session.send(left, &mut room).unwrap();
            out.extend_from_slice(&room[..sent.written]);
            taken += sent.taken;
            if sent.taken == 0 {
                assert_eq!(taken, pieces.iter().map(|piece| piece.len()).sum::<usize>(), "not all was sealed");
                return out;
            }
        }
    }
}

/// A client and what it saw.
pub(crate) struct Peer {
    pub(crate) tls: ClientConnection,
    pub(crate) got: Vec<u8>,
    pub(crate) failure: Option<rustls::Error>,
}

impl Peer {
    pub(crate) fn new(config: &Arc<ClientConfig>, name: &str) -> Self {
        let tls = ClientConnection::new(config.clone(), name.to_owned().try_into().unwrap()).unwrap();
        Self { tls, got: Vec::new(), failure: None }
    }

    pub(crate) fn arrive(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            self.tls.read_tls(&mut bytes).unwrap();
            if let Err(error) = self.tls.process_new_packets() {
                self.failure = Some(error);
                return;
            }
            // Ends with WouldBlock while the peer has not closed.
            let _ = self.tls.reader().read_to_end(&mut self.got);
        }
    }

    pub(crate) fn outgoing(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        while self.tls.wants_write() {
            self.tls.write_tls(&mut out).unwrap();
        }
        out
    }

    /// Seals `bytes`; they leave with the next pump.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.tls.set_buffer_limit(None);
        self.tls.writer().write_all(bytes).unwrap();
    }
}

/// Carries bytes from one to the other, cut by `cut`.
pub(crate) fn deliver(mut bytes: &[u8], cut: &mut Cut, mut to: impl FnMut(&[u8])) {
    while !bytes.is_empty() {
        let (piece, behind) = bytes.split_at(cut.next(bytes.len()));
        to(piece);
        bytes = behind;
    }
}

/// Carries bytes both ways until both are silent.
pub(crate) fn pump(client: &mut Peer, gateway: &mut Gateway, cut: &mut Cut) {
    loop {
        let (up, down) = (client.outgoing(), gateway.transmit());
        if up.is_empty() && down.is_empty() {
            return;
        }
        deliver(&up, cut, |piece| gateway.arrive(piece));
        deliver(&down, cut, |piece| client.arrive(piece));
    }
}

/// Sends `pieces` from the gateway to the client.
pub(crate) fn answer(client: &mut Peer, gateway: &mut Gateway, pieces: &[&[u8]], room: usize, cut: &mut Cut) {
    let sealed = gateway.send(pieces, room);
    deliver(&sealed, cut, |piece| client.arrive(piece));
}

/// A client that trusts `authority` and speaks `version` alone.
pub(crate) fn client(authority: &Authority, version: Version, own: Option<&Issued>) -> ClientConfig {
    let version = match version {
        Version::Tls12 => &rustls::version::TLS12,
        Version::Tls13 => &rustls::version::TLS13,
    };
    let mut roots = RootCertStore::empty();
    roots.add(authority.der()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots);
    let mut config = match own {
        Some(own) => {
            let key = PrivateKeyDer::from_pem_slice(own.key.as_bytes()).unwrap();
            builder.with_client_auth_cert(vec![own.der.clone().into()], key).unwrap()
        }
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config
}
