//! One side of one TLS connection: ciphertext in, plaintext out, and back, in buffers of the caller.
//!
//! It owns no buffer while nothing waits to be sent, so an idle session costs its keys (a few KiB) and nothing else. What
//! the peer sent and cannot be opened yet stays with the caller as the *rest*. Bounds: a rest of at most
//! [`REST_BYTES_MAX`](crate::REST_BYTES_MAX) and, in [`Session::transmit`]'s queue, the handshake flight and alerts that
//! one call to [`Session::receive`] can cause. It sends, waits and times nothing by itself.

use crate::{
    Error,
    connection::{Action, Connection, Step},
    limits::{FRAGMENT_BYTES_MAX, GATHER_BELOW_BYTES, OVERHEAD_BYTES_MAX, REST_BYTES_MAX},
    names::Asked,
};
use rustls::{HandshakeKind, ProtocolVersion, client::UnbufferedClientConnection, server::UnbufferedServerConnection};
use std::{fmt, sync::Arc};

/// Length of a record's header: type, version, length.
const HEADER_BYTES: usize = 5;

/// A TLS version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// RFC 5246, with the extended master secret where the peer has it.
    Tls12,
    /// RFC 8446.
    Tls13,
}

/// Where a session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// A server that has not made its keys. The next [`Session::receive`] may cost a key exchange and, unless the client
    /// resumes, a signature: tens of microseconds with ECDSA, hundreds with RSA, to be counted against a budget or done
    /// elsewhere.
    Hello,
    /// Messages go to and fro, no plaintext yet.
    Handshake,
    /// Plaintext both ways.
    Open,
    /// The peer has sent close_notify: all it sent is here, and nothing more comes. Plaintext may still be sent.
    PeerClosed,
    /// Broken. What [`Session::transmit`] still has is the alert that tells the peer.
    Failed,
}

/// What [`Session::receive`] made of the bytes it was given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// Plaintext: the first this many bytes.
    pub plain: usize,
    /// Ciphertext that cannot be opened yet: this many bytes behind the plaintext. What is behind them is free.
    pub rest: usize,
}

/// What [`Session::send`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Plaintext bytes sealed, from the front of the pieces.
    pub taken: usize,
    /// Bytes to send, from the front of the buffer. May be more than zero when nothing was taken.
    pub written: usize,
}

/// A TLS session. It is `Send`: a handshake may be done on another thread, with the bytes it needs.
pub struct Session {
    connection: Connection,
    /// What the client of a server asked for.
    asked: Option<Arc<Asked>>,
    /// Handshake messages and alerts not yet handed out. Holds no memory while empty.
    queue: Vec<u8>,
    /// How much of `queue` has been handed out.
    handed_out: usize,
    /// Bytes at the front of the rest that rustls has opened already: records of an incomplete handshake message. rustls
    /// counts from the front of its input, so every input must begin with them.
    held: usize,
    is_started: bool,
    peer_closed: bool,
    close_sent: bool,
    failure: Option<Error>,
}

impl Session {
    pub(crate) fn server(connection: UnbufferedServerConnection, asked: Arc<Asked>) -> Self {
        Self::new(Connection::Server(Box::new(connection)), Some(asked))
    }

    pub(crate) fn client(connection: UnbufferedClientConnection) -> Self {
        let mut session = Self::new(Connection::Client(Box::new(connection)), None);
        // Queues the ClientHello. A failure is kept and told by the next call.
        let _ = session.receive(&mut []);
        session
    }

    const fn new(connection: Connection, asked: Option<Arc<Asked>>) -> Self {
        Self {
            connection,
            asked,
            queue: Vec::new(),
            handed_out: 0,
            held: 0,
            is_started: false,
            peer_closed: false,
            close_sent: false,
            failure: None,
        }
    }

    /// Opens what can be opened in `bytes`: the rest of the last call, unmoved or moved, with what was received since
    /// behind it. Plaintext of all records is put together at the front, the new rest right behind it.
    ///
    /// Call it again only when plaintext was used up or more was received; it may be called with nothing new. When it
    /// returns, ask [`Session::wants_transmit`].
    ///
    /// # Errors
    /// The session has failed; every later call says so again. Plaintext that came before the failure is still handed out
    /// first, by an `Ok`.
    pub fn receive(&mut self, bytes: &mut [u8]) -> Result<Received, Error> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        let mut plain = 0;
        let result = self.open(bytes, &mut plain);
        self.connection.flush(&mut self.queue);
        match result {
            Ok(rest) if rest <= REST_BYTES_MAX => Ok(Received { plain, rest }),
            Ok(_) => Err(self.fail(Error::Oversized)),
            Err(error) => {
                let error = self.fail(error);
                if plain > 0 { Ok(Received { plain, rest: 0 }) } else { Err(error) }
            }
        }
    }

    /// Opens record by record; says how long the rest is, which it has moved behind the plaintext.
    ///
    /// rustls sees what it holds and one whole record at a time, so that what it keeps is known to end with a record.
    fn open(&mut self, bytes: &mut [u8], plain: &mut usize) -> Result<usize, Error> {
        if bytes.len() < self.held {
            return Err(Error::Internal("the rest of the ciphertext was not given back".into()));
        }
        let (mut start, mut end) = (0, self.held);
        loop {
            let left = &bytes[end..];
            let record = record_bytes(left);
            if record.is_none() && left.len() < HEADER_BYTES && self.is_started {
                break;
            }
            self.is_started = true;
            // An incomplete record is shown too: rustls refuses what cannot become one.
            let window = record.map_or(bytes.len(), |length| end + length);
            let is_open = self.settle(bytes, &mut start, window, plain)?;
            if !is_open {
                // RFC 8446, section 6.1: what comes behind close_notify is ignored.
                self.held = 0;
                return Ok(0);
            }
            if record.is_none() {
                break;
            }
            end = window;
        }
        self.held = end - start;
        bytes.copy_within(start.., *plain);
        Ok(bytes.len() - start)
    }

    /// Steps over `bytes[start..end]` until nothing more comes of it. Says whether more may come at all.
    fn settle(&mut self, bytes: &mut [u8], start: &mut usize, end: usize, plain: &mut usize) -> Result<bool, Error> {
        loop {
            let (done, step) = self.connection.step(&mut bytes[*start..end], Action::Look, &mut self.queue);
            *start += done;
            match step? {
                Step::Ready(length) => {
                    // rustls lends the plaintext together with its input, so it is taken by a step without input.
                    let into = &mut bytes[*plain..*plain + length];
                    let (_, taken) = self.connection.step(&mut [], Action::Take(into), &mut self.queue);
                    if let Step::Done(length) = taken? {
                        *plain += length;
                    }
                    if *start == end {
                        return Ok(true);
                    }
                }
                Step::More | Step::Done(_) => {}
                Step::PeerClosed => self.peer_closed = true,
                Step::Idle => return Ok(!self.peer_closed),
            }
        }
    }

    /// Seals as much of `pieces`, in order, as fits into `into`, and puts what waits to be sent in front of it. Short
    /// pieces share a record. Takes nothing before the handshake is done, after [`Session::close`] or after a failure.
    ///
    /// `into` needs [`OVERHEAD_BYTES_MAX`](crate::OVERHEAD_BYTES_MAX) more than a piece to take it whole.
    ///
    /// # Errors
    /// The keys are used up, or there is no entropy. The session has failed.
    pub fn send<'a>(&mut self, pieces: impl IntoIterator<Item = &'a [u8]>, into: &mut [u8]) -> Result<Sent, Error> {
        let mut sent = Sent { taken: 0, written: self.transmit(into) };
        if self.close_sent
            || self.wants_transmit()
            || self.failure.is_some()
            || self.connection.state().is_handshaking()
        {
            return Ok(sent);
        }
        let mut pieces = pieces.into_iter().filter(|piece| !piece.is_empty()).peekable();
        while let Some(first) = pieces.next() {
            let mut left = first;
            while !left.is_empty() {
                let room = &mut into[sent.written..];
                let gathers = left.len() < GATHER_BELOW_BYTES && pieces.peek().is_some();
                let (taken, written) = if gathers {
                    self.seal_gathered(&mut left, &mut pieces, room)?
                } else {
                    let length = left.len().min(FRAGMENT_BYTES_MAX).min(room.len().saturating_sub(OVERHEAD_BYTES_MAX));
                    let (plain, behind) = left.split_at(length);
                    left = behind;
                    (length, self.seal(plain, room)?)
                };
                sent.taken += taken;
                sent.written += written;
                if taken == 0 {
                    return Ok(sent);
                }
            }
        }
        Ok(sent)
    }

    /// Copies short pieces to the end of `room`, then seals them as one record at its front. Leaves in `left` what of the
    /// last piece did not fit.
    fn seal_gathered<'a>(
        &mut self,
        left: &mut &'a [u8],
        pieces: &mut std::iter::Peekable<impl Iterator<Item = &'a [u8]>>,
        room: &mut [u8],
    ) -> Result<(usize, usize), Error> {
        let bound = (room.len().saturating_sub(OVERHEAD_BYTES_MAX) / 2).min(FRAGMENT_BYTES_MAX);
        let (front, back) = room.split_at_mut(room.len() - bound);
        let mut gathered = 0;
        loop {
            let length = left.len().min(bound - gathered);
            let (plain, behind) = left.split_at(length);
            back[gathered..gathered + length].copy_from_slice(plain);
            gathered += length;
            *left = behind;
            match pieces.next_if(|_| behind.is_empty() && gathered < bound) {
                Some(next) => *left = next,
                None => break,
            }
        }
        let written = self.seal(&back[..gathered], front)?;
        Ok((gathered, written))
    }

    /// Seals at most one record of plaintext; `room` is large enough.
    fn seal(&mut self, plain: &[u8], room: &mut [u8]) -> Result<usize, Error> {
        if plain.is_empty() {
            return Ok(0);
        }
        // rustls skips over what it holds in its input and looks at nothing else of it; this is rare and short.
        let mut held = vec![0; self.held];
        let mut written = 0;
        loop {
            let (_, step) = self.connection.step(&mut held, Action::Seal(plain, &mut room[written..]), &mut self.queue);
            match step {
                Ok(Step::Done(count)) => return Ok(written + count),
                // A new key is announced in front of the record.
                Ok(Step::More) => written += self.transmit(&mut room[written..]),
                Ok(Step::PeerClosed) => self.peer_closed = true,
                Ok(Step::Ready(_) | Step::Idle) => return Err(self.fail(Error::Internal("cannot seal now".into()))),
                Err(error) => return Err(self.fail(error)),
            }
        }
    }

    /// Whether there are handshake messages or alerts to send.
    #[must_use]
    pub const fn wants_transmit(&self) -> bool {
        self.handed_out < self.queue.len()
    }

    /// Copies what waits to be sent into `into`, as much as fits; says how much. To be sent in this order, before anything
    /// else.
    pub fn transmit(&mut self, into: &mut [u8]) -> usize {
        let left = &self.queue[self.handed_out..];
        let count = left.len().min(into.len());
        into[..count].copy_from_slice(&left[..count]);
        self.handed_out += count;
        if !self.wants_transmit() {
            self.queue = Vec::new();
            self.handed_out = 0;
        }
        count
    }

    /// Queues close_notify: nothing is sent behind it. The peer may still send. Before the handshake is done there is
    /// nothing to end: the stream is just closed.
    pub fn close(&mut self) {
        if self.close_sent || self.failure.is_some() || self.connection.state().is_handshaking() {
            return;
        }
        self.close_sent = true;
        let mut held = vec![0; self.held];
        let mut alert = [0; OVERHEAD_BYTES_MAX];
        loop {
            match self.connection.step(&mut held, Action::Close(&mut alert), &mut self.queue).1 {
                Ok(Step::Done(count)) => return self.queue.extend_from_slice(&alert[..count]),
                Ok(Step::More) => {}
                Ok(Step::PeerClosed) => self.peer_closed = true,
                // Without it the peer sees a truncation, which is what it then is.
                Ok(Step::Ready(_) | Step::Idle) | Err(_) => return,
            }
        }
    }

    fn fail(&mut self, error: impl Into<Error>) -> Error {
        self.connection.flush(&mut self.queue);
        self.failure.get_or_insert_with(|| error.into()).clone()
    }

    /// Where the session stands.
    #[must_use]
    pub fn phase(&self) -> Phase {
        let state = self.connection.state();
        if self.failure.is_some() {
            Phase::Failed
        } else if self.peer_closed {
            Phase::PeerClosed
        } else if !state.is_handshaking() {
            Phase::Open
        } else if self.asked.is_some() && state.negotiated_key_exchange_group().is_none() {
            Phase::Hello
        } else {
            Phase::Handshake
        }
    }

    /// Why it is broken, if it is.
    #[must_use]
    pub const fn failure(&self) -> Option<&Error> {
        self.failure.as_ref()
    }

    /// Whether the handshake continued an earlier session, without certificates and signatures. False until it is done.
    #[must_use]
    pub fn is_resumed(&self) -> bool {
        self.connection.state().handshake_kind() == Some(HandshakeKind::Resumed)
    }

    /// The version agreed on, once it is.
    #[must_use]
    pub fn version(&self) -> Option<Version> {
        match self.connection.state().protocol_version()? {
            ProtocolVersion::TLSv1_2 => Some(Version::Tls12),
            ProtocolVersion::TLSv1_3 => Some(Version::Tls13),
            _ => None,
        }
    }

    /// The application protocol agreed on (RFC 7301): one of those in the settings.
    #[must_use]
    pub fn alpn(&self) -> Option<&[u8]> {
        self.connection.state().alpn_protocol()
    }

    /// Whether it is ours to open: we are the client.
    #[must_use]
    pub const fn is_client(&self) -> bool {
        matches!(self.connection, Connection::Client(_))
    }

    /// Whether a request for `host`, without port, may come over this session of a server: it is the host the client has
    /// asked for, or the same certificate is for both (RFC 9110, section 7.4). True if either named none.
    #[must_use]
    pub fn is_for(&self, host: &[u8]) -> bool {
        let Some((asked, name)) = self.asked.as_ref().and_then(|asked| Some((asked, asked.name()?))) else {
            return true;
        };
        let host = host.strip_suffix(b".").unwrap_or(host);
        host.is_empty() || host.eq_ignore_ascii_case(name.as_bytes()) || asked.are_alike(name, host)
    }

    /// The host name the client asked for (SNI, RFC 6066), in lower case. Always `None` in a client.
    #[must_use]
    pub fn server_name(&self) -> Option<&str> {
        self.asked.as_ref()?.name()
    }

    /// The peer's certificates in DER, its own first; verified. Empty if it sent none. A resumed session has those of the
    /// session it continues, and they are not verified again.
    pub fn peer_certificates(&self) -> impl Iterator<Item = &[u8]> {
        self.connection.state().peer_certificates().unwrap_or_default().iter().map(AsRef::as_ref)
    }
}

/// The length of the record `bytes` begin with, if all of it is there.
fn record_bytes(bytes: &[u8]) -> Option<usize> {
    let header = bytes.first_chunk::<HEADER_BYTES>()?;
    let length = HEADER_BYTES + usize::from(u16::from_be_bytes([header[3], header[4]]));
    (length <= bytes.len()).then_some(length)
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Session({:?})", self.phase())
    }
}

const _: () = {
    const fn is_send<T: Send>() {}
    is_send::<Session>();
};
