//! Targets that fail: each in its own way, each told by kind, none with a panic, partial results kept.

use crate::{a_cpu, origin, plan, quiet, servers, servers::Server};
use std::{
    io::Write as _,
    net::{TcpListener, TcpStream},
    time::{Duration, Instant},
};
use tollgate_loadtest::load::{Arrivals, End, ErrorKind, Mix, Plan, Recording, Request};

fn for_a_moment(plan: Plan) -> Plan {
    Plan { requests: None, duration: Duration::from_millis(300), ..plan }
}

/// The only kind of error there is, and what the first one said.
fn only(recording: &Recording) -> (ErrorKind, &str) {
    assert_eq!(recording.errors.len(), 1, "{:?}", recording.errors);
    let (kind, errors) = recording.errors.iter().next().unwrap();
    assert!(errors.count > 0);
    (*kind, &errors.example)
}

#[test]
fn a_dead_port_is_unreachable_and_is_not_hammered() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let begun = Instant::now();
    let recording = quiet(&plan(&url));
    assert_eq!((recording.end, recording.sent, recording.answered), (End::Unreachable, 0, 0));
    let (kind, said) = only(&recording);
    assert_eq!(kind, ErrorKind::ConnectRefused);
    assert!(said.contains("connecting to 127.0.0.1:"), "{said}");
    assert!(begun.elapsed() < Duration::from_secs(30));
    // Fresh connections try for a while: each of 4 places no more than every 10 ms, then 20, 40 ...
    let recording = quiet(&Plan { fresh: true, requests: None, ..plan(&url) });
    assert_eq!((recording.end, only(&recording).0), (End::Unreachable, ErrorKind::ConnectRefused));
    assert!(recording.error_count() < 100, "{} attempts", recording.error_count());
}

#[test]
fn a_target_that_speaks_something_else_is_told_from_its_first_bytes() {
    let server = Server::start(|mut stream| {
        stream.write_all(b"SSH-2.0-x\r\n")?;
        servers::wait_for_end(&mut stream)
    });
    let recording = quiet(&for_a_moment(plan(&server.url())));
    let (kind, _) = only(&recording);
    assert_eq!((kind, recording.answered, recording.end), (ErrorKind::Malformed, 0, End::Complete));
    assert!(recording.error_count() < 200, "{}", recording.error_count());
    let server = Server::start(|mut stream| {
        servers::request(&mut stream)?;
        stream.write_all(b"220 mail.example ESMTP\r\n")?;
        servers::wait_for_end(&mut stream)
    });
    let recording = quiet(&for_a_moment(plan(&server.url())));
    assert!(only(&recording).1.contains("begins with \"220 mail"), "{:?}", recording.errors);
}

#[test]
fn resets_and_early_ends_are_told_apart_and_the_rest_is_kept() {
    let (_origin, url) = origin();
    for (path, kinds) in [
        ("/reset", &[ErrorKind::Reset][..]),
        // The reset may overtake the bytes before it.
        ("/truncate/1000", &[ErrorKind::Reset, ErrorKind::ClosedEarly]),
    ] {
        let mut plan = plan(&url);
        plan.mix = Mix { requests: vec![Request::new("GET", path), Request::new("GET", "/")], in_order: true };
        plan.workers = Some(vec![a_cpu()]);
        let recording = quiet(&plan);
        assert!(recording.errors.keys().all(|kind| kinds.contains(kind)), "{path}: {:?}", recording.errors);
        assert_eq!((recording.error_count(), recording.answered, recording.sent), (100, 100, 200));
        assert_eq!(recording.corrected.count(), 100);
    }
    let server = Server::start(|mut stream| {
        servers::request(&mut stream)?;
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
    });
    let recording = quiet(&for_a_moment(plan(&server.url())));
    assert_eq!(only(&recording), (ErrorKind::ClosedEarly, "closed 6 bytes before the end of an answer"));
    let server = Server::start(|mut stream| servers::request(&mut stream));
    assert_eq!(only(&quiet(&for_a_moment(plan(&server.url())))).0, ErrorKind::ClosedEarly);
}

#[test]
fn a_silent_target_times_out_and_its_time_counts() {
    let server = Server::start(|mut stream| servers::wait_for_end(&mut stream));
    let timeout = Duration::from_millis(60);
    let recording = quiet(&Plan { timeout, requests: Some(8), ..plan(&server.url()) });
    assert_eq!((only(&recording).0, recording.error_count()), (ErrorKind::Timeout, 8));
    assert_eq!((recording.corrected.count(), recording.answered), (8, 0));
    assert!(recording.corrected.quantile(0.0) >= timeout.mul_f64(0.99));
}

#[test]
fn a_listener_that_does_not_answer_is_a_connect_timeout() {
    use rustix::net::{AddressFamily, SocketType, bind, getsockname, listen, socket};
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    bind(&socket, &"127.0.0.1:0".parse::<std::net::SocketAddr>().unwrap()).unwrap();
    listen(&socket, 0).unwrap();
    let address = std::net::SocketAddr::try_from(getsockname(&socket).unwrap()).unwrap();
    // One connection fills its queue; what comes next is not answered.
    let _filling = TcpStream::connect(address).unwrap();
    let plan = Plan { timeout: Duration::from_millis(100), ..for_a_moment(plan(&format!("http://{address}/"))) };
    let recording = quiet(&plan);
    assert_eq!((only(&recording).0, recording.end), (ErrorKind::ConnectTimeout, End::Unreachable));
}

#[test]
fn a_target_slower_than_the_schedule_leaves_requests_unsent_and_says_why_they_waited() {
    let server = Server::start(|mut stream| {
        loop {
            servers::request(&mut stream)?;
            std::thread::sleep(Duration::from_millis(50));
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")?;
        }
    });
    let plan = Plan {
        arrivals: Arrivals::Fixed { rate: 1000.0 },
        requests: None,
        duration: Duration::from_millis(500),
        ..plan(&server.url())
    };
    let recording = quiet(&plan);
    // 4 connections of at most 20 requests per second each.
    assert!(recording.sent <= 4 * 11, "{} sent", recording.sent);
    assert_eq!(recording.sent + recording.never_sent, 500);
    assert_eq!((recording.answered, recording.error_count()), (recording.sent, 0));
    assert!(recording.waited.max() > Duration::from_millis(300), "{:?}", recording.waited.max());
    assert!(recording.corrected.max() > recording.uncorrected.max());
}

#[test]
fn a_target_that_ends_meanwhile_leaves_what_was_measured() {
    let server = Server::start(|mut stream| {
        for _ in 0..10 {
            servers::request(&mut stream)?;
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")?;
        }
        Err(std::io::ErrorKind::Other.into())
    });
    let recording = quiet(&plan(&server.url()));
    assert_eq!(recording.sent, 200);
    assert_eq!(recording.answered + recording.error_count(), 200);
    assert!(recording.answered >= 100, "{}", recording.answered);
}

#[test]
fn a_plan_that_cannot_be_done_is_refused_before_anything_is_sent() {
    let (origin, url) = origin();
    for plan in [Plan { connections: 0, ..plan(&url) }, Plan { workers: Some(vec![100_000]), ..plan(&url) }] {
        let said = tollgate_loadtest::load::run(&plan, &|_| {}, &Default::default()).unwrap_err().to_string();
        assert!(!said.is_empty());
    }
    assert_eq!(origin.counts().requests, 0);
}
