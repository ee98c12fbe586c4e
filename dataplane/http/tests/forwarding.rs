//! Heads as they are forwarded: what is removed, what is added, what stays as it came.

#![expect(clippy::unwrap_used, reason = "the functions the tests share fail as tests do")]

use tollgate_http::{
    ConnectionOption, Consumer, FieldEdits, ForwardRequest, ForwardResponse, ForwardedStyle, HeadLimits, Method,
    Parsed, Reason, RequestIndex, ResponseFraming, ResponseIndex, TraceContext, Traceparent, trace_id, write_interim,
    write_request, write_response,
};

const WITH: ForwardRequest<'_> = ForwardRequest {
    client: std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)),
    scheme: "http",
    trusted: false,
    style: ForwardedStyle::Off,
    request_id: b"",
    upgrade: false,
    default_host: b"origin:80",
    trace: TraceContext::AsReceived,
    target: b"",
    edits: None,
    consumer: None,
};

fn forward(head: &str, with: &ForwardRequest<'_>) -> String {
    let (mut bytes, mut out) = (head.as_bytes().to_vec(), [0; 2048]);
    let mut index = RequestIndex::new();
    let verdict = index.parse(&mut bytes, &HeadLimits::DEFAULT);
    assert_eq!(verdict, Parsed::Complete { head_len: head.len() }, "{head:?}");
    let len = write_request(&mut out, index.head(&bytes), with).unwrap();
    for room in 0..len {
        assert_eq!(write_request(&mut out[..room], index.head(&bytes), with), Err(Reason::HeadTooLarge));
    }
    assert_eq!(write_request(&mut out[..len], index.head(&bytes), with), Ok(len));
    String::from_utf8(out[..len].to_vec()).unwrap()
}

/// The field lines a request with these ones is forwarded with, without Host and Via.
fn fields_forwarded(fields: &str, with: &ForwardRequest<'_>) -> String {
    let forwarded = forward(&format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n"), with);
    let rest = forwarded.strip_prefix("POST / HTTP/1.1\r\nHost: a\r\n").unwrap();
    rest.strip_suffix("Via: 1.1 tollgate\r\n\r\n").unwrap().to_owned()
}

#[test]
fn an_endpoint_is_told_by_the_gateway_only_who_calls() {
    let received = "X-Consumer-Application: evil\r\nx_consumer_plan: evil\r\n";
    assert_eq!(fields_forwarded(received, &WITH), "");
    let consumer = Consumer { application: "mobile", plan: "gold", credential: "k1", ..Consumer::default() };
    let told = "X-Consumer-Application: mobile\r\nX-Consumer-Plan: gold\r\nX-Consumer-Credential-Id: k1\r\n";
    assert_eq!(fields_forwarded(received, &ForwardRequest { consumer: Some(consumer), ..WITH }), told);
}

#[test]
fn request_lines_and_hosts() {
    for (head, start) in [
        (
            "GET /%41/../b?%41 HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /b?%41 HTTP/1.1\r\nHost: a\r\nVia: 1.1 tollgate\r\n\r\n",
        ),
        ("GET / HTTP/1.0\r\n\r\n", "GET / HTTP/1.1\r\nHost: origin:80\r\nVia: 1.0 tollgate\r\n\r\n"),
        ("GET / HTTP/1.0\r\nHost: a\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nVia: 1.0 tollgate\r\n\r\n"),
        // RFC 9112, section 3.2.2
        ("GET http://b:1/c HTTP/1.1\r\nHost: a\r\n\r\n", "GET /c HTTP/1.1\r\nHost: b:1\r\nVia: 1.1 tollgate\r\n\r\n"),
        ("GET http://b?c HTTP/1.0\r\n\r\n", "GET /?c HTTP/1.1\r\nHost: b\r\nVia: 1.0 tollgate\r\n\r\n"),
        ("OPTIONS http://b HTTP/1.1\r\nHost: a\r\n\r\n", "OPTIONS * HTTP/1.1\r\nHost: b\r\nVia: 1.1 tollgate\r\n\r\n"),
    ] {
        assert_eq!(forward(head, &WITH), start);
    }
}

#[test]
fn fields_of_one_connection_are_removed() {
    for (fields, forwarded) in [
        ("A: 1\r\nB:  2 \r\n", "A: 1\r\nB:  2 \r\n"),
        ("A: 1\r\nConnection: keep-alive\r\nB: 2\r\nKeep-Alive: timeout=5\r\nC: 3\r\n", "A: 1\r\nB: 2\r\nC: 3\r\n"),
        ("Connection: x-one, X-Two\r\nX-One: 1\r\nx-three: 3\r\nX-TWO: 2\r\n", "x-three: 3\r\n"),
        ("Connection: Range, TE\r\nRange: bytes=0-\r\nTE: gzip\r\nA: 1\r\n", "A: 1\r\n"),
        ("Connection: close\r\nProxy-Connection: close\r\nProxy-Authorization: x\r\nHTTP2-Settings: x\r\n", ""),
        ("Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n", "Sec-WebSocket-Key: x\r\n"),
        ("Content_Length: 5\r\nTransfer_Encoding: chunked\r\nmy_field: 1\r\n", "my_field: 1\r\n"),
        ("Via: 1.0 other\r\nTrailer: x\r\n", "Via: 1.0 other\r\n"),
        // Connection options cannot remove what routing, framing and authentication stand on.
        (
            "Connection: host, content-length, authorization, cookie\r\n\
             Content-Length: 1\r\nAuthorization: b\r\nCookie: c\r\n",
            "Content-Length: 1\r\nAuthorization: b\r\nCookie: c\r\n",
        ),
        // RFC 9112, section 7.1 and RFC 9110, sections 6.6.2 and 10.1.4
        (
            "Trailer: x\r\nTransfer-Encoding: chunked\r\nTE: trailers, gzip\r\n",
            "Connection: TE\r\nTE: trailers\r\nTransfer-Encoding: chunked\r\nTrailer: x\r\n",
        ),
    ] {
        assert_eq!(fields_forwarded(fields, &WITH), forwarded, "{fields:?}");
    }
}

#[test]
fn upgrades_are_forwarded_when_the_caller_says_so() {
    let with = ForwardRequest { upgrade: true, ..WITH };
    let fields = "Connection: Upgrade, TE\r\nUpgrade: websocket\r\n";
    assert_eq!(fields_forwarded(fields, &with), "Connection: Upgrade\r\nUpgrade: websocket\r\n");
    let with_trailers = format!("{fields}TE: trailers\r\n");
    assert_eq!(
        fields_forwarded(&with_trailers, &with),
        "Connection: Upgrade, TE\r\nUpgrade: websocket\r\nTE: trailers\r\n"
    );
    assert_eq!(fields_forwarded("Connection: Upgrade\r\nUpgrade: h2c\r\n", &with), "");
}

#[test]
fn an_untrusted_peer_is_not_believed() {
    let claims = "X-Forwarded-For: 6.6.6.6\r\nForwarded: for=6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\n\
        X-Forwarded-Proto: https\r\nX-Forwarded-Host: evil\r\nX-Forwarded-Port: 1\r\n\
        X_Forwarded_For: 6.6.6.6\r\nX-Request-Id: evil\r\nA: 1\r\n";
    let x = "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: a\r\n";
    let standard = "Forwarded: for=192.0.2.1;host=\"a\";proto=http\r\n";
    for (style, ours) in [
        (ForwardedStyle::Off, String::new()),
        (ForwardedStyle::XForwarded, x.to_owned()),
        (ForwardedStyle::Standard, standard.to_owned()),
        (ForwardedStyle::Both, format!("{x}{standard}")),
    ] {
        assert_eq!(fields_forwarded(claims, &ForwardRequest { style, ..WITH }), format!("A: 1\r\n{ours}"));
    }
    let with = ForwardRequest { client: "2001:db8::1".parse().unwrap(), style: ForwardedStyle::Standard, ..WITH };
    assert_eq!(fields_forwarded("", &with), "Forwarded: for=\"[2001:db8::1]\";host=\"a\";proto=http\r\n");
}

#[test]
fn a_trusted_peer_is_added_to() {
    let with = ForwardRequest { trusted: true, style: ForwardedStyle::Both, ..WITH };
    let sent = "X-Forwarded-For: 1.1.1.1\r\nX-Forwarded-Proto: https\r\nForwarded: for=1.1.1.1\r\n\
        X-Real-IP: 1.1.1.1\r\nX-Forwarded-For: 2.2.2.2\r\n";
    let forwarded = "X-Forwarded-Proto: https\r\nX-Real-IP: 1.1.1.1\r\nX-Forwarded-For: 1.1.1.1, 2.2.2.2, 192.0.2.1\r\n\
        X-Forwarded-Host: a\r\nForwarded: for=1.1.1.1, for=192.0.2.1;host=\"a\";proto=http\r\n";
    assert_eq!(fields_forwarded(sent, &with), forwarded);
    let off = ForwardRequest { trusted: true, ..WITH };
    assert_eq!(fields_forwarded("X-Forwarded-For: 1.1.1.1\r\n", &off), "X-Forwarded-For: 1.1.1.1\r\n");
}

#[test]
fn identifiers_and_traces() {
    let with = ForwardRequest { request_id: b"ours", ..WITH };
    assert_eq!(fields_forwarded("x-request-id: theirs\r\n", &with), "X-Request-Id: ours\r\n");
    let good = "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\ntracestate: a=b\r\n";
    assert_eq!(fields_forwarded(good, &WITH), good);
    for bad in ["traceparent: 00-0-0-01\r\ntracestate: a=b\r\n", "tracestate: a=b\r\n", &format!("{good}{good}")] {
        assert_eq!(fields_forwarded(bad, &WITH), "", "{bad:?}");
    }
    let mut ours = Traceparent::new();
    ours.begin(b"11111111111111111111111111111111", b"2222222222222222", false);
    for received in [good, "tracestate: a=b\r\n", ""] {
        assert_eq!(fields_forwarded(received, &ForwardRequest { trace: TraceContext::Removed, ..WITH }), "");
        let replaced = fields_forwarded(received, &ForwardRequest { trace: TraceContext::Replaced(&ours), ..WITH });
        assert_eq!(replaced, "traceparent: 00-11111111111111111111111111111111-2222222222222222-00\r\n");
    }
    let mut bytes = format!("GET / HTTP/1.1\r\nHost: a\r\n{good}\r\n").into_bytes();
    let mut index = RequestIndex::new();
    assert!(matches!(index.parse(&mut bytes, &HeadLimits::DEFAULT), Parsed::Complete { .. }));
    assert_eq!(trace_id(&index.head(&bytes)), Some(&b"0af7651916cd43dd8448eb211c80319c"[..]));
}

#[test]
fn expectations_and_hop_counts() {
    let old = forward("POST / HTTP/1.0\r\nHost: a\r\nExpect: 100-continue\r\n\r\n", &WITH);
    assert!(!old.contains("Expect"), "RFC 9110, section 10.1.1");
    assert_eq!(fields_forwarded("Expect: 100-continue\r\n", &WITH), "Expect: 100-continue\r\n");
    let unknown = "Expect: tea, 200-maybe\r\n";
    assert_eq!(fields_forwarded(unknown, &WITH), unknown, "the endpoint answers 417 if it wants to");
    let options = forward("OPTIONS / HTTP/1.1\r\nHost: a\r\nMax-Forwards: 5\r\n\r\n", &WITH);
    assert!(options.contains("\r\nMax-Forwards: 4\r\n") && !options.contains('5'), "RFC 9110, section 7.6.2");
    assert_eq!(fields_forwarded("Max-Forwards: 5\r\n", &WITH), "Max-Forwards: 5\r\n");
}

fn respond(head: &str, request: Method, with: &ForwardResponse<'_>) -> String {
    let (bytes, mut out) = (head.as_bytes().to_vec(), [0; 1024]);
    let mut index = ResponseIndex::new();
    let verdict = index.parse(&bytes, request, &HeadLimits::DEFAULT);
    assert_eq!(verdict, Parsed::Complete { head_len: head.len() }, "{head:?}");
    let len = write_response(&mut out, index.head(&bytes), with).unwrap();
    assert_eq!(write_response(&mut out[..len - 1], index.head(&bytes), with), Err(Reason::UpstreamHeadTooLarge));
    String::from_utf8(out[..len].to_vec()).unwrap()
}

#[test]
fn responses_lose_and_gain_what_they_should() {
    let with = ForwardResponse { request_id: b"id", date: b"now", ..ForwardResponse::default() };
    assert_eq!(
        respond(
            "HTTP/1.0 200 Fine\r\nA: 1\r\nConnection: keep-alive, x\r\nX: 1\r\nKeep-Alive: 5\r\nContent-Length: 5\r\n\
             X-Request-Id: theirs\r\n\r\n",
            Method::Get,
            &with
        ),
        "HTTP/1.1 200 Fine\r\nA: 1\r\nContent-Length: 5\r\nDate: now\r\nX-Request-Id: id\r\nVia: 1.0 tollgate\r\n\r\n"
    );
    let plain = ForwardResponse::default();
    assert_eq!(
        respond("HTTP/1.1 204\r\nContent-Length: 0\r\nDate: then\r\nX-Request-Id: theirs\r\n\r\n", Method::Get, &plain),
        "HTTP/1.1 204 \r\nDate: then\r\nX-Request-Id: theirs\r\nVia: 1.1 tollgate\r\n\r\n"
    );
    assert_eq!(
        respond("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", Method::Head, &plain),
        "HTTP/1.1 200 OK\r\nVia: 1.1 tollgate\r\n\r\n"
    );
}

#[test]
fn response_framing_and_connection_options() {
    use ConnectionOption::{Close, Default, KeepAlive, Upgrade};
    let chunked = "HTTP/1.1 200 OK\r\nTrailer: x\r\nTransfer-Encoding: chunked\r\n\r\n";
    let switching = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
    for (head, framing, connection, fields) in [
        (chunked, ResponseFraming::Chunked, Default, "Transfer-Encoding: chunked\r\nTrailer: x\r\n"),
        (chunked, ResponseFraming::Close, Close, "Connection: close\r\n"),
        ("HTTP/1.1 200 OK\r\n\r\n", ResponseFraming::AsReceived, KeepAlive, "Connection: keep-alive\r\n"),
        (switching, ResponseFraming::AsReceived, Upgrade, "Connection: Upgrade\r\nUpgrade: websocket\r\n"),
        (switching, ResponseFraming::AsReceived, Default, ""),
    ] {
        let forwarded =
            respond(head, Method::Get, &ForwardResponse { framing, connection, ..ForwardResponse::default() });
        let (_, rest) = forwarded.split_once("\r\n").unwrap();
        assert_eq!(rest, format!("{fields}Via: 1.1 tollgate\r\n\r\n"), "{head:?}");
    }
}

#[test]
fn interim_responses_are_relayed() {
    let bytes = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nConnection: close\r\n\r\n".to_vec();
    let (mut index, mut out) = (ResponseIndex::new(), [0; 128]);
    assert!(matches!(index.parse(&bytes, Method::Get, &HeadLimits::DEFAULT), Parsed::Complete { .. }));
    let len = write_interim(&mut out, index.head(&bytes)).unwrap();
    assert_eq!(&out[..len], b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nVia: 1.1 tollgate\r\n\r\n");
}

#[test]
fn changes_of_a_request_are_made() {
    let mut edits = FieldEdits::new();
    for name in ["cookie", "X-Forwarded-Prefix", "x-old"] {
        edits.remove(name);
    }
    edits.add("X-New", "1");
    edits.add("Cookie", "a=b");
    let with = ForwardRequest { edits: Some(&edits), ..WITH };
    let fields = "A: 1\r\nCookie: x\r\nX-Old: 1\r\nX-Older: 1\r\nx-new: 0\r\nX-OLD: 2\r\n";
    assert_eq!(fields_forwarded(fields, &with), "A: 1\r\nX-Older: 1\r\nx-new: 0\r\nX-New: 1\r\nCookie: a=b\r\n",);
    let trusted = ForwardRequest { trusted: true, ..with };
    let fields = "X-Forwarded-Prefix: /a\r\nX-Forwarded-Port: 80\r\n";
    assert_eq!(fields_forwarded(fields, &trusted), "X-Forwarded-Port: 80\r\nX-New: 1\r\nCookie: a=b\r\n");
    // What Connection nominates goes as ever.
    let fields = "Connection: b\r\nB: 1\r\nC: 1\r\nX-Old: 1\r\n";
    assert_eq!(fields_forwarded(fields, &with), "C: 1\r\nX-New: 1\r\nCookie: a=b\r\n");
    edits.set_host("inner:8080");
    let host = forward("GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", &ForwardRequest { edits: Some(&edits), ..WITH });
    assert!(host.starts_with("GET / HTTP/1.1\r\nHost: inner:8080\r\nX-New: 1\r\n"), "{host}");
}

#[test]
fn changes_of_a_response_are_made() {
    let mut edits = FieldEdits::new();
    for name in ["server", "X-Powered-By", "content-type"] {
        edits.remove(name);
    }
    edits.add("Content-Type", "text/plain");
    let with = ForwardResponse { edits: Some(&edits), lines: b"Vary: Origin\r\n", ..ForwardResponse::default() };
    let head = "HTTP/1.1 200 OK\r\nServer: x\r\nContent-Type: a/b\r\nx-powered-by: y\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(
        respond(head, Method::Get, &with),
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Type: text/plain\r\nVary: Origin\r\nVia: 1.1 tollgate\r\n\r\n"
    );
}
