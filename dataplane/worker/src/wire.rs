//! A stream with the TLS session that lies over it, if there is one: plaintext for the worker, whatever the peer speaks.
//!
//! It stands wherever a connection is kept: with a client's task, in an exchange, in the pool; and in the node's own checks
//! of endpoints, which are no worker's. Without a session every call is the stream's own behind one branch. Receives and
//! sends are bounded as the stream's are: one of each in flight, none ever dropped. Nothing is judged here; [`crate::link`]
//! gives failures their reason.

use crate::tls::Layer;
use std::{cell::OnceCell, io, net::SocketAddr};
use tollgate_io::{Buffer, BufferPool, Half, Peek, SendList, Stream};
use tollgate_tls::Session;

/// A connection's stream.
pub struct Wire<S> {
    stream: S,
    /// Set once, by a handshake. In a box: most idle connections of a plain listener have none.
    layer: OnceCell<Box<Layer>>,
}

/// What a receive brought.
pub struct Arrival {
    /// The buffer that was given, or one of the pool, with what came in plaintext behind what it held. `None` if it is empty.
    pub buffer: Option<Buffer>,
    /// Whether nothing came and nothing will. Otherwise something did, although it may not make plaintext yet.
    pub is_end: bool,
}

impl Arrival {
    /// What a stream in the clear has given behind `before` bytes.
    pub(crate) fn plain(buffer: Buffer, before: usize) -> Self {
        Self { is_end: buffer.len() == before, buffer: Some(buffer) }
    }
}

impl<S: Stream> Wire<S> {
    /// A stream in the clear.
    pub const fn new(stream: S) -> Self {
        Self { stream, layer: OnceCell::new() }
    }

    /// A stream of another worker, with the session that lay over it.
    pub(crate) fn adopted(stream: S, session: Option<Box<Session>>, buffers: &BufferPool) -> Self {
        let wire = Self::new(stream);
        if let Some(session) = session {
            wire.secure(Box::new(Layer::over(*session, buffers.clone())));
        }
        wire
    }

    /// Takes it out of this worker: the stream, and the session over it.
    ///
    /// # Errors
    /// Something that was received is not taken yet, or the driver has the stream.
    pub(crate) fn detach(self) -> Result<(S::Detached, Option<Box<Session>>), Self> {
        if self.holds_bytes() {
            return Err(self);
        }
        let Self { stream, layer } = self;
        match stream.detach() {
            Ok(stream) => Ok((stream, layer.into_inner().map(|layer| Box::new(layer.into_session())))),
            Err(stream) => Err(Self { stream, layer }),
        }
    }

    /// The stream below, for a handshake.
    pub(crate) const fn stream(&self) -> &S {
        &self.stream
    }

    /// Lays a session over the stream, once its handshake is done.
    pub(crate) fn secure(&self, layer: Box<Layer>) {
        let was_plain = self.layer.set(layer).is_ok();
        debug_assert!(was_plain, "a stream has one session");
    }

    /// The session over the stream.
    pub(crate) fn layer(&self) -> Option<&Layer> {
        self.layer.get().map(AsRef::as_ref)
    }

    /// `http` or `https`.
    pub(crate) fn scheme(&self) -> &'static str {
        if self.layer.get().is_some() { "https" } else { "http" }
    }

    /// Receives behind what `into` holds, if it is given. As with the stream, no buffer is held while the peer is silent.
    ///
    /// # Errors
    /// The stream is broken, or the session.
    pub async fn receive(&self, into: Option<Buffer>) -> io::Result<Arrival> {
        if let Some(layer) = self.layer.get() {
            return layer.receive(&self.stream, into).await;
        }
        let before = into.as_ref().map_or(0, Buffer::len);
        self.stream.recv(into).await.map(|buffer| Arrival::plain(buffer, before))
    }

    /// Sends a prefix of `list` and says how long it was.
    pub async fn send(&self, list: SendList) -> (io::Result<usize>, SendList) {
        match self.layer.get() {
            None => self.stream.send(list).await,
            Some(layer) => layer.send(&self.stream, list).await,
        }
    }

    /// As [`Stream::try_send`]; with a session a send always waits its turn.
    pub(crate) fn try_send(&self, list: &mut SendList) -> Option<io::Result<usize>> {
        if self.layer.get().is_some() { None } else { self.stream.try_send(list) }
    }

    /// Says that no more comes from us, in the session too. Not while a send is in flight.
    pub async fn finish(&self) {
        if let Some(layer) = self.layer.get() {
            layer.close(&self.stream).await;
        }
        self.stream.shutdown(Half::Write);
    }

    /// Whether the end that a receive has found is what the peer meant: with a session, it has to say so.
    pub(crate) fn has_ended_well(&self) -> bool {
        self.layer().is_none_or(Layer::has_ended_well)
    }

    /// Whether something that was received waits here to be taken or to be made whole.
    pub(crate) fn holds_bytes(&self) -> bool {
        self.layer().is_some_and(Layer::holds_bytes)
    }

    /// Whether a receive has something to tell that [`Stream::readable`] knows nothing of.
    pub(crate) fn is_readable_above(&self) -> bool {
        self.layer().is_some_and(Layer::is_readable)
    }

    /// As [`Stream::has_news`]. What comes between two exchanges of a session (a late ticket) is news, too.
    pub(crate) fn has_news(&self) -> bool {
        self.stream.has_news()
    }

    /// As [`Stream::peek`].
    pub(crate) fn peek(&self) -> Peek {
        self.stream.peek()
    }

    /// As [`Stream::shutdown`]: the session is not told.
    pub(crate) fn shutdown(&self, half: Half) {
        self.stream.shutdown(half);
    }

    /// As [`Stream::abort`].
    pub fn abort(&self) {
        self.stream.abort();
    }

    /// As [`Stream::reset`].
    pub(crate) fn reset(&self) {
        self.stream.reset();
    }

    /// The address of the other side.
    pub(crate) fn peer(&self) -> SocketAddr {
        self.stream.peer()
    }
}
