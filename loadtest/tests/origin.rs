//! What the origin promises, asked over real loopback sockets by `std::net` clients, with both drivers.
//!
//! Every wait is for a byte or an end of stream; a client that waits too long fails its test.

#![expect(clippy::unwrap_used, reason = "a step that fails fails its test")]

use std::{
    io::{BufRead, BufReader, ErrorKind, Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};
use tollgate_loadtest::{Counts, Driver, Origin, OriginConfig, body_byte};

/// Fails a test instead of hanging it.
const PATIENCE: Duration = Duration::from_secs(20);

fn origin(driver: Driver) -> Origin {
    Origin::start(OriginConfig { name: "one".to_owned(), driver, ..OriginConfig::default() }).unwrap()
}

/// Runs `check` against an origin on each driver.
fn on_both(check: impl Fn(&Origin)) {
    for driver in [Driver::Auto, Driver::Epoll] {
        check(&origin(driver));
    }
}

struct Client(BufReader<TcpStream>);

struct Reply {
    head: String,
    body: Vec<u8>,
}

impl Reply {
    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

impl Client {
    fn new(origin: &Origin) -> Self {
        let stream = TcpStream::connect(origin.address()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(BufReader::new(stream))
    }

    fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.get_mut().write_all(bytes.as_ref()).unwrap();
    }

    fn head(&mut self) -> String {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(self.0.read_line(&mut head).unwrap() > 0, "ended in the head {head:?}");
        }
        assert!(head.starts_with("HTTP/1.1 "), "no answer begins with {head:?}");
        head
    }

    /// One answer with a Content-Length.
    fn reply(&mut self) -> Reply {
        let head = self.head();
        let length = field(&head, "Content-Length").map_or(0, |value| value.parse().unwrap());
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).unwrap();
        Reply { head, body }
    }

    fn get(&mut self, path: &str) -> Reply {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
        self.reply()
    }

    /// Everything until the origin closes.
    fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        self.0.read_to_end(&mut rest).unwrap();
        rest
    }
}

fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().filter_map(|line| line.split_once(": ")).find(|(found, _)| *found == name).map(|(_, value)| value)
}

fn pattern(length: u64) -> Vec<u8> {
    (0..length).map(body_byte).collect()
}

#[test]
fn one_connection_carries_many_answers() {
    on_both(|origin| {
        let mut client = Client::new(origin);
        for path in ["/", "/bytes/1024"] {
            let reply = client.get(path);
            assert!(reply.head.starts_with("HTTP/1.1 200 OK\r\nServer: one\r\nDate: "), "{}", reply.head);
            assert_eq!(field(&reply.head, "Content-Type"), Some("text/plain"));
            assert_eq!(reply.body, pattern(1024));
        }
        assert_eq!(client.get("/bytes/1000001").body, pattern(1_000_001));
        assert_eq!(client.get("/orders/7?x=1").text(), "one: GET /orders/7?x=1\n");
        assert_eq!(client.get("/echo/a").text(), "GET /echo/a HTTP/1.1\r\nHost: a\r\n\r\n");
        let counts = origin.counts();
        assert_eq!((counts.connections, counts.connections_open, counts.requests), (1, 1, 5));
    });
}

#[test]
fn statuses_come_as_asked_and_204_and_304_without_a_body() {
    on_both(|origin| {
        let mut client = Client::new(origin);
        for status in [200, 404, 503] {
            let reply = client.get(&format!("/status/{status}"));
            assert!(reply.head.starts_with(&format!("HTTP/1.1 {status} ")));
            assert!(!reply.body.is_empty());
        }
        client.send("GET /status/204 HTTP/1.1\r\n\r\nGET /status/304 HTTP/1.1\r\n\r\nGET /after HTTP/1.1\r\n\r\n");
        assert_eq!(field(&client.head(), "Content-Length"), None);
        assert!(client.head().starts_with("HTTP/1.1 304"));
        assert_eq!(client.reply().text(), "one: GET /after\n");
    });
}

#[test]
fn pipelined_requests_are_answered_in_order_however_they_are_cut() {
    on_both(|origin| {
        let wire = "POST /upload HTTP/1.1\r\nContent-Length: 5\r\n\r\nhelloGET /b HTTP/1.1\r\n\r\nHEAD /bytes/9 HTTP/1.1\r\n\r\n\
                    GET /c HTTP/1.1\r\n\r\n";
        for step in [1, 7, wire.len()] {
            let mut client = Client::new(origin);
            client.0.get_ref().set_nodelay(true).unwrap();
            for piece in wire.as_bytes().chunks(step) {
                client.send(piece);
            }
            assert_eq!(client.reply().text(), "{\"bytes\":5,\"crc32\":\"3610a686\"}\n");
            assert_eq!(client.reply().text(), "one: GET /b\n");
            assert_eq!(field(&client.head(), "Content-Length"), Some("9"));
            assert_eq!(client.reply().text(), "one: GET /c\n");
        }
    });
}

#[test]
fn chunked_answers_end_with_their_last_chunk() {
    on_both(|origin| {
        for (path, tail) in
            [("/chunked/100000", "0\r\n\r\n"), ("/trailers/100000", "0\r\nOrigin-Bytes: 100000\r\n\r\n")]
        {
            let mut client = Client::new(origin);
            client.send(format!("GET {path} HTTP/1.1\r\nConnection: close\r\n\r\n"));
            assert_eq!(field(&client.head(), "Transfer-Encoding"), Some("chunked"));
            let mut body = Vec::new();
            let mut line = String::new();
            while client.0.read_line(&mut line).unwrap() > 0 && line != "0\r\n" {
                let size = usize::from_str_radix(line.trim_end(), 16).unwrap();
                let mut chunk = vec![0; size + 2];
                client.0.read_exact(&mut chunk).unwrap();
                body.extend_from_slice(&chunk[..size]);
                line.clear();
            }
            assert_eq!(body, pattern(100_000));
            assert_eq!(line + std::str::from_utf8(&client.rest()).unwrap(), tail);
        }
    });
}

#[test]
fn uploads_are_summed_up_and_never_stored() {
    on_both(|origin| {
        let (block, blocks) = (pattern(1 << 16), 400);
        let mut client = Client::new(origin);
        client.send(format!("PUT /upload HTTP/1.1\r\nContent-Length: {}\r\n\r\n", block.len() * blocks));
        for _ in 0..blocks {
            client.send(&block);
        }
        let sized = client.reply();
        assert!(sized.text().starts_with("{\"bytes\":26214400,\"crc32\":\""));
        client.send("PUT /upload HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n");
        for _ in 0..blocks {
            client.send("10000;x=y\r\n");
            client.send(&block);
            client.send("\r\n");
        }
        client.send("0\r\nTrailer: z\r\n\r\n");
        assert_eq!(client.reply().text(), sized.text());
    });
}

#[test]
fn a_client_that_expects_100_gets_it_before_it_sends_its_body() {
    on_both(|origin| {
        let mut client = Client::new(origin);
        client.send("PUT /upload HTTP/1.1\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
        assert_eq!(client.head(), "HTTP/1.1 100 Continue\r\n\r\n");
        client.send("ab");
        assert!(client.reply().text().starts_with("{\"bytes\":2,"));
        client.send("GET /hints/x HTTP/1.1\r\n\r\n");
        assert!(client.head().starts_with("HTTP/1.1 103 "));
        assert_eq!(client.reply().text(), "one: GET /hints/x\n");
    });
}

#[test]
fn closing_answers_arrive_whole() {
    on_both(|origin| {
        for request in
            ["GET /close HTTP/1.1\r\n\r\n", "GET /x HTTP/1.1\r\nConnection: close\r\n\r\n", "GET /x HTTP/1.0\r\n\r\n"]
        {
            let mut client = Client::new(origin);
            client.send(request);
            assert_eq!(field(&client.reply().head, "Connection"), Some("close"));
            assert_eq!(client.rest(), b"");
        }
        for request in ["GET /until-close/30000 HTTP/1.1\r\n\r\n", "GET /chunked/30000 HTTP/1.0\r\n\r\n"] {
            let mut client = Client::new(origin);
            client.send(request);
            assert_eq!(field(&client.head(), "Content-Length"), None);
            assert_eq!(client.rest(), pattern(30_000));
        }
    });
}

#[test]
fn an_early_answer_comes_first_and_the_body_is_still_taken() {
    on_both(|origin| {
        let mut client = Client::new(origin);
        client.send("PUT /early/status/403 HTTP/1.1\r\nContent-Length: 3000000\r\n\r\n");
        assert!(client.reply().head.starts_with("HTTP/1.1 403 "));
        for _ in 0..30 {
            client.send(vec![0; 100_000]);
        }
        assert_eq!(client.rest(), b"");
    });
}

#[test]
fn resets_are_resets() {
    on_both(|origin| {
        let mut client = Client::new(origin);
        client.send("GET /reset HTTP/1.1\r\n\r\n");
        assert_eq!(client.0.read(&mut [0; 9]).unwrap_err().kind(), ErrorKind::ConnectionReset);
        let mut client = Client::new(origin);
        client.send("GET /truncate/20 HTTP/1.1\r\n\r\n");
        assert_eq!(field(&client.head(), "Content-Length"), Some("20"));
        let mut body = Vec::new();
        assert_eq!(client.0.read_to_end(&mut body).unwrap_err().kind(), ErrorKind::ConnectionReset);
        assert_eq!(body, pattern(10));
    });
}

#[test]
fn an_upgraded_connection_echoes_from_its_first_byte() {
    on_both(|origin| {
        let mut client = Client::new(origin);
        client.send("GET /echo-upgrade HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nearly");
        let head = client.head();
        assert!(head.starts_with("HTTP/1.1 101 ") && field(&head, "Upgrade") == Some("echo"), "{head}");
        client.send(" and late");
        let mut echoed = [0; 14];
        client.0.read_exact(&mut echoed).unwrap();
        assert_eq!(&echoed, b"early and late");
        client.0.get_ref().shutdown(std::net::Shutdown::Write).unwrap();
        assert_eq!(client.rest(), b"");
    });
}

#[test]
fn a_delayed_answer_waits_and_holds_nobody_else_up() {
    on_both(|origin| {
        let (mut slow, start) = (Client::new(origin), Instant::now());
        slow.send("GET /delay/150/bytes/3 HTTP/1.1\r\n\r\n");
        assert_eq!(Client::new(origin).get("/bytes/2").body, pattern(2));
        assert_eq!(slow.reply().body, pattern(3));
        assert!(start.elapsed() >= Duration::from_millis(150));
    });
}

#[test]
fn a_delay_finer_than_a_millisecond_is_one() {
    on_both(|origin| {
        let mut client = Client::new(origin);
        let mut waits: Vec<_> = (0..100)
            .map(|_| {
                let start = Instant::now();
                client.get("/delay/300us/bytes/1");
                start.elapsed()
            })
            .collect();
        waits.sort_unstable();
        // The best of many: the machine may be busy, and a timer of whole milliseconds would still never be this early.
        assert!(waits[0] >= Duration::from_micros(300) && waits[0] < Duration::from_micros(950), "{waits:?}");
    });
}

#[test]
fn chance_repeats_with_the_seed() {
    let failures = |seed| {
        let origin = Origin::start(OriginConfig { seed, ..OriginConfig::default() }).unwrap();
        let mut client = Client::new(&origin);
        (0..64).map(|_| client.get("/flaky/50/bytes/1").head.starts_with("HTTP/1.1 503 ")).collect::<Vec<_>>()
    };
    assert_eq!(failures(5), failures(5));
    assert_ne!(failures(5), failures(6));
}

#[test]
fn a_share_of_the_answers_is_503() {
    on_both(|origin| {
        let mut client = Client::new(origin);
        let mut failed = |percent| {
            let path = format!("/flaky/{percent}/bytes/1");
            (0..200).filter(|_| client.get(&path).head.starts_with("HTTP/1.1 503 ")).count()
        };
        assert_eq!((failed(0), failed(100)), (0, 200));
        let half = failed(50);
        assert!((60..140).contains(&half), "{half} of 200");
    });
}

#[test]
fn slow_bodies_come_in_pieces() {
    on_both(|origin| {
        let (mut client, start) = (Client::new(origin), Instant::now());
        client.send("GET /slow/10/4/20 HTTP/1.1\r\n\r\n");
        assert_eq!(field(&client.head(), "Content-Length"), Some("10"));
        let mut piece = [0; 4];
        client.0.read_exact(&mut piece).unwrap();
        assert!(client.0.buffer().is_empty(), "only the first piece comes with the head");
        let mut rest = [0; 6];
        client.0.read_exact(&mut rest).unwrap();
        assert_eq!([&piece[..], &rest[..]].concat(), pattern(10));
        assert!(start.elapsed() >= Duration::from_millis(40));
        assert_eq!(client.get("/slow/3/65536/600s").body, pattern(3));
        client.send("HEAD /slow/10/1/600s HTTP/1.1\r\n\r\nGET /after HTTP/1.1\r\n\r\n");
        assert_eq!(field(&client.head(), "Content-Length"), Some("10"));
        assert_eq!(client.reply().text(), "one: GET /after\n");
    });
}

#[test]
fn events_come_one_by_one_and_the_connection_goes_on() {
    on_both(|origin| {
        let (mut client, start) = (Client::new(origin), Instant::now());
        client.send("GET /events/3/20 HTTP/1.1\r\n\r\n");
        let head = client.head();
        assert_eq!(field(&head, "Content-Type"), Some("text/event-stream"));
        assert_eq!(field(&head, "Transfer-Encoding"), Some("chunked"));
        let mut sent_before = 0;
        for number in 0..3 {
            let mut lines = [(); 5].map(|()| String::new());
            for line in &mut lines {
                client.0.read_line(line).unwrap();
            }
            let size = usize::from_str_radix(lines[0].trim_end(), 16).unwrap();
            assert_eq!(size, lines[1].len() + lines[2].len() + lines[3].len());
            assert_eq!((lines[1].as_str(), lines[3].as_str()), (format!("id: {number}\n").as_str(), "\n"));
            let sent = lines[2].split_once("\"sent_us\":").unwrap().1.trim_end().trim_end_matches('}');
            let sent: u64 = sent.parse().unwrap();
            assert!(sent > sent_before);
            sent_before = sent;
        }
        assert!(start.elapsed() >= Duration::from_millis(40));
        let mut last = [0; 5];
        client.0.read_exact(&mut last).unwrap();
        assert_eq!(&last, b"0\r\n\r\n");
        assert_eq!(client.get("/bytes/1").body, pattern(1));
    });
}

#[test]
fn a_stall_makes_everybody_wait() {
    on_both(|origin| {
        let mut clients = [Client::new(origin), Client::new(origin)];
        let [first, second] = &mut clients;
        let start = Instant::now();
        first.get("/stall/100");
        for client in [second, first] {
            client.get("/bytes/1");
            assert!(start.elapsed() >= Duration::from_millis(100));
        }
        let start = Instant::now();
        origin.stall(Duration::from_millis(50));
        clients[0].get("/delay/50/bytes/1");
        assert!(start.elapsed() >= Duration::from_millis(100), "a delay begins when the stall is over");
    });
}

#[test]
fn workers_share_a_port_and_stop_together() {
    for driver in [Driver::Auto, Driver::Epoll] {
        let config = OriginConfig { driver, ..OriginConfig::default() };
        // One CPU twice, for machines with one.
        let origin = Origin::on_cpus(config.clone(), &[0, 0]).unwrap();
        let address = origin.address();
        let mut clients: Vec<_> = (0..32).map(|_| Client::new(&origin)).collect();
        for client in &mut clients {
            assert_eq!(client.get("/bytes/1").body, pattern(1));
        }
        assert_eq!(origin.counts(), Counts { connections: 32, connections_open: 32, requests: 32 });
        clients[0].send("GET /delay/600s/bytes/1 HTTP/1.1\r\n\r\n");
        assert!(Origin::on_cpus(OriginConfig { bind: address, ..config.clone() }, &[0, 0]).is_err(), "taken");
        origin.stop().unwrap();
        assert_eq!(clients[1].rest(), b"");
        assert!(TcpStream::connect(address).is_err());
    }
    assert!(Origin::on_cpus(OriginConfig::default(), &[]).is_err());
    assert!(Origin::on_cpus(OriginConfig::default(), &[100_000]).is_err());
}

/// A connection that reaches a listener just as its worker closes it is reset: that says nothing of the other workers.
#[test]
fn every_worker_hears_of_the_end() {
    for round in 0..200 {
        let driver = if round % 2 == 0 { Driver::Auto } else { Driver::Epoll };
        let origin = Origin::on_cpus(OriginConfig { driver, ..OriginConfig::default() }, &[0, 0, 0]).unwrap();
        let address = origin.address();
        origin.stop().unwrap();
        assert!(TcpStream::connect(address).is_err());
    }
}

#[test]
fn broken_requests_get_a_reason_and_a_close() {
    on_both(|origin| {
        for (request, status) in [
            ("GET /\r\n\r\n".to_owned(), "400"),
            ("PUT /upload HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n".to_owned(), "400"),
            (format!("GET / HTTP/1.1\r\nLong: {}\r\n\r\n", "x".repeat(70_000)), "431"),
        ] {
            let mut client = Client::new(origin);
            client.send(request);
            assert_eq!(client.reply().head[9..12], *status);
            assert_eq!(client.rest(), b"");
        }
    });
}

#[test]
fn stopping_frees_the_port_and_ends_open_connections() {
    for driver in [Driver::Auto, Driver::Epoll] {
        let origin = origin(driver);
        let address = origin.address();
        let (mut busy, mut idle) = (Client::new(&origin), Client::new(&origin));
        busy.send("GET /bytes/1000000000000 HTTP/1.1\r\n\r\n");
        busy.head();
        idle.get("/");
        origin.stop().unwrap();
        assert_eq!(idle.rest(), b"");
        let again = Origin::start(OriginConfig { bind: address, ..OriginConfig::default() }).unwrap();
        assert_eq!(again.address(), address);
    }
}

#[test]
fn a_taken_address_and_a_bad_name_are_errors() {
    let first = origin(Driver::Auto);
    assert!(Origin::start(OriginConfig { bind: first.address(), ..OriginConfig::default() }).is_err());
    assert!(Origin::start(OriginConfig { name: "a\r\nb".to_owned(), ..OriginConfig::default() }).is_err());
}
