//! What the load generator promises, against the synthetic origin and small servers of the tests, on loopback.
//!
//! Nothing here asserts a speed: counts, kinds, and latencies that a server caused on purpose.

#![expect(clippy::unwrap_used, reason = "a step that fails fails its test")]

mod failing;
mod latency;
mod secure;
mod servers;

use servers::Server;
use std::{cell::RefCell, io::Write as _, net::SocketAddr, time::Duration};
use tollgate_loadtest::{
    Origin, OriginConfig,
    load::{Arrivals, End, ErrorKind, Mix, Phase, Plan, Recording, Request, Stop, Target, run},
};

/// A closed loop of 200 GET requests of `url` over 4 connections.
fn plan(url: &str) -> Plan {
    let (target, path) = Target::parse(url).unwrap();
    let plan = Plan::new(target, Mix::one(Request::new("GET", &path)));
    Plan { connections: 4, requests: Some(200), duration: Duration::from_secs(60), ..plan }
}

fn quiet(plan: &Plan) -> Recording {
    run(plan, &|_| {}, &Stop::default()).unwrap()
}

fn origin() -> (Origin, String) {
    let origin = Origin::start(OriginConfig::default()).unwrap();
    let url = format!("http://{}", origin.address());
    (origin, url)
}

/// A CPU that the test may run on.
fn a_cpu() -> usize {
    let allowed = nix::sched::sched_getaffinity(nix::unistd::Pid::from_raw(0)).unwrap();
    (0..nix::sched::CpuSet::count()).find(|&cpu| allowed.is_set(cpu).unwrap()).unwrap()
}

/// Every request was answered with this status, and nothing went wrong.
fn assert_all(recording: &Recording, status: u16, count: u64) {
    assert_eq!(recording.errors, Default::default());
    assert_eq!(recording.statuses.iter().collect::<Vec<_>>(), [(&status, &count)]);
    assert_eq!((recording.sent, recording.answered, recording.unanswered), (count, count, 0));
    assert_eq!((recording.corrected.count(), recording.uncorrected.count()), (count, count));
    assert_eq!((recording.first_byte.count(), recording.never_sent), (count, 0));
    assert_eq!(recording.end, End::Complete);
}

#[test]
fn a_closed_loop_sends_what_was_asked_over_kept_connections() {
    let (origin, url) = origin();
    let recording = quiet(&plan(&format!("{url}/bytes/1000")));
    assert_all(&recording, 200, 200);
    assert_eq!((origin.counts().requests, origin.counts().connections, recording.connections), (200, 4, 4));
    assert_eq!(recording.corrected, recording.uncorrected);
    assert!(recording.bytes_in > 200_000 && recording.bytes_out > 200 * 40);
    assert!(recording.requests_per_second() > 0.0 && !recording.cpu.is_zero());
    assert_eq!(recording.slip.count(), 0);
}

#[test]
fn answers_of_every_framing_are_counted_whole() {
    let (_origin, url) = origin();
    for path in ["/chunked/9999", "/trailers/70000", "/bytes/0", "/bytes/3000000", "/hints/bytes/5", "/status/204"] {
        let plan = Plan { requests: Some(40), ..plan(&format!("{url}{path}")) };
        let status = if path.ends_with("204") { 204 } else { 200 };
        assert_all(&quiet(&plan), status, 40);
    }
    // Each of these ends its connection, which is no error: another takes its place.
    for path in ["/until-close/9999", "/close/bytes/10"] {
        let recording = quiet(&Plan { requests: Some(40), ..plan(&format!("{url}{path}")) });
        assert_all(&recording, 200, 40);
        assert!(recording.connections >= 40, "{path}: {} connections", recording.connections);
    }
}

#[test]
fn fresh_connections_carry_one_request_each() {
    let (origin, url) = origin();
    let recording = quiet(&Plan { fresh: true, ..plan(&url) });
    assert_all(&recording, 200, 200);
    assert_eq!((origin.counts().connections, recording.connect.count()), (200, 200));
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let (origin, url) = origin();
    let mut plan = Plan { pipeline: 64, ..plan(&url) };
    plan.mix.requests =
        vec![Request::new("GET", "/status/404"), Request::new("HEAD", "/bytes/77"), Request::new("GET", "/")];
    plan.mix.in_order = true;
    plan.workers = Some(vec![a_cpu()]);
    plan.requests = Some(3000);
    let recording = quiet(&plan);
    assert_eq!(recording.statuses, [(200, 2000), (404, 1000)].into());
    assert_eq!((recording.error_count(), origin.counts().requests), (0, 3000));
}

#[test]
fn bodies_arrive_whole_and_small_windows_do_not_matter() {
    let (_origin, url) = origin();
    let mut plan = plan(&format!("{url}/upload"));
    plan.requests = Some(12);
    plan.mix.requests[0].method = "POST".to_owned();
    plan.mix.requests[0].body = vec![7; 4_000_000];
    let recording = quiet(&plan);
    assert_all(&recording, 200, 12);
    assert!(recording.bytes_out > 48_000_000);
}

#[test]
fn an_open_loop_sends_its_schedule_and_tells_its_slip() {
    let (origin, url) = origin();
    for arrivals in
        [Arrivals::Fixed { rate: 400.0 }, Arrivals::Ramp { from: 0.0, to: 800.0 }, Arrivals::Steps(vec![200.0, 600.0])]
    {
        let before = origin.counts().requests;
        let duration = Duration::from_millis(500);
        let recording = quiet(&Plan { arrivals, duration, requests: None, ..plan(&url) });
        assert_all(&recording, 200, 200);
        assert_eq!((origin.counts().requests - before, recording.slip.count()), (200, 200));
        assert_eq!(recording.elapsed, duration);
        let sent: u64 = recording.series.intervals().iter().map(|interval| interval.sent).sum();
        assert_eq!(sent, 200);
    }
}

#[test]
fn a_replay_keeps_the_order_and_times_of_its_requests() {
    let (origin, url) = origin();
    let mut plan = Plan { requests: None, arrivals: Arrivals::Replay { speed: 2.0 }, ..plan(&url) };
    let at = |millis| Some(Duration::from_millis(millis));
    plan.mix.requests = (0..50).map(|n| Request { at: at(n * 10), ..Request::new("GET", "/status/201") }).collect();
    let recording = quiet(&plan);
    assert_all(&recording, 201, 50);
    assert_eq!(origin.counts().requests, 50);
    assert!(recording.elapsed >= Duration::from_millis(245), "{:?}", recording.elapsed);
}

#[test]
fn the_warm_up_is_sent_and_not_measured() {
    let (origin, url) = origin();
    let (warmup, duration) = (Duration::from_millis(300), Duration::from_millis(300));
    let arrivals = Arrivals::Fixed { rate: 1000.0 };
    let recording = quiet(&Plan { arrivals, warmup, duration, requests: None, ..plan(&url) });
    assert_all(&recording, 200, 300);
    assert_eq!(origin.counts().requests, 600);
}

#[test]
fn names_and_ipv6_are_targets() {
    let origin = Origin::start(OriginConfig { bind: "[::1]:0".parse().unwrap(), ..OriginConfig::default() }).unwrap();
    assert_all(&quiet(&plan(&format!("http://{}/", origin.address()))), 200, 200);
    // Of the addresses of a name, one that nothing listens at is passed over.
    let (origin, _) = self::origin();
    let port = origin.address().port();
    let mut by_name = plan(&format!("http://localhost:{port}/"));
    by_name.target.addresses = vec![SocketAddr::from(([127, 0, 0, 2], port)), origin.address()];
    assert_all(&quiet(&by_name), 200, 200);
    by_name.target.addresses.pop();
    assert_eq!(quiet(&by_name).errors.into_keys().collect::<Vec<_>>(), [ErrorKind::ConnectRefused]);
    let mut unknown = plan("http://a..b/");
    unknown.target.resolve().unwrap_err();
    assert!(run(&unknown, &|_| {}, &Stop::default()).unwrap_err().to_string().contains("cannot be resolved"));
}

#[test]
fn a_stop_keeps_what_was_measured_and_the_watch_sees_it_come() {
    let (_origin, url) = origin();
    let stop = Stop::default();
    let seen = RefCell::new(Vec::new());
    let watch = |progress: &tollgate_loadtest::load::Progress| {
        seen.borrow_mut().push((progress.phase, progress.answered));
        if progress.answered > 0 && seen.borrow().len() >= 3 {
            stop.set();
        }
    };
    let recording = run(&Plan { requests: None, ..plan(&url) }, &watch, &stop).unwrap();
    assert_eq!(recording.end, End::Stopped);
    assert!(recording.answered > 0 && recording.elapsed < Duration::from_secs(60));
    assert!(recording.series.intervals().iter().any(|interval| interval.answered > 0));
    assert!(seen.borrow().iter().any(|(phase, _)| *phase == Phase::Measuring));
}

#[test]
fn events_of_streams_are_timed() {
    let server = Server::start(|mut stream| {
        servers::request(&mut stream)?;
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n: hello\n\n")?;
        for _ in 0..5 {
            std::thread::sleep(Duration::from_millis(40));
            stream.write_all(b"data: a\r\n\r\n")?;
        }
        Ok(())
    });
    let recording = quiet(&Plan { events: true, requests: Some(4), ..plan(&server.url()) });
    assert_all(&recording, 200, 4);
    assert_eq!((recording.events, recording.first_event.count(), recording.event_gap.count()), (20, 4, 16));
    assert!(recording.first_event.quantile(0.0) >= Duration::from_millis(39));
    assert!(recording.event_gap.quantile(0.5) >= Duration::from_millis(30));
}

#[test]
fn streams_that_do_not_end_are_cut_with_the_run() {
    let server = Server::start(|mut stream| {
        servers::request(&mut stream)?;
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\ndata: only\n\n")?;
        servers::wait_for_end(&mut stream)
    });
    let duration = Duration::from_millis(300);
    let recording = quiet(&Plan { events: true, requests: None, duration, ..plan(&server.url()) });
    assert_eq!((recording.events, recording.unanswered, recording.error_count()), (4, 4, 0));
    let silent =
        Plan { timeout: Duration::from_millis(50), duration, events: true, requests: None, ..plan(&server.url()) };
    assert!(quiet(&silent).errors[&ErrorKind::Timeout].count >= 4);
}
