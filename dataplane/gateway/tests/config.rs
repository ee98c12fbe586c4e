//! `/config` of a running gateway: who may change it, what is answered, and that a bad change changes nothing.
//!
//! What the workers do with a new configuration is tested elsewhere; here is what the node says of it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use rustix::fs::{FileType, Mode};
use serde_json::Value;
use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    os::unix::{
        fs::{FileTypeExt, PermissionsExt},
        net::{UnixListener, UnixStream},
    },
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};
use tempfile::TempDir;
use tollgate_gateway::{Gateway, Startup};

const TOKEN: &str = "correct-horse-battery-staple";

/// A gateway with a status at both ways, its file, its socket and its token in one folder.
struct Node {
    gateway: Gateway,
    folder: TempDir,
}

/// An answer of the node.
struct Answer {
    status: u16,
    etag: String,
    head: String,
    content: Value,
}

trait Way: Read + Write {}
impl<T: Read + Write> Way for T {}

/// A configuration with this route.
fn text(folder: &TempDir, route: &str) -> String {
    let at = |name: &str| folder.path().join(name).display().to_string();
    format!(
        "version: 1\naccess_log: off\nstatus: {{ bind: 127.0.0.1:0, socket: {}, token: '${{file:{}}}' }}\n\
         listeners: [ {{ name: public, bind: 127.0.0.1:0 }} ]\n\
         routes: [ {{ name: {route}, match: {{ path: /{route} }}, answer: {{ status: 200 }} }} ]\n",
        at("admin.sock"),
        at("token"),
    )
}

impl Node {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("token"), format!("{TOKEN}\n")).unwrap();
        fs::write(folder.path().join("gateway.yaml"), text(&folder, "first")).unwrap();
        let startup = Startup::read(&folder.path().join("gateway.yaml"), None).unwrap();
        Self { gateway: Gateway::start(startup).unwrap(), folder }
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("admin.sock")
    }

    fn text(&self, route: &str) -> String {
        text(&self.folder, route)
    }

    fn through_socket(&self) -> Box<dyn Way> {
        let stream = UnixStream::connect(self.socket()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Box::new(stream)
    }

    fn through_network(&self) -> Box<dyn Way> {
        let stream = TcpStream::connect(self.gateway.status_address().unwrap()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Box::new(stream)
    }

    fn get(&self) -> Answer {
        ask(&mut *self.through_network(), "GET /config", "", "")
    }

    fn metrics(&self) -> String {
        let (mut way, mut page) = (self.through_network(), String::new());
        way.write_all(b"GET /metrics HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n").unwrap();
        way.read_to_string(&mut page).unwrap();
        page
    }

    /// A change through the socket.
    fn change(&self, line: &str, fields: &str, body: &str) -> Answer {
        ask(&mut *self.through_socket(), line, fields, body)
    }
}

fn ask(way: &mut dyn Way, line: &str, fields: &str, body: &str) -> Answer {
    let length = body.len();
    let request = format!("{line} HTTP/1.1\r\nHost: node\r\nContent-Length: {length}\r\n{fields}\r\n{body}");
    // A refusal may come before the whole body is taken.
    let _ = way.write_all(request.as_bytes());
    answer(way)
}

fn answer(way: &mut dyn Way) -> Answer {
    let mut reader = BufReader::with_capacity(1, way);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert!(reader.read_line(&mut head).unwrap() > 0, "closed after {head:?}");
    }
    let field = |name: &str| {
        let line = head.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|value| value.strip_prefix(": ")).unwrap_or_default().to_owned()
    };
    let mut content = vec![0; field("Content-Length").parse().unwrap_or(0)];
    reader.read_exact(&mut content).unwrap();
    let content = serde_json::from_slice(&content).unwrap_or_default();
    Answer { status: head[9..12].parse().unwrap(), etag: field("ETag"), head, content }
}

#[test]
fn who_may_change_the_configuration() {
    let node = Node::start();
    let body = node.text("second");
    for fields in ["", "Authorization: Bearer wrong-wrong-wrong-wrong\r\n", "Authorization: Basic eDp5\r\n"] {
        let refused = ask(&mut *node.through_network(), "PUT /config", fields, &body);
        assert_eq!((refused.status, &refused.content["code"]), (403, &"forbidden".into()), "{fields}");
        assert!(refused.head.contains("application/problem+json"), "{}", refused.head);
        assert!(refused.content["detail"].as_str().unwrap().contains("--unix-socket"), "it says how");
    }
    assert_eq!(node.get().content["generation"], 1, "nothing has changed");
    let bearer = format!("Authorization: bearer {TOKEN}\r\n");
    let applied = ask(&mut *node.through_network(), "PUT /config", &bearer, &body);
    assert_eq!((applied.status, &applied.content["generation"]), (200, &2.into()), "{}", applied.content);
    let applied = node.change("PUT /config", "", &node.text("third"));
    assert_eq!((applied.status, &applied.content["generation"]), (200, &3.into()), "the socket asks for no token");
    let report = node.get();
    assert!(!report.content.to_string().contains(TOKEN), "the token is not shown: {}", report.content);
    assert_eq!((report.etag, report.content["cause"].as_str()), (applied.etag, Some("put")));
}

#[test]
fn the_socket_is_the_users_own_and_goes_with_the_node() {
    let node = Node::start();
    let (socket, file) = (node.socket(), node.folder.path().join("gateway.yaml"));
    let found = fs::symlink_metadata(&socket).unwrap();
    assert!(found.file_type().is_socket());
    assert_eq!(found.permissions().mode() & 0o777, 0o600);
    let second = Gateway::start(Startup::read(&file, None).unwrap()).unwrap_err().to_string();
    assert!(second.contains("admin.sock") && second.contains("in use"), "{second}");
    let Node { gateway, folder } = node;
    drop(gateway);
    assert!(!socket.exists());
    drop(UnixListener::bind(&socket).unwrap());
    assert!(socket.exists(), "as a killed process leaves it behind");
    let gateway = Gateway::start(Startup::read(&file, None).unwrap()).unwrap();
    let node = Node { gateway, folder };
    assert_eq!(node.change("GET /livez", "", "").status, 200);
}

#[test]
fn a_bad_change_is_answered_with_its_mistakes_and_changes_nothing() {
    let node = Node::start();
    let before = node.get();
    let bad = node.text("second").replace("status: 200", "status: 99").replace("name: second", "name: '?'");
    let refused = node.change("PUT /config", "", &bad);
    assert_eq!((refused.status, &refused.content["code"]), (422, &"config_invalid".into()));
    let errors = refused.content["errors"].as_array().unwrap();
    assert_eq!(errors.len(), 2, "{}", refused.content);
    assert_eq!((&errors[0]["line"], &errors[0]["column"]), (&5.into(), &19.into()), "{}", errors[0]);
    assert!(errors[0]["message"].as_str().unwrap().contains("is not a name") && !errors[0]["help"].is_null());
    let after = node.get();
    assert_eq!(after.etag, before.etag);
    assert_eq!(after.content["refused"]["errors"].as_array().unwrap().len(), 2, "{}", after.content);
    for (body, code) in [("\u{1}", "config_invalid"), ("", "config_invalid")] {
        let refused = node.change("PUT /config", "", body);
        assert_eq!((refused.status, &refused.content["code"]), (422, &code.into()));
    }
    assert_eq!(node.change("PUT /config", "", &node.text("second")).status, 200);
    assert!(node.get().content["refused"].is_null(), "what was refused before is history");
}

#[test]
fn editors_do_not_overwrite_each_other() {
    let node = Node::start();
    let tag = node.get().etag;
    let condition = format!("If-Match: {tag}\r\n");
    let first = node.change("PUT /config", &condition, &node.text("second"));
    assert_eq!(first.status, 200);
    let second = node.change("PUT /config", &condition, &node.text("third"));
    assert_eq!((second.status, &second.content["code"]), (412, &"config_mismatch".into()));
    assert_eq!(second.etag, first.etag, "it says what runs");
    for condition in ["If-Match: *\r\n".to_owned(), format!("If-Match: \"x\", {}\r\n", first.etag)] {
        assert_ne!(node.change("PUT /config?dry_run=true", &condition, &node.text("third")).status, 412);
    }
}

#[test]
fn a_dry_run_judges_and_changes_nothing() {
    let node = Node::start();
    let before = node.get();
    let judged = node.change("PUT /config?dry_run=true", "", &node.text("second"));
    assert_eq!((judged.status, &judged.content["result"]), (200, &"valid".into()), "{}", judged.content);
    assert_ne!(judged.content["would_be_digest"], before.content["digest"]);
    assert_eq!(node.change("PUT /config?dry_run=true", "", "nonsense").status, 422);
    let misspelt = node.change("PUT /config?dryrun=true", "", &node.text("second"));
    assert_eq!((misspelt.status, &misspelt.content["code"]), (400, &"bad_query".into()));
    let after = node.get();
    assert!(after.etag == before.etag && after.content["refused"].is_null(), "{}", after.content);
}

#[test]
fn what_runs_already_is_no_change() {
    let node = Node::start();
    let same = node.change("PUT /config", "", &format!("# the same\n{}", node.text("first")));
    assert_eq!(
        (same.status, &same.content["result"], &same.content["generation"]),
        (200, &"unchanged".into(), &1.into())
    );
}

/// What is laid over the file is not what the file says.
#[test]
fn a_file_that_is_only_touched_undoes_nothing_under_an_overlay() {
    let folder = tempfile::tempdir().unwrap();
    let (path, route) = (folder.path().join("gateway.yaml"), |name: &str| {
        format!("changed: {{ routes: [ {{ name: {name}, match: {{ path: /{name} }}, answer: {{ status: 200 }} }} ] }}")
    });
    fs::write(folder.path().join("token"), TOKEN).unwrap();
    fs::write(&path, text(&folder, "first")).unwrap();
    let overlay = route("laid");
    let startup = Startup::read(&path, None).unwrap().watched(true);
    let startup = startup.laid_over(Arc::new(move |base| Ok(format!("base: {base}\n{overlay}\n")))).unwrap();
    let node = Node { gateway: Gateway::start(startup).unwrap(), folder };
    node.gateway.patch(format!("base: {}\n{}\n", node.gateway.generation(), route("patched"))).unwrap();
    let generation = node.gateway.generation();
    fs::write(&path, node.text("first")).unwrap();
    let unchanged = "tollgate_config_changes_total{result=\"unchanged\"} 1\n";
    while !node.metrics().contains(unchanged) {
        assert_eq!(node.gateway.generation(), generation, "the patch is gone");
        thread::yield_now();
    }
    fs::write(&path, node.text("second")).unwrap();
    while node.gateway.generation() == generation {
        thread::yield_now();
    }
}

/// What was laid over it before goes on.
#[test]
fn without_what_is_laid_over_it_a_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gateway.yaml");
    fs::write(folder.path().join("token"), TOKEN).unwrap();
    fs::write(&path, text(&folder, "first")).unwrap();
    let (is_there, laid) = (
        Arc::new(AtomicBool::new(true)),
        r#"changed: { routes: [ { name: laid, match: { path: /laid }, answer: { status: 200 } } ] }"#,
    );
    let asked = is_there.clone();
    let overlay = move |base: &str| match asked.load(Ordering::SeqCst) {
        true => Ok(format!("base: {base}\n{laid}\n")),
        false => Err("the store is gone".to_owned()),
    };
    let startup = Startup::read(&path, None).unwrap().laid_over(Arc::new(overlay)).unwrap();
    let node = Node { gateway: Gateway::start(startup).unwrap(), folder };
    let generation = node.gateway.generation();
    is_there.store(false, Ordering::SeqCst);
    fs::write(&path, node.text("second")).unwrap();
    let refused = node.gateway.renew().unwrap_err();
    assert!(refused.to_string().contains("the store is gone"), "{refused}");
    assert_eq!((node.gateway.generation(), node.gateway.has("routes", "laid")), (generation, true));
    is_there.store(true, Ordering::SeqCst);
    node.gateway.renew().unwrap();
    assert!(node.gateway.generation() > generation && node.gateway.has("routes", "laid"));
}

#[test]
fn a_body_comes_in_every_framing_and_the_connection_goes_on() {
    let node = Node::start();
    let mut way = node.through_socket();
    let body = node.text("second");
    let (one, two) = body.split_at(100);
    let chunked = format!("{:x}\r\n{one}\r\n{:x}\r\n{two}\r\n0\r\nX-Trailer: 1\r\n\r\n", one.len(), two.len());
    write!(way, "PUT /config HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{chunked}").unwrap();
    assert_eq!(answer(&mut *way).content["generation"], 2);
    let body = node.text("third");
    let length = body.len();
    write!(way, "PUT /config HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\nExpect: 100-continue\r\n\r\n").unwrap();
    assert_eq!(answer(&mut *way).status, 100);
    // The next request comes with the end of the body.
    write!(way, "{body}GET /livez HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    assert_eq!(answer(&mut *way).content["generation"], 3);
    assert_eq!(answer(&mut *way).status, 200);
    write!(way, "PUT /config HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n").unwrap();
    let refused = answer(&mut *way);
    assert!(refused.status == 400 && refused.head.contains("Connection: close"), "{}", refused.head);
}

#[test]
fn a_body_above_the_bound_is_refused_unread() {
    let node = Node::start();
    let mut way = node.through_socket();
    write!(way, "PUT /config HTTP/1.1\r\nHost: a\r\nContent-Length: 268435457\r\n\r\n").unwrap();
    let refused = answer(&mut *way);
    assert!(refused.status == 413 && refused.head.contains("Connection: close"), "{}", refused.head);
    let other = node.change("DELETE /config", "", "");
    assert!(other.status == 405 && other.head.contains("Allow: GET, HEAD, PUT, PATCH\r\n"), "{}", other.head);
}

#[test]
fn a_report_says_what_every_worker_runs() {
    let node = Node::start();
    assert_eq!(node.change("PUT /config", "", &node.text("second")).status, 200);
    let report = node.get().content;
    let workers = report["workers"].as_array().unwrap();
    assert!(!workers.is_empty() && workers.iter().all(|worker| worker["generation"] == 2), "{report}");
    assert_eq!(report["digest"].as_str().map(str::len), Some(16));
}

/// A file that nobody writes stands for whatever takes long: a large configuration, a name server that does not answer.
#[test]
fn a_change_that_takes_long_holds_up_nobody_but_itself() {
    let node = Node::start();
    let slow = node.folder.path().join("slow");
    rustix::fs::mknodat(rustix::fs::CWD, &slow, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let body = node.text("second") + &format!("forwarded: '${{file:{}}}'\n", slow.display());
    let put = |way: &mut dyn Way, body: &str| {
        let length = body.len();
        write!(way, "PUT /config HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n{body}").unwrap();
    };
    let (mut change, mut next) = (node.through_socket(), node.through_socket());
    put(&mut *change, &body);
    // Opening it waits until the other side reads.
    let mut slow = fs::OpenOptions::new().write(true).open(slow).unwrap();
    put(&mut *next, &node.text("third"));
    for page in ["GET /livez", "GET /metrics"] {
        assert_eq!(ask(&mut *node.through_network(), page, "", "").status, 200, "{page}");
    }
    assert_eq!(node.get().content["generation"], 1, "the report is there too");
    slow.write_all(b"both\n").unwrap();
    drop(slow);
    assert_eq!(answer(&mut *change).content["generation"], 2);
    assert_eq!(answer(&mut *next).content["generation"], 3, "changes are made in the order they came");
}

/// Its place would be taken by a copy without includes and comments.
#[test]
fn a_file_of_the_configuration_is_no_place_for_the_last_good_one() {
    let folder = tempfile::tempdir().unwrap();
    let [file, part] = ["gateway.yaml", "routes.yaml"].map(|name| folder.path().join(name));
    let whole = "# Ours.\nversion: 1\nstatus: off\naccess_log: off\ninclude: [routes.yaml]\n\
                 listeners: [ { name: public, bind: 127.0.0.1:0 } ]\n";
    fs::write(&file, whole).unwrap();
    fs::write(&part, "routes: []\n").unwrap();
    for kept in [&file, &part, &folder.path().join(".").join("gateway.yaml")] {
        let error = Gateway::start(Startup::read(&file, Some(kept)).unwrap()).unwrap_err().to_string();
        assert!(error.contains("would be overwritten") && error.contains("--last-good"), "{error}");
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), whole);
    drop(Gateway::start(Startup::read(&file, Some(&folder.path().join("kept.json"))).unwrap()).unwrap());
}

#[test]
fn a_draining_node_takes_no_change() {
    let node = Node::start();
    let body = node.text("second");
    let mut way = node.through_socket();
    node.gateway.drain();
    let refused = ask(&mut *way, "PUT /config", "", &body);
    assert!(refused.status == 503 && refused.content["code"] == "draining", "{}", refused.content);
}
