//! `tollgate origin` as a script sees it: where it says that it listens, how it ends, and what it refuses.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    process::{Command, Output, Stdio},
};

fn origin() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
    command.arg("origin").stderr(Stdio::piped());
    command
}

#[test]
fn it_answers_until_it_is_told_to_stop_and_counts() {
    let mut child = origin().args(["--bind", "127.0.0.1:0", "--workers", "1"]).spawn().expect("it starts");
    let mut said = BufReader::new(child.stderr.take().expect("standard error is a pipe"));
    let mut line = String::new();
    said.read_line(&mut line).expect("it says something");
    let address = line.trim_end().strip_prefix("origin on http://").expect("the first line has the address");
    let mut client = TcpStream::connect(address).expect("it listens");
    client.write_all(b"GET /status/404 HTTP/1.0\r\n\r\n").expect("it takes a request");
    let mut answer = String::new();
    client.read_to_string(&mut answer).expect("it answers");
    assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
    let told = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().expect("kill is there");
    assert!(told.success());
    let mut rest = String::new();
    said.read_to_string(&mut rest).expect("it ends");
    assert!(rest.contains("/delay/lognormal/MEDIAN-SIGMA/..."), "{rest}");
    assert!(rest.contains("\n1 requests on 1 connections, "), "{rest}");
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
}

fn refused(arguments: &[&str]) -> String {
    let Output { status, stderr, .. } = origin().args(arguments).output().expect("it starts");
    assert_eq!(status.code(), Some(3), "{arguments:?}");
    String::from_utf8_lossy(&stderr).into_owned()
}

#[test]
fn what_it_cannot_do_is_told_with_the_remedy() {
    assert!(refused(&["--bind", "0.0.0.0:0"]).contains("--beyond-loopback"));
    assert!(refused(&["--bind", "127.0.0.1:0", "--workers", "0"]).contains("from 1 to"));
    assert!(refused(&["--bind", "127.0.0.1:0", "--cpus", "100000"]).contains("CPU 100000"));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let address = taken.local_addr().expect("it is bound").to_string();
    assert!(refused(&["--bind", &address]).contains(&address));
}
