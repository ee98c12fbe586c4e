//! Trace context: whose goes on, and what begins here.

use crate::gateway::{CLIENT, Gateway, ORIGINS, get};
use tollgate_sim::{Answer, Origin, Request};

const ID: &str = "0af7651916cd43dd8448eb211c80319c";

fn theirs() -> String {
    format!("00-{ID}-b7ad6b7169203331-01")
}

fn with(fields: &str) -> Request {
    Request { fields: fields.to_owned(), ..get(1) }
}

/// `traceparent`, `tracestate` and `x-request-id` as the origin saw them.
type Seen = [Option<String>; 3];

/// What the origin saw of `requests` through a node with `settings`, and the access records.
fn forwarded(settings: &str, requests: Vec<Request>) -> (Vec<Seen>, Vec<String>) {
    let gateway = Gateway::start_with_settings(settings);
    let origin = Origin::start(&gateway.world, ORIGINS[0], |_| Answer::new(Vec::new()));
    let client = gateway.ask(requests);
    gateway.simulation.run_until_idle();
    assert!(client.take().iter().all(|reply| reply.as_ref().is_ok_and(|reply| reply.head.status() == 200)));
    let names = ["traceparent", "tracestate", "x-request-id"];
    let seen = origin.seen().iter().map(|seen| names.map(|name| seen.head.field(name).map(str::to_owned))).collect();
    (seen, gateway.end().records)
}

#[test]
fn a_trace_goes_on_as_it_came_and_is_recorded() {
    let fields = format!("traceparent: {}\r\ntracestate: a=b\r\n", theirs());
    for settings in ["", "tracing: { accept: all, generate: true }"] {
        let (seen, records) = forwarded(settings, vec![with(&fields)]);
        assert_eq!(seen[0][..2], [Some(theirs()), Some("a=b".to_owned())], "{settings}");
        assert!(records[0].contains(&format!("\"trace_id\":\"{ID}\"")), "{records:?}");
    }
}

#[test]
fn without_a_trace_there_is_none_unless_one_is_asked_for() {
    let unusable = with("traceparent: 00-0-0-01\r\ntracestate: a=b\r\n");
    let (seen, records) = forwarded("", vec![get(1), unusable]);
    assert!(seen.iter().all(|seen| seen[0].is_none() && seen[1].is_none()), "{seen:?}");
    assert!(records.iter().all(|record| !record.contains("trace_id")), "{records:?}");
}

#[test]
fn a_trace_that_begins_here_is_found_by_the_request() {
    let unusable = with("traceparent: 00-0-0-01\r\ntracestate: a=b\r\n");
    let (seen, records) = forwarded("tracing: { generate: true }", vec![get(1), unusable, get(1)]);
    let mut parents = Vec::new();
    for ([parent, state, request], record) in seen.iter().zip(&records) {
        let (parent, request) = (parent.as_ref().unwrap(), request.as_ref().unwrap());
        let parts: Vec<&str> = parent.split('-').collect();
        assert_eq!((parts[0], parts[1], parts[3]), ("00", request.as_str(), "01"), "{parent}");
        assert!(parts[2].len() == 16 && state.is_none() && !parents.contains(&parts[2]), "{parent}");
        assert!(record.contains(&format!("\"trace_id\":\"{request}\"")), "{record}");
        parents.push(parts[2]);
    }
    assert_eq!(parents.len(), 3);
}

#[test]
fn none_is_sampled_when_none_shall_be() {
    let settings = "tracing: { generate: true, sampled_percent: 0 }";
    let (seen, _) = forwarded(settings, vec![get(1), get(1)]);
    assert!(seen.iter().all(|seen| seen[0].as_ref().is_some_and(|parent| parent.ends_with("-00"))), "{seen:?}");
}

#[test]
fn strangers_are_not_believed_where_only_proxies_shall_be() {
    let fields = format!("traceparent: {}\r\ntracestate: a=b\r\nX-Request-Id: given\r\n", theirs());
    let proxies = format!("trusted_proxies: [\"{CLIENT}\"]");
    for (settings, goes_on, begins) in [
        ("tracing: { accept: trusted }", false, false),
        ("tracing: { accept: trusted, generate: true }", false, true),
        (&format!("tracing: {{ accept: trusted, generate: true }}\n{proxies}"), true, false),
        (&format!("tracing: {{ accept: none }}\n{proxies}"), false, false),
        (&format!("tracing: {{ accept: none, generate: true }}\n{proxies}"), false, true),
    ] {
        let (seen, records) = forwarded(settings, vec![with(&fields)]);
        let [parent, state, _] = &seen[0];
        assert_eq!((parent.as_ref() == Some(&theirs()), state.is_some()), (goes_on, goes_on), "{settings}: {seen:?}");
        assert_eq!(parent.as_ref().is_some_and(|parent| !parent.contains(ID)), begins, "{settings}: {seen:?}");
        assert_eq!(records[0].contains("trace_id"), goes_on || begins, "{settings}: {records:?}");
    }
}
