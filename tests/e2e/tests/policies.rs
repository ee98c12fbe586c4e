//! Policies of the real binary over plain sockets.

use tollgate_e2e::{Connection, Node, Response, get, origin};
use tollgate_loadtest::Origin;

fn start(settings: &str, routes: &str) -> (Origin, Node) {
    let origin = origin();
    let upstreams =
        format!("upstreams: [ {{ name: origin, endpoints: [ {{ address: \"{}\" }} ] }} ]\n", origin.address());
    let node = Node::of(&format!("{settings}{upstreams}routes:\n{routes}"));
    (origin, node)
}

fn ask(node: &Node, start: &str, fields: &str) -> Response {
    let mut connection = Connection::open(node.address);
    connection.send(format!("{start} HTTP/1.1\r\nHost: test\r\n{fields}\r\n"));
    connection.response()
}

#[test]
fn an_address_is_let_in_or_not() {
    let (_origin, node) = start(
        "trusted_proxies: [127.0.0.0/8]\ndefaults: { policies: { ip: { deny: [192.0.2.0/24] } } }\n",
        "  - { name: all, match: { path: '/bytes/{n}' }, upstream: origin }\n\
         \x20 - { name: none, match: { path: /none }, upstream: origin, policies: { ip: { deny: [127.0.0.1] } } }\n",
    );
    assert_eq!(get(node.address, "/bytes/10").body.len(), 10);
    let denied = ask(&node, "GET /bytes/10", "X-Forwarded-For: 8.8.8.8, 192.0.2.7\r\n");
    assert_eq!((denied.status, denied.field("content-type")), (403, Some("application/problem+json")));
    assert!(denied.text().contains("\"code\":\"ip_denied\""), "{}", denied.text());
    assert_eq!(get(node.address, "/none").status, 403);
    let log = node.access_log(3);
    assert!(log.contains("\"client_ip\":\"192.0.2.7\"") && log.contains("\"client_ip\":\"127.0.0.1\""), "{log}");
}

#[test]
fn a_browser_is_answered() {
    let (_origin, node) = start(
        "policy_sets: [ { name: browsers, policies: { cors: { origins: ['https://*.app.test'], methods: [PUT] } } } ]\n",
        "  - { name: all, match: { path: '/bytes/{n}', methods: [GET, PUT] }, upstream: origin, policies: { use: [browsers] } }\n",
    );
    let asked = "Access-Control-Request-Method: PUT\r\n";
    let told = ask(&node, "OPTIONS /bytes/1", &format!("Origin: https://a.app.test\r\n{asked}"));
    assert_eq!((told.status, told.field("access-control-allow-origin")), (204, Some("https://a.app.test")));
    let refused = ask(&node, "OPTIONS /bytes/1", &format!("Origin: https://evil.test\r\n{asked}"));
    assert_eq!((refused.status, refused.field("access-control-allow-origin")), (403, None));
    let read = ask(&node, "GET /bytes/7", "Origin: https://a.app.test\r\n");
    assert_eq!((read.status, read.field("access-control-allow-origin")), (200, Some("https://a.app.test")));
    assert_eq!(read.body.len(), 7);
    assert_eq!(ask(&node, "OPTIONS /bytes/1", "").status, 405, "it is no preflight");
}

#[test]
fn fields_and_sizes_are_those_of_the_route() {
    let (_origin, node) = start(
        "defaults: { policies: { response_headers: { set: [ { name: X-Frame-Options, value: DENY } ] } } }\n",
        "  - { name: all, match: { path: '/*' }, upstream: origin, policies: { limits: { body_bytes: 10 }, \
         response_headers: { remove: [Content-Type] } } }\n\
         \x20 - { name: stub, match: { path: /stub }, upstream: origin, policies: { mock: { status: 418, body: tea } } }\n",
    );
    let whole = get(node.address, "/bytes/100");
    assert_eq!((whole.status, whole.body.len(), whole.field("content-type")), (200, 100, None));
    let refused = ask(&node, "POST /bytes/1", "Content-Length: 11\r\n");
    assert_eq!(refused.status, 413);
    let stub = get(node.address, "/stub");
    assert_eq!((stub.status, stub.text()), (418, "tea".to_owned()));
    for response in [whole, refused, stub] {
        assert_eq!(response.field("x-frame-options"), Some("DENY"), "{response:?}");
    }
}
