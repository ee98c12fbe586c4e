//! What gateways get besides what tenants publish: how callers are known.

use serde_json::{Value, json};
use tollgate_compile::Settings;

/// What tokens are for if no resource is named.
pub(crate) const AUDIENCE: &str = "tollgate";

/// What does not come from tenants.
#[derive(Clone)]
pub(crate) struct Fixed {
    /// `iss` of tokens.
    pub(crate) issuer: String,
    /// The public keys.
    pub(crate) jwks: Value,
}

impl Fixed {
    pub(crate) fn settings(&self) -> Settings {
        let jwt = json!({ "issuer": self.issuer, "audience": [AUDIENCE], "jwks": self.jwks.to_string() });
        Settings {
            identify: json!([{ "api_key": { "header": "X-API-Key" } }, { "jwt": jwt }]),
            issuer: Some(self.issuer.clone()),
            ..Settings::default()
        }
    }
}
