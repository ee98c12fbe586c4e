//! A question about a name, and the answer.

use crate::Step;
use std::hint::black_box;
use tollgate_dns::{Answer, Kind, Question};

const HOST: &str = "orders.internal.example.com";

fn question() -> Question {
    Question::new(black_box(HOST), Kind::A, 7).expect("it is a name")
}

/// Asks for the addresses of a name.
pub(crate) fn ask() -> Step {
    Step::new(question)
}

/// Reads 8 addresses behind an alias.
pub(crate) fn read() -> Step {
    let question = question();
    let bytes = answer(8);
    Step::new(move || {
        let Answer::Addresses(addresses, _) = question.read(black_box(&bytes)) else { panic!("it has addresses") };
        assert_eq!(addresses.len(), 8);
        addresses
    })
}

/// An answer (RFC 1035, section 4) of a server that compresses names, as servers do.
fn answer(addresses: u16) -> Vec<u8> {
    // Number, flags, one question, the answers, nothing else.
    let mut bytes: Vec<u8> =
        [7, 0x8180, 1, 1 + addresses, 0, 0].iter().flat_map(|word: &u16| word.to_be_bytes()).collect();
    for label in HOST.split('.') {
        bytes.push(label.len() as u8);
        bytes.extend(label.as_bytes());
    }
    bytes.extend([0, 0, 1, 0, 1]);
    // The name of the question is an alias of `lb` in its own domain.
    bytes.extend([0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 60, 0, 5]);
    let alias = bytes.len() as u8;
    bytes.extend([2, b'l', b'b', 0xc0, 19]);
    for number in 0..addresses as u8 {
        bytes.extend([0xc0, alias, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 10, 0, 0, number]);
    }
    bytes
}
