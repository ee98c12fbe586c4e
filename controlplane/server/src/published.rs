//! What gateways get besides what tenants publish: how callers are known.

use serde_json::json;
use tollgate_compile::Settings;
use tollgate_keys::KeySet;
use tollgate_store::{Result, Rows};

/// What tokens are for.
pub(crate) const AUDIENCE: &str = "tollgate";

/// What does not come from tenants.
#[derive(Clone)]
pub(crate) struct Fixed {
    /// `iss` of tokens.
    pub(crate) issuer: String,
}

impl Fixed {
    /// `rows` has the public keys that tokens are signed with.
    pub(crate) fn settings(&self, rows: &dyn Rows) -> Result<Settings> {
        let jwks = KeySet::load(rows)?.map_or_else(|| json!({ "keys": [] }), |kept| kept.record.jwks());
        let jwt =
            json!({ "issuer": self.issuer, "audience": [AUDIENCE], "jwks": jwks.to_string(), "clients": "registered" });
        Ok(Settings {
            identify: json!([{ "api_key": { "header": "X-API-Key" } }, { "jwt": jwt }]),
            issuer: Some(self.issuer.clone()),
            ..Settings::default()
        })
    }
}
