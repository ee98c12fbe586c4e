//! The access log of the real binary under load: rotation loses and repeats nothing, a crash leaves whole lines.
//!
//! For each writer; where the direct one is refused, the gateway says so and the plain one is tested twice.

use nix::sys::signal::Signal;
use serde_json::Value;
use std::{
    collections::HashSet,
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    thread,
};
use tollgate_e2e::{Connection, Node, Process, origin, until};
use tollgate_loadtest::Origin;

const CLIENTS: usize = 4;
const WRITERS: [&str; 2] = ["plain", "auto"];

fn start(writer: &str, more: &str) -> (Origin, Node) {
    let origin = origin();
    let node = Node::logging(
        &format!(", writer: {writer}{more}"),
        &format!(
            "upstreams: [ {{ name: origin, endpoints: [ {{ address: \"{}\" }} ] }} ]\n\
             routes: [ {{ name: all, match: {{ path: \"/{{rest*}}\" }}, upstream: origin }} ]\n",
            origin.address()
        ),
    );
    if writer == "auto" && node.process.errors().contains("without direct I/O") {
        eprintln!("SKIPPED for the direct writer: {}", node.process.errors());
    }
    (origin, node)
}

/// `count` requests on one connection, named by client and number.
fn load(address: SocketAddr, client: usize, count: usize) {
    let mut connection = Connection::open(address);
    for number in 0..count {
        connection.send(format!("GET /bytes/1 HTTP/1.1\r\nHost: test\r\nUser-Agent: {client}-{number}\r\n\r\n"));
        assert_eq!(connection.response().status, 200);
    }
}

/// The contents of the log's files: closed ones by name, then the current one.
fn files(logs: &Path) -> Vec<String> {
    let entries = fs::read_dir(logs).expect("the gateway made it");
    let mut paths: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    // `access.log` would come first.
    paths.sort_by_key(|path| (path.ends_with("access.log"), path.clone()));
    paths.iter().filter_map(|path| fs::read_to_string(path).ok()).collect()
}

fn names(text: &str) -> impl Iterator<Item = String> {
    text.lines().map(|line| {
        let record: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
        record["user_agent"].as_str().expect("it was sent with one").to_owned()
    })
}

#[test]
fn rotation_under_load_keeps_one_record_for_every_request() {
    const REQUESTS: usize = 2_000;
    for writer in WRITERS {
        let (_origin, mut node) = start(writer, ", rotate: { size: 128KiB }");
        thread::scope(|scope| {
            for client in 0..CLIENTS {
                let address = node.address;
                scope.spawn(move || load(address, client, REQUESTS));
            }
        });
        node.process.signal(Signal::SIGTERM);
        assert_eq!(node.process.ended().code(), Some(0));
        let files = files(&node.logs());
        assert!(files.len() > 5, "{writer}: {} files", files.len());
        assert!(files.iter().all(|text| text.len() <= 128 * 1024 && text.ends_with('\n')), "{writer}");
        let all: Vec<_> = files.iter().flat_map(|text| names(text)).collect();
        assert_eq!(all.len(), CLIENTS * REQUESTS, "{writer}");
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), CLIENTS * REQUESTS, "{writer}");
        assert!(!node.process.errors().contains("lost"), "{writer}: {}", node.process.errors());
    }
}

#[test]
fn retention_bounds_the_files() {
    let (_origin, node) = start("plain", ", rotate: { size: 128KiB }, keep: { files: 2 }");
    load(node.address, 0, 3_000);
    until("the last records", || files(&node.logs()).last()?.contains("0-2999").then_some(()));
    assert_eq!(files(&node.logs()).len(), 3, "the current one and two closed ones");
}

/// Requests without end on one connection, until it breaks.
fn load_until_crash(address: SocketAddr) {
    let mut stream = TcpStream::connect(address).expect("it listens");
    let request = b"GET /bytes/1 HTTP/1.1\r\nHost: test\r\nUser-Agent: before\r\n\r\n";
    while stream.write_all(request).is_ok() && stream.read(&mut [0; 4096]).is_ok_and(|count| count > 0) {}
}

/// SIGKILL while records are written: what is there are whole lines, but for one at the end, which the next start cuts.
#[test]
fn a_crash_leaves_whole_lines_and_the_next_start_cuts_the_rest() {
    for writer in WRITERS {
        let (_origin, node) = start(writer, "");
        let (address, log) = (node.address, node.logs().join("access.log"));
        let mut left = String::new();
        let node = thread::scope(|scope| {
            (0..CLIENTS).for_each(|_| drop(scope.spawn(move || load_until_crash(address))));
            until("the log to fill", || fs::metadata(&log).ok().filter(|log| log.len() > 600_000));
            node.crashed_and_restarted(|logs| left = files(logs).concat())
        });
        let whole = &left[..left.rfind('\n').unwrap() + 1];
        assert!(names(whole).all(|name| name == "before"), "{writer}: every line is a record, none has padding");
        load(node.address, 0, 1);
        let text = until("a record after the crash", || {
            files(&node.logs()).into_iter().next().filter(|text| text.ends_with('\n') && text.len() > whole.len())
        });
        assert_eq!(&text[..whole.len()], whole, "{writer}");
        assert_eq!(names(&text[whole.len()..]).collect::<Vec<_>>(), ["0-0"], "{writer}");
    }
}

/// What logrotate does.
#[test]
fn a_hangup_opens_the_path_again() {
    for writer in WRITERS {
        let (_origin, node) = start(writer, "");
        load(node.address, 0, 1);
        let (current, moved) = (node.logs().join("access.log"), node.logs().join("access.log.1"));
        until("the first record", || fs::read_to_string(&current).ok()?.ends_with('\n').then_some(()));
        fs::rename(&current, &moved).expect("it is there");
        node.process.signal(Signal::SIGHUP);
        until("a new file", || current.exists().then_some(()));
        load(node.address, 1, 1);
        until("the second record", || fs::read_to_string(&current).ok()?.contains("\"1-0\"").then_some(()));
        assert_eq!(
            names(&fs::read_to_string(&moved).expect("it was renamed")).collect::<Vec<_>>(),
            ["0-0"],
            "{writer}"
        );
    }
}

/// The direct writer has three rings of its own; nobody else pays for them.
#[test]
fn only_the_direct_writer_has_rings() {
    let rings = |writer| {
        let (_origin, node) = start(writer, "");
        (node.process.rings(), node.process.errors().contains("without direct I/O"))
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gateway.yaml");
    let listeners = "listeners: [ { name: public, bind: 127.0.0.1:0 } ]";
    fs::write(&file, format!("version: 1\nstatus: {{ bind: 127.0.0.1:0 }}\naccess_log: off\n{listeners}\n")).unwrap();
    let mut silent = Process::start(&["gateway", "--config", &file.to_string_lossy()]);
    silent.announced("status on ");
    let none = silent.rings();
    assert_eq!(rings("plain"), (none, false));
    let (direct, is_refused) = rings("auto");
    assert_eq!(direct, if is_refused { none } else { none + 3 });
}

/// A pipe that nobody reads takes a few of them; the last line tells of all that were not written.
#[test]
fn what_nobody_takes_is_counted_at_the_end() {
    const REQUESTS: usize = 1_000;
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("access.log");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    // Both ways, so that neither side waits for the other to open it.
    let _reader = fs::OpenOptions::new().read(true).write(true).open(&pipe).unwrap();
    let file = folder.path().join("gateway.yaml");
    let route = "{ name: all, match: { path: \"/{rest*}\" }, answer: { status: 200 } }";
    let text = format!(
        "version: 1\nstatus: off\naccess_log: {{ path: {pipe:?} }}\n\
         listeners: [ {{ name: public, bind: 127.0.0.1:0 }} ]\nroutes: [ {route} ]\n"
    );
    fs::write(&file, text).unwrap();
    let mut process = Process::start(&["gateway", "--config", &file.to_string_lossy()]);
    let address = process.announced("listener public on ").parse().unwrap();
    load(address, 0, REQUESTS);
    process.signal(Signal::SIGTERM);
    process.ended();
    let errors = process.errors();
    let line =
        errors.lines().find(|line| line.contains("access records were lost")).unwrap_or_else(|| panic!("{errors}"));
    let unwritten = line.rsplit(' ').next().unwrap().parse::<usize>().unwrap();
    assert!((REQUESTS / 2..=REQUESTS).contains(&unwritten), "{line}");
}
