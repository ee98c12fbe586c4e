//! Requests out, answers in, on connections that are open.
//!
//! An event costs one receive; a short one means that the socket is empty, and the next byte makes a new event. The
//! request that follows an answer leaves at once, by a plain non-blocking send.

use super::{
    ErrorKind,
    connection::{Broken, State},
    gate::Event,
    limits,
    reader::Answer,
    secure,
    worker::Worker,
};
use std::{
    io::{ErrorKind::WouldBlock, Read as _},
    mem,
};

impl Worker<'_> {
    /// Whether another request may be put on a connection. A fresh connection is made for its request.
    #[inline]
    pub(super) fn has_room(&self, id: usize) -> bool {
        let connection = &self.connections[id];
        match connection.state {
            State::Open => !self.orders.plan.fresh && connection.flights.len() < self.orders.plan.pipeline,
            State::Closed => self.orders.plan.fresh,
            _ => false,
        }
    }

    /// Puts on a connection what there is to send and it has room for.
    #[inline]
    pub(super) fn feed(&mut self, id: usize, now: u64) {
        let mut any = false;
        while self.has_room(id) {
            let Some(flight) = self.next_request(now) else { break };
            self.tally.sent(&flight);
            self.tally.totals.in_flight += 1;
            let connection = &mut self.connections[id];
            connection.flights.push_back(flight);
            connection.unsent += 1;
            any = true;
            if connection.state == State::Closed {
                return self.open(id, now);
            }
        }
        if any {
            self.flush(id, now);
        }
        if self.orders.plan.arrivals.is_open() && self.has_room(id) && !self.connections[id].is_listed {
            self.connections[id].is_listed = true;
            self.free.push_back(id as u32);
        }
    }

    #[inline]
    pub(super) fn flush(&mut self, id: usize, now: u64) {
        match self.connections[id].flush(&self.orders.wires) {
            Ok(count) => self.tally.bytes_out += count,
            Err(broken) => self.broken(id, now, broken),
        }
    }

    /// Something happened to a socket. Says what time it is afterwards.
    #[inline]
    pub(super) fn event(&mut self, event: Event) -> u64 {
        let (id, generation) = (event.token as u32 as usize, (event.token >> 32) as u32);
        let mut now = self.orders.now();
        let connection = &self.connections[id];
        if connection.generation != generation || connection.socket.is_none() {
            return now;
        }
        if let State::Connecting(since) = connection.state {
            self.connected(id, since, now);
        } else if connection.unsent > 0 || connection.tls.as_ref().is_some_and(|tls| tls.wants_write()) {
            self.flush(id, now);
        }
        if event.is_readable {
            now = self.receive(id, event, now);
        }
        now
    }

    /// Takes what has come. Says what time it is afterwards.
    fn receive(&mut self, id: usize, event: Event, mut now: u64) -> u64 {
        let mut input = mem::take(&mut self.input);
        let mut is_done = false;
        for _ in 0..limits::RECEIVES_MAX {
            let received = self.connections[id].receive(&mut input);
            if matches!(received, Ok(None)) {
                is_done = true;
                break;
            }
            now = self.orders.now();
            // A short receive has emptied the socket; behind the last byte of a peer that closed stands its end.
            is_done = matches!(received, Ok(Some(count)) if count < input.len()) && !event.is_over;
            let outcome = match received {
                Ok(None | Some(0)) => self.ended(id, now),
                Ok(Some(count)) => {
                    self.tally.bytes_in += count as u64;
                    self.take(id, &input[..count], now)
                }
                Err(broken) => Err(broken),
            };
            if let Err(broken) = outcome {
                self.broken(id, now, broken);
            }
            is_done |= !self.is_same(id, event.token);
            if is_done {
                break;
            }
        }
        self.input = input;
        if !is_done {
            self.again.push(event);
        }
        now
    }

    /// Whether a place has the socket still that a token was made for.
    #[inline]
    fn is_same(&self, id: usize, token: u64) -> bool {
        let connection = &self.connections[id];
        connection.generation == (token >> 32) as u32 && connection.socket.is_some()
    }

    #[inline]
    fn take(&mut self, id: usize, bytes: &[u8], now: u64) -> Result<(), Broken> {
        match self.connections[id].tls {
            None => self.answers(id, bytes, now),
            Some(_) => self.decrypt(id, bytes, now),
        }
    }

    /// Takes bytes of answers, and sends what may follow them.
    fn answers(&mut self, id: usize, bytes: &[u8], now: u64) -> Result<(), Broken> {
        let orders = self.orders;
        let mut at = 0;
        while at < bytes.len() {
            let connection = &mut self.connections[id];
            let Some(flight) = connection.flights.front_mut() else {
                return Err((ErrorKind::Malformed, "bytes that no request asked for".to_owned()));
            };
            if !mem::replace(&mut flight.is_begun, true) {
                self.tally.began(flight, now);
            }
            let is_head = orders.wires[flight.entry as usize].is_head;
            let (scan, rest) = (&mut connection.scan, &bytes[at..]);
            let mut events = 0;
            let outcome = match orders.plan.events {
                true => connection.reader.read(rest, is_head, |body| events += scan.scan(body)),
                false => connection.reader.read(rest, is_head, |_| {}),
            };
            let (used, answer) = outcome.map_err(|said| (ErrorKind::Malformed, said))?;
            at += used;
            if orders.plan.events {
                self.heard(id, events, now);
            }
            if let Some(answer) = answer
                && !self.answered(id, answer, now)
            {
                return Ok(());
            }
        }
        self.feed(id, now);
        Ok(())
    }

    /// An answer is whole. Says whether its connection may go on.
    #[inline]
    fn answered(&mut self, id: usize, answer: Answer, now: u64) -> bool {
        let connection = &mut self.connections[id];
        let Some(flight) = connection.flights.pop_front() else { return false };
        connection.has_answered = true;
        connection.event_at = 0;
        self.tally.totals.in_flight -= 1;
        self.tally.answered(&flight, answer.status, now);
        // An answer that came before all of its request was sent ends the connection: the rest is of no use.
        let is_early = connection.unsent > connection.flights.len();
        if answer.keep_alive && !is_early && !self.orders.plan.fresh {
            return true;
        }
        let said = "closed by the target, with requests behind the last answer";
        let connection = &self.connections[id];
        match connection.flights.is_empty() {
            true => self.retire(id, now),
            false => self.broken(id, now, (ErrorKind::ClosedEarly, said.to_owned())),
        }
        false
    }

    /// Bytes of a stream of events have come, and so many events have ended with them.
    fn heard(&mut self, id: usize, events: u64, now: u64) {
        let connection = &mut self.connections[id];
        connection.heard_at = now;
        let Some(flight) = connection.flights.front().filter(|_| events > 0) else { return };
        let before = mem::replace(&mut connection.event_at, now);
        if !self.tally.is_measured(flight.intended) {
            return;
        }
        let recording = &mut self.tally.recording;
        recording.events += events;
        match before {
            0 => recording.first_event.record(now - flight.sent),
            before => recording.event_gap.record(now - before),
        }
        // Those that came with the same bytes followed at once.
        (1..events).for_each(|_| recording.event_gap.record(0));
    }

    fn decrypt(&mut self, id: usize, mut bytes: &[u8], now: u64) -> Result<(), Broken> {
        let mut plain = mem::take(&mut self.plain);
        let outcome = loop {
            match self.decrypt_some(id, &mut bytes, &mut plain, now) {
                Ok(()) if !bytes.is_empty() && self.connections[id].tls.is_some() => {}
                outcome => break outcome,
            }
        };
        self.plain = plain;
        outcome
    }

    fn decrypt_some(&mut self, id: usize, bytes: &mut &[u8], plain: &mut [u8], now: u64) -> Result<(), Broken> {
        let Some(tls) = &mut self.connections[id].tls else { return Ok(()) };
        tls.read_tls(bytes).map_err(|error| (ErrorKind::Tls, error.to_string()))?;
        let news = tls.process_new_packets().map_err(|error| (secure::kind(&error), secure::said(&error)))?;
        let has_closed = news.peer_has_closed();
        let is_ready = !tls.is_handshaking();
        if is_ready && matches!(self.connections[id].state, State::Handshake(_)) {
            self.opened(id, now);
        }
        if self.connections[id].tls.as_ref().is_some_and(|tls| tls.wants_write()) {
            self.flush(id, now);
        }
        while let Some(tls) = &mut self.connections[id].tls {
            match tls.reader().read(plain) {
                Ok(0) => break,
                Ok(count) => self.answers(id, &plain[..count], now)?,
                Err(error) if error.kind() == WouldBlock => break,
                Err(error) => return Err((ErrorKind::Tls, error.to_string())),
            }
        }
        match has_closed && self.connections[id].tls.is_some() {
            true => self.ended(id, now),
            false => Ok(()),
        }
    }

    /// The target has closed.
    fn ended(&mut self, id: usize, now: u64) -> Result<(), Broken> {
        let connection = &mut self.connections[id];
        if matches!(connection.state, State::Handshake(_)) {
            return Err((ErrorKind::Tls, "closed during the handshake".to_owned()));
        }
        match connection.reader.end() {
            Err(said) => Err((ErrorKind::ClosedEarly, said)),
            Ok(Some(answer)) => {
                self.answered(id, answer, now);
                Ok(())
            }
            Ok(None) if connection.flights.is_empty() => {
                self.retire(id, now);
                Ok(())
            }
            Ok(None) => Err((ErrorKind::ClosedEarly, "closed without an answer".to_owned())),
        }
    }
}
