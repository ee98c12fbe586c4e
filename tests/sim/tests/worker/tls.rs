//! Clients and endpoints that speak TLS: whatever holds in the clear holds here, and what only TLS has.

use crate::gateway::{ANY, Gateway, LISTEN, ORIGINS, dial, get, refused_by};
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
    Answer, Authority, Client, Conditions, Failure, Fault, Faults, Framing, Issued, Origin, Reader, Reply, Request,
    Scenario, Seed, Tally, Terminator, for_each_seed, payload,
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

    fn resolve(&self, _: &str, _: u16) -> io::Result<Vec<SocketAddr>> {
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
            let client = Arc::new(self.authority.client(None));
            Terminator::seal(&gateway.world, CLEAR, CLIENT, LISTEN, client, HOST);
            ask = CLEAR;
        }
        if !self.upstream.is_empty() {
            let server = Arc::new(Authority::server(&self.authority.issue(&["origin.test"])));
            Terminator::open(&gateway.world, ORIGINS[0], HIDDEN, server);
            serve = HIDDEN;
        }
        (gateway, ask, serve)
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
