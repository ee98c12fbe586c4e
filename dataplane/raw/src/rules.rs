//! `throttle`, `quota`, `concurrency` and `bandwidth` as written: the rules that limit what is admitted.
//!
//! Part of the reference manual, as all of `raw` is. The four have one shape; which key belongs to which of them is judged
//! in `resolve`.

use serde::{Deserialize, Serialize};

use super::{Answer, Condition, OrWord, Shape, Spanned, Text};

/// An entry of `throttle`, `quota`, `concurrency` or `bandwidth`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// 1 to 64 letters, digits, `.`, `_`, `-`; unique in its list. Clients, metrics and operators are told it. Required.
    pub name: Option<Text>,
    /// Whom a request is counted for: `client_ip`, `route`, `node` (all together), `header:NAME`, `cookie:NAME`,
    /// `query:NAME`, `path:NAME`; where `identify` holds `application`, `credential`, `subscription`, `tenant`, `claim:NAME` (of a
    /// token), and with `authorize` `api`; or a list of up to 8 of them for their combination. Required.
    pub key: Option<Spanned<OrWord<KeyParts>>>,
    /// Bits of an IPv4 address that count for `client_ip`. 1 to 32, default 32.
    pub ipv4_prefix: Option<Text>,
    /// Bits of an IPv6 address that count for `client_ip`. 1 to 128, default 64: what one customer has.
    pub ipv6_prefix: Option<Text>,
    /// What a key may use: of `throttle` units per `per`, 1 to 1000000000; of `quota` units per window, 1 to 549755813887;
    /// of `concurrency` requests in flight, 1 to 1048575; of `bandwidth` bytes per second, 1KiB to 1024GiB. Required.
    pub limit: Option<Text>,
    /// Of `throttle`: `second` (default), `minute`, `hour`. Of `quota`: `hour`, `day`, `week` (from Monday), `month`, `cycle`;
    /// required.
    pub per: Option<Text>,
    /// What may come at once after a pause, of `throttle` in units and of `bandwidth` in bytes. At least 1, and no more than
    /// refills in a year. Default: `limit`.
    pub burst: Option<Text>,
    /// Of `quota`: a zone of the IANA database like `Europe/Berlin`, in which its windows begin. Default `UTC`.
    pub time_zone: Option<Text>,
    /// Of a `quota` per `cycle`: a day on which one begins, like `2026-01-31`. Required there.
    pub anchor: Option<Text>,
    /// Of a `quota` per `cycle`: how many months it has. 1 to 120, default 1.
    pub months: Option<Text>,
    /// Of `bandwidth`: `request` (default) or `response`, whose bodies it is for.
    pub direction: Option<Text>,
    /// Of `throttle` and `quota`, what a request costs: a number of units, 1 to 1000000, default 1; `request_bytes`,
    /// `response_bytes`, or `response_header:NAME` for the number in that field of the response.
    pub cost: Option<Text>,
    /// Which requests it is for. Left out: all.
    pub when: Option<Spanned<When>>,
    /// Other limits for some. The first that takes a request counts. Up to 1024.
    pub overrides: Option<Spanned<Vec<Spanned<Override>>>>,
    /// `true`: it counts and tells, and refuses nothing. `false` (default). Not of `bandwidth`.
    pub shadow: Option<Text>,
    /// What a refused request is answered. Default: status 429 with a problem that names the rules. Not of `bandwidth`.
    pub answer: Option<Spanned<Answer>>,
    /// Keys it counts each for itself at the same time, 64 bytes each. 1024 to 100000000, default 65536. Those beyond
    /// share counts with others.
    pub keys_max: Option<Text>,
    /// Of a rule of a route: it counts together with those of the same `scope` and name on other routes, which should be
    /// alike. As a name. Default: the route for itself.
    pub scope: Option<Text>,
    /// Where `throttle` and `quota` are counted: `node` (default), each node for itself; `leased`, in the store of
    /// `cluster`, of which nodes take shares ahead of requests.
    pub mode: Option<Text>,
    /// Of a `leased` rule, what becomes of requests while the store is away: `share` (default), each node admits its part
    /// of the limit; `open`, all are admitted; `closed`, none is.
    pub store_lost: Option<Text>,
}

/// A list for `key`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(transparent)]
pub struct KeyParts(pub Vec<Text>);

/// `when` of a rule: a request meets all that is there.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct When {
    /// Patterns as in `match.path`, of which one must take the path. Up to 64.
    pub paths: Option<Spanned<Vec<Text>>>,
    /// Methods, of which it has one. Up to 32.
    pub methods: Option<Spanned<Vec<Text>>>,
    /// Header fields as in `match.headers`.
    pub headers: Option<Spanned<Vec<Spanned<Condition>>>>,
    /// Query parameters as in `match.query`.
    pub query: Option<Spanned<Vec<Spanned<Condition>>>>,
    /// Cookies as in `match.cookies`.
    pub cookies: Option<Spanned<Vec<Spanned<Condition>>>>,
}

/// An entry of `overrides`. One of `addresses` and `values`; one of `limit` and `exclude`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Override {
    /// Clients of these networks and addresses. Up to 65536.
    pub addresses: Option<Spanned<Vec<Text>>>,
    /// Requests with one of these values in a part of the key that is no address. Up to 1024.
    pub values: Option<Spanned<Vec<Text>>>,
    /// Which part of the key the values are of. Default: its only one.
    pub part: Option<Text>,
    /// As that of the rule.
    pub limit: Option<Text>,
    /// As that of the rule, and by default the same number of `limit`s.
    pub burst: Option<Text>,
    /// `true`: they are not counted.
    pub exclude: Option<Text>,
}

impl Shape for KeyParts {
    const EXPECTED: &'static str = "a part like `client_ip` or a list like [route, client_ip]";
    const LIST: bool = true;
}

impl Shape for Vec<Spanned<Rule>> {
    const EXPECTED: &'static str = "`off` or a list like [ { name: per-ip, key: client_ip, limit: 100 } ]";
    const LIST: bool = true;
}
