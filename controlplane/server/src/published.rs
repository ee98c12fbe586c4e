//! What the gateway gets besides what tenants publish: how callers are known, and the way to the token endpoint.

use serde_json::json;
use std::net::SocketAddr;
use tollgate_compile::{Kind, Settings};
use tollgate_keys::KeySet;
use tollgate_store::{Result, Rows};

/// Name of the upstream and the route that lead to the token endpoint. No tenant can have it: theirs have a tenant in front.
const CONTROL: &str = "tollgate-oauth2";
/// What tokens are for.
pub(crate) const AUDIENCE: &str = "tollgate";

/// What does not come from tenants.
#[derive(Clone)]
pub(crate) struct Fixed {
    /// `iss` of tokens.
    pub(crate) issuer: String,
    /// Where the token endpoint is.
    pub(crate) control: SocketAddr,
}

impl Fixed {
    /// `rows` has the public keys that tokens are signed with.
    pub(crate) fn settings(&self, rows: &dyn Rows) -> Result<Settings> {
        let jwks = KeySet::load(rows)?.map_or_else(|| json!({ "keys": [] }), |kept| kept.record.jwks());
        let jwt = json!({ "issuer": self.issuer, "audience": [AUDIENCE], "jwks": jwks.to_string() });
        Ok(Settings {
            identify: json!([{ "api_key": { "header": "X-API-Key" } }, { "jwt": jwt }]),
            issuer: Some(self.issuer.clone()),
            ..Settings::default()
        })
    }

    /// The items of the contract.
    pub(crate) fn items(&self) -> [((Kind, String), String); 2] {
        let upstream = json!({ "name": CONTROL, "endpoints": [{ "address": self.control.to_string() }] });
        let route = json!({
            "name": CONTROL,
            "match": { "path": "/oauth2/{rest*}", "methods": ["GET", "POST"] },
            "upstream": CONTROL,
        });
        [(Kind::Upstream, upstream), (Kind::Route, route)]
            .map(|(kind, item)| ((kind, CONTROL.to_owned()), item.to_string()))
    }
}
