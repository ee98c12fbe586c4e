//! How a listener speaks TLS: built once per snapshot, shared by all workers, opens a [`Session`] per connection.
//!
//! Sessions are resumed by [`Tickets`] alone and nothing of one is kept here, so nothing grows with the number of clients.
//! Early data is never accepted: it can be replayed.

use crate::{
    Authorities, CertificateError, Certificates, Error, Session, Tickets, Version, WallClock,
    clock::Time,
    limits::TICKETS_SENT,
    names::Asked,
    provider::{provider, versions},
};
use rustls::{
    ServerConfig,
    server::{NoServerSessionStorage, UnbufferedServerConnection, WebPkiClientVerifier, danger::ClientCertVerifier},
};
use std::sync::Arc;

/// Whether clients show a certificate.
#[derive(Clone, Debug, Default)]
pub enum ClientVerification {
    /// They are not asked.
    #[default]
    Off,
    /// They are asked. One that shows none passes, one that shows a bad one does not.
    Optional(Authorities),
    /// Who shows no certificate of these authorities is refused.
    Required(Authorities),
}

/// What [`ServerSettings`] are made of.
#[derive(Debug)]
pub struct ServerOptions {
    /// The certificates to choose from.
    pub certificates: Certificates,
    /// The oldest version to accept.
    pub oldest: Version,
    /// Application protocols, the preferred one first. Empty: none is negotiated. Otherwise a client that offers
    /// protocols, but none of these, is refused (RFC 7301, section 3.2).
    pub alpn: Vec<Vec<u8>>,
    /// Whether clients show a certificate.
    pub clients: ClientVerification,
    /// The node's ticket keys; `None` means that no session is ever resumed.
    pub tickets: Option<Tickets>,
}

/// How to answer TLS clients. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ServerSettings {
    config: Arc<ServerConfig>,
    certificates: Arc<Certificates>,
}

impl ServerSettings {
    /// Settings out of options; `clock` judges client certificates and tickets.
    ///
    /// # Errors
    /// The authorities for clients cannot be used.
    pub fn new(options: ServerOptions, clock: Arc<dyn WallClock>) -> Result<Self, CertificateError> {
        let certificates = Arc::new(options.certificates);
        let verifier = verifier(&options.clients)?;
        let mut config = ServerConfig::builder_with_details(provider(), Arc::new(Time(clock)))
            .with_protocol_versions(versions(options.oldest))
            .map_err(|error| CertificateError::Unusable(error.to_string()))?
            .with_client_cert_verifier(verifier)
            .with_cert_resolver(Arc::new(Asked::new(certificates.clone())));
        config.alpn_protocols = options.alpn;
        // A store of sessions would be a lock between workers; tickets need none.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        if let Some(tickets) = options.tickets {
            config.ticketer = tickets.scoped(scope(&options.clients));
            config.send_tls13_tickets = TICKETS_SENT;
        }
        Ok(Self { config: Arc::new(config), certificates })
    }

    /// A session for a connection just accepted.
    ///
    /// # Errors
    /// There is no entropy.
    pub fn session(&self) -> Result<Session, Error> {
        // rustls tells what the client asked for to nobody but the resolver, so each handshake has one of its own. The
        // copy of the settings (pointers) is gone when the handshake is done.
        let asked = Arc::new(Asked::new(self.certificates.clone()));
        let mut config = (*self.config).clone();
        config.cert_resolver = asked.clone();
        Ok(Session::server(UnbufferedServerConnection::new(Arc::new(config))?, asked))
    }
}

fn verifier(clients: &ClientVerification) -> Result<Arc<dyn ClientCertVerifier>, CertificateError> {
    let (authorities, is_required) = match clients {
        ClientVerification::Off => return Ok(WebPkiClientVerifier::no_client_auth()),
        ClientVerification::Optional(authorities) => (authorities, false),
        ClientVerification::Required(authorities) => (authorities, true),
    };
    let builder = WebPkiClientVerifier::builder_with_provider(authorities.roots.clone(), provider());
    let builder = if is_required { builder } else { builder.allow_unauthenticated() };
    match builder.build() {
        Ok(verifier) => Ok(verifier),
        Err(error) => Err(CertificateError::Unusable(error.to_string())),
    }
}

/// What a ticket is bound to: whom it vouches for.
fn scope(clients: &ClientVerification) -> Vec<u8> {
    match clients {
        ClientVerification::Off => b"off".to_vec(),
        ClientVerification::Optional(authorities) => [b"optional", &authorities.digest[..]].concat(),
        ClientVerification::Required(authorities) => [b"required", &authorities.digest[..]].concat(),
    }
}
