//! One question and its answer.
//!
//! An answer counts only with the question's number, name and kind in it; whatever else comes is to be ignored, as if it
//! had not. Of the records those count that belong to the name or to what it is an alias of.

use domain::{
    base::{
        Message, MessageBuilder, Name, Rtype,
        iana::{Opcode, Rcode},
    },
    rdata::{A, Aaaa, Cname, Soa},
};
use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::Duration,
};

/// Bytes of an answer over UDP: what passes everywhere unfragmented (DNS flag day 2020).
pub const ANSWER_BYTES_MAX: usize = 1232;

/// Which addresses are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// IPv4.
    A,
    /// IPv6.
    Aaaa,
}

/// A question for the addresses of one kind of a name.
#[derive(Clone, Debug)]
pub struct Question {
    number: u16,
    name: Name<Vec<u8>>,
    kind: Kind,
    bytes: Vec<u8>,
}

/// What bytes from a server mean for a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// They do not answer it.
    Foreign,
    /// The answer is longer than fits: ask again over TCP.
    Truncated,
    /// The server could not answer; another might.
    Failed,
    /// These are all addresses of the name, none if it has none, and how long that holds: [`Duration::MAX`] if it has none
    /// and the server does not say how long.
    Addresses(Vec<IpAddr>, Duration),
}

impl Question {
    /// A question with this number, which nobody should be able to guess. `None` if `host` is no name.
    #[must_use]
    pub fn new(host: &str, kind: Kind, number: u16) -> Option<Self> {
        let name: Name<Vec<u8>> = host.parse().ok()?;
        let mut message = MessageBuilder::new_vec();
        let header = message.header_mut();
        header.set_id(number);
        header.set_rd(true);
        let mut message = message.question();
        message.push((&name, kind.record())).ok()?;
        let mut message = message.additional();
        message
            .opt(|options| {
                options.set_udp_payload_size(ANSWER_BYTES_MAX as u16);
                Ok(())
            })
            .ok()?;
        Some(Self { number, name, kind, bytes: message.finish() })
    }

    /// The message, as UDP takes it.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The message behind its length, as TCP takes it (RFC 7766).
    #[must_use]
    pub fn framed(&self) -> Vec<u8> {
        // A name of 255 bytes and what is around it are far below 65,536.
        let mut framed = (self.bytes.len() as u16).to_be_bytes().to_vec();
        framed.extend(&self.bytes);
        framed
    }

    /// What `bytes` mean as an answer.
    #[must_use]
    pub fn read(&self, bytes: &[u8]) -> Answer {
        let Ok(message) = Message::from_slice(bytes) else { return Answer::Foreign };
        let header = message.header();
        let asks_the_same = message
            .sole_question()
            .is_ok_and(|question| question.qname() == &self.name && question.qtype() == self.kind.record());
        if !header.qr() || header.opcode() != Opcode::QUERY || header.id() != self.number || !asks_the_same {
            return Answer::Foreign;
        }
        if header.tc() {
            return Answer::Truncated;
        }
        match header.rcode() {
            Rcode::NOERROR | Rcode::NXDOMAIN => self.records(message).unwrap_or(Answer::Failed),
            _ => Answer::Failed,
        }
    }

    /// The addresses in a message; `None` if it is malformed.
    fn records(&self, message: &Message<[u8]>) -> Option<Answer> {
        // The last name of the chain of aliases; it ends where there is a loop.
        let owner = message.canonical_name()?;
        let (mut addresses, mut ttl) = (Vec::new(), Duration::MAX);
        for record in message.answer().ok()?.limit_to_in::<Cname<_>>() {
            ttl = ttl.min(record.ok()?.ttl().into_duration());
        }
        match self.kind {
            Kind::A => {
                for record in message.answer().ok()?.limit_to_in::<A>() {
                    let record = record.ok()?;
                    if record.owner() == &owner {
                        ttl = ttl.min(record.ttl().into_duration());
                        addresses.push(IpAddr::V4(Ipv4Addr::from(record.data().addr().octets())));
                    }
                }
            }
            Kind::Aaaa => {
                for record in message.answer().ok()?.limit_to_in::<Aaaa>() {
                    let record = record.ok()?;
                    if record.owner() == &owner {
                        ttl = ttl.min(record.ttl().into_duration());
                        addresses.push(IpAddr::V6(Ipv6Addr::from(record.data().addr().octets())));
                    }
                }
            }
        }
        if addresses.is_empty() {
            // How long "none" holds (RFC 2308, section 5).
            for record in message.authority().ok()?.limit_to_in::<Soa<_>>() {
                let record = record.ok()?;
                ttl = ttl.min(record.ttl().min(record.data().minimum()).into_duration());
            }
        }
        Some(Answer::Addresses(addresses, ttl))
    }
}

impl Kind {
    const fn record(self) -> Rtype {
        match self {
            Self::A => Rtype::A,
            Self::Aaaa => Rtype::AAAA,
        }
    }
}
