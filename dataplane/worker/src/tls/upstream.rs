//! The handshake with an endpoint, as soon as its connection stands, within what is left of `timeouts.connect`.
//!
//! A handshake has transfers in flight, so it is not dropped when its time is over: the stream is aborted, and the
//! handshake ends by itself.

use super::{
    Layer,
    downstream::{failure, handshake},
};
use crate::{
    state::Worker,
    watch::{Waiting, Watch},
    wire::Wire,
};
use std::{
    future::{Future, poll_fn},
    pin::pin,
    rc::Rc,
};
use tollgate_http::Reason;
use tollgate_io::{BufferPool, Instant, Io, Stream};
use tollgate_telemetry::{HandshakeFailure, TlsSide};
use tollgate_tls::{ClientTls, Error};

/// A connection to an endpoint, ready for its first request: with a session over it, if its upstream is spoken to in TLS.
pub(crate) async fn secure<I: Io>(
    worker: &Worker<I>,
    watch: &Watch<I::Stream>,
    tls: Option<&ClientTls>,
    stream: I::Stream,
    due: Instant,
) -> Result<Rc<Wire<I::Stream>>, Reason> {
    let wire = Rc::new(Wire::new(stream));
    let Some(tls) = tls else { return Ok(wire) };
    watch.set_upstream(Some(wire.clone()));
    watch.begin_waiting(Waiting::Upstream);
    // In a box, so that the many exchanges without one have no room for it.
    let (result, is_late) = Box::pin(within(worker, due, &wire, wire.shake_hands(tls, worker.io.buffers()))).await;
    watch.end_waiting(Waiting::Upstream);
    watch.set_upstream(None);
    if let Err(error) = result {
        return Err(note_failure(worker, watch, &error, is_late));
    }
    if let Some(done) = wire.layer().and_then(|layer| layer.ask(handshake)) {
        worker.metrics.tls_done(TlsSide::Upstream, done);
    }
    Ok(wire)
}

impl<S: Stream> Wire<S> {
    /// Lays a session over the stream of a connection to an endpoint. Takes as long as the endpoint does; an abort ends it.
    ///
    /// # Errors
    /// No session came about. The endpoint has been told, if it was there to be told.
    pub async fn shake_hands(&self, tls: &ClientTls, buffers: &BufferPool) -> Result<(), Error> {
        let ClientTls { settings, name } = tls;
        let session = match name {
            Some(name) => settings.session(name)?,
            None => settings.session(&self.peer().ip().to_string())?,
        };
        let layer = Box::new(Layer::new(session, buffers.clone(), None));
        layer.shake_hands(self.stream(), async || {}).await?;
        self.secure(layer);
        Ok(())
    }
}

/// Why a stream broke that a session with an endpoint lies over. With TLS 1.3 an alert may be what became of the handshake:
/// a client's is over before the endpoint has judged its certificate (RFC 8446, appendix E.1.2).
pub(crate) fn broken(layer: &Layer) -> Reason {
    layer.ask(|session| match session.failure() {
        None => Reason::UpstreamClosed,
        Some(Error::Alert(_)) => Reason::UpstreamTlsAlert,
        Some(_) => Reason::UpstreamTlsFailed,
    })
}

/// Runs a handshake; at `due` ends the stream. Says whether it did.
async fn within<I: Io, T>(
    worker: &Worker<I>,
    due: Instant,
    wire: &Wire<I::Stream>,
    handshake: impl Future<Output = T>,
) -> (T, bool) {
    let (mut handshake, mut overdue) = (pin!(handshake), pin!(worker.io.sleep_until(due)));
    let mut is_late = false;
    poll_fn(|context| {
        if !is_late && overdue.as_mut().poll(context).is_ready() {
            is_late = true;
            wire.abort();
        }
        handshake.as_mut().poll(context).map(|result| (result, is_late))
    })
    .await
}

fn note_failure<I: Io>(worker: &Worker<I>, watch: &Watch<I::Stream>, error: &Error, is_late: bool) -> Reason {
    if let Some(cause) = watch.cause() {
        return cause;
    }
    let failure = if is_late { HandshakeFailure::Timeout } else { failure(error) };
    worker.metrics.tls_failed(TlsSide::Upstream, failure);
    match failure {
        HandshakeFailure::Timeout => Reason::ConnectTimeout,
        HandshakeFailure::PeerCertificate => Reason::UpstreamCertificate,
        HandshakeFailure::Alert => Reason::UpstreamTlsAlert,
        HandshakeFailure::Internal => Reason::Internal,
        _ => Reason::UpstreamTlsFailed,
    }
}
