//! What a service manager is told, over a real datagram socket.

use nix::sys::signal::Signal;
use std::{os::unix::net::UnixDatagram, time::Duration};
use tollgate_e2e::{DEADLINE, Folder, Site};

/// The socket of a service manager, and a gateway that was told of it.
fn start(environment: &[(&str, &str)]) -> (UnixDatagram, Site) {
    let folder = Folder::new(None);
    let path = folder.path("notify");
    let socket = UnixDatagram::bind(&path).expect("a temporary folder takes a socket");
    socket.set_read_timeout(Some(DEADLINE)).expect("the deadline is not zero");
    folder.put("gateway.yaml", &folder.text("one"));
    let path = path.to_string_lossy().into_owned();
    let site = folder.start(&[], &[&[("NOTIFY_SOCKET", path.as_str())], environment].concat());
    (socket, site)
}

fn message(socket: &UnixDatagram) -> String {
    let mut buffer = [0; 1024];
    let length = socket.recv(&mut buffer).expect("there is another message in time");
    String::from_utf8_lossy(&buffer[..length]).into_owned()
}

fn has(message: &str, line: &str) -> bool {
    message.lines().any(|found| found == line)
}

#[test]
fn the_life_of_a_node_is_told() {
    let (socket, mut site) = start(&[]);
    assert!(has(&message(&socket), "READY=1"));
    assert_eq!(site.page("/readyz").status, 200);
    site.folder().put("gateway.yaml", &site.folder().text("two"));
    site.process.signal(Signal::SIGHUP);
    let reloading = message(&socket);
    let since = reloading.lines().find_map(|line| line.strip_prefix("MONOTONIC_USEC="));
    assert!(has(&reloading, "RELOADING=1") && since.is_some_and(|since| since.parse::<u64>().is_ok()), "{reloading}");
    assert!(has(&message(&socket), "READY=1"));
    assert_eq!(site.answer(), "two", "ready means that it runs");
    site.folder().put("gateway.yaml", "nonsense");
    site.process.signal(Signal::SIGHUP);
    assert!(has(&message(&socket), "RELOADING=1"));
    assert!(has(&message(&socket), "READY=1"), "a bad file does not leave it reloading");
    site.process.signal(Signal::SIGTERM);
    assert!(has(&message(&socket), "STOPPING=1"));
    assert_eq!(site.process.ended().code(), Some(0));
    socket.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
    assert!(socket.recv(&mut [0; 64]).is_err(), "nothing more, and no watchdog that was not asked for");
}

#[test]
fn a_watchdog_is_told_that_the_workers_answer() {
    let (socket, _site) = start(&[("WATCHDOG_USEC", "200000")]);
    for _ in 0..5 {
        let told = message(&socket);
        assert!(has(&told, "READY=1") || has(&told, "WATCHDOG=1"), "{told}");
    }
}
