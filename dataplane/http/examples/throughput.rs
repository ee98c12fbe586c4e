//! How long parsing and rewriting one head takes, run by hand:
//! `cargo run --release -p tollgate-http --example throughput`.
//!
//! Prints nanoseconds per request for a small head and for a browser's, and per response; the best of several rounds,
//! because noise only ever adds. It proves nothing by itself and no test depends on it.

use std::{hint::black_box, time::Instant};
use tollgate_http::{
    ForwardRequest, ForwardResponse, ForwardedStyle, HeadLimits, Method, Parsed, RequestIndex, ResponseIndex,
    TraceContext, write_request, write_response,
};

const ROUNDS: usize = 20;
const HEADS_PER_ROUND: u32 = 50_000;

const SMALL: &str = "GET /orders/48151623?fields=id,total&expand=lines HTTP/1.1\r\nHost: api.example.com\r\n\
    User-Agent: orders-client/2.7 (linux; x86_64)\r\nAccept: application/json\r\n\
    Authorization: Bearer 0123456789abcdef0123456789abcdef\r\nAccept-Encoding: gzip\r\n\
    X-Tenant: acme-industries\r\n\r\n";

const BROWSER: &str = "GET /products/garden/tools?page=2&sort=price HTTP/1.1\r\nHost: www.example.com\r\n\
    Connection: keep-alive\r\nCache-Control: max-age=0\r\nUpgrade-Insecure-Requests: 1\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36\r\n\
    Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8\r\n\
    Sec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n\
    Referer: https://www.example.com/products\r\n\
    Accept-Encoding: gzip, deflate, br\r\nAccept-Language: en-US,en;q=0.9\r\nCookie: session=0123456789abcdef\r\n\r\n";

const RESPONSE: &str = "HTTP/1.1 200 OK\r\nServer: origin\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\
    Content-Type: application/json\r\nContent-Length: 1024\r\nConnection: keep-alive\r\nETag: \"0123456789\"\r\n\r\n";

fn main() {
    for (name, head) in [("small request", SMALL), ("browser's request", BROWSER)] {
        let parsed = best(head, |bytes, _, index, _| parse(bytes, index));
        let both = best(head, |bytes, out, index, _| parse(bytes, index) + rewrite(bytes, out, index));
        println!("{name:20} {:4} bytes: parse {parsed:4.0} ns, parse and rewrite {both:4.0} ns", head.len());
    }
    let both = best(RESPONSE, |bytes, out, _, index| forward(bytes, out, index));
    println!("{:20} {:4} bytes: parse and rewrite {both:4.0} ns", "response", RESPONSE.len());
}

#[expect(clippy::disallowed_methods, reason = "measures the real clock; no part of a worker")]
fn best(head: &str, mut step: impl FnMut(&mut [u8], &mut [u8], &mut RequestIndex, &mut ResponseIndex) -> usize) -> f64 {
    let (mut bytes, mut out) = (head.as_bytes().to_vec(), vec![0; 4096]);
    let (mut request, mut response) = (RequestIndex::new(), ResponseIndex::new());
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        for _ in 0..HEADS_PER_ROUND {
            black_box(step(black_box(&mut bytes), &mut out, &mut request, &mut response));
        }
        best = best.min(start.elapsed().as_nanos() as f64 / f64::from(HEADS_PER_ROUND));
    }
    best
}

fn parse(bytes: &mut [u8], index: &mut RequestIndex) -> usize {
    match index.parse(bytes, &HeadLimits::DEFAULT) {
        Parsed::Complete { head_len } => head_len,
        verdict => panic!("{verdict:?}"),
    }
}

fn rewrite(bytes: &[u8], out: &mut [u8], index: &RequestIndex) -> usize {
    let with = ForwardRequest {
        client: [192, 0, 2, 17].into(),
        scheme: "http",
        trusted: false,
        style: ForwardedStyle::XForwarded,
        request_id: b"0123456789abcdef0123456789abcdef",
        upgrade: false,
        default_host: b"origin",
        trace: TraceContext::AsReceived,
        target: b"",
        edits: None,
        consumer: None,
    };
    write_request(out, index.head(bytes), &with).expect("the buffer is large enough")
}

fn forward(bytes: &mut [u8], out: &mut [u8], index: &mut ResponseIndex) -> usize {
    let Parsed::Complete { .. } = index.parse(bytes, Method::Get, &HeadLimits::DEFAULT) else {
        panic!("the head is complete")
    };
    write_response(out, index.head(bytes), &ForwardResponse::default()).expect("the buffer is large enough")
}
