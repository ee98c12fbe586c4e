//! Load at a fixed rate, whatever the target does with it: latency counts from when a request was meant to be sent.
//!
//! One thread over some keep-alive connections. A request that finds none free waits for one, and that wait is part of its
//! latency, as it would be for a user (the closed loop of `wrk` hides it). Answers must be 200 with a Content-Length. One that
//! closes its connection has another opened in its place, within the time of the next request.

use crate::{answer, interrupt};
use anyhow::{Context as _, Result, bail, ensure};
use rustix::{
    event::{Timespec, epoll},
    fd::OwnedFd,
};
use std::{
    collections::VecDeque,
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

/// Longest sleep, so that a signal is seen.
const SLEEP_MAX: Duration = Duration::from_millis(20);

/// After the last request, for answers that are still to come.
const LAST_WAIT: Duration = Duration::from_secs(5);

/// What to send, and how fast.
pub(crate) struct Load<'a> {
    pub(crate) target: SocketAddr,
    /// Requests per second.
    pub(crate) rate: f64,
    pub(crate) connections: usize,
    /// A connection is replaced by another after so many.
    pub(crate) requests_per_connection: Option<u64>,
    pub(crate) time: Duration,
    /// The bytes of request number n.
    pub(crate) request: &'a dyn Fn(u64) -> Vec<u8>,
}

/// What came of it.
pub(crate) struct Latencies {
    /// Nanoseconds, ascending.
    sorted: Vec<u64>,
    /// Connections that the gateway has closed: by an answer, or between two requests.
    pub(crate) closed: u64,
}

impl Latencies {
    pub(crate) fn count(&self) -> usize {
        self.sorted.len()
    }

    /// Microseconds, of a share from 0 to 1.
    pub(crate) fn quantile_us(&self, share: f64) -> f64 {
        let last = self.sorted.len().saturating_sub(1);
        self.sorted.get((last as f64 * share).round() as usize).map_or(f64::NAN, |&nanos| nanos as f64 / 1e3)
    }
}

struct Connection {
    stream: TcpStream,
    /// Sent over it so far.
    requests: u64,
    /// When the request it carries was meant to be sent.
    meant: Option<Instant>,
    received: Vec<u8>,
}

/// What a connection has brought.
enum Received {
    /// Nothing yet, or a part.
    Nothing,
    /// A whole answer to the request that was meant to be sent then.
    Answer { meant: Instant, closes: bool },
    /// Its end, between two requests.
    End,
}

/// Sends the load and waits for every answer.
///
/// # Errors
/// A connection or answer failed: such a run measured something else.
pub(crate) fn run(load: &Load<'_>) -> Result<Latencies> {
    let poll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    let open = |index| connect(load.target, &poll, index);
    let mut connections = (0..load.connections).map(open).collect::<Result<Vec<_>>>()?;
    let mut free: Vec<usize> = (0..connections.len()).collect();
    let mut waiting: VecDeque<Instant> = VecDeque::new();
    let total = (load.rate * load.time.as_secs_f64()) as u64;
    let (begun, gap) = (Instant::now(), Duration::from_secs_f64(1.0 / load.rate));
    let (mut meant_count, mut sent_count, mut nanos) = (0, 0, Vec::with_capacity(total as usize));
    let mut closed = 0;
    let mut events = Vec::with_capacity(connections.len());
    while (nanos.len() as u64) < total {
        let now = Instant::now();
        ensure!(now < begun + load.time + LAST_WAIT, "{} answers are missing", total - nanos.len() as u64);
        while meant_count < total && begun + gap.mul_f64(meant_count as f64) <= now {
            waiting.push_back(begun + gap.mul_f64(meant_count as f64));
            meant_count += 1;
        }
        while !free.is_empty()
            && let Some(meant) = waiting.pop_front()
            && let Some(index) = free.pop()
        {
            connections[index].send(&(load.request)(sent_count), meant)?;
            sent_count += 1;
        }
        let next = begun + gap.mul_f64(meant_count as f64);
        wait(&poll, &mut events, next.saturating_duration_since(now).min(SLEEP_MAX))?;
        for event in events.drain(..) {
            let index = usize::try_from(event.data.u64()).context("an event of no connection")?;
            let is_over = match connections[index].receive()? {
                Received::Nothing => continue,
                Received::End => true,
                Received::Answer { meant, closes } => {
                    nanos.push(meant.elapsed().as_nanos() as u64);
                    free.push(index);
                    closes
                }
            };
            closed += u64::from(is_over);
            if is_over || load.requests_per_connection.is_some_and(|most| connections[index].requests >= most) {
                connections[index] = connect(load.target, &poll, index)?;
            }
        }
        interrupt::check()?;
    }
    nanos.sort_unstable();
    Ok(Latencies { sorted: nanos, closed })
}

fn connect(target: SocketAddr, poll: &OwnedFd, index: usize) -> Result<Connection> {
    let stream = TcpStream::connect(target)?;
    stream.set_nodelay(true)?;
    stream.set_nonblocking(true)?;
    epoll::add(poll, &stream, epoll::EventData::new_u64(index as u64), epoll::EventFlags::IN)?;
    Ok(Connection { stream, requests: 0, meant: None, received: Vec::with_capacity(4096) })
}

fn wait(poll: &OwnedFd, events: &mut Vec<epoll::Event>, time: Duration) -> Result<()> {
    let timeout = Timespec { tv_sec: 0, tv_nsec: i64::from(time.subsec_nanos()) };
    match epoll::wait(poll, rustix::buffer::spare_capacity(events), Some(&timeout)) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

impl Connection {
    fn send(&mut self, request: &[u8], meant: Instant) -> Result<()> {
        self.meant = Some(meant);
        self.requests += 1;
        // A request is a few hundred bytes and the one before it is answered: there is room.
        Ok(self.stream.write_all(request)?)
    }

    /// Takes what has come.
    fn receive(&mut self) -> Result<Received> {
        let mut bytes = [0; 16 * 1024];
        match self.stream.read(&mut bytes) {
            Ok(0) if self.meant.is_none() => return Ok(Received::End),
            Ok(0) => bail!("the gateway closed a connection that had a request"),
            Ok(count) => self.received.extend_from_slice(&bytes[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Received::Nothing),
            Err(error) => return Err(error.into()),
        }
        let Some(length) = answer::length(&self.received)? else { return Ok(Received::Nothing) };
        let closes = length.closes;
        let length = length.head as u64 + length.body;
        if (self.received.len() as u64) < length {
            return Ok(Received::Nothing);
        }
        ensure!(self.received.len() as u64 == length, "more came than one answer");
        self.received.clear();
        let meant = self.meant.take().context("an answer that nobody has asked for")?;
        Ok(Received::Answer { meant, closes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{net::TcpListener, thread};

    #[test]
    fn every_request_is_answered_once_and_a_late_one_counts_from_when_it_was_meant() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let target = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let (mut bytes, mut count) = ([0; 1024], 0);
            while let Ok(1..) = stream.read(&mut bytes) {
                count += 1;
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").unwrap();
            }
            count
        });
        let request = |_| b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec();
        // All are meant to be sent within a millisecond, over one connection: each waits for those before it.
        let time = Duration::from_millis(1);
        let load =
            Load { target, rate: 100_000.0, connections: 1, requests_per_connection: None, time, request: &request };
        let latencies = run(&load).unwrap();
        assert_eq!((latencies.count(), server.join().unwrap()), (100, 100));
        assert!(latencies.quantile_us(1.0) >= latencies.quantile_us(0.5));
    }

    #[test]
    fn a_connection_is_replaced_when_an_answer_closes_it_and_when_it_had_its_share() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let target = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            let mut counts = Vec::new();
            for closes in [true, false, false] {
                let (mut stream, _) = listener.accept().unwrap();
                let (mut bytes, mut count) = ([0; 1024], 0);
                while let Ok(1..) = stream.read(&mut bytes) {
                    count += 1;
                    let option = if closes && count == 2 { "Connection: close\r\n" } else { "" };
                    write!(stream, "HTTP/1.1 200 OK\r\n{option}Content-Length: 0\r\n\r\n").unwrap();
                }
                counts.push(count);
            }
            counts
        });
        let request = |_| b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec();
        let (time, requests_per_connection) = (Duration::from_millis(1), Some(5));
        let load = Load { target, rate: 10_000.0, connections: 1, requests_per_connection, time, request: &request };
        let latencies = run(&load).unwrap();
        assert_eq!((latencies.count(), latencies.closed), (10, 1));
        assert_eq!(server.join().unwrap(), [2, 5, 3]);
    }
}
