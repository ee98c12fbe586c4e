//! Credentials that requests of the route `keyed` have, and who may pass with them.
//!
//! Every key has [`SECRET`] in it, so that one that reaches an origin or the log is seen, whatever else it is.

use super::plan::Expected;
use crate::{Head, Request};
use std::fmt::Write as _;
use tollgate_http::Reason;
use tollgate_model::key_proof;

/// Stands in every key.
pub const SECRET: &str = "tg_sim";

/// Who may call `keyed`.
pub const APPLICATION: &str = "simulated";

/// How a request of `keyed` says who calls, and what becomes of it.
#[derive(Debug)]
pub(super) struct Shown {
    /// A key.
    key: &'static str,
    in_query: bool,
    pub(super) expected: Expected,
}

const fn shown(key: &'static str, in_query: bool, expected: Expected) -> Shown {
    Shown { key, in_query, expected }
}

/// Keys that hold, that nobody has, that have ended, of an application without a subscription, and none.
pub(super) const SHOWN: &[Shown] = &[
    shown("tg_sim_good", false, Expected::Forwarded),
    shown("tg_sim_good", true, Expected::Forwarded),
    shown("tg_sim_other", false, Expected::Forwarded),
    shown("tg_sim_nobody", false, Expected::Refused(Reason::CredentialInvalid)),
    shown("tg_sim_nobody", true, Expected::Refused(Reason::CredentialInvalid)),
    shown("tg_sim_ended", false, Expected::Refused(Reason::CredentialExpired)),
    shown("tg_sim_stranger", false, Expected::Refused(Reason::NotSubscribed)),
    shown("", false, Expected::Refused(Reason::CredentialMissing)),
];

impl Shown {
    /// Puts it into a request.
    pub(super) fn put(&self, request: &mut Request) {
        if self.in_query {
            // A string takes all.
            let _ = write!(request.target, "?key={}", self.key);
        } else if !self.key.is_empty() {
            let _ = write!(request.fields, "X-API-Key: {}\r\n", self.key);
        }
    }
}

/// Items of the configuration: the applications with their keys, a plan that refuses nobody, and the route.
#[must_use]
pub fn items() -> (String, &'static str) {
    let hash =
        |key: &str| key_proof(key.as_bytes()).iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
    let items = format!(
        "plans: [ {{ name: gold, throttle: [ {{ name: much, key: application, limit: 1000000 }} ] }} ]
applications:
  - name: {APPLICATION}
    tenant: sim
    credentials: [ {{ sha256: {} }}, {{ sha256: {} }}, {{ sha256: {}, expires: 1 }} ]
    subscriptions: [ {{ api: simulated@v1, plan: gold }} ]
  - {{ name: stranger, credentials: [ {{ sha256: {} }} ], subscriptions: [ {{ api: others }} ] }}
",
        hash("tg_sim_good"),
        hash("tg_sim_other"),
        hash("tg_sim_ended"),
        hash("tg_sim_stranger"),
    );
    let policies = "{ identify: [ { api_key: { header: X-API-Key, query: key } } ], authorize: { api: simulated@v1 } }";
    (items, policies)
}

/// Judges what an origin is told of who calls, and that no credential is in it. Gives the target it should be asked for.
pub(super) fn judge<'r>(head: &Head, request: &'r Request) -> &'r str {
    assert!(!format!("{head:?}").contains(SECRET), "a credential reached an origin: {head:?}");
    let is_keyed = request.target.starts_with("/keyed/");
    let told = |name: &str| head.field(name).map(str::to_owned);
    let expected = |value: &str| is_keyed.then(|| value.to_owned());
    assert_eq!(told("x-consumer-application"), expected(APPLICATION), "another caller: {head:?}");
    assert_eq!((told("x-consumer-tenant"), told("x-consumer-plan")), (expected("sim"), expected("gold")));
    request.target.split('?').next().unwrap_or_default()
}
