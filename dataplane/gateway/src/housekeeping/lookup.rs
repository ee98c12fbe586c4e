//! One lookup of one name: `/etc/hosts`, then the servers in their order, over UDP and, for long answers, over TCP.
//!
//! Each question has a number and a port of its own, both of chance, and an answer counts only if it fits (crate `dns`).
//! A server gets `dns.timeout`. Addresses that no route leads to are left out: on a machine without IPv6 those of AAAA
//! records would only be tried in vain. Both kinds are asked for one after the other; of one that nobody could tell, what
//! was known before stays.

use super::call::{Calls, is_shortage, send_all, within};
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

/// Addresses, and how long they hold.
pub(super) type Found = (Vec<IpAddr>, Duration);

/// How a name is looked up.
pub(super) struct Lookup<'l> {
    pub(super) io: &'l RingIo,
    pub(super) calls: &'l Calls,
    pub(super) dns: &'l Dns,
}

impl Lookup<'_> {
    /// All addresses of a name, of which some were `known` already, and how long that holds; `None` if nobody could tell.
    pub(super) async fn addresses(&self, host: &str, known: &[IpAddr]) -> Option<Found> {
        let listed = hosts(&String::from_utf8_lossy(&read("/etc/hosts")), host);
        if !listed.is_empty() {
            return Some((listed, HOSTS_TTL));
        }
        let _permit = self.calls.permits.take().await;
        let servers = match self.dns.servers.as_slice() {
            [] => servers(&read("/etc/resolv.conf")),
            servers => servers.to_vec(),
        };
        let four = self.ask(&servers, host, Kind::A).await;
        let six = self.ask(&servers, host, Kind::Aaaa).await;
        let (mut addresses, ttl) = whole(four, six, known)?;
        addresses.retain(|&address| is_routed(address));
        Some((addresses, ttl))
    }

    /// What the first server that can tell says.
    async fn ask(&self, servers: &[SocketAddr], host: &str, kind: Kind) -> Option<Found> {
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

/// What is known of a name when both kinds were asked for. A question without an answer (a datagram is lost, a server does
/// not know AAAA) says nothing of its addresses: those that were `known` stay. When the other kind has none, the lookup has
/// failed: else a name of IPv4 alone would lose all it has with one datagram.
fn whole(four: Option<Found>, six: Option<Found>, known: &[IpAddr]) -> Option<Found> {
    let (mut found, ttl, missing): (_, _, fn(&IpAddr) -> bool) = match (four, six) {
        (Some((four, four_ttl)), Some((six, six_ttl))) => {
            let ttl = four_ttl.min(six_ttl);
            // That there are none holds for no time if no server says for how long (RFC 2308, section 5).
            return Some(([four, six].concat(), if ttl == Duration::MAX { Duration::ZERO } else { ttl }));
        }
        (Some((four, ttl)), None) => (four, ttl, IpAddr::is_ipv6),
        (None, Some((six, ttl))) => (six, ttl, IpAddr::is_ipv4),
        (None, None) => return None,
    };
    if found.is_empty() {
        return None;
    }
    found.extend(known.iter().filter(|address| missing(address)));
    Some((found, ttl))
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

/// Whether there is a way to an address, as far as can be told: connecting a datagram socket asks the table of routes and
/// sends nothing.
fn is_routed(address: IpAddr) -> bool {
    let any: IpAddr = if address.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let connected = UdpSocket::bind((any, 0)).and_then(|socket| socket.connect((address, 9)));
    match connected {
        Ok(()) => true,
        Err(error) => is_shortage(&error),
    }
}

/// A small file of the system; empty if it cannot be read.
fn read(path: impl AsRef<Path>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let file = fs::File::open(path);
    let _ = file.and_then(|file| file.take(SYSTEM_FILE_BYTES_MAX).read_to_end(&mut bytes));
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_could_tell_stays_as_it_was() {
        let [one, two, three]: [IpAddr; 3] =
            ["192.0.2.1", "192.0.2.2", "2001:db8::3"].map(|text| text.parse().unwrap());
        let [short, long] = [1, 60].map(Duration::from_secs);
        let known = [one, three];
        let found = |addresses: &[IpAddr], ttl| Some((addresses.to_vec(), ttl));
        assert_eq!(whole(found(&[two], long), found(&[], short), &known), found(&[two], short), "all is told");
        assert_eq!(whole(found(&[], long), found(&[], long), &known), found(&[], long), "none is told");
        let silent = || found(&[], Duration::MAX);
        assert_eq!(whole(silent(), silent(), &known), found(&[], Duration::ZERO), "none, and not for how long");
        assert_eq!(whole(found(&[two], long), silent(), &[]), found(&[two], long));
        assert_eq!(whole(found(&[two], long), None, &known), found(&[two, three], long));
        assert_eq!(whole(None, found(&[three], short), &known), found(&[three, one], short));
        assert_eq!(whole(None, found(&[], short), &known), None, "half of nothing");
        assert_eq!(whole(found(&[], short), None, &[]), None);
        assert_eq!(whole(None, None, &known), None);
    }
}
