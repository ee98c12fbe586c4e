//! From a request to what the origin will do about it; the list of paths is in the header of `origin`.
//!
//! Pure: `connection` carries the plan out. Lengths and delays stay within `limits`. A path that is not understood is no
//! error here but one of the answers.

use super::{
    head::Request,
    limits::{ANSWER_BYTES_MAX, DELAY_MAX},
};
use std::time::Duration;

/// What to do about one request.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Plan {
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
    pub(super) fn new(request: &Request<'_>, origin: &str) -> Self {
        let path = request.target.split('?').next().unwrap_or_default();
        let mut plan = Self {
            delay: None,
            early_hints: false,
            skip_body: false,
            close: !request.keep_alive,
            answer: Answer::Bytes { length: 1024, framing: Framing::Sized },
        };
        if path != "/" {
            plan.answer = plan.modified(path.trim_start_matches('/'), request, origin);
        }
        plan
    }

    /// Peels modifiers (`delay/50/`, `close/` ...) off the path; what is left chooses the answer.
    fn modified(&mut self, mut path: &str, request: &Request<'_>, origin: &str) -> Answer {
        loop {
            let (first, rest) = path.split_once('/').unwrap_or((path, ""));
            match first {
                "delay" => {
                    let (millis, rest) = rest.split_once('/').unwrap_or((rest, ""));
                    let Ok(millis) = millis.parse() else {
                        return refused("usage: /delay/MILLISECONDS/...");
                    };
                    self.delay = Some(Duration::from_millis(millis).min(DELAY_MAX));
                    path = rest;
                    continue;
                }
                "close" => self.close = true,
                "hints" => self.early_hints = true,
                "early" => (self.skip_body, self.close) = (true, true),
                _ => return Self::answer(first, rest, request, origin),
            }
            path = rest;
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
        Plan::new(&Request::parse(head.as_bytes()).unwrap(), "one")
    }

    #[test]
    fn paths_choose_answers() {
        let sized = |length| Answer::Bytes { length, framing: Framing::Sized };
        assert_eq!(plan("/").answer, sized(1024));
        assert_eq!(plan("/bytes/0?x=y").answer, sized(0));
        assert_eq!(plan("/bytes/1099511627776").answer, sized(1 << 40));
        assert_eq!(plan("/upload").answer, Answer::Upload);
        assert_eq!(plan("/truncate/9").answer, Answer::Truncate { length: 9 });
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
    fn arguments_out_of_range_are_refused() {
        for target in
            ["/bytes/", "/bytes/1099511627777", "/bytes/x", "/status/99", "/status/600", "/delay/x/", "/delay"]
        {
            assert!(matches!(plan(target).answer, Answer::Text { status: 400, .. }), "{target}");
        }
    }
}
