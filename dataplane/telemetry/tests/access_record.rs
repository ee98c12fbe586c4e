//! Every access record is one line of valid JSON within its bound, whatever the client sent.
//!
//! `serde_json` is the judge. The complete record is spelled out once, since users parse it; its fields are compared with
//! docs/users/logs-and-metrics.md.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;
use serde_json::Value;
use tollgate_telemetry::{
    AccessRecord, Fragment, RequestPart, ResponsePart,
    limits::{LINE_BYTES_MAX, PATH_BYTES_MAX},
};

const REQUEST: RequestPart<'static> = RequestPart {
    wall_ns: 1_700_000_000_123_456_789,
    request_id: b"r1",
    trace_id: Some(b"4bf92f3577b34da6a3ce929d0e0e4736"),
    method: b"GET",
    host: b"api.example.com",
    path: b"/orders/1",
    version: "HTTP/1.0",
    user_agent: Some(b"curl/8.0"),
};

const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

const RESPONSE: ResponsePart<'static> = ResponsePart {
    route: None,
    upstream: None,
    endpoint: None,
    status: 504,
    reason: Some("upstream_first_byte_timeout"),
    received_bytes: 312,
    sent_bytes: 1_204,
    duration_ns: 1_234_567,
    upstream_ns: Some(1_100_999),
    attempts: 2,
    application: b"mobile",
    credential: b"k1",
    throttled_by: b"",
    shadowed_by: b"",
    fault: None,
    is_copy: false,
};

const COMPLETE: &str = concat!(
    r#"{"time":"2023-11-14T22:13:20.123Z","client_ip":"192.0.2.1","listener":"public","#,
    r#""request_id":"r1","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","method":"GET","host":"api.example.com","path":"/orders/1","#,
    r#""protocol":"HTTP/1.0","user_agent":"curl/8.0","status":504,"route":"orders","upstream":"orders-v2","#,
    r#""endpoint":"127.0.0.1:9001","application":"mobile","credential_id":"k1","duration_ms":1.234,"upstream_ms":1.100,"bytes_received":312,"bytes_sent":1204,"#,
    r#""attempts":2,"reason":"upstream_first_byte_timeout"}"#,
    "\n"
);

fn line(request: &RequestPart<'_>, response: &ResponsePart<'_>) -> Vec<u8> {
    let mut record = AccessRecord::new(CLIENT, "public");
    record.begin(request);
    record.end(response).to_vec()
}

/// With a route and an endpoint.
fn complete_line(request: &RequestPart<'_>, response: &ResponsePart<'_>) -> Vec<u8> {
    let (route, upstream) = (Fragment::route("orders"), Fragment::upstream("orders-v2"));
    let endpoint = Fragment::endpoint("127.0.0.1:9001");
    let response =
        ResponsePart { route: Some(&route), upstream: Some(&upstream), endpoint: Some(&endpoint), ..*response };
    line(request, &response)
}

#[test]
fn a_complete_record() {
    assert_eq!(String::from_utf8(complete_line(&REQUEST, &RESPONSE)).unwrap(), COMPLETE);
}

#[test]
fn what_is_unknown_is_left_out() {
    let request = RequestPart { trace_id: None, user_agent: None, ..REQUEST };
    let response = ResponsePart { status: 0, reason: None, upstream_ns: None, attempts: 0, ..RESPONSE };
    let read: Value = serde_json::from_slice(&line(&request, &response)).unwrap();
    let read = read.as_object().unwrap();
    for field in ["trace_id", "user_agent", "route", "upstream", "endpoint", "reason", "upstream_ms"] {
        assert!(!read.contains_key(field), "{field}");
    }
    assert_eq!((&read["status"], &read["attempts"]), (&Value::from(0), &Value::from(0)));
}

#[test]
fn what_is_usual_is_left_out() {
    let line =
        complete_line(&RequestPart { version: "HTTP/1.1", ..REQUEST }, &ResponsePart { attempts: 1, ..RESPONSE });
    let expected = COMPLETE.replace("\"protocol\":\"HTTP/1.0\",", "").replace("\"attempts\":2,", "");
    assert_eq!(String::from_utf8(line).unwrap(), expected);
}

#[test]
fn a_record_is_reused_without_a_trace_of_the_last() {
    let mut record = AccessRecord::new(CLIENT, "public");
    record.begin(&RequestPart { path: &[b'x'; 5000], wall_ns: 0, ..REQUEST });
    record.end(&RESPONSE);
    record.begin(&RequestPart { path: b"/given/up", ..REQUEST });
    record.begin(&REQUEST);
    assert_eq!(record.end(&RESPONSE), line(&REQUEST, &RESPONSE));
}

#[test]
fn the_longest_record_keeps_its_bound() {
    let long = [1_u8; 100_000];
    let name = "\u{1}".repeat(100_000);
    let address = IpAddr::V6(Ipv6Addr::from([0xFF; 16]));
    let request = RequestPart {
        wall_ns: u64::MAX,
        request_id: &long,
        trace_id: Some(&long),
        method: &long,
        host: &long,
        path: &long,
        user_agent: Some(&long),
        ..REQUEST
    };
    let response = ResponsePart {
        route: Some(&Fragment::route(&name)),
        upstream: Some(&Fragment::upstream(&name)),
        endpoint: Some(&Fragment::endpoint(&name)),
        status: u16::MAX,
        received_bytes: u64::MAX,
        sent_bytes: u64::MAX,
        duration_ns: u64::MAX,
        upstream_ns: Some(u64::MAX),
        attempts: u8::MAX,
        fault: Some("delay_abort"),
        application: &long,
        credential: &long,
        ..RESPONSE
    };
    let mut record = AccessRecord::new(address, &name);
    record.begin(&request);
    let line = record.end(&response);
    assert!(line.len() <= LINE_BYTES_MAX, "{} bytes", line.len());
    let read: Value = serde_json::from_slice(line).unwrap();
    let path = read["path"].as_str().unwrap();
    assert_eq!(path.strip_suffix('…').unwrap().len(), PATH_BYTES_MAX);
}

#[test]
fn every_field_is_documented() {
    let page = include_str!("../../../docs/users/logs-and-metrics.md");
    let read: Value = serde_json::from_str(COMPLETE).unwrap();
    for field in read.as_object().unwrap().keys() {
        assert!(page.contains(&format!("| `{field}` |")), "{field} is not in docs/users/logs-and-metrics.md");
    }
}

proptest! {
    #[test]
    fn any_bytes_make_one_line_of_json(
        method: Vec<u8>,
        host: Vec<u8>,
        path in prop::collection::vec(any::<u8>(), 0..3_000),
        user_agent in prop::option::of(prop::collection::vec(any::<u8>(), 0..700)),
        request_id: Vec<u8>,
        client: IpAddr,
        wall_ns: u64,
        duration_ns: u64,
    ) {
        let request = RequestPart {
            wall_ns,
            request_id: &request_id,
            method: &method,
            host: &host,
            path: &path,
            user_agent: user_agent.as_deref(),
            ..REQUEST
        };
        let mut record = AccessRecord::new(client, "public");
        record.begin(&request);
        let line = record.end(&ResponsePart { duration_ns, ..RESPONSE });
        prop_assert_eq!(line.iter().position(|byte| *byte == b'\n'), Some(line.len() - 1));
        let read: Value = serde_json::from_slice(line).unwrap();
        prop_assert_eq!(read["host"].as_str().unwrap(), String::from_utf8_lossy(&host));
        prop_assert_eq!(read["client_ip"].as_str().unwrap().parse::<IpAddr>().unwrap(), client);
        prop_assert_eq!(read["path"].as_str().unwrap().ends_with('…'), path.len() > PATH_BYTES_MAX);
        prop_assert_eq!(read.get("user_agent").is_some(), user_agent.is_some());
    }
}
