//! Copies of answers: whether one may be kept, keeping it, and finding it.

use crate::{
    Step, config,
    head::{CLIENT, RESPONSE},
    step::InTurn,
};
use std::hint::black_box;
use tollgate_cache::{Draft, Now, Request, Ruling, Store};
use tollgate_http::{HeadLimits, Method, Parsed, ResponseIndex};
use tollgate_model::{Breaker, Cache};

const NOW: Now = Now { monotonic_ns: 1_000_000_000, unix_s: 784_111_777 };
const STORE_BYTES: usize = 16 << 20;

fn rules() -> Cache {
    let fallback = ", breaker: { fallback: { cache: { bytes_max: 16MiB, age_max: 1h } } }";
    let snapshot = config::snapshot(&config::one_upstream("{ address: 127.0.0.1:1 }", fallback));
    *snapshot.upstreams[0].breaker.as_ref().and_then(Breaker::cache).expect("there is such a fallback")
}

/// A request for one of many things.
fn request(number: usize) -> Request {
    let head = CLIENT.replace("48151623", &number.to_string()).replace("X-API-Key: key-4711\r\n", "");
    Request::new(head.as_bytes(), "http", b"").expect("it has a host")
}

/// What a cache makes of the head of an answer that may be kept.
struct Answer {
    index: ResponseIndex,
    rules: Cache,
}

impl Answer {
    fn new() -> Self {
        let mut index = ResponseIndex::new();
        let parsed = index.parse(RESPONSE.as_bytes(), Method::Get, &HeadLimits::DEFAULT);
        assert!(matches!(parsed, Parsed::Complete { .. }), "{parsed:?}");
        Self { index, rules: rules() }
    }

    fn draft(&self, request: &Request) -> Draft {
        match Ruling::on(request, &self.index.head(black_box(RESPONSE.as_bytes())), &self.rules, NOW) {
            Ruling::Copy(draft) => *draft,
            _ => panic!("the answer may be kept"),
        }
    }

    fn keep(&self, store: &mut Store, request: &Request) {
        let mut draft = self.draft(request);
        let bytes = draft.wants(1024).expect("the body fits");
        assert!(store.reserve(bytes), "there is room");
        draft.push(&[b'x'; 1024]);
        store.release(bytes);
        store.keep(request, draft);
    }
}

/// Reads what the head of an answer says of copies.
pub(crate) fn ruling() -> Step {
    let (answer, request) = (Answer::new(), request(1));
    Step::new(move || answer.draft(&request))
}

/// Keeps an answer of 1 KiB in place of an older one.
pub(crate) fn keep() -> Step {
    let (answer, mut store) = (Answer::new(), Store::new(STORE_BYTES));
    let mut requests = InTurn::<_, 64>::new(request);
    Step::new(move || answer.keep(&mut store, requests.next()))
}

/// Finds one of 1,000 copies and writes its head.
pub(crate) fn lookup() -> Step {
    let (answer, mut store) = (Answer::new(), Store::new(STORE_BYTES));
    (0..1_000).for_each(|number| answer.keep(&mut store, &request(number)));
    let mut requests = InTurn::<_, 64>::new(|at| request(at * 13));
    Step::new(move || {
        let request = requests.next();
        let kept = store.find(black_box(request), &answer.rules, NOW.monotonic_ns).expect("there is a copy");
        kept.head(request, NOW.monotonic_ns)
    })
}
