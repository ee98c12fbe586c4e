//! `tollgate demo`: it runs, and what it tells people to type works.

use nix::sys::signal::Signal;
use std::{net::SocketAddr, process::Command};
use tollgate_e2e::{Process, get, run, until};

struct Demo {
    process: Process,
    address: SocketAddr,
    /// The lines it prints for people to try.
    commands: Vec<String>,
}

fn start() -> Demo {
    let mut process = Process::start(&["demo", "--port", "0"]);
    let address = process.announced("listener demo on ").parse().expect("it prints an address");
    process.announced("Below: the access log.");
    let errors = process.errors();
    let commands = errors.lines().map(str::trim).filter(|line| line.starts_with("curl ")).map(str::to_owned).collect();
    Demo { process, address, commands }
}

#[test]
fn the_printed_commands_work() {
    let mut demo = start();
    assert_eq!(demo.commands.len(), 3);
    for command in &demo.commands {
        let target = command.split(&demo.address.to_string()).nth(1).unwrap();
        assert_eq!(get(demo.address, target).status, 200, "{command}");
        // As printed, where there is a curl; its absence is no fault of ours.
        if let Ok(curl) = Command::new("sh").args(["-c", &format!("{command} --fail --silent --show-error")]).output() {
            let missing = curl.status.code() == Some(127);
            assert!(missing || curl.status.success(), "{command}: {}", String::from_utf8_lossy(&curl.stderr));
        }
    }
    until("an access record on standard output", || {
        demo.process.output().contains("\"path\":\"/hello\"").then_some(())
    });
    demo.process.signal(Signal::SIGINT);
    assert_eq!(demo.process.ended().code(), Some(0));
}

#[test]
fn the_origins_take_turns() {
    let demo = start();
    let answers: Vec<_> = (0..16).map(|_| get(demo.address, "/hello").text()).collect();
    for origin in ["origin-1", "origin-2"] {
        assert!(answers.iter().any(|answer| answer.contains(origin)), "{origin}: {answers:?}");
    }
}

#[test]
fn a_taken_port_is_told_with_its_remedy() {
    let demo = start();
    let second = run(&["demo", "--port", &demo.address.port().to_string()]);
    assert_eq!(second.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&second.stderr).contains("--port"));
}
