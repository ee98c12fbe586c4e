//! What a snapshot says of TLS, compiled on the publishing thread and shared by all workers.
//!
//! The keys of tickets belong to the node: they pass from one to the next, so that clients resume over a change of the
//! configuration. What is said of a listener or upstream as before is not compiled again; upstreams keep their sessions.

use crate::{
    Authorities, Certificate, CertificateError, Certificates, ClientOptions, ClientSettings, ClientVerification,
    ServerOptions, ServerSettings, Tickets, Trust, Version, WallClock,
};
use std::{error, fmt, sync::Arc};
use tollgate_model::{ClientAuth, Identity, ListenerTls, Pem, ServerName, Snapshot, TlsVersion, UpstreamTls};

/// What HTTP/1.1 is called in a handshake (RFC 7301, section 6).
const HTTP11: &[u8] = b"http/1.1";

/// TLS of all listeners and upstreams of a snapshot.
#[derive(Clone)]
pub struct Security {
    /// By slot.
    listeners: Arc<[Option<Compiled<ListenerTls, ServerTls>>]>,
    /// By slot.
    upstreams: Arc<[Option<Compiled<UpstreamTls, ClientTls>>]>,
    node: Node,
}

/// What a node has of its own, whatever its configuration says.
#[derive(Clone)]
struct Node {
    tickets: Tickets,
    clock: Arc<dyn WallClock>,
}

/// How the clients of a listener are spoken to.
#[derive(Clone)]
struct ServerTls {
    settings: ServerSettings,
    /// No two with the same name and kind of key.
    validity: Arc<[Validity]>,
}

/// Until when a certificate of a listener holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Validity {
    /// The first name it is for, or its subject.
    pub name: String,
    /// The kind of its key, of which another certificate may be for the same name.
    pub key: &'static str,
    /// The last second, since 1970.
    pub until_s: u64,
}

/// How the endpoints of an upstream are spoken to.
#[derive(Clone)]
pub struct ClientTls {
    /// What a session begins with.
    pub settings: ClientSettings,
    /// The name they must have, if it is not their address.
    pub name: Option<Arc<str>>,
}

impl ClientTls {
    /// The name that endpoints must have, `None` for their address.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }
}

/// What was written, and what became of it.
#[derive(Clone)]
struct Compiled<T, S> {
    from: Arc<T>,
    settings: S,
}

/// What cannot be used of a snapshot's certificates and keys. Found earlier, with its place, by a
/// [`Source`](tollgate_model::Source) that judges them.
#[derive(Debug)]
pub struct SecurityError {
    owner: String,
    cause: CertificateError,
}

impl fmt::Display for SecurityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TLS of {}: {}; {}", self.owner, self.cause, self.cause.remedy())
    }
}

impl error::Error for SecurityError {}

impl Security {
    /// Compiles what `snapshot` says; the node's own comes from the `previous` one, if there is one. `clock` judges
    /// certificates and tickets.
    ///
    /// # Errors
    /// A certificate or key cannot be used, or there is no entropy.
    pub fn build(
        snapshot: &Snapshot,
        previous: Option<&Self>,
        clock: Arc<dyn WallClock>,
    ) -> Result<Self, SecurityError> {
        let node = match previous {
            Some(previous) => previous.node.clone(),
            None => {
                let unusable = |error: crate::Error| SecurityError {
                    owner: "the node".into(),
                    cause: CertificateError::Unusable(error.to_string()),
                };
                Node { tickets: Tickets::new(clock.clone()).map_err(unusable)?, clock }
            }
        };
        let mut listeners = Vec::new();
        for (slot, entry) in snapshot.listeners.entries() {
            let before = previous.iter().flat_map(|previous| previous.listeners.iter().flatten());
            let compiled = compile(entry.item.tls.as_ref(), before, |tls| node.server(tls));
            listeners.resize_with(slot as usize, || None);
            listeners.push(compiled.map_err(of("listener", &entry.item.name))?);
        }
        let mut upstreams = Vec::new();
        for (slot, entry) in snapshot.upstreams.entries() {
            // Its own slot only: thousands of upstreams would be compared with thousands.
            let before = previous.and_then(|previous| previous.upstreams.get(slot as usize)?.as_ref());
            let compiled = compile(entry.item.tls.as_ref(), before.into_iter(), |tls| node.client(tls));
            upstreams.resize_with(slot as usize, || None);
            upstreams.push(compiled.map_err(of("upstream", &entry.item.name))?);
        }
        Ok(Self { listeners: listeners.into(), upstreams: upstreams.into(), node })
    }

    /// How the clients of a listener are spoken to; `None` in plain HTTP.
    #[must_use]
    pub fn listener(&self, slot: u32) -> Option<&ServerSettings> {
        self.listeners.get(slot as usize)?.as_ref().map(|compiled| &compiled.settings.settings)
    }

    /// Until when the certificates of a listener hold. Of several with one first name and one kind of key, the first to end.
    #[must_use]
    pub fn validity(&self, slot: u32) -> &[Validity] {
        let compiled = self.listeners.get(slot as usize).and_then(Option::as_ref);
        compiled.map_or(&[], |compiled| &compiled.settings.validity)
    }

    /// How the endpoints of an upstream are spoken to; `None` in plain HTTP.
    #[must_use]
    pub fn upstream(&self, slot: u32) -> Option<ClientTls> {
        self.upstreams.get(slot as usize)?.as_ref().map(|compiled| compiled.settings.clone())
    }
}

fn of(kind: &str, name: &str) -> impl FnOnce(CertificateError) -> SecurityError {
    move |cause| SecurityError { owner: format!("{kind} `{name}`"), cause }
}

/// Compiles what is written, unless the same was compiled `before`.
fn compile<'c, T: PartialEq + 'c, S: Clone + 'c>(
    written: Option<&Arc<T>>,
    mut before: impl Iterator<Item = &'c Compiled<T, S>>,
    build: impl FnOnce(&T) -> Result<S, CertificateError>,
) -> Result<Option<Compiled<T, S>>, CertificateError> {
    let Some(written) = written else { return Ok(None) };
    let is_same = |other: &&Compiled<T, S>| Arc::ptr_eq(&other.from, written) || other.from == *written;
    if let Some(known) = before.find(is_same) {
        return Ok(Some(Compiled { from: written.clone(), settings: known.settings.clone() }));
    }
    Ok(Some(Compiled { from: written.clone(), settings: build(written)? }))
}

impl Node {
    fn server(&self, tls: &ListenerTls) -> Result<ServerTls, CertificateError> {
        let certificates: Vec<_> =
            tls.certificates.iter().map(|identity| self.certificate(identity)).collect::<Result<_, _>>()?;
        let options = ServerOptions {
            certificates: Certificates::new(&certificates)?,
            oldest: version(tls.min_version),
            alpn: vec![HTTP11.to_vec()],
            clients: match &tls.client_auth {
                ClientAuth::None => ClientVerification::Off,
                ClientAuth::Optional(bundle) => ClientVerification::Optional(authorities(bundle)?),
                ClientAuth::Required(bundle) => ClientVerification::Required(authorities(bundle)?),
            },
            tickets: Some(self.tickets.clone()),
        };
        Ok(ServerTls {
            settings: ServerSettings::new(options, self.clock.clone())?,
            validity: validity(&certificates).into(),
        })
    }

    fn client(&self, tls: &UpstreamTls) -> Result<ClientTls, CertificateError> {
        let options = ClientOptions {
            trust: match &tls.authorities {
                _ if !tls.verify => Trust::Anybody,
                Some(bundle) => Trust::Authorities(authorities(bundle)?),
                None => Trust::Authorities(Authorities::public()),
            },
            oldest: version(tls.min_version),
            alpn: vec![HTTP11.to_vec()],
            certificate: tls.certificate.as_ref().map(|identity| self.certificate(identity)).transpose()?,
        };
        let name = match &tls.server_name {
            ServerName::Name(name) => Some(name.as_str().into()),
            ServerName::Address => None,
        };
        Ok(ClientTls { settings: ClientSettings::new(options, self.clock.clone())?, name })
    }

    fn certificate(&self, identity: &Identity) -> Result<Certificate, CertificateError> {
        Certificate::from_pem(&identity.chain.text, &identity.key.text, self.clock.unix_seconds())
    }
}

fn validity(certificates: &[Certificate]) -> Vec<Validity> {
    let named = |certificate: &Certificate| Validity {
        name: certificate.names().next().unwrap_or(certificate.subject()).to_owned(),
        key: certificate.key_kind(),
        until_s: certificate.valid_until(),
    };
    let mut all: Vec<_> = certificates.iter().map(named).collect();
    all.sort_by(|one, other| (&one.name, one.key, one.until_s).cmp(&(&other.name, other.key, other.until_s)));
    all.dedup_by(|later, first| (&later.name, later.key) == (&first.name, first.key));
    all
}

fn authorities(bundle: &Pem) -> Result<Authorities, CertificateError> {
    Authorities::from_pem(&bundle.text)
}

const fn version(version: TlsVersion) -> Version {
    match version {
        TlsVersion::Tls12 => Version::Tls12,
        TlsVersion::Tls13 => Version::Tls13,
    }
}
