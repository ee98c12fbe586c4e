//! A TLS session over a stream: opens what is received where it lies, seals what is sent into a buffer of the pool.
//!
//! Between two receives it holds a buffer only if a record is incomplete or plaintext was not taken yet: an idle connection
//! holds none. The session is borrowed for one call at a time and never over an await, since both directions use it. What
//! the session itself wants to send while the stream is in use (a key update) leaves with the next send, as RFC 8446,
//! section 4.6.3, allows.

use crate::wire::Arrival;
use std::{cell::RefCell, io};
use tollgate_io::{Buffer, BufferPool, SendList, Stream};
use tollgate_tls::{Error, Phase, Session};

/// A session and what was received for it and not handed out.
pub(crate) struct Layer {
    session: RefCell<Session>,
    held: RefCell<Option<Held>>,
    buffers: BufferPool,
}

/// `plain | rest`: opened, and not yet to be opened.
struct Held {
    buffer: Buffer,
    plain: usize,
}

impl Layer {
    /// A session that has still to shake hands; `first` is what was received already.
    pub(super) fn new(session: Session, buffers: BufferPool, first: Option<Buffer>) -> Self {
        let held = first.map(|buffer| Held { buffer, plain: 0 });
        Self { session: RefCell::new(session), held: RefCell::new(held), buffers }
    }

    /// An open session of another worker, which holds no bytes.
    pub(crate) fn over(session: Session, buffers: BufferPool) -> Self {
        Self::new(session, buffers, None)
    }

    /// The session without what is of this worker.
    pub(crate) fn into_session(self) -> Session {
        self.session.into_inner()
    }

    /// Shakes hands to the end or to a failure. `turn` is awaited before each receive that may cost keys and a signature,
    /// with no buffer held unless a message has begun.
    ///
    /// # Errors
    /// The session's, when what tells the peer has been sent.
    pub(super) async fn shake_hands(&self, stream: &impl Stream, turn: impl AsyncFn()) -> Result<(), Error> {
        loop {
            let opened = if self.holds_bytes() { self.open_held() } else { Ok(()) };
            let phase = self.session.borrow().phase();
            // What an open session has still to send (tickets, the end of our handshake) leaves with the first message if
            // that comes at once.
            let is_open = matches!(phase, Phase::Open | Phase::PeerClosed);
            if is_open && (self.has_plain() || self.is_client()) {
                return Ok(());
            }
            let flushed = self.flush(stream).await;
            opened?;
            flushed.map_err(|_| Error::Truncated)?;
            if is_open {
                return Ok(());
            }
            if phase == Phase::Hello {
                turn().await;
            }
            self.receive_more(stream).await?;
        }
    }

    fn is_client(&self) -> bool {
        self.session.borrow().is_client()
    }

    fn has_plain(&self) -> bool {
        self.held.borrow().as_ref().is_some_and(|held| held.plain > 0)
    }

    /// Receives behind the rest.
    async fn receive_more(&self, stream: &impl Stream) -> Result<(), Error> {
        let held = self.take_rest();
        let before = held.as_ref().map_or(0, Buffer::len);
        let received = stream.recv(held).await.map_err(|_| Error::Truncated)?;
        if received.len() == before {
            return Err(Error::Truncated);
        }
        self.held.replace(Some(Held { buffer: received, plain: 0 }));
        Ok(())
    }

    /// The rest, with room behind it for the record it begins.
    fn take_rest(&self) -> Option<Buffer> {
        let mut rest = self.held.take().map(|held| held.buffer);
        if let Some(rest) = &mut rest {
            rest.compact();
        }
        rest
    }

    /// Opens what is held and not open.
    fn open_held(&self) -> Result<(), Error> {
        let Some(mut held) = self.held.take() else { return Ok(()) };
        let received = self.session.borrow_mut().receive(&mut held.buffer.bytes_mut()[held.plain..])?;
        held.plain += received.plain;
        held.buffer.truncate(held.plain + received.rest);
        self.hold(held);
        Ok(())
    }

    fn hold(&self, held: Held) {
        if !held.buffer.is_empty() {
            self.held.replace(Some(held));
        }
    }

    /// Receives once. Plaintext that was left over comes first, without a receive.
    pub(crate) async fn receive(&self, stream: &impl Stream, into: Option<Buffer>) -> io::Result<Arrival> {
        if !self.has_plain() {
            if self.session.borrow().phase() == Phase::PeerClosed {
                self.held.take();
                return Ok(Arrival { buffer: into, is_end: true });
            }
            let held = self.take_rest();
            let before = held.as_ref().map_or(0, Buffer::len);
            let received = stream.recv(held).await?;
            if received.len() == before {
                // The session is not told: it would send nothing more, and a client that has finished gets its answer.
                return Ok(Arrival { buffer: into, is_end: true });
            }
            self.held.replace(Some(Held { buffer: received, plain: 0 }));
            self.open_held().map_err(io::Error::other)?;
        }
        let buffer = self.hand_out(into);
        Ok(Arrival { is_end: buffer.is_none() && self.session.borrow().phase() == Phase::PeerClosed, buffer })
    }

    /// Puts plaintext behind what `into` holds, or gives the buffer it lies in; the rest goes to another.
    fn hand_out(&self, into: Option<Buffer>) -> Option<Buffer> {
        let Some(mut held) = self.held.take() else { return into };
        if held.plain == 0 {
            self.hold(held);
            return into;
        }
        if let Some(mut into) = into {
            let count = held.plain.min(into.spare_len());
            // It fits: that is what `count` is.
            let _ = into.append(&held.buffer.bytes()[..count]);
            held.buffer.consume(count);
            held.plain -= count;
            self.hold(held);
            return Some(into);
        }
        let Held { mut buffer, plain } = held;
        if plain < buffer.len() {
            let mut rest = self.buffers.take();
            // A buffer's rest is never more than an empty buffer's room.
            let _ = rest.append(&buffer.bytes()[plain..]);
            buffer.truncate(plain);
            self.hold(Held { buffer: rest, plain: 0 });
        }
        Some(buffer)
    }

    /// Seals a prefix of `list`, sends all of that, and says how much of the list it was.
    pub(crate) async fn send(&self, stream: &impl Stream, mut list: SendList) -> (io::Result<usize>, SendList) {
        loop {
            let mut sealed = self.buffers.take();
            let sent = match self.session.borrow_mut().send(list.slices(), sealed.spare_mut()) {
                Ok(sent) => sent,
                Err(error) => return (Err(io::Error::other(error)), list),
            };
            list.advance(sent.taken);
            sealed.grow(sent.written);
            if sent.written == 0 {
                return (Err(io::ErrorKind::BrokenPipe.into()), list);
            }
            if let Err(error) = send_all(stream, sealed).await {
                return (Err(error), list);
            }
            // What the session had to say may have filled the buffer.
            if sent.taken > 0 {
                return (Ok(sent.taken), list);
            }
        }
    }

    /// Sends what the session itself has to say.
    async fn flush(&self, stream: &impl Stream) -> io::Result<()> {
        while self.session.borrow().wants_transmit() {
            let mut buffer = self.buffers.take();
            let count = self.session.borrow_mut().transmit(buffer.spare_mut());
            buffer.grow(count);
            send_all(stream, buffer).await?;
        }
        Ok(())
    }

    /// Sends close_notify, or the alert that tells the peer of a failure.
    pub(crate) async fn close(&self, stream: &impl Stream) {
        self.session.borrow_mut().close();
        // A peer that is gone needs to be told nothing.
        let _ = self.flush(stream).await;
    }

    /// Whether the end of the stream was announced in the session (RFC 8446, section 6.1).
    pub(crate) fn has_ended_well(&self) -> bool {
        self.session.borrow().phase() == Phase::PeerClosed
    }

    /// Whether something received was not handed out.
    pub(crate) fn holds_bytes(&self) -> bool {
        self.held.borrow().is_some()
    }

    /// Whether a receive has something to tell without the stream.
    pub(crate) fn is_readable(&self) -> bool {
        self.holds_bytes() || self.session.borrow().phase() == Phase::PeerClosed
    }

    /// Asks the session.
    pub(crate) fn ask<T>(&self, question: impl FnOnce(&Session) -> T) -> T {
        question(&self.session.borrow())
    }
}

async fn send_all(stream: &impl Stream, buffer: Buffer) -> io::Result<()> {
    let mut list = SendList::whole(buffer);
    while !list.is_empty() {
        let (sent, rest) = stream.send(list).await;
        list = rest;
        if sent? == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
    }
    Ok(())
}
