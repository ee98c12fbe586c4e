//! How layers of policies come to one: order, opting out, what is shared.

use std::sync::Arc;

use tollgate_model::{OriginPattern, Policies, Snapshot};

use crate::source::{file, good};

/// Routes `r0`, `r1` ... with these policies, behind `head`.
fn resolve(head: &str, routes: &[&str]) -> Snapshot {
    let routes = routes.iter().enumerate().map(|(index, policies)| {
        format!(
            "  - {{ name: r{index}, match: {{ path: /{index} }}, answer: {{ status: 200 }}, policies: {policies} }}\n"
        )
    });
    good(&file(&format!("{head}routes:\n{}", routes.collect::<String>())))
}

fn policies(snapshot: &Snapshot, route: usize) -> &Policies {
    snapshot.routes[route].policies.as_deref().expect("it has policies")
}

/// `name=value,value` of each change, with `-` before a name that loses what there is.
fn response_headers(snapshot: &Snapshot, route: usize) -> Vec<String> {
    let edits = policies(snapshot, route).response_headers.iter();
    edits
        .map(|edit| format!("{}{}={}", if edit.replaces { "-" } else { "" }, edit.name, edit.values.join(",")))
        .collect()
}

const LAYERS: &str = "\
defaults:
  policies:
    use: [first]
    ip: { deny: [10.0.0.0/8] }
    limits: { body_bytes: 1KiB, fields: 50 }
    cors: { origins: ['https://default.test'] }
    response_headers: { remove: [Server], set: [ { name: X-From, value: default } ] }
policy_sets:
  - name: first
    policies:
      response_headers: { add: [ { name: X-Trace, value: first }, { name: X-From, value: first } ] }
  - name: second
    policies:
      ip: { allow: [192.0.2.0/24] }
      cors: { origins: ['https://*.second.test'] }
      response_headers: { add: [ { name: x-trace, value: second } ] }
  - { name: open, policies: { ip: off, mock: off } }
";

#[test]
fn layers_are_put_together_in_their_order() {
    let snapshot = resolve(
        LAYERS,
        &[
            "{}",
            "{ use: [second], limits: { body_bytes: unlimited }, response_headers: { add: [ { name: A, value: b } ] } }",
        ],
    );
    let of_node = policies(&snapshot, 0);
    assert_eq!((of_node.ip.len(), of_node.limits.unwrap().body_bytes), (1, Some(1024)));
    assert_eq!(response_headers(&snapshot, 0), ["-Server=", "-X-From=default", "X-Trace=first"]);
    let of_route = policies(&snapshot, 1);
    assert_eq!(of_route.ip.len(), 2, "each layer must let a client in");
    let limits = of_route.limits.unwrap();
    assert_eq!((limits.body_bytes, limits.fields, limits.head_bytes), (None, 50, 16 << 10), "key by key");
    assert!(matches!(&of_route.cors.as_ref().unwrap().origins[..], [OriginPattern::Below { .. }]), "the last counts");
    assert_eq!(response_headers(&snapshot, 1), ["A=b", "-Server=", "-X-From=default", "X-Trace=first,second"]);
}

#[test]
fn a_route_can_opt_out() {
    let snapshot = resolve(
        LAYERS,
        &[
            "{ ip: off, cors: off, limits: off, response_headers: off }",
            "{ defaults: off }",
            "{ defaults: off, use: [second] }",
            "{ use: [open, second] }",
            "{ response_headers: { set: [ { name: SERVER, value: mine } ] }, use: [open] }",
        ],
    );
    assert!(snapshot.routes[0].policies.is_none() && snapshot.routes[1].policies.is_none());
    let rules = |route: usize| &policies(&snapshot, route).ip;
    for route in [2, 3] {
        let [rules] = &rules(route)[..] else { panic!("one layer") };
        assert!(rules.permits("192.0.2.7".parse().unwrap()) && !rules.permits("192.0.3.7".parse().unwrap()));
    }
    assert!(rules(4).is_empty());
    assert_eq!(response_headers(&snapshot, 4), ["-SERVER=mine", "-X-From=default", "X-Trace=first"]);
}

#[test]
fn routes_that_say_the_same_share_it() {
    let snapshot = resolve(LAYERS, &["{}", "{ use: [second] }", "{ use: [second] }", "{ ip: { deny: ['::1'] } }"]);
    let of = |route: usize| snapshot.routes[route].policies.as_ref().unwrap();
    assert!(Arc::ptr_eq(of(1), of(2)) && !Arc::ptr_eq(of(0), of(1)));
    assert!(Arc::ptr_eq(&of(0).ip[0], &of(3).ip[0]), "a list of the defaults is there once");
    let plain = resolve("", &["{}", "{ ip: off }"]);
    assert!(plain.routes.iter().all(|route| route.policies.is_none()));
}

/// Denied is denied, whatever is allowed.
#[test]
fn deny_comes_before_allow() {
    let snapshot = resolve("", &["{ ip: { allow: [10.0.0.0/8], deny: [10.1.0.0/16, '::ffff:10.2.0.1'] } }"]);
    let [rules] = &policies(&snapshot, 0).ip[..] else { panic!("one layer") };
    for (address, expected) in
        [("10.0.0.1", true), ("10.1.0.1", false), ("10.2.0.1", false), ("::ffff:10.0.0.1", true), ("11.0.0.1", false)]
    {
        assert_eq!(rules.permits(address.parse().unwrap()), expected, "{address}");
    }
}
