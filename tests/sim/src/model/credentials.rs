//! Credentials that requests of the route `keyed` have, and who may pass with them.
//!
//! Every key has [`SECRET`] in it, so that one that reaches an origin or the log is seen, whatever else it is; so is an
//! Authorization field. A token is another one for each request, so that a side thread has to be waited for, and some are
//! shown again.

use super::plan::Expected;
use crate::{Head, ISSUER, Request, jwks, token};
use serde_json::json;
use std::fmt::Write as _;
use tollgate_http::Reason;
use tollgate_model::key_proof;

/// Stands in every key.
pub(crate) const SECRET: &str = "tg_sim";

/// Who may call `keyed`.
pub(crate) const APPLICATION: &str = "simulated";

/// Seconds since 1970 that no run reaches.
const LATER_S: u64 = 100_000_000_000;

/// How a request of `keyed` says who calls, and what becomes of it.
#[derive(Debug)]
pub(super) struct Shown {
    credential: Credential,
    pub(super) expected: Expected,
}

#[derive(Debug)]
enum Credential {
    Nothing,
    Field(&'static str),
    Parameter(&'static str),
    /// Signed by this key, of this client, until then.
    Token(u8, &'static str, u64),
}

const fn shown(credential: Credential, expected: Expected) -> Shown {
    Shown { credential, expected }
}

const fn refused(credential: Credential, reason: Reason) -> Shown {
    shown(credential, Expected::Refused(reason))
}

/// Credentials that hold, that nobody has, that have ended, of an application without a subscription, forged, and none.
pub(super) const SHOWN: &[Shown] = &[
    shown(Credential::Field("tg_sim_good"), Expected::Forwarded),
    shown(Credential::Parameter("tg_sim_good"), Expected::Forwarded),
    shown(Credential::Field("tg_sim_other"), Expected::Forwarded),
    shown(Credential::Token(1, "web", LATER_S), Expected::Forwarded),
    shown(Credential::Token(1, "web", LATER_S), Expected::Forwarded),
    refused(Credential::Field("tg_sim_nobody"), Reason::CredentialInvalid),
    refused(Credential::Parameter("tg_sim_nobody"), Reason::CredentialInvalid),
    refused(Credential::Field("tg_sim_ended"), Reason::CredentialExpired),
    refused(Credential::Field("tg_sim_stranger"), Reason::NotSubscribed),
    refused(Credential::Token(1, "nobody", LATER_S), Reason::NotSubscribed),
    refused(Credential::Token(1, "web", 1), Reason::CredentialExpired),
    refused(Credential::Token(2, "web", LATER_S), Reason::CredentialInvalid),
    refused(Credential::Nothing, Reason::CredentialMissing),
];

impl Shown {
    /// Puts it into a request.
    pub(super) fn put(&self, request: &mut Request) {
        // A string takes all.
        let _ = match self.credential {
            Credential::Nothing => Ok(()),
            Credential::Field(key) => write!(request.fields, "X-API-Key: {key}\r\n"),
            Credential::Parameter(key) => write!(request.target, "?key={key}"),
            Credential::Token(key, client, exp) => {
                // Every fourth is one that others have too.
                let own = if request.token.is_multiple_of(4) { 0 } else { request.token };
                let claims = json!({ "aud": "sim", "client_id": client, "exp": exp, "jti": own, "sub": "someone" });
                write!(request.fields, "Authorization: Bearer {}\r\n", token(key, claims))
            }
        };
    }
}

/// Items of the configuration: the applications with their credentials and a plan that refuses nobody; and the policies of
/// the route.
pub(crate) fn items() -> (String, String) {
    let hash =
        |key: &str| key_proof(key.as_bytes()).iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
    let items = format!(
        "plans: [ {{ name: gold, throttle: [ {{ name: much, key: application, limit: 1000000, keys_max: 1024 }} ] }} ]
applications:
  - name: {APPLICATION}
    tenant: sim
    credentials: [ {{ sha256: {} }}, {{ sha256: {} }}, {{ sha256: {}, expires: 1 }}, {{ issuer: '{ISSUER}', client_id: web }} ]
    subscriptions: [ {{ api: simulated@v1, plan: gold }} ]
  - {{ name: stranger, credentials: [ {{ sha256: {} }} ], subscriptions: [ {{ api: others }} ] }}
",
        hash("tg_sim_good"),
        hash("tg_sim_other"),
        hash("tg_sim_ended"),
        hash("tg_sim_stranger"),
    );
    let policies = format!(
        "{{ identify: [ {{ api_key: {{ header: X-API-Key, query: key }} }}, \
         {{ jwt: {{ issuer: '{ISSUER}', audience: [sim], jwks: '{}' }} }} ], authorize: {{ api: simulated@v1 }} }}",
        jwks()
    );
    (items, policies)
}

/// Judges what an origin is told of who calls, and that no credential is in it. Gives the target it should be asked for.
pub(super) fn judge(head: &Head, request: &Request) {
    let has_credential = format!("{head:?}").contains(SECRET) || head.field("authorization").is_some();
    assert!(!has_credential, "a credential reached an origin: {head:?}");
    let is_keyed = request.target.starts_with("/keyed/");
    let told = |name: &str| head.field(name).map(str::to_owned);
    let expected = |value: &str| is_keyed.then(|| value.to_owned());
    assert_eq!(told("x-consumer-application"), expected(APPLICATION), "another caller: {head:?}");
    assert_eq!((told("x-consumer-tenant"), told("x-consumer-plan")), (expected("sim"), expected("gold")));
}
