//! Keys of an issuer by URL: fetched, followed when the issuer makes another, and kept while it is away. The real binary, and an
//! issuer that the test plays over plain HTTP on loopback.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use serde_json::json;
use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener},
    sync::{Arc, Mutex},
    thread,
};
use tollgate_e2e::{Node, Response, until};
use tollgate_sim::{ISSUER, named_jwks, named_token};

/// An issuer that answers each request with what it has been told to, on a connection of its own.
struct Issuer {
    address: SocketAddr,
    answer: Arc<Mutex<String>>,
}

impl Issuer {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, answer) = (listener.local_addr().unwrap(), Arc::new(Mutex::new(String::new())));
        let issuer = Self { address, answer: answer.clone() };
        issuer.is_away();
        // Ends with the process.
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let (mut head, mut buffer) = (Vec::new(), [0; 1024]);
                while !head.ends_with(b"\r\n\r\n") {
                    match stream.read(&mut buffer) {
                        Ok(0) | Err(_) => break,
                        Ok(read) => head.extend_from_slice(&buffer[..read]),
                    }
                }
                let answer = answer.lock().unwrap().clone();
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        issuer
    }

    fn says(&self, status: &str, body: &str) {
        let length = body.len();
        *self.answer.lock().unwrap() = format!(
            "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nCache-Control: max-age=3600\r\nConnection: close\r\n\r\n{body}"
        );
    }

    fn has(&self, keys: &[(u8, &str)]) {
        self.says("200 OK", &named_jwks(keys));
    }

    fn is_away(&self) {
        self.says("503 Service Unavailable", "");
    }
}

fn gateway(issuer: &Issuer) -> Node {
    let url = format!("http://{}/keys", issuer.address);
    Node::of(&format!(
        "routes: [ {{ name: all, match: {{ path: '/{{rest*}}' }}, answer: {{ status: 200 }}, policies: {{ identify: [ \
         {{ jwt: {{ issuer: '{ISSUER}', audience: [api], jwks_url: '{url}' }} }} ] }} }} ]\n"
    ))
}

fn ask(node: &Node, number: u8, kid: &str) -> Response {
    let claims = json!({ "aud": "api", "exp": 100_000_000_000_u64, "sub": "alice" });
    let mut connection = node.connect();
    connection.send(format!(
        "GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\nAuthorization: Bearer {}\r\n\r\n",
        named_token(number, kid, claims)
    ));
    connection.response()
}

fn until_status(node: &Node, (number, kid): (u8, &str), wanted: u16) -> Response {
    until(&format!("{wanted} for {kid}"), || Some(ask(node, number, kid)).filter(|response| response.status == wanted))
}

#[test]
fn keys_are_followed_and_outlast_their_issuer() {
    let issuer = Issuer::start();
    let node = gateway(&issuer);
    // Nothing is known yet, of which the token is not guilty.
    let early = ask(&node, 1, "a");
    assert_eq!((early.status, early.field("retry-after")), (503, Some("1")));
    assert!(early.text().contains("\"code\":\"keys_unavailable\""), "{}", early.text());
    issuer.has(&[(1, "a")]);
    until_status(&node, (1, "a"), 200);
    assert_eq!(ask(&node, 2, "a").status, 401, "signed by another key of that name");

    // Its answer is good for an hour; what makes the gateway ask again is a token of the new key.
    issuer.has(&[(1, "a"), (2, "b")]);
    until_status(&node, (2, "b"), 200);
    assert_eq!(ask(&node, 1, "a").status, 200);

    // Nobody has the key: refused, whoever is asked meanwhile.
    until_status(&node, (3, "c"), 401);
    issuer.is_away();
    until_status(&node, (3, "d"), 503);
    until("the failure to be said", || {
        node.process.errors().contains("its keys cannot be fetched, the last ones stay").then_some(())
    });
    assert_eq!([ask(&node, 1, "a").status, ask(&node, 2, "b").status], [200; 2], "the last good keys stay");

    issuer.has(&[(2, "b")]);
    until("the key that is gone to be refused", || {
        // Has the issuer asked sooner than it would be by itself.
        let _ = ask(&node, 3, "e");
        (ask(&node, 1, "a").status == 401).then_some(())
    });
    assert_eq!(ask(&node, 2, "b").status, 200);
}
