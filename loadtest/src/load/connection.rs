//! One connection: its socket, what is on its way over it, and what is left to send.
//!
//! Sends and receives are non-blocking system calls made when they can succeed. Requests leave from the bytes prepared for
//! the run; pipelined ones together. What the worker makes of outcomes stands in `exchange` and `opening`.

use super::{ErrorKind, events::EventScan, limits::SLICES_MAX, reader::Reader, tally::Flight, wire::Wire};
use rustix::{
    io::Errno,
    net::{RecvFlags, SendAncillaryBuffer, SendFlags, recv, send, sendmsg},
};
use rustls::ClientConnection;
use std::{
    collections::VecDeque,
    io::{self, IoSlice, Write},
    os::fd::OwnedFd,
};

/// Where a connection is.
///
/// ```text
/// Closed -> Connecting -> (Handshake) -> Open
///    ^           |             |          |
///    |           v             v          v
///    +------ Paused <---- failed without an answer; with one: Closed
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Closed,
    /// Failed; to be made again later.
    Paused,
    /// Since when.
    Connecting(u64),
    /// TLS, since when; the connect had begun at the second time.
    Handshake(u64),
    Open,
}

/// What ends a connection before its time.
pub(super) type Broken = (ErrorKind, String);

#[derive(Debug)]
pub(super) struct Connection {
    pub(super) state: State,
    /// Counts the sockets this place has had, to tell events of old ones.
    pub(super) generation: u32,
    pub(super) socket: Option<OwnedFd>,
    pub(super) tls: Option<Box<ClientConnection>>,
    pub(super) reader: Reader,
    /// Requests in the order they are sent; answers come in the same.
    pub(super) flights: VecDeque<Flight>,
    /// How many at the end of `flights` are not sent whole, and how many bytes of the first of those are.
    pub(super) unsent: usize,
    pub(super) sent_bytes: usize,
    /// In the list of those with room.
    pub(super) is_listed: bool,
    /// An answer has come since it was made.
    pub(super) has_answered: bool,
    /// Whether its first attempt has ended, and addresses tried in this one.
    pub(super) is_decided: bool,
    pub(super) tries: usize,
    /// Failures in a row without an answer.
    pub(super) failures: u32,
    pub(super) scan: EventScan,
    /// When the last server-sent event ended; 0 before the first.
    pub(super) event_at: u64,
    /// When bytes last came; kept for streams of events only.
    pub(super) heard_at: u64,
}

impl Connection {
    pub(super) fn new() -> Self {
        Self {
            state: State::Closed,
            generation: 0,
            socket: None,
            tls: None,
            reader: Reader::default(),
            flights: VecDeque::new(),
            unsent: 0,
            sent_bytes: 0,
            is_listed: false,
            has_answered: false,
            is_decided: false,
            tries: 0,
            failures: 0,
            scan: EventScan::default(),
            event_at: 0,
            heard_at: 0,
        }
    }

    /// Forgets the socket and all that belonged to it.
    pub(super) fn close(&mut self) {
        self.socket = None;
        self.tls = None;
        self.reader = Reader::default();
        self.flights.clear();
        (self.unsent, self.sent_bytes) = (0, 0);
        self.has_answered = false;
        self.scan = EventScan::default();
        self.event_at = 0;
        self.state = State::Closed;
    }

    /// `Ok(None)`: nothing is there now. `Ok(Some(0))`: the peer has closed.
    #[inline]
    pub(super) fn receive(&self, into: &mut [u8]) -> Result<Option<usize>, Broken> {
        let Some(socket) = &self.socket else { return Ok(None) };
        match recv(socket, into, RecvFlags::empty()) {
            Ok((count, _)) => Ok(Some(count)),
            Err(Errno::AGAIN | Errno::INTR) => Ok(None),
            Err(error) => Err((ErrorKind::Reset, error.to_string())),
        }
    }

    /// Sends what can be sent. Says how many bytes left.
    #[inline]
    pub(super) fn flush(&mut self, wires: &[Wire]) -> Result<u64, Broken> {
        match &mut self.tls {
            None => Ok(self.flush_plain(wires)),
            Some(_) => self.flush_secure(wires),
        }
    }

    fn flush_plain(&mut self, wires: &[Wire]) -> u64 {
        let mut total = 0;
        while self.unsent > 0 {
            let Some(count) = self.send_some(wires) else { break };
            total += count as u64;
            self.advance(wires, count);
        }
        total
    }

    /// `None`: no room. A peer that is gone shows in an event, behind what it may have said before it went.
    fn send_some(&self, wires: &[Wire]) -> Option<usize> {
        let socket = self.socket.as_ref()?;
        let mut left = self.flights.range(self.flights.len() - self.unsent..);
        let first = &wires[left.next()?.entry as usize].bytes[self.sent_bytes..];
        if self.unsent == 1 {
            return send(socket, first, SendFlags::NOSIGNAL).ok();
        }
        let mut slices = [IoSlice::new(&[]); SLICES_MAX];
        slices[0] = IoSlice::new(first);
        let mut count = 1;
        for (slice, flight) in slices[1..].iter_mut().zip(left) {
            *slice = IoSlice::new(&wires[flight.entry as usize].bytes);
            count += 1;
        }
        sendmsg(socket, &slices[..count], &mut SendAncillaryBuffer::default(), SendFlags::NOSIGNAL).ok()
    }

    /// Bytes have left: moves on through the requests.
    fn advance(&mut self, wires: &[Wire], count: usize) {
        self.sent_bytes += count;
        while self.unsent > 0 {
            let first = self.flights.len() - self.unsent;
            let length = wires[self.flights[first].entry as usize].bytes.len();
            if self.sent_bytes < length {
                break;
            }
            self.sent_bytes -= length;
            self.unsent -= 1;
        }
    }

    fn flush_secure(&mut self, wires: &[Wire]) -> Result<u64, Broken> {
        let mut total = 0;
        loop {
            let written = if self.state == State::Open { self.encrypt(wires)? } else { 0 };
            let (Some(tls), Some(socket)) = (&mut self.tls, &self.socket) else { return Ok(total) };
            let mut sent = 0;
            while tls.wants_write() {
                match tls.write_tls(&mut Socket(socket)) {
                    Ok(0) => break,
                    Ok(count) => sent += count,
                    // As with plain ones: no room, or an event tells.
                    Err(_) => return Ok(total + sent as u64),
                }
            }
            total += sent as u64;
            if written == 0 {
                return Ok(total);
            }
        }
    }

    /// Hands requests to the TLS session, as much as it takes.
    fn encrypt(&mut self, wires: &[Wire]) -> Result<usize, Broken> {
        let mut total = 0;
        while self.unsent > 0 {
            let first = self.flights.len() - self.unsent;
            let bytes = &wires[self.flights[first].entry as usize].bytes[self.sent_bytes..];
            let Some(tls) = &mut self.tls else { break };
            let count = tls.writer().write(bytes).map_err(|error| (ErrorKind::Tls, error.to_string()))?;
            if count == 0 {
                break;
            }
            total += count;
            self.advance(wires, count);
        }
        Ok(total)
    }
}

/// A socket to write TLS records to.
struct Socket<'a>(&'a OwnedFd);

impl Write for Socket<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(send(self.0, bytes, SendFlags::NOSIGNAL)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
