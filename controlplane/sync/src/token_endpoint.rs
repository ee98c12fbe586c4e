//! The way from a node's listeners to the token endpoint, which is on the control plane's port.
//!
//! Not compiled from records, and not sent: where the control plane is depends on who looks.

use crate::{client::Access, patch::Patch};
use serde_json::json;
use std::path::Path;

/// Name of the upstream and of the route. No tenant can have it: theirs have a tenant in front.
const NAME: &str = "tollgate-oauth2";

/// An upstream and a route: `authority` is host and port, `tls` that of the upstream.
fn way(authority: &str, tls: Option<serde_json::Value>) -> Patch {
    let mut upstream = json!({ "name": NAME, "endpoints": [{ "address": authority }] });
    if let Some(tls) = tls {
        upstream["tls"] = tls;
    }
    let route = json!({
        "name": NAME,
        "match": { "path": "/oauth2/{rest*}", "methods": ["GET", "POST"] },
        "upstream": NAME,
    });
    let mut patch = Patch::default();
    for (kind, item) in [("upstreams", upstream), ("routes", route)] {
        // What `json!` makes is JSON.
        let _ = patch.set(kind, NAME.to_owned(), item.to_string());
    }
    patch
}

/// The way to a control plane at `authority`, a host and port, without TLS.
#[must_use]
pub fn token_endpoint(authority: &str) -> Patch {
    way(authority, None)
}

impl Access {
    /// The way to the token endpoint of this control plane; `authorities` is the file of those to trust.
    #[must_use]
    pub fn token_endpoint(&self, authorities: Option<&Path>) -> Patch {
        let tls = self.is_tls.then(|| match authorities {
            Some(file) => json!({ "ca_file": file }),
            None => json!({}),
        });
        way(&self.authority, tls)
    }
}
