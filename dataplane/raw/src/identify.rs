//! `identify` and `authorize` of policies as written: how a request says who calls, and what that one must have.
//!
//! Part of the reference manual, as all of `raw` is.

use serde::{Deserialize, Serialize};

use super::{Shape, Spanned, Text};

/// An entry of `identify`: one of the keys.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Method {
    /// A key of an application.
    pub api_key: Option<Spanned<ApiKey>>,
    /// A signed token of an issuer (JWT), as `Authorization: Bearer`. The upstream does not get it. Several such entries are
    /// one: the token's `iss` says which.
    pub jwt: Option<Spanned<Jwt>>,
    /// `true`: a request without any credential goes on as nobody's. The last entry.
    pub anonymous: Option<Text>,
}

/// `api_key`. One of the two, or both; the header field is looked at first.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ApiKey {
    /// The header field that has the key. The upstream does not get it.
    pub header: Option<Text>,
    /// The query parameter that has the key. The upstream does not get it.
    pub query: Option<Text>,
}

/// `jwt`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Jwt {
    /// The `iss` of its tokens, exactly. Required.
    pub issuer: Option<Text>,
    /// Of which a token's `aud` has one. 1 to 16. Required.
    pub audience: Option<Spanned<Vec<Text>>>,
    /// The issuer's keys: a JWK Set as text, or a reference to one like `${file:keys.json}`. Up to 64 keys, none of them a
    /// shared secret. This or `jwks_url`.
    pub jwks: Option<Text>,
    /// Where the issuer has its JWK Set, which is fetched and kept fresh: `https://..`, or `http://..` to this machine. Up to 256
    /// KiB; redirects are not followed.
    pub jwks_url: Option<Text>,
    /// The authorities to trust for `jwks_url`, in PEM: best a reference like `${file:ca.pem}`. Default: those that browsers
    /// trust.
    pub jwks_ca: Option<Text>,
    /// Which signatures are taken: of `RS256`, `RS384`, `RS512`, `PS256`, `PS384`, `PS512`, `ES256`, `ES384`, `EdDSA`.
    /// Default: those that the kinds of the keys allow.
    pub algorithms: Option<Spanned<Vec<Text>>>,
    /// By how much clocks may differ. 0s to 10m, default 30s.
    pub clock_skew: Option<Text>,
    /// The claim that has scopes, as a text with spaces between or a list. Default `scope`.
    pub scopes: Option<Text>,
    /// The claim that names the client, which is the `client_id` of a credential of an application. Default: `client_id`, and
    /// where there is none `azp`.
    pub application: Option<Text>,
    /// `any` (default): a token of a client that no application has is of no application. `registered`: it is refused, so that
    /// taking a credential away ends all tokens of the client.
    pub clients: Option<Text>,
}

/// `authorize`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Authorize {
    /// What subscriptions name: 1 to 128 letters, digits, `.`, `_`, `-`, `@`, `/`. Required.
    pub api: Option<Text>,
    /// What the caller must be allowed, all of them. Up to 32.
    pub scopes: Option<Spanned<Vec<Text>>>,
    /// `required` (default): only applications that have subscribed. `optional`: whoever is identified, and the plan of
    /// those that have.
    pub subscription: Option<Text>,
}

impl Shape for Vec<Spanned<Method>> {
    const EXPECTED: &'static str = "`off` or a list like [ { api_key: { header: X-API-Key } } ]";
    const LIST: bool = true;
}

impl Shape for Authorize {
    const EXPECTED: &'static str = "`off` or a mapping like { api: orders }";
    const LIST: bool = false;
}
