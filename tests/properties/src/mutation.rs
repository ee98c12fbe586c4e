//! Mutations of a corpus: near enough to good input to get past the first check, and the same on every machine.

use crate::split::Numbers;

/// What tends to be read in two ways.
const PIECES: [&[u8]; 40] = [
    b"\r",
    b"\n",
    b"\r\n",
    b"\r\n\r\n",
    b"\0",
    b" ",
    b"\t",
    b":",
    b"/",
    b"/../",
    b"..",
    b"%2e",
    b"%2F",
    b"%5c",
    b"%00",
    b";",
    b"?",
    b"#",
    b"@",
    b"\\",
    b"*",
    b",",
    b"0",
    b"\x7f",
    b"\xe9",
    b"\x0b",
    b"Host: a\r\n",
    b"Content-Length: 1\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"chunked",
    b"Connection: close\r\n",
    b"HTTP/1.0",
    b"http://a",
    b"0\r\n\r\n",
    b"ffff",
    b"1;a=b\r\nx\r\n",
    b"HEAD ",
    b"- { name: a }\n",
    b"${env:A}",
    b"\"",
];

/// Mutation number `seed` of `bytes`, with parts of `other`: one to four edits.
#[must_use]
pub fn mutated(bytes: &[u8], other: &[u8], seed: u64) -> Vec<u8> {
    let mut numbers = Numbers::new(seed);
    let mut made = bytes.to_vec();
    for _ in 0..=numbers.below(4) {
        let at = numbers.below(made.len() + 1);
        let cut = numbers.below(4).min(made.len() - at);
        match numbers.below(6) {
            0 => drop(made.splice(at..at + cut, [])),
            1 if at < made.len() => made[at] = numbers.below(256) as u8,
            2 => {
                let from = numbers.below(other.len() + 1);
                let len = numbers.below(40).min(other.len() - from);
                drop(made.splice(at..at, other[from..from + len].iter().copied()));
            }
            3 => {
                let len = numbers.below(40).min(made.len() - at);
                let copy = made[at..at + len].to_vec();
                drop(made.splice(at..at, copy));
            }
            _ => drop(made.splice(at..at + cut, PIECES[numbers.below(PIECES.len())].iter().copied())),
        }
    }
    made
}
