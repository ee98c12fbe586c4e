//! A client's handshake, from the first byte to an open session, within `timeouts.handshake`.
//!
//! Until its first byte a connection holds nothing but its task. A client that speaks HTTP instead is told so by the
//! caller; one that goes away before it has said anything is not counted at all.

use super::{Budget, Layer};
use crate::{connection::Connection, watch::Phase};
use tollgate_http::Reason;
use tollgate_io::{Io, Stream};
use tollgate_telemetry::{Handshake, HandshakeFailure, TlsSide, TlsVersion};
use tollgate_tls::{Error, ServerSettings, Session, Version};

/// How a handshake ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Greeting {
    /// A session is open over the stream.
    Open,
    /// The client speaks HTTP without TLS.
    PlainHttp,
    /// The client was told that no session came about.
    Refused,
    /// There is nobody to talk to.
    Over,
}

/// Shakes hands with the client of a connection.
pub(crate) async fn greet<I: Io>(connection: &Connection<I>, settings: &ServerSettings) -> Greeting {
    let Connection { worker, watch, timer, .. } = connection;
    let due = worker.io.now() + worker.program().snapshot.timeouts.handshake;
    worker.enter(watch, *timer, Phase::Handshake, due);
    let greeting = shake_hands(connection, settings).await;
    let failure = match &greeting {
        Ok(Greeting::Open) => {
            let done = watch.down().layer().and_then(|layer| layer.ask(handshake));
            if let Some(done) = done {
                worker.metrics.tls_done(TlsSide::Downstream, done);
            }
            return Greeting::Open;
        }
        Ok(Greeting::PlainHttp) => Some(HandshakeFailure::PlainHttp),
        Ok(_) => None,
        Err(_) if watch.cause() == Some(Reason::RequestTimeout) => Some(HandshakeFailure::Timeout),
        // The node ends, not the client.
        Err(_) if watch.cause().is_some() => None,
        Err(error) => Some(failure(error)),
    };
    if let Some(failure) = failure {
        worker.metrics.tls_failed(TlsSide::Downstream, failure);
    }
    greeting.unwrap_or_else(|error| if error == Error::Truncated { Greeting::Over } else { Greeting::Refused })
}

async fn shake_hands<I: Io>(connection: &Connection<I>, settings: &ServerSettings) -> Result<Greeting, Error> {
    let Connection { worker, watch, .. } = connection;
    let stream = watch.down();
    let io = stream.stream();
    if io.readable().await.is_err() {
        return Ok(Greeting::Over);
    }
    Budget::turn(&worker.handshakes, &worker.io).await;
    let first = match io.recv(None).await {
        Ok(first) if !first.is_empty() => first,
        _ if watch.cause().is_some() => return Err(Error::Truncated),
        _ => return Ok(Greeting::Over),
    };
    // A ClientHello begins with 22; every method begins with a letter.
    if first.bytes()[0].is_ascii_alphabetic() {
        return Ok(Greeting::PlainHttp);
    }
    let layer = Box::new(Layer::new(settings.session()?, worker.io.buffers().clone(), Some(first)));
    layer.shake_hands(io, async || Budget::turn(&worker.handshakes, &worker.io).await).await?;
    stream.secure(layer);
    Ok(Greeting::Open)
}

/// What is counted of a handshake that is done.
pub(super) fn handshake(session: &Session) -> Option<Handshake> {
    let version = match session.version()? {
        Version::Tls12 => TlsVersion::Tls12,
        Version::Tls13 => TlsVersion::Tls13,
    };
    Some(Handshake { version, is_resumed: session.is_resumed() })
}

/// What is counted of one that failed.
pub(super) fn failure(error: &Error) -> HandshakeFailure {
    match error {
        Error::Truncated => HandshakeFailure::Closed,
        Error::Alert(_) => HandshakeFailure::Alert,
        Error::PeerCertificate(_) => HandshakeFailure::PeerCertificate,
        Error::NoAgreement(_) => HandshakeFailure::NoAgreement,
        Error::Protocol(_) | Error::Oversized => HandshakeFailure::Protocol,
        _ => HandshakeFailure::Internal,
    }
}
