//! `applications` and `plans` as written: who may call which API with which credential, and how much.
//!
//! Part of the reference manual, as all of `raw` is. Applications may be a million, so nothing in them is a reference:
//! what they say is kept in a packed form and not as text.

use serde::{Deserialize, Serialize};

use super::{Rule, Spanned, Text};

/// An entry of `applications`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Application {
    /// 1 to 64 letters, digits, `.`, `_`, `-`; unique among the applications. Required.
    pub name: Option<Text>,
    /// Whose it is; as a name. Default: nobody's.
    pub tenant: Option<Text>,
    /// What it calls with. Up to 64.
    pub credentials: Option<Spanned<Vec<Spanned<Credential>>>>,
    /// Which APIs it may call. Up to 1024.
    pub subscriptions: Option<Spanned<Vec<Spanned<Subscription>>>>,
}

/// An entry of `credentials`: an API key by `sha256`, or the client of an issuer of tokens by `issuer` and `client_id`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Credential {
    /// What logs, fields and limits call it: a name, unique in its application. Default: the first 16 digits of the hash.
    pub id: Option<Text>,
    /// The SHA-256 of an API key as 64 hexadecimal digits, of one application only.
    pub sha256: Option<Text>,
    /// The `iss` of its tokens. With `client_id`.
    pub issuer: Option<Text>,
    /// What its tokens have in the claim that names the application. 1 to 255 bytes. With `issuer`.
    pub client_id: Option<Text>,
    /// When it ends: `2027-01-31T00:00:00Z`, or in seconds since 1970. Default: never.
    pub expires: Option<Text>,
    /// What it may do, besides what a token of it says. Up to 32, of up to 128 visible characters.
    pub scopes: Option<Spanned<Vec<Text>>>,
    /// The identifiers (`jti`) of its tokens that have ended before their time. Up to 1000, of up to 255 bytes. One whose token
    /// has expired can be left out. With `issuer`.
    pub revoked: Option<Spanned<Vec<Text>>>,
}

/// An entry of `subscriptions`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Subscription {
    /// The `api` of `authorize` of routes, none twice. Required.
    pub api: Option<Text>,
    /// The name of a plan, whose limits hold. Default: no limits but those of the routes.
    pub plan: Option<Text>,
}

/// An entry of `plans`: rules as those of `policies`, which hold for whoever has subscribed with it.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// 1 to 64 letters, digits, `.`, `_`, `-`; unique among the plans. Required.
    pub name: Option<Text>,
    /// Token buckets. Of all three lists together up to 8.
    pub throttle: Option<Spanned<Vec<Spanned<Rule>>>>,
    /// Exact counters by calendar window.
    pub quota: Option<Spanned<Vec<Spanned<Rule>>>>,
    /// How many requests at the same time.
    pub concurrency: Option<Spanned<Vec<Spanned<Rule>>>>,
}
