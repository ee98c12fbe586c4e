//! Clients and endpoints that speak TLS: whatever holds in the clear holds here, and what only TLS has.

use crate::gateway::{ANY, Ended, Gateway, LISTEN, ORIGINS, dial, get, on_time, refused_by, security};
use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::Path,
    sync::Arc,
    time::Duration,
};
use tollgate_http::Reason;
use tollgate_io::Instant;
use tollgate_model::{Snapshot, Source};
use tollgate_sim::{
    Answer, Authority, Client, Conditions, Failure, Fault, Faults, Framing, Issued, Manners, Origin, Reader, Reply,
    Request, Scenario, Seed, Tally, Terminator, for_each_seed, payload,
};

/// Where clients speak in the clear: the terminator in front of the gateway.
const CLEAR: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 2, 1)), 80);
const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 9));
/// The host of scripted clients.
const HOST: &str = "api.example.com";
/// Where the origin behind a terminator listens.
const HIDDEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 3, 1)), 9000);

/// Files of PEM text.
struct Files(Vec<(&'static str, String)>);

impl Source for Files {
    fn env(&self, _: &str) -> Option<String> {
        None
    }

    fn read(&self, path: &Path) -> io::Result<String> {
        let found = self.0.iter().find(|(name, _)| Path::new(name) == path);
        found.map(|(_, text)| text.clone()).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn list(&self, _: &Path) -> io::Result<Vec<String>> {
        Err(io::ErrorKind::NotFound.into())
    }
}

/// An authority, what it has issued to the gateway, and the sides that speak TLS.
struct Setting {
    authority: Authority,
    own: Issued,
    listener: &'static str,
    upstream: &'static str,
}

const SERVED: &str = ", tls: { certificates: [ { cert_file: cert, key_file: key } ]";
const TRUSTED: &str = ", tls: { server_name: origin.test, ca_file: ca";

impl Setting {
    fn new(listener: &'static str, upstream: &'static str) -> Self {
        let authority = Authority::default();
        let own = authority.issue(&[HOST, "*.other.test", "gateway"]);
        Self { authority, own, listener, upstream }
    }

    /// One listener, one upstream.
    fn snapshot(&self) -> Snapshot {
        let close = |text: &str| if text.is_empty() { "" } else { " }" };
        let text = format!(
            "version: 1
listeners: [ {{ name: secure, bind: \"{LISTEN}\"{}{} }} ]
upstreams: [ {{ name: origins, endpoints: [ {{ address: \"{}\" }} ]{}{} }} ]
routes: [ {{ name: all, {ANY}, upstream: origins }} ]
timeouts: {{ connect: 1s, first_byte: 2s, idle: 3s, handshake: 4s, head: 5s, keep_alive: 7s, drain: 11s, linger: 500ms }}
",
            self.listener,
            close(self.listener),
            ORIGINS[0],
            self.upstream,
            close(self.upstream)
        );
        let files = Files(vec![
            ("cert", self.own.certificate.clone()),
            ("key", self.own.key.clone()),
            ("ca", self.authority.pem()),
        ]);
        tollgate_model::parse("gateway.yaml", &text, &files).unwrap_or_else(|errors| panic!("{errors}"))
    }

    /// A gateway, with terminators where it speaks TLS. Clients go to the first address, origins listen at the second.
    fn start(&self, seed: impl Into<Seed>, conditions: Conditions) -> (Gateway, SocketAddr, SocketAddr) {
        let gateway = Gateway::run(self.snapshot(), seed, conditions);
        let (mut ask, mut serve) = (LISTEN, ORIGINS[0]);
        if !self.listener.is_empty() {
            self.seal(&gateway, None);
            ask = CLEAR;
        }
        if !self.upstream.is_empty() {
            Self::open(&gateway, &self.authority.issue(&["origin.test"]), Manners::Polite);
            serve = HIDDEN;
        }
        (gateway, ask, serve)
    }

    /// A terminator in front of the gateway, which shows `own`.
    fn seal(&self, gateway: &Gateway, own: Option<&Issued>) {
        let client = Arc::new(self.authority.client(own));
        Terminator::seal(&gateway.world, CLEAR, CLIENT, LISTEN, client, HOST);
    }

    /// A terminator in front of the origin, which serves with `own`.
    fn open(gateway: &Gateway, own: &Issued, manners: Manners) {
        Terminator::open(&gateway.world, ORIGINS[0], HIDDEN, Arc::new(Authority::server(own)), manners);
    }
}

fn scenario(quiet: bool) -> Scenario {
    Scenario { clients: 4, requests: 6, close_delimited: true, mishaps: !quiet, quiet }
}

fn slicing() -> Faults {
    Faults::NONE
        .with(Fault::ShortReceive, 0.2)
        .with(Fault::ShortSend, 0.2)
        .with(Fault::LateCompletion, 0.2)
        .with(Fault::LateNews, 0.2)
        .with(Fault::FalseNews, 0.2)
}

fn play(setting: &Setting, seed: Seed, scenario: Scenario, conditions: Conditions) -> Tally {
    let (gateway, ask, serve) = setting.start(seed, conditions);
    let exchanges = scenario.start(&gateway.simulation, ask, &[serve]);
    gateway.simulation.run_until_idle();
    let tally = exchanges.judge();
    assert_eq!(gateway.simulation.leftovers().buffers, 0, "idle connections hold no buffer");
    gateway.end();
    tally
}

#[test]
fn every_exchange_is_answered_on_either_side_and_both() {
    for (listener, upstream) in [(SERVED, ""), ("", TRUSTED), (SERVED, TRUSTED)] {
        let setting = Setting::new(listener, upstream);
        for_each_seed("tls::every_exchange_is_answered_on_either_side_and_both", 0..40, |seed| {
            let conditions = Conditions { faults: slicing(), ..Conditions::default() };
            let tally = play(&setting, seed, scenario(true), conditions);
            let unasked = tally.unasked;
            assert_eq!(tally, Tally { answered: 24 - unasked, unasked, ..Tally::default() });
        });
    }
}

#[test]
fn mishaps_and_faults_leave_nothing_behind() {
    let setting = Setting::new(SERVED, TRUSTED);
    let mut answered = 0;
    let all = for_each_seed("tls::mishaps_and_faults_leave_nothing_behind", 0..60, |seed| {
        let faults = slicing().with(Fault::Reset, 0.003).with(Fault::Stall, 0.003);
        let faults = faults.with(Fault::ConnectRefused, 0.05).with(Fault::ConnectHangs, 0.02);
        let conditions = Conditions { capacity_bytes: 3_000, faults, ..Conditions::default() };
        answered += play(&setting, seed, scenario(false), conditions).answered;
    });
    assert!(!all || answered > 200, "{answered} of 1,440");
}

const START: Instant = Instant::from_nanos(0);
const DONE: &str = "tollgate_tls_handshakes_total";
const FAILED: &str = "tollgate_tls_handshake_failures_total";

/// Starts `client` with `requests` at `to`, runs everything to its end, and gives what it was told.
fn converse(gateway: &Gateway, client: Client, to: SocketAddr, requests: Vec<Request>) -> Vec<Result<Reply, Failure>> {
    let world = gateway.world.clone();
    let told = gateway.script(async move { client.run(&world, to, &requests).await });
    gateway.simulation.run_until_idle();
    told.take()
}

fn hello(gateway: &Gateway, at: SocketAddr) -> std::rc::Rc<Origin> {
    Origin::start(&gateway.world, at, |_| Answer::new(payload(7, 100)))
}

fn is_whole(replies: &[Result<Reply, Failure>]) -> bool {
    replies.iter().all(|reply| reply.as_ref().is_ok_and(|reply| reply.head.status() == 200))
}

#[test]
fn a_handshake_that_does_not_come_to_its_end_is_closed() {
    for bytes in [&b""[..], b"\x16\x03\x01\x02\x00\x01\x00"] {
        let gateway = Setting::new(SERVED, "").start(1, Conditions::default()).0;
        let world = gateway.world.clone();
        let closed = gateway.script(async move {
            let end = dial(&world, bytes).await;
            end.read(&mut Vec::new(), 100).await
        });
        gateway.simulation.run_for(Duration::from_secs(3));
        assert_eq!(gateway.simulation.leftovers().buffers, usize::from(!bytes.is_empty()));
        gateway.simulation.run_until_idle();
        on_time(closed.take_timed().0, START, Duration::from_secs(4));
        let timeouts = gateway.sample(&format!("{FAILED}{{side=\"downstream\",reason=\"timeout\"}}"));
        assert_eq!(timeouts, u64::from(!bytes.is_empty()), "who says nothing has tried nothing");
        assert!(gateway.end().records.is_empty());
    }
}

#[test]
fn a_client_without_tls_is_told_so() {
    let (gateway, ..) = Setting::new(SERVED, "").start(1, Conditions::default());
    let replies = converse(&gateway, Client::default(), LISTEN, vec![get(1)]);
    refused_by(&replies, Reason::PlainHttp);
    assert_eq!(gateway.sample(&format!("{FAILED}{{side=\"downstream\",reason=\"plain_http\"}}")), 1);
    gateway.end().failed_by(Reason::PlainHttp);
}

#[test]
fn a_host_of_another_certificate_is_misdirected() {
    for (host, is_taken) in [(HOST, true), ("A.Other.test:443", true), ("gateway", true), ("elsewhere.test", false)] {
        let (gateway, ask, serve) = Setting::new(SERVED, "").start(1, Conditions::default());
        let _origin = hello(&gateway, serve);
        let replies = converse(&gateway, Client { host, ..Client::default() }, ask, vec![get(1)]);
        if is_taken {
            assert!(is_whole(&replies), "{host}: {replies:?}");
            gateway.end();
        } else {
            refused_by(&replies, Reason::Misdirected);
            gateway.end().failed_by(Reason::Misdirected);
        }
    }
}

#[test]
fn a_head_of_several_records_is_whole_and_one_that_stops_is_not() {
    let (gateway, ask, serve) = Setting::new(SERVED, "").start(1, Conditions::default());
    let origin = hello(&gateway, serve);
    let mut large = get(1);
    large.fields = (0..3).map(|at| format!("X-Large-{at}: {}\r\n", "x".repeat(5_000))).collect();
    let client = Client { pieces: 9, pause_nanos_max: 1_000_000, ..Client::default() };
    assert!(is_whole(&converse(&gateway, client, ask, vec![large.clone(), large])));
    assert_eq!(origin.seen()[1].head.field("x-large-2").map(str::len), Some(5_000));
    let world = gateway.world.clone();
    let stopped = gateway.script(async move {
        let began = world.now();
        let end = world.dial(CLIENT, CLEAR).await.expect("the terminator listens");
        end.write_all(b"GET / HTT").await.expect("it reads");
        let head = Reader::new(&end).head().await;
        (began, head.map(|head| head.map(|head| head.status())))
    });
    gateway.simulation.run_until_idle();
    let (at, (began, status)) = stopped.take_timed();
    assert_eq!(status, Ok(Some(408)));
    on_time(at, began, Duration::from_secs(5));
    gateway.end();
}

#[test]
fn a_drain_ends_idle_sessions_in_good_order() {
    let (gateway, ..) = Setting::new(SERVED, "").start(1, Conditions::default());
    let world = gateway.world.clone();
    let ended = gateway.script(async move {
        let end = world.dial(CLIENT, CLEAR).await.expect("the terminator listens");
        end.read(&mut Vec::new(), 100).await.map_err(|error| error.kind())
    });
    gateway.simulation.run_for(Duration::from_secs(1));
    let Ended { at, .. } = gateway.end();
    assert_eq!(ended.take(), Ok(0), "the session was closed before the stream");
    on_time(at, START, Duration::from_secs(1));
}

#[test]
fn clients_resume_and_tickets_outlive_a_snapshot() {
    let setting = Setting::new(SERVED, "");
    let client = Arc::new(setting.authority.client(None));
    let first = security(&setting.snapshot(), None);
    let other = Setting { own: setting.authority.issue(&[HOST]), ..Setting::new(SERVED, "") };
    let resumed = |security| {
        let gateway = Gateway::run_secured(other.snapshot(), security, 1, 1, Conditions::default());
        Terminator::seal(&gateway.world, CLEAR, CLIENT, LISTEN, client.clone(), HOST);
        let _origin = hello(&gateway, ORIGINS[0]);
        assert!(is_whole(&converse(&gateway, Client::default(), CLEAR, vec![get(1)])));
        let count = |kind| gateway.sample(&format!("{DONE}{{side=\"downstream\",version=\"1.3\",kind=\"{kind}\"}}"));
        let counts = (count("full"), count("resumed"));
        gateway.end();
        counts
    };
    assert_eq!(resumed(first.clone()), (1, 0));
    assert_eq!(resumed(first.clone()), (0, 1));
    assert_eq!(resumed(security(&other.snapshot(), Some(&first))), (0, 1), "another certificate, the same node");
    assert_eq!(resumed(security(&other.snapshot(), None)), (1, 0), "another node");
}

#[test]
fn many_handshakes_at_once_wait_for_their_turn() {
    let setting = Setting::new(SERVED, "");
    let scenario = Scenario { clients: 60, requests: 1, close_delimited: false, mishaps: false, quiet: true };
    let seed = Seed::from(3);
    assert_eq!(play(&setting, seed, scenario, Conditions::default()), Tally { answered: 60, ..Tally::default() });
}

const MUTUAL: &str =
    ", tls: { certificates: [ { cert_file: cert, key_file: key } ], client_auth: { mode: required, ca_file: ca }";

#[test]
fn a_listener_may_require_certificates_of_clients() {
    let setting = Setting::new(MUTUAL, "");
    let (own, foreign) = (setting.authority.issue(&["client"]), Authority::default().issue(&["client"]));
    for (shown, is_taken) in [(Some(&own), true), (None, false), (Some(&foreign), false)] {
        let gateway = Gateway::run(setting.snapshot(), 1, Conditions::default());
        setting.seal(&gateway, shown);
        let _origin = hello(&gateway, ORIGINS[0]);
        let replies = converse(&gateway, Client::default(), CLEAR, vec![get(1)]);
        assert_eq!(is_whole(&replies), is_taken, "{replies:?}");
        let refused = gateway.sample(&format!("{FAILED}{{side=\"downstream\",reason=\"peer_certificate\"}}"));
        assert_eq!(refused, u64::from(!is_taken));
        gateway.end();
    }
}

/// What a client is told when the origin's certificate is `own`.
fn upstream_with(
    own: impl FnOnce(&Authority) -> Issued,
    upstream: &'static str,
) -> (Vec<Result<Reply, Failure>>, Ended) {
    let setting = Setting::new("", upstream);
    let gateway = Gateway::run(setting.snapshot(), 1, Conditions::default());
    Setting::open(&gateway, &own(&setting.authority), Manners::Polite);
    let _origin = hello(&gateway, HIDDEN);
    let replies = converse(&gateway, Client::default(), LISTEN, vec![get(1), get(2)]);
    (replies, gateway.end())
}

#[test]
fn an_endpoint_must_be_who_it_is_meant_to_be() {
    let (replies, _) = upstream_with(|authority| authority.issue(&["origin.test"]), TRUSTED);
    assert!(is_whole(&replies), "{replies:?}");
    for (own, what) in [
        (
            Box::new(|_: &Authority| Authority::default().issue(&["origin.test"]))
                as Box<dyn FnOnce(&Authority) -> Issued>,
            "stranger",
        ),
        (Box::new(|authority: &Authority| authority.issue(&["another.test"])), "another name"),
    ] {
        let (replies, ended) = upstream_with(own, TRUSTED);
        let Some(Ok(reply)) = replies.first() else { panic!("{what}: {replies:?}") };
        crate::gateway::problem(reply, Reason::UpstreamCertificate);
        assert!(ended.records[0].contains("upstream_certificate"), "{what}");
    }
    let (replies, _) =
        upstream_with(|_| Authority::default().issue(&["x.test"]), ", tls: { server_name: a, verify: false");
    assert!(is_whole(&replies), "who is not judged is taken: {replies:?}");
}

#[test]
fn an_endpoint_that_does_not_shake_hands_is_given_up() {
    let gateway = Gateway::run(Setting::new("", TRUSTED).snapshot(), 1, Conditions::default());
    let (backlog, world) = (gateway.world.serve(ORIGINS[0]), gateway.world.clone());
    gateway.world.spawn(async move {
        let end = backlog.accept().await;
        world.sleep(Duration::from_secs(60).as_nanos() as u64).await;
        drop(end);
    });
    let world = gateway.world.clone();
    let told = gateway.script(async move { Client::default().run(&world, LISTEN, &[get(1)]).await });
    gateway.simulation.run_until_idle();
    let (at, replies) = told.take_timed();
    refused_by(&replies, Reason::ConnectTimeout);
    on_time(at, START, Duration::from_secs(1));
    gateway.end().failed_by(Reason::ConnectTimeout);
}

/// With TLS 1.3 its alert comes behind our handshake, in answer to the request.
#[test]
fn an_endpoint_that_wants_a_certificate_refuses_the_session() {
    let setting = Setting::new("", TRUSTED);
    let gateway = Gateway::run(setting.snapshot(), 1, Conditions::default());
    let server = setting.authority.demanding_server(&setting.authority.issue(&["origin.test"]));
    Terminator::open(&gateway.world, ORIGINS[0], HIDDEN, Arc::new(server), Manners::Polite);
    let origin = hello(&gateway, HIDDEN);
    refused_by(&converse(&gateway, Client::default(), LISTEN, vec![get(1)]), Reason::UpstreamTlsAlert);
    assert!(origin.seen().is_empty());
    gateway.end().failed_by(Reason::UpstreamTlsAlert);
}

#[test]
fn an_endpoint_without_tls_is_no_endpoint() {
    let gateway = Gateway::run(Setting::new("", TRUSTED).snapshot(), 1, Conditions::default());
    let backlog = gateway.world.serve(ORIGINS[0]);
    gateway.world.spawn(async move {
        // Each of the tries gets the same answer.
        while let Some(end) = backlog.accept().await {
            end.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.expect("the gateway reads");
            end.finish();
            let _ = end.read(&mut Vec::new(), 1_000).await;
        }
    });
    refused_by(&converse(&gateway, Client::default(), LISTEN, vec![get(1)]), Reason::UpstreamTlsFailed);
    gateway.end().failed_by(Reason::UpstreamTlsFailed);
}

#[test]
fn a_response_whose_end_was_not_announced_is_cut_short() {
    for (framing, manners, is_whole) in [
        (Framing::UntilClose, Manners::Polite, true),
        (Framing::UntilClose, Manners::Rude, false),
        (Framing::Length(5_000), Manners::Rude, true),
    ] {
        let setting = Setting::new("", TRUSTED);
        let gateway = Gateway::run(setting.snapshot(), 1, Conditions::default());
        Setting::open(&gateway, &setting.authority.issue(&["origin.test"]), manners);
        let _origin = Origin::start(&gateway.world, HIDDEN, move |_| Answer {
            framing,
            close: true,
            ..Answer::new(payload(1, 5_000))
        });
        let replies = converse(&gateway, Client::default(), LISTEN, vec![get(1)]);
        let body = replies[0].as_ref().map(|reply| reply.body.len());
        assert_eq!(body.is_ok_and(|len| len == 5_000), is_whole, "{framing:?} {manners:?}: {replies:?}");
        gateway.end();
    }
}

#[test]
fn a_new_certificate_is_served_to_the_next_client_and_to_no_other() {
    let setting = Setting::new(SERVED, "");
    let gateway = Gateway::run(setting.snapshot(), 1, Conditions::default());
    let _origin = hello(&gateway, ORIGINS[0]);
    setting.seal(&gateway, None);
    let world = gateway.world.clone();
    let first = gateway.script(async move {
        let end = world.dial(CLIENT, CLEAR).await.expect("the terminator listens");
        let mut reader = Reader::new(&end);
        let mut statuses = Vec::new();
        for _ in 0..2 {
            end.write_all(b"GET / HTTP/1.1\r\nHost: api.example.com\r\n\r\n").await.expect("it reads");
            let head = reader.head().await.expect("a head").expect("an answer");
            statuses.push(head.status());
            reader.body(head.framing().expect("it has one")).await.expect("a body");
            world.sleep(2_000_000_000).await;
        }
        statuses
    });
    gateway.simulation.run_for(Duration::from_secs(1));
    let other = Setting::new(SERVED, "");
    gateway.publish(other.snapshot(), Vec::new());
    const AGAIN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 2, 2)), 80);
    let trusting = Arc::new(other.authority.client(None));
    Terminator::seal(&gateway.world, AGAIN, CLIENT, LISTEN, trusting, HOST);
    let second = converse(&gateway, Client::default(), AGAIN, vec![get(3)]);
    assert!(is_whole(&second), "{second:?}");
    assert_eq!(first.take(), [200, 200], "a session goes on with what it began with");
    gateway.end();
}
