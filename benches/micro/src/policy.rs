//! A request through the phases before it is forwarded, as the worker takes them.

use crate::{
    Step,
    applications::{API, NOON_S, all},
    config,
    head::{CLIENT, Request as Parsed},
};
use std::{hint::black_box, net::IpAddr};
use tollgate_model::Applications;
use tollgate_policy::{Chain, HashKeys, Identified, Limiter, Now, Phase, Registry, Request, Step as Verdict, Tokens};

const NOW: Now = Now { monotonic_ns: 1_000_000_000, unix_s: NOON_S as i64 };
const CALLER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 17));

/// A worker of a node.
struct Worker {
    chain: Chain,
    applications: Applications,
    tokens: Tokens,
    limiter: Limiter,
}

impl Worker {
    fn new(policies: &str, applications: Applications) -> Self {
        let snapshot = config::snapshot(&config::one_route(policies, ""));
        let (route, limits) = (&snapshot.routes[0], &snapshot.limits);
        let mut registry = Registry::new(HashKeys::new([1, 2]));
        let chain = match &route.policies {
            None => Chain::plain(limits),
            Some(policies) => Chain::compile(policies, route, limits, &mut registry, &mut |_| 0),
        };
        Self { chain, applications, tokens: Tokens::default(), limiter: Limiter::new(2) }
    }

    fn pass(&mut self, parsed: &Parsed) {
        let Self { chain, applications, tokens, limiter } = self;
        let head = parsed.head();
        let go_on = |phases: &[Phase], request: &Request<'_>| {
            assert!(phases.iter().all(|phase| chain.step(*phase, request) == Verdict::Continue));
        };
        let (guard, rest) = Phase::BEFORE_FORWARD.split_at(Phase::IDENTIFY);
        let (before, after) = rest.split_at(Phase::THROTTLE - Phase::IDENTIFY);
        let mut request = Request { head: black_box(&head), client: CALLER, caller: None };
        go_on(guard, &request);
        let identified = chain.identity().map(|identity| {
            let found = identity.identify(&head, applications, tokens, NOON_S).expect("the key holds");
            let Identified::Caller(mut caller) = found else { panic!("a key is no token") };
            caller.access = identity.authorize(&caller).expect("it may call");
            caller
        });
        request.caller = identified.as_ref();
        go_on(before, &request);
        if let Some(rules) = chain.rules() {
            let mut admission = rules.decide(&request, NOW, limiter, b"");
            assert!(admission.is_admitted());
            rules.end(&mut admission, || NOW);
            limiter.give_back(admission);
        }
        go_on(after, &request);
        black_box((chain.request_edits(), chain.query_edits(), chain.response_changes(&head)));
    }
}

/// Of a route without policies.
pub(crate) fn plain() -> Step {
    let (mut worker, parsed) = (Worker::new("", Applications::default()), Parsed::new(CLIENT));
    Step::new(move || worker.pass(&parsed))
}

/// Of a route that asks for a key, has subscribed callers only and limits them.
pub(crate) fn guarded() -> Step {
    let policies = format!(
        "identify: [ {{ api_key: {{ header: X-API-Key }} }} ], authorize: {{ api: {API} }}, throttle: [ {{ name: burst, key: \
         subscription, limit: 1000000, per: second, burst: 1000000000 }} ]"
    );
    let (mut worker, parsed) = (Worker::new(&policies, all()), Parsed::new(CLIENT));
    Step::new(move || worker.pass(&parsed))
}
