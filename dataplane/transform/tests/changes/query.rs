//! Changes of a query, against a plain reading of it.

use crate::policies;
use proptest::prelude::*;
use tollgate_transform::QueryEdits;

fn apply(text: &str, query: &str) -> String {
    let edits = QueryEdits::compile(&policies(&format!("request_query: {{ {text} }}")).request_query, &[]).unwrap();
    let mut target = Vec::new();
    edits.apply(query.as_bytes(), &mut target);
    String::from_utf8(target).unwrap()
}

#[test]
fn parameters_go_and_come() {
    for (text, query, expected) in [
        ("remove: [a]", "", ""),
        ("remove: [a]", "a", ""),
        ("remove: [a]", "a=1&b=2&%61=3&a", "?b=2"),
        ("remove: ['a b']", "a+b=1&a%20b=2&a%2Bb=3", "?a%2Bb=3"),
        ("remove: [a]", "A=1&aa=2&b=a", "?A=1&aa=2&b=a"),
        ("remove: [a]", "%zz=1&%6=2&&x", "?%zz=1&%6=2&x"),
        ("set: [ { name: a, value: '1&b=2' } ]", "b=0", "?b=0&a=1%26b%3D2"),
        ("set: [ { name: a, value: é } ]", "a=1&a=2", "?a=%C3%A9"),
        ("add: [ { name: a, value: '' }, { name: a, value: x } ]", "a=1", "?a=1&a=&a=x"),
    ] {
        assert_eq!(apply(text, query), expected, "{text}: {query}");
    }
}

/// Decodes the way a form does; what is no escape stays.
fn decode(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let (mut out, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let escape = bytes.get(at + 1..at + 3).and_then(|digits| std::str::from_utf8(digits).ok());
        let escape = escape.filter(|digits| !digits.starts_with('+'));
        match (bytes[at], escape.and_then(|digits| u8::from_str_radix(digits, 16).ok())) {
            (b'%', Some(byte)) => {
                out.push(byte);
                at += 2;
            }
            (b'+', _) => out.push(b' '),
            (byte, _) => out.push(byte),
        }
        at += 1;
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever spelling: no parameter of a removed name is left, and all others are, in their order.
    #[test]
    fn what_is_removed_is_gone_and_nothing_else(query in "(([ab]|%6[12]|%4|%|\\+|=|&){0,3}){0,8}") {
        let kept: Vec<&str> = query
            .split('&')
            .filter(|pair| !pair.is_empty() && decode(pair.split('=').next().unwrap()) != b"a")
            .collect();
        let expected = if kept.is_empty() { String::new() } else { format!("?{}", kept.join("&")) };
        prop_assert_eq!(apply("remove: [a]", &query), expected);
    }
}
