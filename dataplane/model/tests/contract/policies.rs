//! How layers of policies come to one: order, opting out, what is shared.

use std::sync::Arc;

use std::time::Duration;

use tollgate_model::{
    Allowance, Configuration, Cost, KeyPart, OriginPattern, Period, Policies, RateLimitFields, RuleKind, Snapshot, Whom,
};

use crate::source::{WORLD, file, good};

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

/// `policy name@scope limit` of each rule of a route.
fn rules(snapshot: &Snapshot, route: usize) -> Vec<String> {
    let rules = policies(snapshot, route).rules.iter();
    rules
        .map(|rule| format!("{} {}@{} {}", rule.id.policy, rule.id.name, rule.id.scope, rule.allowance.limit))
        .collect()
}

#[test]
fn rules_belong_to_the_place_they_are_written_at() {
    let head = "\
defaults: { policies: { throttle: [ { name: all, key: node, limit: 1 } ], rate_limit_fields: both } }
policy_sets:
  - name: gold
    policies:
      throttle: [ { name: burst, key: client_ip, limit: 2 } ]
      quota: [ { name: all, key: client_ip, limit: 3, per: day } ]
";
    let snapshot = resolve(
        head,
        &[
            "{}",
            "{ use: [gold] }",
            "{ use: [gold], throttle: [ { name: all, key: node, limit: 9 } ] }",
            "{ use: [gold], throttle: off, rate_limit_fields: off }",
            "{ use: [gold], quota: off }",
        ],
    );
    let (all, burst) = ("throttle all@defaults 1", "throttle burst@policy_sets/gold 2");
    let quota = "quota all@policy_sets/gold 3";
    assert_eq!(rules(&snapshot, 0), [all]);
    assert_eq!(rules(&snapshot, 1), [all, burst, quota]);
    assert_eq!(rules(&snapshot, 2), [burst, quota, "throttle all@routes/r2 9"], "its own takes the place");
    assert_eq!(rules(&snapshot, 3), [quota]);
    assert_eq!(rules(&snapshot, 4), [all, burst]);
    assert!(Arc::ptr_eq(&policies(&snapshot, 0).rules[0], &policies(&snapshot, 4).rules[0]), "one rule, one count");
    assert_eq!(policies(&snapshot, 2).rate_limit_fields, RateLimitFields::Both);
    assert_eq!(policies(&snapshot, 3).rate_limit_fields, RateLimitFields::Off);
}

/// The operations of an API are routes, and a rule of the API counts for all of them.
#[test]
fn rules_of_one_scope_count_together() {
    let of = |scope: &str| format!("{{ throttle: [ {{ name: all, key: node, limit: 1, scope: {scope} }} ] }}");
    let snapshot = resolve("", &[&of("orders"), &of("orders"), &of("stock")]);
    let id = |route| &policies(&snapshot, route).rules[0].id;
    assert_eq!((id(0), &*id(0).scope), (id(1), "shared/orders"));
    assert_ne!(id(0), id(2));

    let elsewhere = "defaults: { policies: { throttle: [ { name: all, key: node, limit: 1, scope: orders } ] } }\n";
    let errors = Configuration::parse("a", &file(elsewhere), &WORLD).unwrap_err();
    assert!(errors.to_string().contains("`scope` is for rules of routes"), "{errors}");
}

#[test]
fn what_a_rule_leaves_out_has_its_default() {
    let snapshot = resolve(
        "",
        &["{ throttle: [ { name: a, key: [route, client_ip], limit: 600, per: minute, \
           overrides: [ { addresses: [10.0.0.0/8], limit: 1200 }, { values: [r0], part: route, exclude: true } ] } ],
            quota: [ { name: a, key: 'header:X-Tenant', limit: 5, per: cycle, anchor: 2026-01-31, cost: request_bytes } ],
            bandwidth: [ { name: a, key: node, limit: 1MiB, burst: 4MiB } ] }"],
    );
    let [throttle, quota, bandwidth] = &policies(&snapshot, 0).rules[..] else { panic!("three rules") };
    let Allowance { limit, per, burst, .. } = throttle.allowance;
    assert_eq!((limit, per, burst), (600, Duration::from_secs(60), 600));
    assert_eq!(throttle.key, [KeyPart::Route, KeyPart::ClientIp { ipv4: 32, ipv6: 64 }]);
    assert!(!throttle.shadow && throttle.answer.is_none() && throttle.when.is_none() && throttle.keys_max == 65_536);
    let [more, none] = &throttle.overrides[..] else { panic!("two overrides") };
    assert_eq!(more.allowance.unwrap().burst, 1200, "in proportion");
    assert!(matches!(none.whom, Whom::Values { part: 0, .. }) && none.allowance.is_none());
    let RuleKind::Quota(calendar) = &quota.kind else { panic!("a quota") };
    assert_eq!(calendar.period, Period::Cycle { anchor: (2026, 1, 31), months: 1 });
    assert_eq!((&*calendar.time_zone, &quota.cost), ("UTC", &Cost::RequestBytes));
    assert_eq!(quota.key, [KeyPart::Header("x-tenant".to_owned())]);
    assert_eq!((bandwidth.allowance.limit, bandwidth.allowance.burst), (1 << 20, 4 << 20));
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

/// Routes `r0`, with nothing of its own, and `r1`, without the defaults.
fn configuration() -> Configuration {
    let routes = "routes:\n  - { name: r0, match: { path: /0 }, answer: { status: 200 } }\n\
                  \x20 - { name: r1, match: { path: /1 }, answer: { status: 200 }, policies: { defaults: off, use: [open] } }\n";
    let text = file(&format!("{LAYERS}{routes}"));
    Configuration::parse("gateway.yaml", &text, &WORLD).unwrap_or_else(|errors| panic!("{errors}"))
}

fn patch(delta: &str) -> Configuration {
    configuration().patch("a patch", &format!("base: 1\n{delta}"), &WORLD).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn a_patch_of_the_defaults_is_one_of_every_route_that_has_them() {
    let (before, after) = (configuration(), patch("changed: { defaults: { policies: { ip: { deny: ['::1'] } } } }\n"));
    let (old, new) = (before.snapshot(), after.snapshot());
    assert!(!policies(new, 0).ip[0].permits("::1".parse().unwrap()) && policies(new, 0).cors.is_none());
    assert!(new.routes[1].policies.is_none());
    assert_ne!(old.digest, new.digest);
    let text = Configuration::parse("gateway.yaml", &after.to_text(), &WORLD).unwrap();
    assert_eq!(text.snapshot().digest, new.digest, "the canonical text means the same");
    let none = patch("removed: { settings: [defaults] }\n");
    assert!(none.snapshot().routes[0].policies.is_none());
}

#[test]
fn a_patch_of_the_limits_of_the_node_reaches_those_of_routes() {
    let after = patch("changed: { limits: { head_bytes: 8KiB } }\n");
    let limits = policies(after.snapshot(), 0).limits.unwrap();
    assert_eq!((limits.head_bytes, limits.target_bytes, limits.body_bytes), (8 << 10, 8 << 10, Some(1024)));
}

#[test]
fn a_patch_of_one_route_finds_the_layers_of_the_file() {
    let route = "{ name: r1, match: { path: /1 }, answer: { status: 200 }, policies: { use: [second] } }";
    let after = patch(&format!("changed: {{ routes: [ {route} ] }}\n"));
    assert_eq!(policies(after.snapshot(), 1).ip.len(), 2);
    assert!(Arc::ptr_eq(&policies(after.snapshot(), 0).ip[0], &policies(after.snapshot(), 1).ip[0]));
    let unknown = route.replace("second", "secnd");
    let delta = format!("base: 1\nchanged: {{ routes: [ {unknown} ] }}\n");
    let Err(error) = configuration().patch("a patch", &delta, &WORLD) else { panic!("there is no such set") };
    let shown = error.to_string();
    assert!(shown.contains("policy set `secnd` is not defined, did you mean `second`?"), "{shown}");
}
