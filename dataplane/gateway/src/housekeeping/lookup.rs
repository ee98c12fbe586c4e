//! One lookup of one name: `/etc/hosts`, then the servers in their order, over UDP and, for long answers, over TCP.
//!
//! Each question has a number and a port of its own, both of chance, and an answer counts only if it fits (crate `dns`).
//! A server gets `dns.timeout`. Addresses that no route leads to are left out: on a machine without IPv6 those of AAAA
//! records would only be tried in vain. Both kinds are asked for one after the other, and one that fails is left out.

use super::call::{Calls, send_all, within};
use crate::limits::{HOSTS_TTL, SYSTEM_FILE_BYTES_MAX};
use std::{
    fs, io,
    io::Read,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    path::Path,
    time::Duration,
};
use tollgate_dns::{ANSWER_BYTES_MAX, Answer, Kind, Question, hosts, servers};
use tollgate_io::{Buffer, Instant, Io};
use tollgate_model::Dns;
use tollgate_ring::{RingDatagram, RingIo, RingStream};
use tollgate_worker::Wire;

/// How a name is looked up.
pub(super) struct Lookup<'l> {
    pub(super) io: &'l RingIo,
    pub(super) calls: &'l Calls,
    pub(super) dns: &'l Dns,
}

impl Lookup<'_> {
    /// All addresses of a name and how long that holds; `None` if nobody could tell.
    pub(super) async fn addresses(&self, host: &str) -> Option<(Vec<IpAddr>, Duration)> {
        let known = hosts(&String::from_utf8_lossy(&read("/etc/hosts")), host);
        if !known.is_empty() {
            return Some((known, HOSTS_TTL));
        }
        let servers = match self.dns.servers.as_slice() {
            [] => servers(&read("/etc/resolv.conf")),
            servers => servers.to_vec(),
        };
        let four = self.ask(&servers, host, Kind::A).await;
        let six = self.ask(&servers, host, Kind::Aaaa).await;
        let ttl = [&four, &six].into_iter().flatten().map(|(_, ttl)| *ttl).min()?;
        let all = [four, six].into_iter().flatten().flat_map(|(addresses, _)| addresses);
        Some((all.filter(|&address| is_routed(address)).collect(), ttl))
    }

    /// What the first server that can tell says.
    async fn ask(&self, servers: &[SocketAddr], host: &str, kind: Kind) -> Option<(Vec<IpAddr>, Duration)> {
        for &server in servers {
            let question = Question::new(host, kind, (self.io.entropy() >> 48) as u16)?;
            let due = self.io.now() + self.dns.timeout;
            let answer = match self.over_udp(&question, server, due).await {
                Ok(Answer::Truncated) => self.over_tcp(&question, server, due).await,
                answer => answer,
            };
            if let Ok(Answer::Addresses(addresses, ttl)) = answer {
                return Some((addresses, ttl));
            }
        }
        None
    }

    async fn over_udp(&self, question: &Question, server: SocketAddr, due: Instant) -> io::Result<Answer> {
        let asked = async {
            let datagram = RingDatagram::connect(self.io, server)?;
            datagram.send(question.bytes()).await?;
            loop {
                let answer = question.read(&datagram.recv(ANSWER_BYTES_MAX).await?);
                if answer != Answer::Foreign {
                    return Ok(answer);
                }
            }
        };
        // A datagram may be dropped.
        within(self.io, due, asked).await.unwrap_or_else(|| Err(io::ErrorKind::TimedOut.into()))
    }

    async fn over_tcp(&self, question: &Question, server: SocketAddr, due: Instant) -> io::Result<Answer> {
        let ask = async |wire: &Wire<RingStream>| {
            send_all(self.io, wire, &question.framed()).await?;
            receive_framed(wire).await
        };
        Ok(question.read(&self.calls.call(self.io, server.into(), due, ask).await?))
    }
}

/// A message behind its length (RFC 7766, section 8).
async fn receive_framed(wire: &Wire<RingStream>) -> io::Result<Vec<u8>> {
    let mut message = Vec::new();
    loop {
        let arrival = wire.receive(None).await?;
        if arrival.is_end {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        message.extend_from_slice(arrival.buffer.as_ref().map_or(&[], Buffer::bytes));
        if let Some((length, rest)) = message.split_first_chunk::<2>()
            && let Some(whole) = rest.get(..usize::from(u16::from_be_bytes(*length)))
        {
            return Ok(whole.to_vec());
        }
    }
}

/// Whether there is a way to an address: connecting a datagram socket asks the table of routes and sends nothing.
fn is_routed(address: IpAddr) -> bool {
    let any: IpAddr = if address.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    UdpSocket::bind((any, 0)).and_then(|socket| socket.connect((address, 9))).is_ok()
}

/// A small file of the system; empty if it cannot be read.
fn read(path: impl AsRef<Path>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let file = fs::File::open(path);
    let _ = file.and_then(|file| file.take(SYSTEM_FILE_BYTES_MAX).read_to_end(&mut bytes));
    bytes
}
