//! What an exchange is to be: a request, its right outcome, and the answers an origin gives to it.
//!
//! All of it follows from a token, which stands in the request, so that client, origins and judge agree without talking
//! and a byte of another exchange is noticed. An answer also follows from how often the request has come before.

use super::{
    credentials::SHOWN,
    forms::{BAD_ANSWERS, BAD_REQUESTS, BadForm, MARK},
    mishap::{Mishap, Mishaps},
};
use crate::{Answer, Body, Framing, Random, Request, payload};
use tollgate_http::Reason;

/// Longest pause a peer makes between two segments, in nanoseconds.
pub(super) const PAUSE_NANOS_MAX: u64 = 300_000;

/// Body bytes that the route `small` takes at most.
pub const SMALL_BODY_BYTES: usize = 1_000;

/// Things that many exchanges ask for, if any do ...
const SHARED: u64 = 3;

/// ... out of chance of their own: without them a token stands for what it did.
const SHARING: u64 = 0x7368_6172_6564;

/// What is the same for all exchanges of a run.
#[derive(Clone, Copy, Debug)]
pub struct Habits {
    /// How often peers misbehave.
    pub mishaps: Mishaps,
    /// Bodies have less than two to the power of this many bytes; each order of magnitude is as likely as another.
    pub body_bits_max: u64,
    /// Most exchanges ask endpoints for the same few things, so that copies of answers are of use.
    pub shares: bool,
}

/// An exchange to be.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What the client sends.
    pub request: Request,
    /// What ought to become of it.
    pub expected: Expected,
}

/// The right outcome of an exchange, if nothing goes wrong.
#[derive(Clone, Copy, Debug)]
pub enum Expected {
    /// An answer of an origin.
    Forwarded,
    /// An answer of the gateway with this status.
    Answered(u16),
    /// A refusal.
    Refused(Reason),
    /// A refusal that ends the connection: these bytes are no request.
    Malformed(&'static BadForm),
}

impl Plan {
    /// The path that an endpoint is asked for: the token stands for nothing in what is shared.
    #[must_use]
    pub fn path(&self) -> &str {
        let path = self.request.target.split('?').next().unwrap_or_default();
        if path.starts_with("/shared/") { path.rsplit_once('/').map_or(path, |(shared, _)| shared) } else { path }
    }
}

/// An answer, and what is wrong with it.
#[derive(Clone, Debug)]
pub struct Served {
    /// As the origin gives it.
    pub answer: Answer,
    /// What makes it other than the straight way.
    pub mishaps: Vec<Mishap>,
}

impl Habits {
    /// The exchange of `token`.
    #[must_use]
    pub fn plan(&self, token: u64) -> Plan {
        let random = Random::new(token);
        if random.chance(self.mishaps.probability(Mishap::BadRequest)) {
            let form = &BAD_REQUESTS[random.index(BAD_REQUESTS.len())];
            let request = bare("POST", format!("/x/{token}"), token, Body::None);
            return Plan { request, expected: Expected::Malformed(form) };
        }
        let (method, body) = match random.below(10) {
            0..4 => ("GET", Body::None),
            4 => ("HEAD", Body::None),
            5 => ("DELETE", Body::None),
            6 => ("PUT", Body::Length(self.size(&random))),
            7 => ("POST", Body::None),
            8 => ("POST", Body::Length(self.size(&random))),
            _ => ("POST", Body::Chunked { len: self.size(&random), chunk_max: 1 + random.index(4_000) }),
        };
        let (route, expected) = match random.below(50) {
            0..4 => ("split", Expected::Forwarded),
            4 => ("fixed", Expected::Answered(200)),
            5 => ("moved", Expected::Answered(307)),
            6 => ("nowhere", Expected::Refused(Reason::NoRoute)),
            7 if method != "GET" => ("only", Expected::Refused(Reason::MethodNotAllowed)),
            8 if body.len() > SMALL_BODY_BYTES => ("small", Expected::Refused(Reason::BodyTooLarge)),
            8 => ("small", Expected::Forwarded),
            9 | 10 => ("keyed", Expected::Forwarded),
            _ => ("x", Expected::Forwarded),
        };
        let mut request = bare(method, format!("/{route}/{token}"), token, body);
        if self.shares && route == "x" && Random::new(token ^ SHARING).chance(0.8) {
            request.target = format!("/shared/{}/{token}", token % SHARED);
        }
        let mut expected = expected;
        if route == "keyed" {
            let shown = &SHOWN[random.index(SHOWN.len())];
            shown.put(&mut request);
            expected = shown.expected;
        }
        if random.chance(0.1) {
            request.fields.push_str("X-Consumer-Application: forged\r\nX-Consumer-Tenant: forged\r\n");
        }
        if random.chance(0.2) {
            request.fields.push_str("Connection: keep-alive, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\n");
        }
        if !body.is_empty() && random.chance(self.mishaps.probability(Mishap::AwaitsContinue)) {
            request.fields.push_str("Expect: 100-continue\r\n");
        }
        Plan { request, expected }
    }

    /// What an origin answers to the request of `token` that it, or another, has got `before` times.
    #[must_use]
    pub fn serve(&self, token: u64, before: usize) -> Served {
        let random = Random::new(!token ^ (before as u64) << 48);
        let strikes = |mishap| random.chance(self.mishaps.probability(mishap));
        let mut answer = Answer::new(payload(!token, self.size(&random)));
        answer.status = [200, 200, 200, 201, 204, 404, 500][random.index(7)];
        answer.fields = format!("X-Token: {token}\r\nX-Try: {before}\r\n");
        if random.chance(0.2) {
            answer.fields.push_str("Connection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\n");
        }
        answer.interim = [&[][..], &[], &[], &[], &[], &[], &[103], &[103, 103]][random.index(8)].to_vec();
        answer.framing = match random.below(8) {
            0 => Framing::UntilClose,
            1..4 => Framing::Chunked,
            _ => answer.framing,
        };
        (answer.chunk_max, answer.pieces) = (1 + random.index(4_000), 1 + random.index(4));
        (answer.delay_nanos, answer.pause_nanos_max) = (random.below(1_000_000), random.below(PAUSE_NANOS_MAX));
        answer.continues = random.chance(0.5);
        let mut mishaps: Vec<_> = OF_ANSWERS.iter().copied().filter(|&mishap| strikes(mishap)).collect();
        // One that spoils the whole answer goes alone.
        if let Some(&alone) = mishaps.iter().find(|mishap| SPOILING.contains(mishap)) {
            mishaps = vec![alone];
        }
        mishaps.iter().for_each(|&mishap| self.spoil(&mut answer, mishap, &random));
        Served { answer, mishaps }
    }

    fn spoil(&self, answer: &mut Answer, mishap: Mishap, random: &Random) {
        match mishap {
            Mishap::EarlyAnswer => answer.early = true,
            Mishap::CutAnswer => answer.cut_at = Some(random.index(1 << (1 + random.index(10)))),
            Mishap::ClosingAnswer => answer.close = true,
            Mishap::HangUp => answer.hang_up_nanos = Some(random.below(3_000_000)),
            Mishap::NoAnswer => answer.delay_nanos = u64::MAX,
            Mishap::BadAnswer => {
                answer.raw = Some(BAD_ANSWERS[random.index(BAD_ANSWERS.len())].into());
                answer.close = true;
            }
            Mishap::UnaskedAnswer => {
                answer.unasked = format!("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n{MARK}").into();
                (answer.pieces, answer.framing) = (1, Framing::Length(answer.body.len()));
            }
            Mishap::Unavailable => answer.status = 503,
            _ => {}
        }
    }

    /// A number of body bytes.
    fn size(&self, random: &Random) -> usize {
        random.index(1 << random.below(self.body_bits_max + 1))
    }
}

/// Those of an answer.
pub(super) const OF_ANSWERS: [Mishap; 8] = [
    Mishap::EarlyAnswer,
    Mishap::CutAnswer,
    Mishap::ClosingAnswer,
    Mishap::HangUp,
    Mishap::NoAnswer,
    Mishap::BadAnswer,
    Mishap::UnaskedAnswer,
    Mishap::Unavailable,
];

/// Those that leave nothing of an answer for another one to spoil.
const SPOILING: [Mishap; 5] =
    [Mishap::BadAnswer, Mishap::NoAnswer, Mishap::UnaskedAnswer, Mishap::CutAnswer, Mishap::Unavailable];

fn bare(method: &'static str, target: String, token: u64, body: Body) -> Request {
    Request { method, target, token, body, fields: String::new() }
}
