//! What is remembered of an exchange until it is accounted for, and what access records share.
//!
//! The head's bytes are gone by then, so what is still needed of them is copied here: a few words, all of fixed size.
//! Nothing here reads a clock or allocates, except for the [`Fragments`] at the start.

use crate::{Program, pool::EndpointId};
use std::cell::Cell;
use tollgate_http::{Method, Reason, RequestHead, Version};
use tollgate_io::Instant;
use tollgate_telemetry::{Fragment, MethodLabel};

/// The facts of a request that outlive its head's bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts {
    pub(crate) method: Method,
    pub(crate) label: MethodLabel,
    pub(crate) version: Version,
    /// What the client wants of its connection.
    pub(crate) keep_alive: bool,
    /// Whether an upgrade is asked for.
    pub(crate) upgrade: bool,
    /// Whether the client waits for a 100 (Continue).
    pub(crate) expects_continue: bool,
    pub(crate) begun: Instant,
}

impl Facts {
    pub(crate) fn of(head: &RequestHead<'_>, begun: Instant) -> Self {
        Self {
            method: head.method(),
            label: MethodLabel::from_bytes(head.method_bytes()),
            version: head.version(),
            keep_alive: head.keep_alive(),
            upgrade: head.upgrade().is_some(),
            expects_continue: head.expects_continue(),
            begun,
        }
    }
}

/// How an exchange went; filled in on the way.
#[derive(Default)]
pub(crate) struct Outcome {
    pub(crate) route: Cell<Option<u32>>,
    /// The one chosen of the route's, as an index.
    pub(crate) upstream: Cell<Option<u32>>,
    pub(crate) endpoint: Cell<Option<EndpointId>>,
    /// Sent to the client; 0 before.
    pub(crate) status: Cell<u16>,
    pub(crate) reason: Cell<Option<Reason>>,
    /// When the whole request had gone to the endpoint.
    pub(crate) forwarded: Cell<Option<Instant>>,
    /// When it was over, if the clock was read then.
    pub(crate) ended: Cell<Option<Instant>>,
    /// When the response's head came.
    pub(crate) responded: Cell<Option<Instant>>,
    pub(crate) attempts: Cell<u8>,
    /// Whether the client's connection ends with this exchange.
    pub(crate) closes: Cell<bool>,
}

/// The parts of access records that come from the configuration, by its numbers.
#[derive(Default)]
pub(crate) struct Fragments {
    routes: Vec<Fragment>,
    upstreams: Vec<Fragment>,
    endpoints: Vec<Vec<Fragment>>,
}

impl Fragments {
    pub(crate) fn of(program: &Program) -> Self {
        let snapshot = &program.snapshot;
        let upstreams = snapshot.upstreams.iter();
        Self {
            routes: snapshot.routes.iter().map(|route| Fragment::route(&route.name)).collect(),
            upstreams: upstreams.clone().map(|upstream| Fragment::upstream(&upstream.name)).collect(),
            endpoints: upstreams
                .map(|upstream| {
                    upstream.endpoints.iter().map(|endpoint| Fragment::endpoint(endpoint.address)).collect()
                })
                .collect(),
        }
    }

    pub(crate) fn route(&self, route: u32) -> Option<&Fragment> {
        self.routes.get(route as usize)
    }

    pub(crate) fn upstream(&self, upstream: u32) -> Option<&Fragment> {
        self.upstreams.get(upstream as usize)
    }

    pub(crate) fn endpoint(&self, id: EndpointId) -> Option<&Fragment> {
        self.endpoints.get(id.upstream as usize)?.get(id.endpoint as usize)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use tollgate_model::{SystemSource, parse};

    use super::*;

    #[test]
    fn fragments_are_those_of_their_numbers() {
        let text = "
version: 1
listeners: [ { name: public, bind: 127.0.0.1:0 } ]
upstreams:
  - { name: a, endpoints: [ { address: 127.0.0.1:1 }, { address: '[::1]:2' } ] }
  - { name: b, endpoints: [ { address: 127.0.0.1:3 } ] }
routes:
  - { name: to-b, match: { path: /b }, upstream: b }
  - { name: to-a, match: { path: /a }, upstream: a }
";
        let snapshot = Arc::new(parse("gateway.yaml", text, &SystemSource).unwrap());
        let program = Program::build(snapshot.clone(), 1);
        let fragments = Fragments::of(&program);
        for (number, route) in snapshot.routes.iter().enumerate() {
            assert_eq!(fragments.route(number as u32), Some(&Fragment::route(&route.name)));
        }
        assert_eq!(fragments.upstream(1), Some(&Fragment::upstream("b")));
        for (upstream, endpoint) in [(0, 0), (0, 1), (1, 0)] {
            let id = EndpointId { upstream, endpoint };
            assert_eq!(fragments.endpoint(id), Some(&Fragment::endpoint(program.address(id))));
        }
        assert_eq!(fragments.endpoint(EndpointId { upstream: 1, endpoint: 1 }), None);
        assert_eq!(fragments.route(2), None);
    }
}
