//! What responses tell of rules: `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers, section 3 and
//! 4), the older `X-RateLimit-*`, and `Retry-After`.
//!
//! ```text
//! RateLimit-Policy: "per-ip";q=100;w=1, "daily";q=10000;w=86400
//! RateLimit: "per-ip";r=57;t=1, "daily";r=9120;t=40012
//! ```
//!
//! `q` is what a key may use at once, of a bucket its burst, `w` the time in which all of that is there again, `t` that
//! time as of now; in whole seconds, rounded up. Shadow rules and those that only slow bodies down are not told of. Lines are written into a buffer that is used again and
//! again.

use tollgate_limit::{Answer, Now};
use tollgate_model::{Allowance, Cost, RateLimitFields, RuleKind};

use super::rule::{Counted, Rule};

/// The names of the older fields, which endpoints may send as well.
pub(crate) const LEGACY: [&str; 3] = ["X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"];

const NS_PER_S: u64 = 1_000_000_000;

/// What RateLimit-Policy says of an allowance.
pub(crate) struct Told {
    /// All of it, but for the window of a quota.
    policy: Vec<u8>,
    /// Length of the name in front.
    name_len: usize,
    /// What a key may use at once.
    quota: u64,
}

/// What a rule leaves the key of a request.
pub(crate) struct Left<'r> {
    told: &'r Told,
    /// Seconds of a quota's window.
    window_s: Option<u64>,
    units: u64,
    /// Until all of the limit is there again, in seconds; `None` if that is not a matter of time.
    reset_s: Option<u64>,
    /// Until the request would be admitted, in seconds; `None` if time alone does not help.
    retry_s: Option<u64>,
    is_violated: bool,
}

impl Told {
    pub(crate) fn of(rule: &tollgate_model::Rule, allowance: &Allowance) -> Self {
        let mut policy = Vec::new();
        put_string(&mut policy, &rule.id.name);
        let name_len = policy.len();
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
        Self { policy, name_len, quota }
    }
}

impl<'r> Left<'r> {
    /// What an answer says of a request's key.
    pub(crate) fn of(rule: &'r Rule, counted: &Counted, answer: &Answer, is_violated: bool, now: Now) -> Option<Self> {
        let allowed = rule.allowed(counted)?;
        let left = Self { told: &allowed.told, window_s: None, units: 0, reset_s: None, retry_s: Some(1), is_violated };
        Some(match (answer, &allowed.rate) {
            (Answer::Throttle(verdict), Some(rate)) => Self {
                units: rate.remaining(verdict),
                reset_s: Some(rate.full_after_ns(verdict).div_ceil(NS_PER_S)),
                retry_s: rate.retry_after_ns(verdict).map(|ns| ns.div_ceil(NS_PER_S)),
                ..left
            },
            (Answer::Quota(verdict), _) => {
                let window_s = counted.window.end_s.saturating_sub(counted.window.start_s);
                let until_s = verdict.end_s.saturating_sub(now.unix_s);
                // No end of a window helps a key that is blocked, or a request that asks for more than all of it.
                let ends = (verdict.end_s != i64::MAX).then(|| u64::try_from(until_s).unwrap_or(0));
                let is_within = !matches!(rule.model.cost, Cost::Units(cost) if cost > allowed.limit);
                Self {
                    // That of a bucket is told with its name.
                    window_s: u64::try_from(window_s).ok().filter(|_| allowed.rate.is_none()),
                    units: verdict.remaining,
                    reset_s: ends,
                    retry_s: ends.filter(|_| is_within),
                    ..left
                }
            }
            _ => Self { units: allowed.limit.saturating_sub(rule.in_flight(counted)), ..left },
        })
    }
}

/// Appends the lines of a response. `left` are the rules that are told of, in their order.
pub(crate) fn write(lines: &mut Vec<u8>, fields: RateLimitFields, left: &[Left<'_>]) {
    if matches!(fields, RateLimitFields::Standard | RateLimitFields::Both) && !left.is_empty() {
        write_standard(lines, left);
    }
    if matches!(fields, RateLimitFields::Legacy | RateLimitFields::Both) {
        write_legacy(lines, left);
    }
    write_retry_after(lines, left);
}

fn write_standard(lines: &mut Vec<u8>, left: &[Left<'_>]) {
    let mut name: &[u8] = b"RateLimit-Policy: ";
    for Left { told, window_s, .. } in left {
        lines.extend_from_slice(name);
        lines.extend_from_slice(&told.policy);
        if let Some(window_s) = window_s {
            put(lines, b";w=", *window_s);
        }
        name = b", ";
    }
    name = b"\r\nRateLimit: ";
    for Left { told, units, reset_s, .. } in left {
        lines.extend_from_slice(name);
        lines.extend_from_slice(&told.policy[..told.name_len]);
        put(lines, b";r=", *units);
        if let Some(reset_s) = reset_s {
            put(lines, b";t=", *reset_s);
        }
        name = b", ";
    }
    lines.extend_from_slice(b"\r\n");
}

/// Those of the rule that leaves least, one that refuses before all others.
fn write_legacy(lines: &mut Vec<u8>, left: &[Left<'_>]) {
    let Some(tightest) = left.iter().min_by_key(|left| (!left.is_violated, left.units)) else { return };
    put(lines, b"X-RateLimit-Limit: ", tightest.told.quota);
    put(lines, b"\r\nX-RateLimit-Remaining: ", tightest.units);
    if let Some(reset_s) = tightest.reset_s {
        put(lines, b"\r\nX-RateLimit-Reset: ", reset_s);
    }
    lines.extend_from_slice(b"\r\n");
}

/// When the last of the rules that refuse would admit the request (RFC 9110, section 10.2.3).
fn write_retry_after(lines: &mut Vec<u8>, left: &[Left<'_>]) {
    let mut violated = left.iter().filter(|left| left.is_violated).map(|left| left.retry_s).peekable();
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
