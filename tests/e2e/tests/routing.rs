//! Routes of the real binary: conditions, splits, rewriting, redirects and fixed answers.

use tollgate_e2e::{Connection, Node, cpu, get, origin};
use tollgate_loadtest::Origin;

/// A gateway of `routes`, in front of the upstreams `a` and `b`.
fn start(a: &Origin, b: &Origin, routes: &str) -> Node {
    let upstream = |name, origin: &Origin| {
        format!("  - {{ name: {name}, endpoints: [ {{ address: \"{}\" }} ] }}\n", origin.address())
    };
    Node::of(&format!("upstreams:\n{}{}routes:\n{routes}", upstream("a", a), upstream("b", b)))
}

#[test]
fn a_rewritten_path_reaches_the_origin() {
    let (a, b) = (origin(), origin());
    let node = start(
        &a,
        &b,
        "  - { name: api, match: { path: '/api/{rest*}' }, upstream: a, rewrite: { path: '/bytes/{rest}' } }\n",
    );
    assert_eq!(get(node.address, "/api/1000").body.len(), 1000);
    assert_eq!(get(node.address, "/bytes/1000").status, 404, "the new path is no route");
    let log = node.access_log(2);
    assert!(log.contains("\"path\":\"/api/1000\"") && log.contains("\"route\":\"api\",\"upstream\":\"a\""), "{log}");
}

#[test]
fn a_redirect_and_an_answer_need_no_upstream() {
    let node = Node::of(
        "routes:\n\
         \x20 - { name: moved, match: { path: '/old/*' }, redirect: { to: '/new/{rest}', status: 308 } }\n\
         \x20 - { name: closed, match: { path: /closed }, answer: { status: 503, body: 'later\\n' } }\n",
    );
    let moved = get(node.address, "/old/a?b=c");
    assert_eq!((moved.status, moved.field("location")), (308, Some("/new/a?b=c")));
    let mut connection = Connection::open(node.address);
    for _ in 0..3 {
        connection.send("GET /closed HTTP/1.1\r\nHost: test\r\n\r\n");
        let closed = connection.response();
        assert_eq!((closed.status, closed.field("content-type")), (503, Some("text/plain; charset=utf-8")));
        assert!(closed.text().starts_with("later"), "{}", closed.text());
    }
    let log = node.access_log(4);
    assert!(log.contains("\"route\":\"closed\"") && !log.contains("\"upstream\""), "{log}");
}

#[test]
fn a_split_is_as_exact_as_its_weights() {
    let (a, b) = (origin(), origin());
    let routes =
        "  - { name: all, match: { path: '/*' }, upstreams: [ { name: a, weight: 9 }, { name: b, weight: 1 } ] }\n";
    let node = start(&a, &b, &format!("{routes}workers: [{}]\n", cpu()));
    let mut connection = Connection::open(node.address);
    for _ in 0..200 {
        connection.send("GET /bytes/1 HTTP/1.1\r\nHost: test\r\n\r\n");
        assert_eq!(connection.response().status, 200);
    }
    assert_eq!((a.counts().requests, b.counts().requests), (180, 20));
}

#[test]
fn conditions_choose_the_route() {
    let (a, b) = (origin(), origin());
    let node = start(
        &a,
        &b,
        "  - { name: all, match: { path: '/bytes/{n}' }, upstream: a }\n\
         \x20 - { name: canary, match: { path: '/bytes/{n}', cookies: [ { name: canary, exact: '1' } ] }, upstream: b }\n\
         \x20 - { name: tenth, match: { path_regex: '/[a-z]+/10', query: [ { name: x } ], methods: [PUT] }, upstream: b }\n",
    );
    let mut connection = Connection::open(node.address);
    for cookie in ["canary=0", "a=b; canary=1", "canary=1"] {
        connection.send(format!("GET /bytes/7 HTTP/1.1\r\nHost: test\r\nCookie: {cookie}\r\n\r\n"));
        assert_eq!(connection.response().body.len(), 7);
    }
    assert_eq!((a.counts().requests, b.counts().requests), (1, 2));
    connection.send("GET /other/10?x HTTP/1.1\r\nHost: test\r\n\r\n");
    let refused = connection.response();
    assert_eq!((refused.status, refused.field("allow")), (405, Some("PUT")));
    assert_eq!(get(node.address, "/other/10").status, 404);
}
