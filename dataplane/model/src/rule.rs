//! Rules that limit what is admitted: `throttle`, `quota`, `concurrency` and `bandwidth` of the policies.
//!
//! Resolved: every rule has a limit above 0, a key that can be told and a place it belongs to. A rule counts **where it is
//! written**: one in the defaults has one count per key for the whole node, one in a set for all routes that use the set;
//! with `route` in its key each route has its own. The counts themselves live in the node and outlast a snapshot
//! (crate `limit`); [`RuleId`] is what finds them again.

use std::{
    hash::{Hash, Hasher},
    sync::Arc,
    time::Duration,
};

use crate::action::FixedAnswer;
use tollgate_pattern::{Condition, IpSet, PathPattern};

/// A rule.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rule {
    /// What its counts are found by.
    pub id: RuleId,
    /// What of a request tells whom it is counted for; at least one part.
    pub key: Vec<KeyPart>,
    /// What is limited, and how.
    pub kind: RuleKind,
    /// What a key may use, if no entry of `overrides` says otherwise.
    pub allowance: Allowance,
    /// The first that takes a request counts.
    pub overrides: Vec<Override>,
    /// What a request costs; of a `concurrency` rule always 1.
    pub cost: Cost,
    /// Which requests it is for; `None` for all.
    pub when: Option<Arc<When>>,
    /// Whether it counts and tells, but refuses nothing.
    pub shadow: bool,
    /// What a refused request is answered in place of the problem of status 429.
    pub answer: Option<Arc<FixedAnswer>>,
    /// Keys that are counted each for itself at the same time; further ones share counts.
    pub keys_max: usize,
    /// Where it is counted.
    pub mode: Mode,
    /// Of all the above.
    pub(crate) hash: u64,
}

/// The place and the name of a rule: the same from snapshot to snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RuleId {
    /// `defaults`, `policy_sets/NAME` or `routes/NAME`: where it is written. `shared/NAME` of one that says its scope.
    pub scope: Arc<str>,
    /// `throttle`, `quota`, `concurrency` or `bandwidth`.
    pub policy: &'static str,
    /// Unique in its scope and policy; what clients, metrics and operators are told.
    pub name: Arc<str>,
}

/// What is limited.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum RuleKind {
    /// A token bucket.
    Throttle,
    /// An exact counter by calendar window.
    Quota(Calendar),
    /// Requests in flight.
    Concurrency,
    /// Bytes of bodies by time: what is above waits and is not refused.
    Bandwidth(Direction),
}

/// What a key may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Allowance {
    /// Units: per `per` of a bucket, per window of a quota, at one time of a concurrency rule. At least 1.
    pub limit: u64,
    /// In which a bucket gains `limit`; of no meaning to quotas and concurrency.
    pub per: Duration,
    /// What a bucket holds at most; of no meaning to quotas and concurrency.
    pub burst: u64,
}

/// A part of a key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum KeyPart {
    /// The client's address, without what is behind a prefix of this many bits.
    ClientIp {
        /// 1 to 32.
        ipv4: u8,
        /// 1 to 128.
        ipv6: u8,
    },
    /// The route.
    Route,
    /// Nothing of the request: one count for all.
    Node,
    /// The value of a header field; the name in lower case. A request without it is counted as one of empty value, as
    /// for all below.
    Header(String),
    /// The value of a cookie.
    Cookie(String),
    /// The decoded value of a query parameter.
    Query(String),
    /// What a parameter of the route's path took.
    Path(String),
    /// The name of the application that calls; empty for none, as for all below.
    Application,
    /// The id of its credential, with the application's name.
    Credential,
    /// The application and the API.
    Subscription,
    /// Whose the application is.
    Tenant,
    /// The API that the route authorizes for.
    Api,
    /// The value of a claim of the token that identified the caller.
    Claim(String),
}

/// Other allowances for some.
#[derive(Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Override {
    /// Whom it is for.
    pub whom: Whom,
    /// `None`: the rule does not count them.
    pub allowance: Option<Allowance>,
}

/// Whom an override is for.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Whom {
    /// Clients of these addresses, each with its own count as before.
    Addresses(IpSet),
    /// Requests in which a part of the key has one of these values, sorted.
    Values {
        /// Of `Rule::key`; never an address.
        part: usize,
        /// At least one.
        values: Vec<String>,
    },
}

/// What a request costs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Cost {
    /// Units; 1 by default.
    Units(u64),
    /// The bytes of its body's content. It is let in when there is anything left, and charged as they come.
    RequestBytes,
    /// The bytes of the response's content: let in when there is anything left, charged when they have gone.
    ResponseBytes,
    /// What a field of the response says, a whole number: let in when there is anything left, charged with the head of
    /// the response. Without the field 1, as with one that is no number.
    ResponseField(String),
}

/// Which requests a rule is for: those that meet all of it.
#[derive(Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct When {
    /// Any of these; empty for all paths.
    pub paths: Vec<PathPattern>,
    /// Any of these; empty for all methods.
    pub methods: Vec<String>,
    /// All of these.
    pub headers: Vec<Condition>,
    /// All of these.
    pub query: Vec<Condition>,
    /// All of these.
    pub cookies: Vec<Condition>,
}

/// Which bodies a bandwidth rule is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the client.
    Request,
    /// To the client.
    Response,
}

/// The windows of a quota.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Calendar {
    /// How long a window is.
    pub period: Period,
    /// A zone of the IANA database, `UTC` by default.
    pub time_zone: Arc<str>,
}

/// How long a window of a quota is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Period {
    /// From full hour to full hour.
    Hour,
    /// From midnight to midnight.
    Day,
    /// From Monday to Monday.
    Week,
    /// From the first of a month.
    Month,
    /// Months from a date on.
    Cycle {
        /// Year, month, day: a day on which a cycle begins.
        anchor: (i16, i8, i8),
        /// 1 to 120.
        months: u16,
    },
}

/// Where a rule is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// In each node for itself.
    Node,
    /// In the shared store, from which nodes take shares ahead of requests. No request waits.
    Leased(StoreLost),
    /// In the shared store, which each request waits for.
    Strict(StoreLost),
}

/// What becomes of requests while the shared store cannot be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StoreLost {
    /// Each node admits its share of the limit.
    Share,
    /// All are admitted.
    Open,
    /// None is.
    Closed,
}

impl When {
    /// How many regular expressions it has.
    pub(crate) fn expressions(&self) -> usize {
        let conditions = self.headers.iter().chain(&self.query).chain(&self.cookies);
        conditions.filter(|condition| condition.value.is_expression()).count()
    }
}

impl Rule {
    /// What the hash is taken of. The pattern names every field, so that a new one does not build until it is here.
    pub(crate) fn content(&self) -> impl Hash {
        let Self { id, key, kind, allowance, overrides, cost, when, shadow, answer, keys_max, mode, hash: _ } = self;
        (id, key, kind, allowance, overrides, cost, (when, shadow, answer, keys_max, mode))
    }
}

impl Hash for Rule {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.hash.hash(state);
    }
}
