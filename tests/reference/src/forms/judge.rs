//! Whether a gateway did with a form what the table says, from the bytes that a client and an origin saw.
//!
//! The origin's side is read by the strict reference, so a forwarded message that could be read in another way does not
//! pass. The script of the origin is here too, so that the simulated one and the real one answer alike.

use super::{RequestForm, ResponseForm, Sent, Then, Verdict, latin};
use crate::{End, Field, Framing, Limits, Message, Request, Response, requests, responses};

/// What a client sends behind every form.
pub const NEXT: &str = "GET /next HTTP/1.1\r\nHost: next\r\nConnection: close\r\n\r\n";

const LIMITS: Limits = Limits { head_bytes: 65_535, target_bytes: 65_535, fields: 128 };

/// What went over the wire on both sides of the gateway.
#[derive(Clone, Debug, Default)]
pub struct Exchanged {
    /// All that the client received before its connection ended.
    pub client: Vec<u8>,
    /// All that came on each connection to the origin, in the order in which they were made.
    pub origin: Vec<Vec<u8>>,
}

/// What the origin answers when `received` is all that has come on a connection and `answered` requests of it have been
/// answered: the bytes, and whether it finishes behind them. `None` while there is no whole request more. To a request of
/// [`NEXT`], and without a form, it answers plainly and finishes.
#[must_use]
pub fn origin_reply(received: &[u8], answered: usize, form: Option<&ResponseForm>) -> Option<(Vec<u8>, bool)> {
    let stream = requests(received, &LIMITS);
    let request = stream.messages.get(answered).filter(|message| message.is_whole)?;
    match form {
        Some(form) if request.head.target != b"/next" => Some((form.bytes.clone(), form.finishes())),
        _ => Some((b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_vec(), true)),
    }
}

fn check(holds: bool, what: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what()) }
}

/// All whole requests that the origin saw, and whether anything else came.
fn seen(exchanged: &Exchanged) -> Result<(Vec<Message<Request>>, bool), String> {
    let (mut whole, mut has_rest) = (Vec::new(), false);
    for bytes in &exchanged.origin {
        let stream = requests(bytes, &LIMITS);
        check(!matches!(stream.end, End::Refused(_)), || {
            format!("the origin was sent {}: {:?}", bytes.escape_ascii(), stream.end)
        })?;
        has_rest |= stream.end == End::Incomplete;
        whole.extend(stream.messages.into_iter().filter(|message| message.is_whole));
    }
    Ok((whole, has_rest))
}

/// The final responses that the client saw, as answers to requests of these methods, and how their stream ended.
fn replies(exchanged: &Exchanged, methods: &[&[u8]]) -> (Vec<Message<Response>>, End) {
    let stream = responses(&exchanged.client, methods, &LIMITS);
    let finals = stream.messages.into_iter().filter(|message| message.head.status >= 200);
    (finals.collect(), stream.end)
}

/// Holds what a gateway did with a request form against the table.
///
/// # Errors
/// What is not as it says.
pub fn judge_request(form: &RequestForm, exchanged: &Exchanged) -> Result<(), String> {
    let (whole, has_rest) = seen(exchanged)?;
    let method = form.bytes.split(|&byte| byte == b' ').next().unwrap_or_default();
    let (replies, end) = replies(exchanged, &[method]);
    let statuses: Vec<u16> = replies.iter().map(|reply| reply.head.status).collect();
    let targets = || whole.iter().map(|message| message.head.target.escape_ascii().to_string()).collect::<Vec<_>>();
    match form.verdict {
        Verdict::Refused(status, code) | Verdict::Cut(status, code) => {
            check(whole.is_empty(), || format!("the origin saw {:?}", targets()))?;
            let is_cut = matches!(form.verdict, Verdict::Cut(..));
            check(is_cut || !has_rest, || "the origin saw a part of it".to_owned())?;
            check(statuses == [status] && end == End::Closed, || format!("answered with {statuses:?}, {end:?}"))?;
            check(has_code(&replies[0].body, code), || format!("answered: {}", replies[0].body.escape_ascii()))
        }
        Verdict::Answered(status) => {
            check(statuses == [status, 200], || format!("answered with {statuses:?}, {end:?}"))?;
            check(targets() == ["/next"], || format!("the origin saw {:?}", targets()))
        }
        Verdict::Forwarded(sent) => {
            let expected = if sent.is_last { vec![200] } else { vec![200, 200] };
            check(statuses == expected && end == End::Closed, || format!("answered with {statuses:?}, {end:?}"))?;
            check(!has_rest && whole.len() == expected.len(), || format!("the origin saw {:?}", targets()))?;
            check(sent.is_last || whole[1].head.target == b"/next", || format!("the origin saw {:?}", targets()))?;
            judge_sent(&sent, &whole[0])
        }
    }
}

fn has_code(problem: &[u8], code: &str) -> bool {
    let code = format!("\"code\":\"{code}\"");
    problem.windows(code.len()).any(|window| window == code.as_bytes())
}

/// Holds a request as it was forwarded against the table.
///
/// # Errors
/// What is not as it says.
pub fn judge_sent(sent: &Sent, message: &Message<Request>) -> Result<(), String> {
    let head = &message.head;
    let line = [&head.method[..], b" ", &head.target].concat();
    check(line == latin(sent.line), || format!("forwarded as {}", line.escape_ascii()))?;
    let is_host = sent.host == "*" || head.authority == latin(sent.host);
    check(is_host, || format!("forwarded to {}", head.authority.escape_ascii()))?;
    check(head.framing == sent.framing, || format!("forwarded with {:?}", head.framing))?;
    check(message.body == latin(sent.body), || format!("forwarded with the body {}", message.body.escape_ascii()))?;
    let fields: Vec<&Field> = head.fields.iter().chain(&message.trailers).collect();
    let shown = || fields.iter().map(|field| field.name.escape_ascii().to_string()).collect::<Vec<_>>().join(", ");
    let lacks = |name: &&str| !fields.iter().any(|field| field.is(name));
    check(sent.lacks.iter().all(lacks), || format!("forwarded with {}", shown()))?;
    let has = |(name, value): &(&str, &str)| {
        fields.iter().any(|field| field.name == latin(name) && field.value == latin(value))
    };
    check(sent.has.iter().all(has), || format!("forwarded without one of {:?}: {}", sent.has, shown()))
}

/// Holds what a gateway did with a response form against the table.
///
/// # Errors
/// What is not as it says.
pub fn judge_response(form: &ResponseForm, exchanged: &Exchanged) -> Result<(), String> {
    let (replies, end) = replies(exchanged, &[form.method.as_bytes()]);
    let statuses: Vec<u16> = replies.iter().map(|reply| reply.head.status).collect();
    let seen = || format!("the client saw {}, {end:?}", exchanged.client.escape_ascii());
    match form.then {
        Then::Refused(code) => {
            check(statuses == [502, 200] && end == End::Closed, seen)?;
            check(form.method == "HEAD" || has_code(&replies[0].body, code), seen)?;
        }
        Then::Cut => {
            // Also in the middle of the head: a reset may overtake what was sent.
            let is_cut = matches!(&replies[..], [] | [_]) && !replies.iter().any(|reply| reply.is_whole);
            let is_cut = is_cut && end == End::Incomplete;
            let is_refused = statuses.first() == Some(&502) && end == End::Closed;
            check(is_cut || is_refused || exchanged.client.is_empty(), seen)?;
        }
        Then::Passed(passed) => {
            check(statuses == [passed.status, 200] && end == End::Closed, seen)?;
            let reply = &replies[0];
            check(reply.body == latin(passed.body), seen)?;
            check(reply.head.framing == passed.framing, seen)?;
            check(passed.lacks.iter().all(|name| !reply.head.fields.iter().any(|field| field.is(name))), seen)?;
        }
    }
    judge_reuse(form, exchanged)
}

/// Whether [`NEXT`] came over the connection that the form was answered on.
fn judge_reuse(form: &ResponseForm, exchanged: &Exchanged) -> Result<(), String> {
    let reuses = matches!(form.then, Then::Passed(passed) if passed.is_reused);
    let counts: Vec<usize> = exchanged
        .origin
        .iter()
        .map(|bytes| requests(bytes, &LIMITS).messages.len())
        .filter(|count| *count > 0)
        .collect();
    let was_cut = form.then == Then::Cut && counts == [1];
    let expected = if reuses { &[2][..] } else { &[1, 1] };
    check(was_cut || counts == expected, || format!("requests by connection to the origin: {counts:?}"))
}

impl ResponseForm {
    /// Whether its end is that of the connection.
    fn finishes(&self) -> bool {
        let stream = responses(&self.bytes, &[self.method.as_bytes()], &LIMITS);
        let last = stream.messages.last();
        stream.end == End::Incomplete || last.is_some_and(|message| message.head.framing == Framing::UntilClose)
    }
}
