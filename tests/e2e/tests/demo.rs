//! `tollgate demo`: it runs, and every line that it tells people to type is answered as it says.

use nix::sys::signal::Signal;
use std::{
    fs,
    net::SocketAddr,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};
use tollgate_e2e::{Connection, Process, ask, run, until};

struct Demo {
    process: Process,
    address: SocketAddr,
    folder: PathBuf,
    /// The lines it prints for people to try, each with the status that its last answer is said to have.
    lines: Vec<(u16, String)>,
}

fn start() -> Demo {
    start_with(&[])
}

fn start_with(more: &[&str]) -> Demo {
    let mut process = Process::start(&[&["demo", "--port", "0"], more].concat());
    let address = process.announced("listener demo on ").parse().expect("it prints an address");
    let folder = process.announced("All of it is in ").into();
    process.announced("Below: the access log.");
    let errors = process.errors();
    let printed: Vec<_> = errors.lines().collect();
    let lines = printed.windows(2).filter(|pair| pair[1].starts_with("curl "));
    let lines = lines.map(|pair| (said(pair[0]), pair[1].to_owned())).collect();
    Demo { process, address, folder, lines }
}

/// The last status in a remark.
fn said(remark: &str) -> u16 {
    let mut words = remark.split(|c: char| !c.is_ascii_digit());
    words.rfind(|word| word.len() == 3).expect("a remark has a status").parse().expect("it has digits")
}

/// The words of a line of a shell that quotes with `'` only.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut quoted) = (vec![String::new()], false);
    for c in line.chars() {
        match (c, quoted, words.last_mut()) {
            ('\'', ..) => quoted = !quoted,
            (' ', false, _) => words.push(String::new()),
            (.., Some(word)) => word.push(c),
            _ => {}
        }
    }
    words
}

/// Does what `curl` would, with the options that a demo uses; gives the statuses.
fn done(line: &str) -> Vec<u16> {
    let (mut fields, mut body, mut targets) = (String::new(), None, Vec::new());
    let mut words = words(line).into_iter().skip(1);
    let mut host = String::new();
    while let Some(word) = words.next() {
        let mut value = || words.next().expect("the option has a value");
        match word.as_str() {
            "-i" | "-s" => {}
            "-o" | "-w" => drop(value()),
            "-d" => body = Some(value()),
            "-H" => {
                let field = value();
                let file = field.strip_prefix('@').map(|path| fs::read_to_string(path).expect("the file is there"));
                fields.push_str(file.as_deref().unwrap_or(&field).trim_end());
                fields.push_str("\r\n");
            }
            url => {
                let (authority, path) = url.strip_prefix("http://").and_then(|url| url.split_once('/')).expect(url);
                authority.clone_into(&mut host);
                match path.split_once("[1-6]") {
                    Some((before, after)) => targets.extend((1..=6).map(|number| format!("/{before}{number}{after}"))),
                    None => targets.push(format!("/{path}")),
                }
            }
        }
    }
    let address = host.parse().expect("a demo prints addresses");
    targets
        .iter()
        .map(|target| {
            body.as_ref()
                .map_or_else(|| ask(address, target, &fields).status, |body| post(address, target, &fields, body))
        })
        .collect()
}

fn post(address: SocketAddr, target: &str, fields: &str, body: &str) -> u16 {
    let mut connection = Connection::open(address);
    let length = body.len();
    connection.send(format!(
        "POST {target} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n{fields}Content-Length: {length}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\n\r\n{body}"
    ));
    connection.response().status
}

#[test]
fn the_printed_lines_do_what_is_said() {
    let mut demo = start();
    let wanted: Vec<_> = demo.lines.iter().map(|(status, _)| *status).collect();
    assert_eq!(wanted, [401, 200, 429, 404, 200, 200, 200]);
    let (last, first) = demo.lines.split_last().unwrap();
    for (wanted, line) in first {
        assert_eq!(done(line).last(), Some(wanted), "{line}");
    }
    // The rollback is on its way to the workers when it was answered.
    until("what was rolled back", || (done(&last.1).last() == Some(&last.0)).then_some(()));
    assert_eq!(fs::metadata(demo.folder.join("authorization")).unwrap().permissions().mode() & 0o777, 0o600);
    until("an access record on standard output", || {
        demo.process.output().contains("\"path\":\"/orders/17\"").then_some(())
    });
    demo.process.signal(Signal::SIGINT);
    assert_eq!(demo.process.ended().code(), Some(0));
    assert!(!demo.folder.exists());
}

/// The same lines in a shell, where there is a curl; its absence is no fault of ours.
#[test]
fn the_printed_lines_work_as_they_stand() {
    let demo = start();
    let has_curl = Command::new("curl").arg("--version").output().is_ok();
    for (wanted, line) in demo.lines.iter().filter(|_| has_curl) {
        until(&format!("{wanted} for {line}"), || {
            let line = format!("{line} -s -o /dev/null -w '%{{http_code}}\\n'");
            let output = Command::new("sh").args(["-c", &line]).output().expect("there is a shell");
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            (text.lines().last() == Some(&wanted.to_string())).then_some(())
        });
    }
}

#[test]
fn the_origins_take_turns() {
    let demo = start();
    let key = words(&demo.lines[1].1).into_iter().find(|word| word.starts_with("X-API-Key")).unwrap();
    let answers: Vec<_> = (0..4).map(|_| ask(demo.address, "/orders/17", &format!("{key}\r\n")).text()).collect();
    for origin in ["origin-1", "origin-2"] {
        assert!(answers.iter().any(|answer| answer.contains(origin)), "{origin}: {answers:?}");
    }
}

#[test]
fn a_folder_that_is_named_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("it's here");
    let mut demo = start_with(&["--data", path.to_str().unwrap()]);
    demo.process.signal(Signal::SIGTERM);
    assert_eq!(demo.process.ended().code(), Some(0));
    let is_there = |name: &str| Path::new(&path).join(name).exists();
    assert!(["gateway.yaml", "data/tollgate.db", "authorization"].into_iter().all(is_there));
    let again = run(&["demo", "--port", "0", "--data", path.to_str().unwrap()]);
    assert_eq!(again.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&again.stderr).contains("is not empty"));
}

#[test]
fn a_taken_port_is_told_with_its_remedy() {
    let demo = start();
    let second = run(&["demo", "--port", &demo.address.port().to_string()]);
    assert_eq!(second.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&second.stderr).contains("--port"));
}
