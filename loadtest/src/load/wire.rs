//! Requests as bytes, made once before the run; and which of them is next.
//!
//! Nothing is formatted or allocated per request: sending is a copy of these bytes into the socket.

use super::{Mix, Plan, Request, chance::Chance};
use std::fmt::Write as _;

/// One request on the wire.
#[derive(Debug)]
pub(super) struct Wire {
    /// Head and body.
    pub(super) bytes: Vec<u8>,
    /// The answer has a head only.
    pub(super) is_head: bool,
}

/// The requests of a plan as bytes, in the order of its mix.
pub(super) fn prepare(plan: &Plan) -> Vec<Wire> {
    let authority = plan.target.authority();
    plan.mix.requests.iter().map(|request| Wire::new(request, &authority, plan.fresh)).collect()
}

impl Wire {
    fn new(request: &Request, authority: &str, closes: bool) -> Self {
        let has = |name: &str| request.headers.iter().any(|(found, _)| found.eq_ignore_ascii_case(name));
        let mut head = format!("{} {} HTTP/1.1\r\n", request.method, request.path);
        let mut field = |name: &str, value: &dyn std::fmt::Display| {
            // Writing to a String does not fail.
            let _ = write!(head, "{name}: {value}\r\n");
        };
        if !has("host") {
            field("Host", &authority);
        }
        for (name, value) in &request.headers {
            field(name, value);
        }
        let expects_body = matches!(request.method.as_str(), "POST" | "PUT" | "PATCH");
        if !has("content-length") && (expects_body || !request.body.is_empty()) {
            field("Content-Length", &request.body.len());
        }
        if closes && !has("connection") {
            field("Connection", &"close");
        }
        head.push_str("\r\n");
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(&request.body);
        Self { bytes, is_head: request.method == "HEAD" }
    }
}

/// Chooses requests of a mix.
#[derive(Debug)]
pub(super) enum Picker {
    /// There is one.
    One,
    /// By their number.
    InOrder(usize),
    /// By weight: the sums of the weights up to each.
    Weighted(Vec<u64>, Chance),
}

impl Picker {
    pub(super) fn new(mix: &Mix, in_order: bool, chance: Chance) -> Self {
        if mix.requests.len() == 1 {
            return Self::One;
        }
        if in_order || mix.in_order {
            return Self::InOrder(mix.requests.len());
        }
        let mut sum = 0;
        let sums = mix.requests.iter().map(|request| {
            sum += u64::from(request.weight);
            sum
        });
        Self::Weighted(sums.collect(), chance)
    }

    /// The place in the mix of request `number` of the run.
    #[inline]
    pub(super) fn pick(&mut self, number: u64) -> usize {
        match self {
            Self::One => 0,
            Self::InOrder(count) => (number % *count as u64) as usize,
            Self::Weighted(sums, chance) => {
                let drawn = chance.below(sums.last().copied().unwrap_or(1));
                sums.partition_point(|&sum| sum <= drawn)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Target;

    fn text(request: Request, url: &str, fresh: bool) -> String {
        let plan = Plan { fresh, ..Plan::new(Target::parse(url).unwrap().0, Mix::one(request)) };
        String::from_utf8(prepare(&plan).remove(0).bytes).unwrap()
    }

    #[test]
    fn requests_have_what_they_need_and_no_more() {
        let get = || Request::new("GET", "/a?b");
        assert_eq!(text(get(), "http://[::1]:81/", false), "GET /a?b HTTP/1.1\r\nHost: [::1]:81\r\n\r\n");
        let own = Request { headers: vec![("hOst".to_owned(), "x".to_owned())], ..get() };
        assert_eq!(text(own, "http://a/", true), "GET /a?b HTTP/1.1\r\nhOst: x\r\nConnection: close\r\n\r\n");
        let post = Request { body: b"{}".to_vec(), ..Request::new("POST", "/") };
        assert_eq!(text(post, "http://a/", false), "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}");
    }

    #[test]
    fn weights_are_kept_and_order_too() {
        let weighted = |weight| Request { weight, ..Request::new("GET", "/") };
        let mix = Mix { requests: vec![weighted(1), weighted(0), weighted(3)], in_order: false };
        let mut picker = Picker::new(&mix, false, Chance::new(1, 0));
        let mut counts = [0_u32; 3];
        for number in 0..40_000 {
            counts[picker.pick(number)] += 1;
        }
        assert!(counts[0].abs_diff(10_000) < 400 && counts[1] == 0, "{counts:?}");
        let mut picker = Picker::new(&mix, true, Chance::new(1, 0));
        assert_eq!([0, 1, 2, 3].map(|number| picker.pick(number)), [0, 1, 2, 0]);
    }
}
