//! What must hold of a store whatever is asked of it: nobody gets what was another's, the newest answer, or more memory
//! than there is.

use proptest::prelude::*;
use std::{collections::BTreeMap, time::Duration};
use tollgate_cache::{Now, Request, Ruling, Store};
use tollgate_http::{HeadLimits, Method, Parsed, ResponseIndex};
use tollgate_model::{Breaker, Cache};

const BYTES_MAX: usize = 1 << 20;

fn rules() -> Cache {
    let text = "version: 1\nlisteners: [ { name: a, bind: 127.0.0.1:0 } ]\nupstreams:\n  - { name: u, endpoints: [ { address: \
                127.0.0.1:1 } ], breaker: { fallback: { cache: { bytes_max: 1MiB, age_max: 100s } } } }\n\
                routes: [ { name: r, match: { path: / }, upstream: u } ]\n";
    let snapshot = tollgate_model::parse("a.yaml", text, &tollgate_model::NoSource).expect("it is good");
    *snapshot.upstreams[0].breaker.as_ref().and_then(Breaker::cache).expect("there is one")
}

fn request(method: &str, target: &str, fields: &str) -> Request {
    Request::new(format!("{method} {target} HTTP/1.1\r\nHost: a\r\n{fields}\r\n").as_bytes(), "http", b"")
        .expect("it has a Host")
}

/// Lets an answer pass, with room for its body as a worker makes it.
fn pass(store: &mut Store, request: &Request, fields: &str, body: &[u8], now_s: u64) {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n{fields}\r\n", body.len()).into_bytes();
    let mut index = ResponseIndex::new();
    let parsed = index.parse(&head, Method::Get, &HeadLimits::DEFAULT);
    assert!(matches!(parsed, Parsed::Complete { .. }), "{parsed:?}");
    let now = Now { monotonic_ns: now_s * 1_000_000_000, unix_s: now_s };
    match Ruling::on(request, &index.head(&head), &rules(), now) {
        Ruling::Copy(mut draft) => {
            let mut reserved = 0;
            for part in body.chunks(1000) {
                let Some(more) = draft.wants(part.len()).filter(|&more| store.reserve(more)) else {
                    store.discard(request);
                    return store.release(reserved);
                };
                reserved += more;
                draft.push(part);
                assert!(store.bytes() <= BYTES_MAX);
            }
            store.release(reserved);
            store.keep(request, *draft);
        }
        Ruling::ForgetUri => store.forget(request),
        Ruling::ForgetCopy => store.discard(request),
        Ruling::Nothing => {}
    }
}

fn body_for(store: &mut Store, request: &Request, now_s: u64) -> Option<Vec<u8>> {
    Some(store.find(request, &rules(), now_s * 1_000_000_000)?.body().to_vec())
}

/// An answer: the language it was asked for in, when, whether it varies by that, and its body if it may be kept.
type Told = (usize, u64, bool, Option<Vec<u8>>);

#[derive(Clone, Debug)]
enum Step {
    /// Who asks for what in which language; how the answer varies, how long it is, whether it may be kept.
    Answer {
        who: usize,
        what: usize,
        accept: usize,
        varies: usize,
        len: usize,
        keeps: bool,
    },
    Change {
        what: usize,
    },
    Find {
        who: usize,
        what: usize,
        accept: usize,
    },
    Wait {
        seconds: u64,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (who, what, accept) = (0..3_usize, 0..4_usize, 0..2_usize);
    let answer = (who.clone(), what.clone(), accept.clone(), 0..3_usize, 0..3_usize, any::<bool>()).prop_map(
        |(who, what, accept, varies, len, keeps)| {
            let len = [10, 5_000, 250_000][len];
            Step::Answer { who, what, accept, varies, len, keeps }
        },
    );
    let find = (who, what, accept).prop_map(|(who, what, accept)| Step::Find { who, what, accept });
    let change = (0..4_usize).prop_map(|what| Step::Change { what });
    let wait = (1..40_u64).prop_map(|seconds| Step::Wait { seconds });
    prop::collection::vec(prop_oneof![6 => answer, 8 => find, 1 => change, 1 => wait], 1..120)
}

/// The consumers: nobody, and two applications.
const WHO: [&str; 3] = ["", "X-Consumer-Application: one\r\n", "X-Consumer-Application: two\r\n"];
const ACCEPT: [&str; 2] = ["Accept: a\r\n", "Accept: b\r\n"];
const VARY: [&str; 3] = ["", "Vary: Accept\r\n", "Vary: X-Other, accept\r\n"];

fn asked(method: &str, who: usize, what: usize, accept: usize) -> Request {
    request(method, &format!("/{what}"), &format!("{}{}", WHO[who], ACCEPT[accept]))
}

proptest! {
    /// The reference keeps the last answer to each request as it was asked, and when it came: whatever a store gives is the
    /// newest that this consumer got of this URI, of those that its request could have got.
    #[test]
    fn a_copy_is_the_newest_answer_to_the_same_request(steps in steps()) {
        let mut store = Store::new(BYTES_MAX);
        let (mut now_s, mut number) = (1_000, 0_u8);
        // By consumer and URI: answers in their order.
        let mut told: BTreeMap<(usize, usize), Vec<Told>> = BTreeMap::new();
        for step in steps {
            match step {
                Step::Answer { who, what, accept, varies, len, keeps } => {
                    number = number.wrapping_add(1);
                    let body = vec![number; len];
                    let fields = format!("{}{}", VARY[varies], if keeps { "" } else { "Cache-Control: no-store\r\n" });
                    pass(&mut store, &asked("GET", who, what, accept), &fields, &body, now_s);
                    told.entry((who, what)).or_default().push((accept, now_s, varies > 0, keeps.then_some(body)));
                }
                Step::Change { what } => {
                    pass(&mut store, &asked("PUT", 0, what, 0), "", b"", now_s);
                    told.retain(|(_, of), _| *of != what);
                }
                Step::Find { who, what, accept } => {
                    let found = body_for(&mut store, &asked("GET", who, what, accept), now_s);
                    if let Some(found) = found {
                        let all = told.get(&(who, what)).map_or(&[][..], Vec::as_slice);
                        // The newest of those that were asked for alike, or the newest behind it for which that is the same.
                        let own = all.iter().rposition(|(of, ..)| *of == accept);
                        let any = all.iter().rposition(|(_, _, varies, _)| !varies).filter(|any| Some(*any) > own);
                        let may = [own, any].into_iter().flatten().map(|at| &all[at]);
                        let mut may = may.filter(|(_, at, _, body)| body.as_ref() == Some(&found) && now_s - at <= 100);
                        prop_assert!(may.next().is_some(), "not the newest of its own, or too old");
                    }
                }
                Step::Wait { seconds } => now_s += seconds,
            }
            prop_assert!(store.bytes() <= BYTES_MAX);
        }
    }

    /// Fields of an upstream are a peer's bytes.
    #[test]
    fn no_answer_makes_it_panic(
        fields in "(Cache-Control|Vary|Age|Expires|Date|ETag|Connection): [ -~]{0,60}\r\n",
        more in "(If-None-Match|If-Modified-Since|Forwarded|Range): [ -~]{0,60}\r\n",
        now_s in any::<u32>(),
    ) {
        let mut store = Store::new(BYTES_MAX);
        pass(&mut store, &request("GET", "/", ""), &fields, b"body", now_s.into());
        let asked = request("GET", "/", &more);
        if let Some(kept) = store.find(&asked, &rules(), (u64::from(now_s) + 1) * 1_000_000_000) {
            prop_assert!(kept.head(&asked, u64::MAX).ends_with(b"\r\n\r\n"));
        }
    }
}

#[test]
fn a_store_that_has_shrunk_keeps_to_it_and_room_comes_back() {
    let mut store = Store::new(BYTES_MAX);
    for number in 0..20 {
        pass(&mut store, &request("GET", &format!("/{number}"), ""), "", &[number; 100_000], 1);
    }
    store.resize(BYTES_MAX / 4);
    assert!(store.bytes() <= BYTES_MAX / 4 && store.bytes() > 0);
    assert!(!store.reserve(BYTES_MAX / 4), "drafts have a part only");
    assert!(store.reserve(BYTES_MAX / 8));
    store.release(BYTES_MAX / 8);
    store.resize(0);
    assert_eq!(store.bytes(), 0);
    pass(&mut store, &request("GET", "/", ""), "", b"", 1);
    assert_eq!(store.bytes(), 0);
}

#[test]
fn a_date_and_an_age_make_a_copy_older() {
    let now = Duration::from_secs(784_111_777 + 60);
    for (fields, head_wanted) in [
        ("Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n", "Age: 60\r\n"),
        ("Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nAge: 70\r\n", "Age: 70\r\n"),
        ("Date: tomorrow\r\nAge: x\r\n", "Age: 0\r\n"),
        ("Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nExpires: Sun, 06 Nov 1994 08:51:37 GMT\r\n", "ttl=60;"),
        ("Expires: 0\r\n", "ttl=0;"),
        ("", "Date: Sun, 06 Nov 1994 08:50:37 GMT\r\n"),
    ] {
        let mut store = Store::new(BYTES_MAX);
        let asked = request("GET", "/", "");
        pass(&mut store, &asked, fields, b"", now.as_secs());
        let at = u64::try_from(now.as_nanos()).unwrap();
        let head = store.find(&asked, &rules(), at).expect("a copy").head(&asked, at);
        let head = String::from_utf8(head).unwrap();
        assert!(head.contains(head_wanted), "{fields}: {head}");
    }
}
