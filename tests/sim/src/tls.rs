//! TLS for scripted peers, who speak in the clear: a terminator takes their connections and carries them over a session of
//! rustls' own, or the other way round. Also an authority that issues what such sessions need.
//!
//! Ends are carried over as such: what was not closed in the session is a reset in the clear, and a broken link breaks the
//! other. Keys and signatures come from the system, so runs with TLS do not replay byte by byte.

use crate::{Endpoint, Owner, SimMailbox, SimSender, World};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::{
    ClientConfig, ClientConnection, Connection, RootCertStore, ServerConfig, ServerConnection,
    crypto::aws_lc_rs::default_provider,
    pki_types::{PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
};
use std::{
    cell::{Cell, RefCell},
    io::{Read, Write},
    net::{IpAddr, SocketAddr},
    rc::Rc,
    sync::Arc,
};
use tollgate_io::{Mailbox, Peek};

/// Most bytes read at once.
const READ_BYTES: usize = 20_000;

/// Issues certificates.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, as PEM text.
#[derive(Clone, Debug)]
pub struct Issued {
    /// The certificate.
    pub certificate: String,
    /// Its private key.
    pub key: String,
}

impl Default for Authority {
    fn default() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names are valid names");
        params.distinguished_name.push(DnType::CommonName, "test authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("the system has entropy");
        Self(CertifiedIssuer::self_signed(params, key).expect("it is complete"))
    }
}

impl Authority {
    /// Its own certificate.
    #[must_use]
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for `names`.
    ///
    /// # Panics
    /// If one is not a name.
    #[must_use]
    pub fn issue(&self, names: &[&str]) -> Issued {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let params = CertificateParams::new(names).expect("they are names");
        let key = KeyPair::generate().expect("the system has entropy");
        let certificate = params.signed_by(&key, &self.0).expect("it is complete");
        Issued { certificate: certificate.pem(), key: key.serialize_pem() }
    }

    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).expect("it is an authority");
        roots
    }

    /// A client that trusts it and shows `own`.
    ///
    /// # Panics
    /// If `own` is not a certificate with its key.
    #[must_use]
    pub fn client(&self, own: Option<&Issued>) -> ClientConfig {
        let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the provider has both")
            .with_root_certificates(self.roots());
        let mut config = match own {
            None => builder.with_no_client_auth(),
            Some(own) => builder.with_client_auth_cert(own.chain(), own.key()).expect("they belong together"),
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        config
    }

    /// A server with `own` that accepts everybody.
    ///
    /// # Panics
    /// If `own` is not a certificate with its key.
    #[must_use]
    pub fn server(own: &Issued) -> ServerConfig {
        ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the provider has both")
            .with_no_client_auth()
            .with_single_cert(own.chain(), own.key())
            .expect("they belong together")
    }

    /// A server with `own` that accepts only clients which show a certificate it has issued.
    ///
    /// # Panics
    /// If `own` is not a certificate with its key.
    #[must_use]
    pub fn demanding_server(&self, own: &Issued) -> ServerConfig {
        let provider = Arc::new(default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(self.roots().into(), provider.clone()).build();
        ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the provider has both")
            .with_client_cert_verifier(verifier.expect("it has a root"))
            .with_single_cert(own.chain(), own.key())
            .expect("they belong together")
    }
}

impl Issued {
    fn chain(&self) -> Vec<rustls::pki_types::CertificateDer<'static>> {
        rustls::pki_types::CertificateDer::pem_slice_iter(self.certificate.as_bytes())
            .map(|certificate| certificate.expect("it is PEM"))
            .collect()
    }

    fn key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::from_pem_slice(self.key.as_bytes()).expect("it is PEM")
    }
}

/// How a session is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manners {
    /// With close_notify, then the stream's end.
    Polite,
    /// With the stream's end alone, as somebody in between could make it.
    Rude,
}

/// Carries connections from the clear into TLS or out of it.
#[derive(Debug)]
pub struct Terminator;

impl Terminator {
    /// Takes plain connections at `local` and carries each to the TLS server `name` at `to`, as one from `from`.
    pub fn seal(
        world: &World,
        local: SocketAddr,
        from: IpAddr,
        to: SocketAddr,
        config: Arc<ClientConfig>,
        name: &'static str,
    ) {
        Self::start(world, local, from, to, Manners::Polite, move || {
            let name = name.try_into().expect("it is a name");
            let session = ClientConnection::new(config.clone(), name).expect("the system has entropy");
            (session.into(), false)
        });
    }

    /// Takes TLS connections at `local` and carries each in the clear to `to`, as one from the address of `local`.
    pub fn open(world: &World, local: SocketAddr, to: SocketAddr, config: Arc<ServerConfig>, manners: Manners) {
        Self::start(world, local, local.ip(), to, manners, move || {
            let session = ServerConnection::new(config.clone()).expect("the system has entropy");
            (session.into(), true)
        });
    }

    /// `session` makes one, and says whether it lies on the side that is accepted.
    fn start(
        world: &World,
        local: SocketAddr,
        from: IpAddr,
        to: SocketAddr,
        manners: Manners,
        session: impl Fn() -> (Connection, bool) + 'static,
    ) {
        let (backlog, spawner) = (world.listen(Owner::Peer, local), world.clone());
        world.spawn(async move {
            while let Some(taken) = backlog.accept().await {
                let Ok(made) = spawner.dial(from, to).await else {
                    taken.reset();
                    continue;
                };
                let (session, is_taken) = session();
                let (plain, sealed) = if is_taken { (made, taken) } else { (taken, made) };
                Carrier::start(&spawner, plain, sealed, session, manners);
            }
        });
    }
}

/// Both ends of one connection that is carried, and the session between them.
struct Carrier {
    plain: Endpoint,
    sealed: Endpoint,
    session: RefCell<Connection>,
    manners: Manners,
    /// The session has, and its alert is on its way.
    has_failed: Cell<bool>,
    /// To the task that writes to `sealed`; nothing means that no more comes.
    outbox: SimSender<Option<Vec<u8>>>,
}

impl Carrier {
    fn start(world: &World, plain: Endpoint, sealed: Endpoint, mut session: Connection, manners: Manners) {
        session.set_buffer_limit(None);
        let (outbox, inbox) = world.mailbox();
        let carrier = Rc::new(Self {
            plain,
            sealed,
            session: RefCell::new(session),
            manners,
            has_failed: Cell::new(false),
            outbox,
        });
        world.spawn(carrier.clone().write(inbox));
        world.spawn(carrier.clone().seal());
        world.spawn(carrier.open());
    }

    async fn write(self: Rc<Self>, inbox: SimMailbox<Option<Vec<u8>>>) {
        while let Some(Some(bytes)) = inbox.receive().await {
            if self.sealed.write_all(&bytes).await.is_err() {
                return self.break_both();
            }
        }
        self.sealed.finish();
    }

    fn break_both(&self) {
        self.plain.reset();
        self.sealed.reset();
    }

    /// Hands over what the session has to send.
    fn flush(&self) {
        let (mut session, mut bytes) = (self.session.borrow_mut(), Vec::new());
        while session.wants_write() {
            session.write_tls(&mut bytes).expect("a vector takes everything");
        }
        if !bytes.is_empty() {
            self.outbox.send(Some(bytes));
        }
    }

    /// From the clear into the session.
    async fn seal(self: Rc<Self>) {
        self.flush();
        loop {
            let mut bytes = Vec::new();
            match self.plain.read(&mut bytes, READ_BYTES).await {
                Ok(0) => break,
                Ok(_) => self.session.borrow_mut().writer().write_all(&bytes).expect("its buffer has no limit"),
                Err(_) if self.has_failed.get() => return,
                Err(_) => return self.break_both(),
            }
            self.flush();
        }
        if self.manners == Manners::Polite {
            self.session.borrow_mut().send_close_notify();
        }
        self.flush();
        self.outbox.send(None);
    }

    /// From the session into the clear.
    async fn open(self: Rc<Self>) {
        loop {
            let mut bytes = Vec::new();
            let Ok(count) = self.sealed.read(&mut bytes, READ_BYTES).await else { return self.break_both() };
            let opened = self.process(&bytes);
            self.flush();
            let Ok((plain, has_closed)) = opened else {
                // The peer shall read the alert.
                self.has_failed.set(true);
                self.outbox.send(None);
                return self.plain.reset();
            };
            if self.plain.write_all(&plain).await.is_err() {
                return self.break_both();
            }
            match (has_closed, count) {
                (true, _) => return self.plain.finish(),
                // Cut off: whoever reads in the clear must not take it for the end.
                (false, 0) if self.plain.peek() != Peek::Broken => return self.plain.reset(),
                (false, 0) => return,
                (false, _) => {}
            }
        }
    }

    /// Plaintext of `bytes`, and whether the peer has said that this is the end.
    fn process(&self, mut bytes: &[u8]) -> Result<(Vec<u8>, bool), rustls::Error> {
        let (mut session, mut plain) = (self.session.borrow_mut(), Vec::new());
        let mut has_closed = false;
        while !bytes.is_empty() {
            session.read_tls(&mut bytes).expect("a slice is always readable");
            has_closed = session.process_new_packets()?.peer_has_closed();
            // Ends with `WouldBlock` while the peer has not closed.
            let _ = session.reader().read_to_end(&mut plain);
        }
        Ok((plain, has_closed))
    }
}
