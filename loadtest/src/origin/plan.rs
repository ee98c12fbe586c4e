//! From a request to what the origin will do about it; the list of paths is in the header of `origin`.
//!
//! Pure but for the chance it is given: `connection` carries the plan out. Lengths and delays stay within `limits`. A path
//! that is not understood is no error here but one of the answers.

use super::{
    chance::Chance,
    delay::{self, Delay, segment},
    head::Request,
    limits::{ANSWER_BYTES_MAX, DELAY_MAX, EVENTS_MAX, PIECE_BYTES_MAX},
};
use std::time::Duration;

/// What to do about one request.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Plan {
    /// Wait before the answer: the sum of what the path asks for.
    pub(super) delay: Option<Duration>,
    /// Send 103 before the answer.
    pub(super) early_hints: bool,
    /// Answer before, and without, reading the request's body.
    pub(super) skip_body: bool,
    /// Close the connection after the answer.
    pub(super) close: bool,
    pub(super) answer: Answer,
}

/// What to answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Text {
        status: u16,
        text: String,
    },
    Bytes {
        length: u64,
        framing: Framing,
    },
    /// A sized body of `length` bytes, `piece` of them at a time, and a pause of `every` between them.
    Slow {
        length: u64,
        piece: u64,
        every: Duration,
    },
    /// That many server-sent events, with `every` between them.
    Events {
        count: u64,
        every: Duration,
    },
    /// From now on, requests to this origin wait until `time` is over. This one does not.
    Stall {
        time: Duration,
    },
    /// Length and checksum of the request's body.
    Upload,
    /// 101, then every byte back.
    Upgrade {
        protocol: String,
    },
    /// No answer: a TCP reset.
    Reset,
    /// The head of a sized answer, half of its body, then a TCP reset.
    Truncate {
        length: u64,
    },
}

/// How the end of an answer's body is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    Sized,
    Chunked { trailers: bool },
    UntilClose,
}

impl Plan {
    /// The plan for a request to the origin called `origin`.
    pub(super) fn new(request: &Request<'_>, origin: &str, chance: &mut Chance) -> Self {
        let path = request.target.split('?').next().unwrap_or_default();
        let mut plan = Self {
            delay: None,
            early_hints: false,
            skip_body: false,
            close: !request.keep_alive,
            answer: Answer::Bytes { length: 1024, framing: Framing::Sized },
        };
        if path != "/" {
            plan.answer = plan.modified(path.trim_start_matches('/'), request, origin, chance);
        }
        plan
    }

    /// Peels modifiers (`delay/50/`, `close/` ...) off the path; what is left chooses the answer.
    fn modified(&mut self, mut path: &str, request: &Request<'_>, origin: &str, chance: &mut Chance) -> Answer {
        loop {
            let (first, rest) = segment(path);
            path = match first {
                "delay" => {
                    let Some((delay, rest)) = Delay::take(rest) else {
                        return refused(delay::USAGE);
                    };
                    let before = self.delay.unwrap_or_default();
                    self.delay = Some((before + delay.draw(chance)).min(DELAY_MAX));
                    rest
                }
                "flaky" => {
                    let (percent, rest) = segment(rest);
                    let Some(percent) = delay::number(percent).filter(|&percent| percent <= 100.0) else {
                        return refused("usage: /flaky/PERCENT/... with PERCENT from 0 to 100");
                    };
                    // A share is above 0: none fail of 0 percent, all of 100.
                    if chance.share() * 100.0 <= percent {
                        return Answer::Text { status: 503, text: said(request, origin) };
                    }
                    rest
                }
                "close" => {
                    self.close = true;
                    rest
                }
                "hints" => {
                    self.early_hints = true;
                    rest
                }
                "early" => {
                    (self.skip_body, self.close) = (true, true);
                    rest
                }
                _ => return Self::answer(first, rest, request, origin),
            };
        }
    }

    fn answer(first: &str, argument: &str, request: &Request<'_>, origin: &str) -> Answer {
        match first {
            "bytes" => bytes(argument, Framing::Sized),
            "chunked" => bytes(argument, Framing::Chunked { trailers: false }),
            "trailers" => bytes(argument, Framing::Chunked { trailers: true }),
            "until-close" => bytes(argument, Framing::UntilClose),
            "truncate" => match bytes(argument, Framing::Sized) {
                Answer::Bytes { length, .. } => Answer::Truncate { length },
                refusal => refusal,
            },
            "slow" => slow(argument),
            "events" => events(argument),
            "stall" => match delay::time(segment(argument).0) {
                Some(time) => Answer::Stall { time },
                None => refused("usage: /stall/TIME"),
            },
            "status" => status(argument, request, origin),
            "echo" => Answer::Text { status: 200, text: String::from_utf8_lossy(request.raw).into_owned() },
            "upload" => Answer::Upload,
            "reset" => Answer::Reset,
            "echo-upgrade" => match request.upgrade {
                Some(protocol) => Answer::Upgrade { protocol: protocol.to_owned() },
                None => Answer::Text { status: 426, text: "this path wants an Upgrade field\n".to_owned() },
            },
            _ => Answer::Text { status: 200, text: said(request, origin) },
        }
    }
}

fn said(request: &Request<'_>, origin: &str) -> String {
    format!("{origin}: {} {}\n", request.method, request.target)
}

fn refused(usage: &str) -> Answer {
    Answer::Text { status: 400, text: format!("{usage}\n") }
}

fn bytes(argument: &str, framing: Framing) -> Answer {
    match argument.parse() {
        Ok(length) if length <= ANSWER_BYTES_MAX => Answer::Bytes { length, framing },
        _ => refused("usage: /bytes/N with N up to 1099511627776"),
    }
}

fn slow(argument: &str) -> Answer {
    let (length, rest) = segment(argument);
    let (piece, every) = segment(rest);
    let (length, piece): (Option<u64>, Option<u64>) = (length.parse().ok(), piece.parse().ok());
    match (length, piece, delay::time(segment(every).0)) {
        (Some(length @ 0..=ANSWER_BYTES_MAX), Some(piece @ 1..=PIECE_BYTES_MAX), Some(every)) => {
            Answer::Slow { length, piece, every }
        }
        _ => refused("usage: /slow/BYTES/PIECE/TIME with PIECE from 1 to 65536"),
    }
}

fn events(argument: &str) -> Answer {
    let (count, every) = segment(argument);
    match (count.parse(), delay::time(segment(every).0)) {
        (Ok(count @ 0..=EVENTS_MAX), Some(every)) => Answer::Events { count, every },
        _ => refused("usage: /events/N/TIME with N up to 1000000000"),
    }
}

fn status(argument: &str, request: &Request<'_>, origin: &str) -> Answer {
    match argument.split('/').next().unwrap_or_default().parse() {
        Ok(status @ 200..=599) => Answer::Text { status, text: said(request, origin) },
        _ => refused("usage: /status/CODE with CODE from 200 to 599"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(target: &str) -> Plan {
        let head = format!("GET {target} HTTP/1.1\r\nHost: a\r\nUpgrade: echo\r\n\r\n");
        Plan::new(&Request::parse(head.as_bytes()).unwrap(), "one", &mut Chance::new(0, 0))
    }

    #[test]
    fn paths_choose_answers() {
        let sized = |length| Answer::Bytes { length, framing: Framing::Sized };
        assert_eq!(plan("/").answer, sized(1024));
        assert_eq!(plan("/bytes/0?x=y").answer, sized(0));
        assert_eq!(plan("/bytes/1099511627776").answer, sized(1 << 40));
        assert_eq!(plan("/upload").answer, Answer::Upload);
        assert_eq!(plan("/truncate/9").answer, Answer::Truncate { length: 9 });
        let every = Duration::from_millis(5);
        assert_eq!(plan("/slow/9/2/5").answer, Answer::Slow { length: 9, piece: 2, every });
        assert_eq!(plan("/events/3/5ms/x").answer, Answer::Events { count: 3, every });
        assert_eq!(plan("/stall/5").answer, Answer::Stall { time: every });
        assert_eq!(plan("/echo-upgrade").answer, Answer::Upgrade { protocol: "echo".to_owned() });
        assert_eq!(plan("/a/b?c").answer, Answer::Text { status: 200, text: "one: GET /a/b?c\n".to_owned() });
    }

    #[test]
    fn modifiers_stand_before_any_path() {
        let plan = plan("/delay/7/close/hints/chunked/3");
        assert_eq!((plan.delay, plan.close, plan.early_hints), (Some(Duration::from_millis(7)), true, true));
        assert_eq!(plan.answer, Answer::Bytes { length: 3, framing: Framing::Chunked { trailers: false } });
    }

    #[test]
    fn delays_add_up_to_the_bound() {
        assert_eq!(plan("/delay/500us/delay/2/status/204").delay, Some(Duration::from_micros(2500)));
        assert_eq!(plan("/delay/400s/delay/400s/x").delay, Some(DELAY_MAX));
        assert_eq!(plan("/delay/uniform/3-3/x").delay, Some(Duration::from_millis(3)));
    }

    #[test]
    fn a_share_of_the_requests_fails() {
        let mut chance = Chance::new(0, 0);
        let mut failed = |percent: &str| {
            let head = format!("GET /flaky/{percent}/bytes/1 HTTP/1.1\r\n\r\n");
            let request = Request::parse(head.as_bytes()).unwrap();
            let plans = (0..1000).map(|_| Plan::new(&request, "one", &mut chance));
            plans.filter(|plan| matches!(plan.answer, Answer::Text { status: 503, .. })).count()
        };
        assert_eq!((failed("0"), failed("100")), (0, 1000));
        let quarter = failed("25.0");
        assert!((200..300).contains(&quarter), "{quarter} of 1000");
    }

    #[test]
    fn arguments_out_of_range_are_refused() {
        for target in [
            "/bytes/",
            "/bytes/1099511627777",
            "/bytes/x",
            "/status/99",
            "/status/600",
            "/delay/x/",
            "/delay",
            "/flaky/101/x",
            "/slow/1/0/1",
            "/slow/1/65537/1",
            "/events/1",
            "/events/1000000001/1",
            "/stall/x",
        ] {
            assert!(matches!(plan(target).answer, Answer::Text { status: 400, .. }), "{target}");
        }
    }
}
