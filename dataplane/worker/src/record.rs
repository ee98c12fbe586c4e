//! What is remembered of an exchange until it is accounted for, and the identifiers of requests.

use std::cell::Cell;
use tollgate_http::{Method, Reason, RequestHead, Version};
use tollgate_io::Instant;
use tollgate_telemetry::MethodLabel;

use crate::pool::EndpointId;

/// The facts of a request that outlive its head's bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts {
    pub(crate) method: Method,
    pub(crate) label: MethodLabel,
    pub(crate) version: Version,
    /// What the client wants of its connection.
    pub(crate) keep_alive: bool,
    /// Whether an upgrade is asked for.
    pub(crate) upgrade: bool,
    /// Whether the client waits for a 100 (Continue).
    pub(crate) expects_continue: bool,
    pub(crate) begun: Instant,
}

impl Facts {
    pub(crate) fn of(head: &RequestHead<'_>, begun: Instant) -> Self {
        Self {
            method: head.method(),
            label: MethodLabel::from_bytes(head.method_bytes()),
            version: head.version(),
            keep_alive: head.keep_alive(),
            upgrade: head.upgrade().is_some(),
            expects_continue: head.expects_continue(),
            begun,
        }
    }
}

/// How an exchange went; filled in on the way.
#[derive(Default)]
pub(crate) struct Outcome {
    pub(crate) route: Cell<Option<u32>>,
    pub(crate) endpoint: Cell<Option<EndpointId>>,
    /// Sent to the client; 0 before.
    pub(crate) status: Cell<u16>,
    pub(crate) reason: Cell<Option<Reason>>,
    /// When the whole request had gone to the endpoint.
    pub(crate) forwarded: Cell<Option<Instant>>,
    /// When the response's head came.
    pub(crate) responded: Cell<Option<Instant>>,
    pub(crate) attempts: Cell<u8>,
    /// Whether the client's connection ends with this exchange.
    pub(crate) closes: Cell<bool>,
}

/// Makes request identifiers: 32 hexadecimal digits, the first half random per worker, the second counted and scrambled.
pub(crate) struct RequestId {
    prefix: u64,
    count: Cell<u64>,
}

/// Length of an identifier, in bytes.
pub(crate) const REQUEST_ID_BYTES: usize = 32;

/// Longest identifier of a trusted proxy that is kept, in bytes.
const FOREIGN_ID_BYTES_MAX: usize = 128;

impl RequestId {
    pub(crate) const fn new(prefix: u64) -> Self {
        Self { prefix, count: Cell::new(0) }
    }

    /// A new identifier.
    pub(crate) fn next(&self) -> [u8; REQUEST_ID_BYTES] {
        let count = self.count.get().wrapping_add(1);
        self.count.set(count);
        let mut id = [0; REQUEST_ID_BYTES];
        write_hex(&mut id[..16], self.prefix);
        // A multiplication by an odd number loses nothing (Knuth, TAOCP vol. 3, 6.4: Fibonacci hashing).
        write_hex(&mut id[16..], count.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        id
    }

    /// Whether an identifier given by a trusted proxy can be kept.
    pub(crate) fn is_usable(id: &[u8]) -> bool {
        !id.is_empty() && id.len() <= FOREIGN_ID_BYTES_MAX && id.iter().all(u8::is_ascii_graphic)
    }
}

fn write_hex(out: &mut [u8], value: u64) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (index, digit) in out.iter_mut().enumerate() {
        *digit = DIGITS[(value >> (60 - 4 * index)) as usize & 15];
    }
}
