//! Questions and answers, byte by byte.
//!
//! Answers are put together by hand here, so that the reader is not tested by the writer of the same library alone.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::prelude::*;
use std::{net::IpAddr, time::Duration};
use tollgate_dns::{Answer, Kind, Question};

/// `\x01a\x04test\x00`.
fn name(host: &str) -> Vec<u8> {
    let labels = host.split('.').flat_map(|label| [&[label.len() as u8], label.as_bytes()].concat());
    labels.chain([0]).collect()
}

/// The head of a message: number, flags, and how many questions, answers and authorities.
fn head(number: u16, flags: u16, [answers, authorities]: [u16; 2]) -> Vec<u8> {
    [number, flags, 1, answers, authorities, 0].iter().flat_map(|word| word.to_be_bytes()).collect()
}

fn question(host: &str, kind: u16) -> Vec<u8> {
    [name(host), kind.to_be_bytes().to_vec(), vec![0, 1]].concat()
}

fn record(host: &str, kind: u16, ttl: u32, data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u16).to_be_bytes();
    [&name(host)[..], &kind.to_be_bytes(), &[0, 1], &ttl.to_be_bytes(), &length, data].concat()
}

const ANSWER: u16 = 0x8180;
const NO_SUCH_NAME: u16 = 0x8183;
const A: u16 = 1;
const CNAME: u16 = 5;
const SOA: u16 = 6;
const AAAA: u16 = 28;

fn ask(kind: Kind) -> Question {
    Question::new("a.test", kind, 7).unwrap()
}

fn addresses(texts: &[&str], seconds: u64) -> Answer {
    let ips = texts.iter().map(|text| text.parse::<IpAddr>().unwrap()).collect();
    Answer::Addresses(ips, Duration::from_secs(seconds))
}

#[test]
fn a_question_is_what_the_standard_says() {
    let expected = [
        &[0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1][..],
        &question("a.test", A),
        // The root, OPT, 1232 bytes.
        &[0, 0, 41, 0x04, 0xD0, 0, 0, 0, 0, 0, 0],
    ]
    .concat();
    assert_eq!(ask(Kind::A).bytes(), expected);
    assert_eq!(ask(Kind::A).framed(), [&[0, expected.len() as u8][..], &expected].concat());
    assert!(Question::new("a..test", Kind::A, 7).is_none());
}

#[test]
fn addresses_come_with_the_shortest_time() {
    let bytes = [
        head(7, ANSWER, [2, 0]),
        question("a.test", A),
        record("a.test", A, 60, &[10, 0, 0, 1]),
        record("A.TEST", A, 30, &[10, 0, 0, 2]),
    ]
    .concat();
    assert_eq!(ask(Kind::A).read(&bytes), addresses(&["10.0.0.1", "10.0.0.2"], 30));
    assert_eq!(ask(Kind::Aaaa).read(&bytes), Answer::Foreign, "another kind");
    let six = [head(7, ANSWER, [1, 0]), question("a.test", AAAA), record("a.test", AAAA, 9, &[0; 16])].concat();
    assert_eq!(ask(Kind::Aaaa).read(&six), addresses(&["::"], 9));
}

#[test]
fn aliases_are_followed_and_other_names_are_not() {
    let bytes = [
        head(7, ANSWER, [3, 0]),
        question("a.test", A),
        record("a.test", CNAME, 5, &name("b.test")),
        record("b.test", A, 60, &[10, 0, 0, 1]),
        record("evil.test", A, 60, &[10, 0, 0, 66]),
    ]
    .concat();
    assert_eq!(ask(Kind::A).read(&bytes), addresses(&["10.0.0.1"], 5));
}

#[test]
fn a_name_without_addresses_has_none_for_a_time() {
    let minimum =
        [name("ns.test"), name("root.test"), [[0; 4], [0; 4], [0; 4], [0; 4], [0, 0, 0, 20]].concat()].concat();
    for flags in [ANSWER, NO_SUCH_NAME] {
        let bytes = [head(7, flags, [0, 1]), question("a.test", A), record("test", SOA, 900, &minimum)].concat();
        assert_eq!(ask(Kind::A).read(&bytes), addresses(&[], 20));
    }
}

#[test]
fn what_does_not_answer_the_question_is_foreign() {
    let good = [question("a.test", A), record("a.test", A, 60, &[10, 0, 0, 1])].concat();
    let with = |head: Vec<u8>| [head, good.clone()].concat();
    for bytes in [
        with(head(8, ANSWER, [1, 0])),
        with(head(7, 0x0100, [1, 0])),
        [head(7, ANSWER, [0, 0]), question("b.test", A)].concat(),
        vec![],
        vec![0, 7, 0x81],
    ] {
        assert_eq!(ask(Kind::A).read(&bytes), Answer::Foreign);
    }
    assert_eq!(ask(Kind::A).read(&with(head(7, ANSWER | 0x0200, [1, 0]))), Answer::Truncated);
    assert_eq!(ask(Kind::A).read(&with(head(7, 0x8182, [1, 0]))), Answer::Failed, "the server has failed");
    assert_eq!(ask(Kind::A).read(&with(head(7, ANSWER, [9, 0]))), Answer::Failed, "fewer records than it says");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 2000, ..ProptestConfig::default() })]

    /// Pointers, lengths and counts of every kind.
    #[test]
    fn no_bytes_do_harm(bytes in prop::collection::vec(any::<u8>(), 0..200), counts in any::<[u16; 2]>()) {
        let _ = ask(Kind::A).read(&bytes);
        let behind = [head(7, ANSWER, counts.map(|count| count % 8)), question("a.test", A), bytes].concat();
        let _ = ask(Kind::A).read(&behind);
    }
}
