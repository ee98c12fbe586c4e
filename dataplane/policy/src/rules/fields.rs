//! What responses tell of rules: `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers, section 3 and
//! 4), the older `X-RateLimit-*`, and `Retry-After`.
//!
//! ```text
//! RateLimit-Policy: "per-ip";q=100;w=1, "daily";q=10000;w=86400
//! RateLimit: "per-ip";r=57;t=1, "daily";r=9120;t=40012
//! ```
//!
//! `q` is what a key may use at once, of a bucket its burst, `w` the time in which all of that is there again, `t` that
//! time as of now; in whole seconds, rounded up. Shadow rules and those that only slow bodies down are not told of. Lines are written into
//! a buffer that is used again and again.

use tollgate_limit::{Answer, Now};
use tollgate_model::{Allowance, Cost, RateLimitFields, RuleKind};

use super::rule::{Allowed, Counted, Rule};

/// The names of the older fields, which endpoints may send as well.
pub(crate) const LEGACY: [&str; 3] = ["X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"];

const NS_PER_S: u64 = 1_000_000_000;

/// What fields say of an allowance, whoever asks. Both texts begin with what stands between two items.
pub(crate) struct Told {
    /// Of RateLimit-Policy: all of it, but for the window of a quota.
    policy: Box<[u8]>,
    /// Of RateLimit: up to its first number.
    item: Box<[u8]>,
    /// What a key may use at once.
    quota: u64,
}

/// A rule that is told of, and what it said to a request.
#[derive(Clone, Copy)]
pub(crate) struct Standing<'a> {
    pub(crate) rule: &'a Rule,
    pub(crate) allowed: &'a Allowed,
    pub(crate) counted: &'a Counted,
    pub(crate) answer: &'a Answer,
    pub(crate) is_violated: bool,
}

/// Between two items of a list.
const COMMA: &[u8; 2] = b", ";

impl Told {
    pub(crate) fn of(rule: &tollgate_model::Rule, allowance: &Allowance) -> Self {
        let mut policy = COMMA.to_vec();
        put_string(&mut policy, &rule.id.name);
        let item = [&*policy, b";r="].concat();
        let is_bucket = matches!(rule.kind, RuleKind::Throttle | RuleKind::Bandwidth(_));
        let quota = if is_bucket { allowance.burst } else { allowance.limit };
        put(&mut policy, b";q=", quota);
        match rule.kind {
            RuleKind::Concurrency => policy.extend_from_slice(b";qu=\"concurrent-requests\""),
            _ if matches!(rule.cost, Cost::RequestBytes | Cost::ResponseBytes) => {
                policy.extend_from_slice(b";qu=\"content-bytes\"");
            }
            _ => {}
        }
        if is_bucket {
            let fill_ns = allowance.per.as_nanos().saturating_mul(allowance.burst.into());
            let fill_s = fill_ns.div_ceil(u128::from(allowance.limit.max(1)) * u128::from(NS_PER_S));
            put(&mut policy, b";w=", u64::try_from(fill_s).unwrap_or(u64::MAX));
        }
        Self { policy: policy.into(), item: item.into(), quota }
    }
}

impl Standing<'_> {
    /// What the key has left.
    pub(super) fn units(&self) -> u64 {
        match (self.answer, &self.allowed.rate) {
            (Answer::Throttle(verdict), Some(rate)) => rate.remaining(verdict),
            (Answer::Quota(verdict), _) => verdict.remaining,
            _ => self.allowed.limit.saturating_sub(self.rule.in_flight(self.counted)),
        }
    }

    /// Until all of the limit is there again, in seconds; `None` if that is not a matter of time.
    fn reset_s(&self, now: Now) -> Option<u64> {
        match (self.answer, &self.allowed.rate) {
            (Answer::Throttle(verdict), Some(rate)) => Some(rate.full_after_ns(verdict).div_ceil(NS_PER_S)),
            // No end of a window helps a key that is blocked.
            (Answer::Quota(verdict), _) if verdict.end_s != i64::MAX => {
                Some(u64::try_from(verdict.end_s.saturating_sub(now.unix_s)).unwrap_or(0))
            }
            _ => None,
        }
    }

    /// Until the request would be admitted, in seconds; `None` if time alone does not help.
    fn retry_s(&self, now: Now) -> Option<u64> {
        match (self.answer, &self.allowed.rate) {
            (Answer::Throttle(verdict), Some(rate)) => rate.retry_after_ns(verdict).map(|ns| ns.div_ceil(NS_PER_S)),
            (Answer::Quota(_), _) => {
                // Nor does it help a request that asks for more than all of it.
                let is_beyond = matches!(self.rule.model.cost, Cost::Units(cost) if cost > self.allowed.limit);
                self.reset_s(now).filter(|_| !is_beyond)
            }
            _ => Some(1),
        }
    }

    /// Seconds of a quota's window; that of a bucket is told with its name.
    fn window_s(&self) -> Option<u64> {
        let (Answer::Quota(_), None) = (self.answer, &self.allowed.rate) else { return None };
        u64::try_from(self.counted.window.end_s.saturating_sub(self.counted.window.start_s)).ok()
    }
}

/// Appends the lines of a response. `all` are the rules that are told of, in their order.
pub(crate) fn write<'a>(
    lines: &mut Vec<u8>,
    fields: RateLimitFields,
    all: impl Iterator<Item = Standing<'a>> + Clone,
    now: Now,
) {
    if matches!(fields, RateLimitFields::Standard | RateLimitFields::Both) {
        write_standard(lines, all.clone(), now);
    }
    if matches!(fields, RateLimitFields::Legacy | RateLimitFields::Both) {
        write_legacy(lines, all.clone(), now);
    }
    write_retry_after(lines, all.filter(|standing| standing.is_violated), now);
}

fn write_standard<'a>(lines: &mut Vec<u8>, all: impl Iterator<Item = Standing<'a>> + Clone, now: Now) {
    let mut skipped = COMMA.len();
    for standing in all.clone() {
        if skipped > 0 {
            lines.extend_from_slice(b"RateLimit-Policy: ");
        }
        lines.extend_from_slice(&standing.allowed.told.policy[skipped..]);
        if let Some(window_s) = standing.window_s() {
            put(lines, b";w=", window_s);
        }
        skipped = 0;
    }
    if skipped > 0 {
        return;
    }
    lines.extend_from_slice(b"\r\nRateLimit: ");
    skipped = COMMA.len();
    for standing in all {
        put(lines, &standing.allowed.told.item[skipped..], standing.units());
        if let Some(reset_s) = standing.reset_s(now) {
            put(lines, b";t=", reset_s);
        }
        skipped = 0;
    }
    lines.extend_from_slice(b"\r\n");
}

/// Those of the rule that leaves least, one that refuses before all others.
fn write_legacy<'a>(lines: &mut Vec<u8>, all: impl Iterator<Item = Standing<'a>>, now: Now) {
    let Some(tightest) = all.min_by_key(|standing| (!standing.is_violated, standing.units())) else { return };
    put(lines, b"X-RateLimit-Limit: ", tightest.allowed.told.quota);
    put(lines, b"\r\nX-RateLimit-Remaining: ", tightest.units());
    if let Some(reset_s) = tightest.reset_s(now) {
        put(lines, b"\r\nX-RateLimit-Reset: ", reset_s);
    }
    lines.extend_from_slice(b"\r\n");
}

/// When the last of the rules that refuse would admit the request (RFC 9110, section 10.2.3).
fn write_retry_after<'a>(lines: &mut Vec<u8>, violated: impl Iterator<Item = Standing<'a>>, now: Now) {
    let mut violated = violated.map(|standing| standing.retry_s(now)).peekable();
    if violated.peek().is_none() {
        return;
    }
    if let Some(seconds) = violated.try_fold(1, |most, seconds| Some(seconds?.max(most))) {
        put(lines, b"Retry-After: ", seconds);
        lines.extend_from_slice(b"\r\n");
    }
}

/// A string of structured fields (RFC 9651, section 3.3.3).
fn put_string(text: &mut Vec<u8>, name: &str) {
    text.push(b'"');
    for byte in name.bytes().filter(|byte| matches!(byte, b' '..=b'~')) {
        if matches!(byte, b'"' | b'\\') {
            text.push(b'\\');
        }
        text.push(byte);
    }
    text.push(b'"');
}

fn put(text: &mut Vec<u8>, before: &[u8], number: u64) {
    text.extend_from_slice(before);
    text.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}
