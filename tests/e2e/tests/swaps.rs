//! A thousand configurations one after the other, under load: no request fails and no tunnel breaks.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
};
use tollgate_e2e::{Connection, Folder, Site, origin, until};

const SWAPS: u64 = 1000;
const CLIENTS: usize = 4;

/// Asks on one connection, and on a new one when that was closed as it should be, until it is told to stop.
fn load(site: &Site, stop: &AtomicBool, asked: &AtomicU64) {
    let mut connection = Connection::open(site.address);
    while !stop.load(Ordering::Relaxed) {
        for target in ["/answer", "/bytes/1000"] {
            connection.send(format!("GET {target} HTTP/1.1\r\nHost: test\r\n\r\n"));
            let response = connection.response();
            assert_eq!(response.status, 200, "{target}: {}", response.text());
            assert!(response.body.len() == 1000 || response.text().starts_with('v'), "{}", response.text());
            asked.fetch_add(1, Ordering::Relaxed);
            if response.field("connection") == Some("close") {
                connection = Connection::open(site.address);
            }
        }
    }
}

/// The first items of a configuration, each of which a patch replaces.
fn patch(base: u64, origin: &str) -> String {
    format!(
        "{{\"base\": {base}, \"changed\": {{ \
         \"upstreams\": [{{\"name\": \"origin\", \"endpoints\": [{{\"address\": \"{origin}\", \"weight\": {}}}]}}], \
         \"routes\": [{{\"name\": \"answer\", \"match\": {{\"path\": \"/answer\"}}, \
         \"answer\": {{\"status\": 200, \"body\": \"v{base}\"}} }}] }} }}",
        base % 7 + 1
    )
}

#[test]
fn no_request_fails_and_no_tunnel_breaks() {
    let origin = origin();
    let address = origin.address().to_string();
    let folder = Folder::new(Some(origin.address()));
    folder.put("gateway.yaml", &folder.text("v0"));
    let site = folder.start(&[], &[]);
    let mut tunnel = Connection::open(site.address);
    tunnel.send("GET /echo-upgrade HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nbefore");
    assert_eq!(tunnel.head().status, 101);
    assert_eq!(tunnel.take(6), b"before");
    let (stop, asked) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(|| load(&site, &stop, &asked))).collect();
        until("some load", || (asked.load(Ordering::Relaxed) > 100).then_some(()));
        let before = asked.load(Ordering::Relaxed);
        let swapped = (1..=SWAPS).find(|base| site.ask("PATCH /config", "", &patch(*base, &address)).0 != 200);
        let during = asked.load(Ordering::Relaxed) - before;
        stop.store(true, Ordering::Relaxed);
        assert_eq!(swapped, None, "a patch was not applied");
        assert!(during > SWAPS, "{during} requests are no load");
        for client in clients {
            client.join().expect("no request fails");
        }
    });
    assert_eq!(site.answer(), format!("v{SWAPS}"));
    assert_eq!(site.report()["generation"], SWAPS + 1);
    tunnel.send("after");
    assert_eq!(tunnel.take(5), b"after", "the tunnel is the one from before");
}
