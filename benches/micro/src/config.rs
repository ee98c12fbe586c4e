//! Configurations out of the text that an operator writes.

use std::{fmt::Write as _, sync::Arc};
use tollgate_model::{Configuration, NoSource, Policies, Snapshot};

/// The snapshot of a text.
pub(crate) fn snapshot(text: &str) -> Arc<Snapshot> {
    configuration(text).snapshot().clone()
}

pub(crate) fn configuration(text: &str) -> Configuration {
    Configuration::parse("gateway", text, &NoSource).unwrap_or_else(|errors| panic!("{errors}"))
}

/// The policies of a route.
pub(crate) fn policies(text: &str) -> Arc<Policies> {
    let snapshot = snapshot(&one_route(text, ""));
    snapshot.routes[0].policies.clone().expect("the route has policies")
}

/// A configuration of one route with these policies, and of what else there is.
pub(crate) fn one_route(policies: &str, rest: &str) -> String {
    format!(
        "version: 1\nlisteners: [ {{ name: l, bind: 127.0.0.1:0 }} ]\nroutes:\n  - name: orders\n    match: {{ path: \
         \"/orders/{{id}}\" }}\n    answer: {{ status: 200 }}\n    policies: {{ {policies} }}\n{rest}"
    )
}

/// A configuration with an upstream of these endpoints and what else it has.
pub(crate) fn one_upstream(endpoints: &str, rest: &str) -> String {
    format!(
        "version: 1\nlisteners: [ {{ name: l, bind: 127.0.0.1:0 }} ]\nupstreams: [ {{ name: orders, endpoints: [ {endpoints} \
         ]{rest} }} ]\nroutes: [ {{ name: r, match: {{ path: / }}, upstream: orders }} ]\n"
    )
}

/// A configuration of so many routes, as JSON: hosts `h0.test` and on, below each of them paths `/api/v1/p0/` and on.
pub(crate) fn routes(hosts: usize, paths: usize) -> String {
    let mut text = String::from(
        "{\"version\":1,\"listeners\":[{\"name\":\"l\",\"bind\":\"127.0.0.1:0\"}],\
         \"upstreams\":[{\"name\":\"a\",\"endpoints\":[{\"address\":\"127.0.0.1:1\"}]},\
         {\"name\":\"b\",\"endpoints\":[{\"address\":\"127.0.0.1:2\"}]}],\"routes\":[",
    );
    for number in 0..hosts * paths {
        let comma = if number == 0 { "" } else { "," };
        write!(text, "{comma}{}", route(number, paths, "a")).expect("a string takes all");
    }
    text + "]}"
}

/// One of them.
pub(crate) fn route(number: usize, paths: usize, upstream: &str) -> String {
    let (host, path) = (number / paths, number % paths);
    format!(
        "{{\"name\":\"r{number}\",\"match\":{{\"hosts\":[\"h{host}.test\"],\"path\":\"/api/v1/p{path}/{{rest*}}\"}},\
         \"upstream\":\"{upstream}\"}}"
    )
}
