//! Whole numbers, durations and addresses as text, appended to a line.
//!
//! Eight digits are made at once, in the bytes of a word, and written whether or not all of them count: that is without
//! branches, while the digits of a number one after the other are a loop whose length the processor guesses wrong.

use std::{
    fmt::Write,
    net::{IpAddr, Ipv4Addr},
};

use crate::line::Line;

/// Longest text that [`Line::number`] and [`Line::ms`] put before a number, in bytes.
pub(crate) const PREFIX_BYTES_MAX: usize = 24;

/// Room for a prefix and the usual number: up to five digits, a point and three digits.
const ROOM: usize = PREFIX_BYTES_MAX + 12;

/// Numbers below are usual.
const USUAL_END: u64 = 100_000_000;

impl Line {
    /// Appends `prefix` and a whole number.
    #[inline]
    pub(crate) fn number<const P: usize>(&mut self, prefix: &[u8; P], number: u64) {
        const { assert!(P <= PREFIX_BYTES_MAX) };
        if number >= USUAL_END {
            return self.large_number(prefix, number);
        }
        let digits = digits(number as u32);
        // The last digit stays, even if it is zero.
        let zeros = (digits | 1 << 56).trailing_zeros() / 8;
        let room = self.room::<ROOM>();
        room[..P].copy_from_slice(prefix);
        room[P..P + 8].copy_from_slice(&(ascii(digits) >> (8 * zeros)).to_le_bytes());
        self.advance(P + 8 - zeros as usize);
    }

    /// Appends `prefix` and nanoseconds as milliseconds with three decimals, rounded down.
    #[inline]
    pub(crate) fn ms<const P: usize>(&mut self, prefix: &[u8; P], ns: u64) {
        const { assert!(P <= PREFIX_BYTES_MAX) };
        const WHOLE: usize = 5;
        let us = ns / 1000;
        if us >= USUAL_END {
            return self.large_ms(prefix, us);
        }
        let digits = digits(us as u32);
        // The last whole digit stays.
        let zeros = (digits | 1 << (8 * (WHOLE - 1))).trailing_zeros() / 8;
        let ascii = ascii(digits);
        let decimals = (ascii >> (8 * (WHOLE - 1))) as u32 & !0xFF | u32::from(b'.');
        let point = P + WHOLE - zeros as usize;
        let room = self.room::<ROOM>();
        room[..P].copy_from_slice(prefix);
        room[P..P + 8].copy_from_slice(&(ascii >> (8 * zeros)).to_le_bytes());
        room[point..point + 4].copy_from_slice(&decimals.to_le_bytes());
        self.advance(point + 4);
    }

    #[cold]
    fn large_number(&mut self, prefix: &[u8], number: u64) {
        self.copy(prefix);
        self.copy(itoa::Buffer::new().format(number).as_bytes());
    }

    #[cold]
    fn large_ms(&mut self, prefix: &[u8], us: u64) {
        self.copy(prefix);
        write!(self, "{}.{:03}", us / 1000, us % 1000).expect("a line takes all text");
    }

    /// Appends an address, to stand between quotes.
    pub(crate) fn ip(&mut self, ip: IpAddr) {
        match ip {
            IpAddr::V4(ip) => self.ipv4(ip),
            IpAddr::V6(ip) => write!(self, "{ip}").expect("a line takes all text"),
        }
    }

    /// By hand: the formatting machinery costs as much as the rest of a record.
    fn ipv4(&mut self, ip: Ipv4Addr) {
        let [a, b, c, d] = ip.octets().map(u64::from);
        self.number(b"", a);
        self.number(b".", b);
        self.number(b".", c);
        self.number(b".", d);
    }
}

/// The eight decimal digits of a number below [`USUAL_END`], the first in the lowest byte.
///
/// Halves of four digits, then of two, then of one, all lanes of a word at a time: a division by a constant is a
/// multiplication and a shift, exact for numbers as small as these (Granlund and Montgomery, PLDI 1994).
const fn digits(number: u32) -> u64 {
    let fours = (number / 10_000) as u64 | ((number % 10_000) as u64) << 32;
    let hundreds = ((fours * 5243) >> 19) & 0x0000_007F_0000_007F;
    let twos = hundreds | (fours - hundreds * 100) << 16;
    let tens = ((twos * 103) >> 10) & 0x000F_000F_000F_000F;
    tens | (twos - tens * 10) << 8
}

const fn ascii(digits: u64) -> u64 {
    digits + u64::from_le_bytes([b'0'; 8])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl FnOnce(&mut Line)) -> String {
        let mut line = Line::new();
        write(&mut line);
        String::from_utf8(line.bytes().to_vec()).unwrap()
    }

    /// All numbers of up to five digits, all of eight that end or begin with four of a kind, the edges.
    fn numbers() -> impl Iterator<Item = u64> {
        let fours = (0..10_000).flat_map(|four| [four * 10_000, four * 10_000 + 9_999, 99_990_000 + four]);
        let edges = (0..64).flat_map(|bit| [(1 << bit) - 1, 1 << bit]).chain([USUAL_END - 1, USUAL_END, u64::MAX]);
        (0..100_000).chain(fours).chain(edges)
    }

    #[test]
    fn numbers_are_those_of_the_library() {
        for number in numbers() {
            assert_eq!(text(|line| line.number(b"n=", number)), format!("n={number}"));
        }
    }

    #[test]
    fn durations_are_whole_microseconds_as_milliseconds() {
        for us in numbers().filter(|us| *us <= u64::MAX / 1000) {
            let expected = format!("t={}.{:03}", us / 1000, us % 1000);
            assert_eq!(text(|line| line.ms(b"t=", us * 1000)), expected);
        }
        assert_eq!(text(|line| line.ms(b"", 999)), "0.000");
        assert_eq!(text(|line| line.ms(b"", 12_345_678)), "12.345");
        assert_eq!(text(|line| line.ms(b"", u64::MAX)), "18446744073709.551");
    }

    #[test]
    fn addresses_are_those_of_the_library() {
        for address in ["192.0.2.255", "10.9.99.100", "2001:db8::1"] {
            assert_eq!(text(|line| line.ip(address.parse().unwrap())), address);
        }
    }
}
