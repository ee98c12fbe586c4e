//! Connections coming and going: connects, handshakes, failures, pauses, timeouts.
//!
//! A connection that fails without an answer is made again after a pause that doubles, so that a dead target is not
//! hammered; one that had answered is made again at once. No more than [`limits::CONNECTING_MAX`] are being made at a time.

use super::{
    ErrorKind,
    connection::{Broken, State},
    limits,
    worker::{Stage, Worker},
};
use rustix::{
    io::Errno,
    net::{AddressFamily, SocketFlags, SocketType, connect, socket_with, sockopt},
};
use std::{cmp::Reverse, net::SocketAddr, os::fd::OwnedFd, time::Duration};

impl Worker<'_> {
    /// Makes connections that are wanted, as many as may be made at a time.
    #[inline]
    pub(super) fn open_some(&mut self, now: u64) {
        while !self.to_open.is_empty() && self.connecting < limits::CONNECTING_MAX && self.may_open() {
            let Some(id) = self.to_open.pop_front() else { return };
            match self.orders.plan.fresh {
                true => self.feed(id as usize, now),
                false => self.open(id as usize, now),
            }
        }
    }

    fn may_open(&self) -> bool {
        !matches!(self.stage, Stage::Draining | Stage::Done)
    }

    /// Begins to connect.
    pub(super) fn open(&mut self, id: usize, now: u64) {
        let connection = &mut self.connections[id];
        connection.generation = connection.generation.wrapping_add(1);
        connection.state = State::Connecting(now);
        self.connecting += 1;
        let address = self.address(id);
        let connection = &self.connections[id];
        let token = (u64::from(connection.generation) << 32) | id as u64;
        match begin(address) {
            Ok(socket) => {
                if let Err(error) = self.gate.add(&socket, token) {
                    return self.broken(id, now, (ErrorKind::Local, format!("watching a socket: {error}")));
                }
                self.connections[id].socket = Some(socket);
            }
            Err(error) => self.not_connected(id, now, failed(error, address)),
        }
    }

    /// Connections and attempts take the addresses in turn.
    fn address(&self, id: usize) -> SocketAddr {
        let addresses = &self.orders.plan.target.addresses;
        let turn = id * self.share.of + self.share.index + self.connections[id].generation as usize;
        addresses[turn % addresses.len()]
    }

    /// A connect has failed: tries the next address, as other clients of a name do; an error when all have failed.
    fn not_connected(&mut self, id: usize, now: u64, broken: Broken) {
        let connection = &mut self.connections[id];
        connection.tries += 1;
        if connection.tries >= self.orders.plan.target.addresses.len() || broken.0 == ErrorKind::Local {
            return self.broken(id, now, broken);
        }
        connection.socket = None;
        self.connecting -= 1;
        self.open(id, now);
    }

    /// The kernel says that the connect has ended.
    pub(super) fn connected(&mut self, id: usize, since: u64, now: u64) {
        let Some(socket) = &self.connections[id].socket else { return };
        let outcome = sockopt::socket_error(socket).unwrap_or_else(Err);
        let outcome = outcome.and_then(|()| sockopt::set_tcp_nodelay(socket, true));
        if let Err(error) = outcome {
            return self.not_connected(id, now, failed(error, self.address(id)));
        }
        self.tally.recording.connect.record(now - since);
        let Some(secure) = &self.orders.secure else { return self.opened(id, now) };
        match secure.connection() {
            Ok(tls) => {
                self.connections[id].tls = Some(tls);
                self.connections[id].state = State::Handshake(now);
                self.flush(id, now);
            }
            Err(error) => self.broken(id, now, (ErrorKind::Tls, error.to_string())),
        }
    }

    /// It is ready for requests.
    pub(super) fn opened(&mut self, id: usize, now: u64) {
        let connection = &mut self.connections[id];
        if let State::Handshake(since) = connection.state {
            self.tally.recording.handshake.record(now - since);
        }
        connection.state = State::Open;
        connection.heard_at = now;
        self.connecting -= 1;
        connection.tries = 0;
        self.decided(id);
        self.tally.recording.connections += 1;
        self.tally.totals.connections += 1;
        self.tally.totals.made += 1;
        match self.connections[id].unsent {
            0 => self.feed(id, now),
            _ => self.flush(id, now),
        }
    }

    /// Ends a connection with an error, which the requests on it share.
    #[cold]
    pub(super) fn broken(&mut self, id: usize, now: u64, (kind, said): Broken) {
        let connection = &self.connections[id];
        for flight in &connection.flights {
            self.tally.lost(flight, kind, now, &said);
        }
        // A connection that nobody used may be reset by a target that closes idle ones.
        let is_unused = connection.state == State::Open && kind == ErrorKind::Reset;
        if connection.flights.is_empty() && !is_unused {
            self.tally.failed(kind, &said);
        }
        self.retire(id, now);
    }

    /// Ends a connection; another takes its place, after a pause if this one was of no use.
    pub(super) fn retire(&mut self, id: usize, now: u64) {
        let connection = &mut self.connections[id];
        match connection.state {
            State::Open => self.tally.totals.connections -= 1,
            State::Connecting(_) | State::Handshake(_) => {
                self.connecting -= 1;
                self.decided(id);
            }
            State::Closed | State::Paused => {}
        }
        let connection = &mut self.connections[id];
        connection.tries = 0;
        self.tally.totals.in_flight -= connection.flights.len() as u64;
        connection.failures = if connection.has_answered { 0 } else { connection.failures + 1 };
        connection.close();
        if connection.failures == 0 {
            self.to_open.push_back(id as u32);
            return;
        }
        connection.state = State::Paused;
        self.paused.push(Reverse((now + pause(connection.failures).as_nanos() as u64, id as u32)));
    }

    /// The first attempt of a place has ended.
    fn decided(&mut self, id: usize) {
        if !std::mem::replace(&mut self.connections[id].is_decided, true) {
            self.undecided = self.undecided.saturating_sub(1);
        }
    }

    /// Those whose pause is over.
    pub(super) fn resume_paused(&mut self, now: u64) {
        while let Some(&Reverse((until, id))) = self.paused.peek()
            && until <= now
        {
            self.paused.pop();
            self.connections[id as usize].state = State::Closed;
            self.to_open.push_back(id);
        }
    }

    /// Ends what takes too long, a bounded number of connections at a time.
    pub(super) fn watch_timeouts(&mut self, now: u64) {
        let count = self.connections.len();
        let timeout = self.orders.plan.timeout;
        for _ in 0..count.min(limits::WATCHED_MAX) {
            let id = self.watch_from % count;
            self.watch_from = id + 1;
            let connection = &self.connections[id];
            let (since, kind) = match (connection.state, connection.flights.front()) {
                (State::Connecting(since) | State::Handshake(since), _) => (since, ErrorKind::ConnectTimeout),
                (State::Open, Some(_)) if self.orders.plan.events => (connection.heard_at, ErrorKind::Timeout),
                (State::Open, Some(flight)) => (flight.sent, ErrorKind::Timeout),
                _ => continue,
            };
            if now.saturating_sub(since) >= timeout.as_nanos() as u64 {
                self.broken(id, now, (kind, format!("nothing within {timeout:?}")));
            }
        }
    }
}

/// The pause behind so many failures in a row.
fn pause(failures: u32) -> Duration {
    let doubled = limits::PAUSE_MIN.saturating_mul(1 << (failures - 1).min(16));
    doubled.min(limits::PAUSE_MAX)
}

/// A socket that is being connected.
fn begin(address: SocketAddr) -> Result<OwnedFd, Errno> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(family, SocketType::STREAM, flags, None)?;
    match connect(&socket, &address) {
        Ok(()) | Err(Errno::INPROGRESS) => Ok(socket),
        Err(error) => Err(error),
    }
}

fn failed(error: Errno, address: SocketAddr) -> Broken {
    let kind = match error {
        Errno::CONNREFUSED => ErrorKind::ConnectRefused,
        Errno::TIMEDOUT => ErrorKind::ConnectTimeout,
        Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM | Errno::ADDRNOTAVAIL => ErrorKind::Local,
        _ => ErrorKind::ConnectFailed,
    };
    (kind, format!("connecting to {address}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_bound() {
        assert_eq!([1, 2, 3].map(pause), [10, 20, 40].map(Duration::from_millis));
        assert_eq!(pause(u32::MAX), limits::PAUSE_MAX);
    }
}
