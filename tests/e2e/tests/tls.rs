//! TLS as a client and an operator see it: the real binary, certificates in files, rustls' own client.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use nix::sys::signal::Signal;
use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tempfile::TempDir;
use tollgate_e2e::{Connection, Process, get, origin, run, until};
use tollgate_sim::{Authority, Issued};

/// A folder with certificates, and who issued them.
struct Setting {
    folder: TempDir,
    authority: Authority,
}

impl Setting {
    fn new() -> Self {
        let setting = Self { folder: tempfile::tempdir().unwrap(), authority: Authority::default() };
        setting.write("own", &setting.authority.issue(&["localhost", "127.0.0.1"]));
        fs::write(setting.path("ca.pem"), setting.authority.pem()).unwrap();
        setting
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, issued: &Issued) {
        fs::write(self.path(&format!("{name}.pem")), &issued.certificate).unwrap();
        fs::write(self.path(&format!("{name}-key.pem")), &issued.key).unwrap();
    }

    /// `{ cert_file: .., key_file: .. }`
    fn identity(&self, name: &str) -> String {
        let path = |name: &str| self.path(name).display().to_string();
        format!("{{ cert_file: {}, key_file: {} }}", path(&format!("{name}.pem")), path(&format!("{name}-key.pem")))
    }

    /// A file with a TLS listener `secure`, a plain one, and what `rest` says.
    fn config(&self, tls: &str, rest: &str) -> PathBuf {
        let text = format!(
            "version: 1\nstatus: {{ bind: 127.0.0.1:0 }}\naccess_log: off\nlisteners:\n\
             - {{ name: public, bind: 127.0.0.1:0 }}\n\
             - {{ name: secure, bind: 127.0.0.1:0, tls: {{ certificates: [ {} ]{tls} }} }}\n{rest}",
            self.identity("own")
        );
        let path = self.path("gateway.yaml");
        fs::write(&path, text).unwrap();
        path
    }
}

/// A running gateway.
struct Node {
    process: Process,
    secure: SocketAddr,
    public: SocketAddr,
    status: SocketAddr,
}

impl Node {
    fn start(config: &Path) -> Self {
        let mut process = Process::start(&["gateway", "--config", &config.to_string_lossy()]);
        let mut at = |prefix: &str| process.announced(prefix).parse().unwrap();
        let (public, secure, status) = (at("listener public on "), at("listener secure on "), at("status on "));
        Self { process, secure, public, status }
    }
}

type Tls = StreamOwned<ClientConnection, TcpStream>;

fn dial(to: SocketAddr, config: &Arc<ClientConfig>) -> Tls {
    let stream = TcpStream::connect(to).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    StreamOwned::new(ClientConnection::new(config.clone(), "localhost".try_into().unwrap()).unwrap(), stream)
}

/// Everything that comes of a GET that is the last one.
fn fetch(tls: &mut Tls, target: &str) -> std::io::Result<Vec<u8>> {
    tls.write_all(format!("GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").as_bytes())?;
    let mut text = Vec::new();
    // Without close_notify this is an error.
    tls.read_to_end(&mut text)?;
    Ok(text)
}

const ROUTES: &str = "routes:\n- { name: all, match: { path: \"/{rest*}\" }, upstream: origin }\n";

fn upstream(address: SocketAddr, tls: &str) -> String {
    format!("upstreams: [ {{ name: origin, endpoints: [ {{ address: \"{address}\" }} ]{tls} }} ]\n{ROUTES}")
}

#[test]
fn requests_pass_over_tls_and_sessions_resume() {
    let (setting, origin) = (Setting::new(), origin());
    let node = Node::start(&setting.config("", &upstream(origin.address(), "")));
    let config = Arc::new(setting.authority.client(None));
    for length in [0, 10, 100_000, 3_000_000] {
        let mut tls = dial(node.secure, &config);
        let answer = fetch(&mut tls, &format!("/bytes/{length}")).unwrap();
        let head_len = answer.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4;
        assert!(answer.starts_with(b"HTTP/1.1 200 "), "{}", answer[..head_len].escape_ascii());
        assert_eq!(answer.len() - head_len, length);
        assert_eq!(tls.conn.alpn_protocol(), Some(&b"http/1.1"[..]));
    }
    let metrics = get(node.status, "/metrics").text();
    let expected = [("full", 1), ("resumed", 3)];
    for (kind, count) in expected {
        let line =
            format!("tollgate_tls_handshakes_total{{side=\"downstream\",version=\"1.3\",kind=\"{kind}\"}} {count}");
        assert!(metrics.contains(&line), "{line}\n{metrics}");
    }
    assert_eq!(get(node.secure, "/").status, 400, "plain HTTP on a TLS port");
}

#[test]
fn load_speaks_tls_and_trusts_whom_it_is_told_to() {
    let (setting, origin) = (Setting::new(), origin());
    let node = Node::start(&setting.config("", &upstream(origin.address(), "")));
    let (url, ca) = (format!("https://{}/", node.secure), setting.path("ca.pem").display().to_string());
    let load = |more: &[&str]| {
        let usual = ["load", &url, "--connections", "2", "--workers", "1", "--warmup", "0s", "--requests", "50"];
        run(&[&usual[..], more].concat())
    };
    for trusted in [&["--ca", &ca][..], &["--insecure"]] {
        let done = load(trusted);
        assert_eq!(done.status.code(), Some(0), "{trusted:?}: {}", String::from_utf8_lossy(&done.stderr));
    }
    let strange = load(&["--duration", "500ms"]);
    let said = [strange.stdout, strange.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert_eq!((strange.status.code(), said.contains("certificate")), (Some(3), true), "{said}");
}

#[test]
fn a_long_upload_passes_over_tls() {
    let (setting, origin) = (Setting::new(), origin());
    let node = Node::start(&setting.config("", &upstream(origin.address(), "")));
    let mut tls = dial(node.secure, &Arc::new(setting.authority.client(None)));
    let body: Vec<u8> = (0..2_000_000_u32).map(|at| (at % 251) as u8).collect();
    let head = format!(
        "PUT /upload HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    tls.write_all(head.as_bytes()).unwrap();
    tls.write_all(&body).unwrap();
    let mut answer = String::new();
    tls.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("{\"bytes\":2000000,"), "{answer}");
}

#[test]
fn a_gateway_speaks_tls_with_another() {
    let (setting, origin) = (Setting::new(), origin());
    setting.write("client", &setting.authority.issue(&["gateway"]));
    let ca = setting.path("ca.pem").display().to_string();
    let mutual = format!(", client_auth: {{ ca_file: {ca} }}");
    let behind = Node::start(&setting.config(&mutual, &upstream(origin.address(), "")));
    let status = |tls: &str| {
        let node = Node::start(&setting.config("", &upstream(behind.secure, tls)));
        let answers = [get(node.public, "/bytes/100000"), get(node.public, "/bytes/10")];
        assert_eq!(answers[0].status, answers[1].status);
        answers[0].field("proxy-status").unwrap_or("none").to_owned()
    };
    let own = setting.identity("client");
    assert_eq!(status(&format!(", tls: {{ ca_file: {ca}, client_certificate: {own} }}")), "none");
    assert_eq!(status(&format!(", tls: {{ client_certificate: {own} }}")), "tollgate; error=tls_certificate_error");
    let named = format!(", tls: {{ ca_file: {ca}, server_name: other.test, client_certificate: {own} }}");
    assert_eq!(status(&named), "tollgate; error=tls_certificate_error");
    assert_eq!(get(behind.public, "/bytes/10").status, 200, "the origin is well");
    drop(behind.process);
}

/// What a check finds of an endpoint in TLS is what requests would: healthy with the right authority, name and client
/// certificate, and unhealthy with any of them wrong, so that no request gets as far as to fail.
#[test]
fn checks_speak_tls_as_requests_do() {
    let setting = Setting::new();
    setting.write("client", &setting.authority.issue(&["gateway"]));
    fs::write(setting.path("other-ca.pem"), Authority::default().pem()).unwrap();
    let (ca, other) =
        (setting.path("ca.pem").display().to_string(), setting.path("other-ca.pem").display().to_string());
    let answer = |path: &str, status: u16| {
        format!("- {{ name: r{status}, match: {{ path: {path} }}, answer: {{ status: {status} }} }}\n")
    };
    let answers = format!("routes:\n{}{}", answer("/healthz", 204), answer("/bytes/10", 200));
    let behind = Node::start(&setting.config(&format!(", client_auth: {{ ca_file: {ca} }}"), &answers));
    let own = setting.identity("client");
    let right = format!("ca_file: {ca}, server_name: localhost, client_certificate: {own}");
    let wrong = [
        format!("ca_file: {other}, server_name: localhost, client_certificate: {own}"),
        format!("ca_file: {ca}, server_name: other.test, client_certificate: {own}"),
    ];
    for kind in ["http: { path: /healthz, status: [204], ", "tcp: { "] {
        let health = format!("health: {{ {kind}interval: 10ms, healthy: 1, unhealthy: 1 }} }}");
        let node = |tls: &str| {
            Node::start(&setting.config("", &upstream(behind.secure, &format!(", tls: {{ {tls} }}, {health}"))))
        };
        let checks = || counted(&behind, "tollgate_tls_handshakes_total");
        let (well, before) = (node(&right), checks());
        until("more checks", || (checks() > before + 5).then_some(()));
        let mut connection = Connection::open(well.public);
        connection.send("GET /bytes/10 HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assert_eq!(connection.response().status, 200);
        for wrong in &wrong {
            let node = node(wrong);
            let refused =
                until("it is out", || Some(get(node.public, "/bytes/10")).filter(|reply| reply.status == 503));
            assert!(refused.text().contains("no_endpoint"), "{}", refused.text());
        }
    }
    assert!(
        counted(&behind, "tollgate_requests_total{http_route=\"r204\"") > 5,
        "{}",
        get(behind.status, "/metrics").text()
    );
}

/// A client certificate that is missing shows in the answer only: TLS 1.3 lets the client finish first.
#[test]
fn a_check_without_the_client_certificate_fails() {
    let setting = Setting::new();
    let ca = setting.path("ca.pem").display().to_string();
    let answers = "routes: [ { name: all, match: { path: '/{rest*}' }, answer: { status: 200 } } ]\n";
    let behind = Node::start(&setting.config(&format!(", client_auth: {{ ca_file: {ca} }}"), answers));
    let rest = format!(", tls: {{ ca_file: {ca} }}, health: {{ http: {{ interval: 10ms }} }}");
    let node = Node::start(&setting.config("", &upstream(behind.secure, &rest)));
    until("it is out", || (get(node.public, "/").status == 503).then_some(()));
}

/// The sum of a node's figures that begin with this.
fn counted(node: &Node, sample: &str) -> u64 {
    let metrics = get(node.status, "/metrics").text();
    let lines = metrics.lines().filter(|line| line.starts_with(sample));
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
}

/// A certificate for `localhost` with its validity changed.
fn dated(change: impl FnOnce(&mut CertificateParams)) -> Issued {
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    change(&mut params);
    let key = KeyPair::generate().unwrap();
    Issued { certificate: params.self_signed(&key).unwrap().pem(), key: key.serialize_pem() }
}

#[test]
fn a_mistake_in_a_certificate_is_told_with_its_place() {
    let setting = Setting::new();
    let good = setting.authority.issue(&["localhost"]);
    let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let cases = [
        (dated(|params| params.not_after = date_time_ymd(2020, 1, 1)), "own.pem", "expired at 2020-01-01T00:00:00Z"),
        (dated(|params| params.not_before = date_time_ymd(2100, 1, 1)), "own.pem", "is not valid before 2100-01-01"),
        (Issued { key: dated(|_| ()).key, ..good.clone() }, "own-key.pem", "does not belong to the certificate"),
        (Issued { certificate: "nothing".into(), ..good.clone() }, "own.pem", "there is no certificate in it"),
        (Issued { key: good.certificate.clone(), ..good.clone() }, "own-key.pem", "there is no private key in it"),
        (Issued { key: encrypted.into(), ..good.clone() }, "own-key.pem", "the private key is encrypted"),
        (Issued { certificate: good.certificate.replace('M', "!"), ..good }, "own.pem", "it is not PEM"),
    ];
    for (issued, file, expected) in cases {
        setting.write("own", &issued);
        let validated = run(&["validate", &setting.config("", "").to_string_lossy()]);
        let errors = String::from_utf8_lossy(&validated.stderr).into_owned();
        assert_eq!(validated.status.code(), Some(1), "{expected}: {errors}");
        for part in [expected, file, "gateway.yaml:6:", "= help: "] {
            assert!(errors.contains(part), "{part}: {errors}");
        }
        assert!(!issued.key.lines().nth(1).is_some_and(|line| errors.contains(line)), "a key is shown: {errors}");
    }
    let missing = setting.path("own-key.pem");
    setting.write("own", &setting.authority.issue(&["localhost"]));
    fs::remove_file(missing).unwrap();
    let validated = run(&["validate", &setting.config("", "").to_string_lossy()]);
    let errors = String::from_utf8_lossy(&validated.stderr);
    assert!(errors.contains("cannot be read: No such file"), "{errors}");
}

#[test]
fn a_certificate_that_is_replaced_is_served_after_a_reload() {
    let (setting, origin) = (Setting::new(), origin());
    let node = Node::start(&setting.config("", &upstream(origin.address(), "")));
    let config = Arc::new(setting.authority.client(None));
    let mut before = dial(node.secure, &config);
    before.write_all(b"GET /bytes/1 HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    before.read_exact(&mut [0; 10]).unwrap();
    let other = Authority::default();
    setting.write("own", &other.issue(&["localhost"]));
    node.process.signal(Signal::SIGHUP);
    let trusting = Arc::new(other.client(None));
    let answer = until("the new certificate", || fetch(&mut dial(node.secure, &trusting), "/bytes/1").ok());
    assert!(answer.starts_with(b"HTTP/1.1 200 "));
    // What was open stays open, and its client resumes although it would not trust the new certificate.
    before.write_all(b"GET /bytes/5 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut rest = Vec::new();
    before.read_to_end(&mut rest).unwrap();
    assert!(rest.windows(13).any(|window| window == b"HTTP/1.1 200 "), "{}", rest.escape_ascii());
    assert!(fetch(&mut dial(node.secure, &config), "/bytes/1").is_ok(), "tickets outlive a reload");
    // A mistake changes nothing.
    fs::write(setting.path("own-key.pem"), "nothing").unwrap();
    node.process.signal(Signal::SIGHUP);
    until("the mistake on standard error", || node.process.errors().contains("no private key in it").then_some(()));
    assert!(fetch(&mut dial(node.secure, &trusting), "/bytes/1").is_ok());
}
