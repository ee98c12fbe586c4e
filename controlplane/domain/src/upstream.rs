//! Where an API is forwarded to: endpoints and the contract's own options for them.
//!
//! Options (`balance`, `health`, `retries`, `timeouts` and so on) are kept as the contract has them and judged when the API
//! is compiled. What names a file or socket of the node is refused here (`reference`).

use crate::{
    limits::ENDPOINTS_MAX,
    member::review_count,
    reference,
    refusal::{Code, Refusal},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A group of endpoints.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Upstream {
    /// One at least, 1024 at most.
    pub endpoints: Vec<Endpoint>,
    /// What stands before the path of an operation at the endpoints. Left out: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The other keys that an upstream of the contract has, except `name` and `endpoints`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, Value>,
}

/// An address of an upstream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// `host:port`, `ip:port` or `[ipv6]:port`; may have variables.
    pub address: String,
    /// Its share beside the others. 1 to 1000; left out: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<u32>,
}

impl Upstream {
    pub(crate) fn review(&self, place: &str, found: &mut Vec<Refusal>) {
        if self.endpoints.is_empty() {
            let remedy = "write one like { address: \"10.0.0.1:8080\" }";
            found.push(Refusal::new(Code::InvalidValue, format!("{place}.endpoints"), "there is no endpoint", remedy));
        }
        review_count(&format!("{place}.endpoints"), self.endpoints.len(), ENDPOINTS_MAX, found);
        for (at, endpoint) in self.endpoints.iter().enumerate() {
            let place = format!("{place}.endpoints[{at}]");
            if endpoint.weight.is_some_and(|weight| !(1..=1000).contains(&weight)) {
                let place = format!("{place}.weight");
                found.push(Refusal::new(Code::InvalidValue, place, "this is no weight", "write 1 to 1000"));
            }
            if !is_address(&endpoint.address) {
                let what = format!("`{}` is no address", endpoint.address);
                let remedy = "write `host:port`, like `orders.internal:8080`, without a scheme";
                found.push(Refusal::new(Code::InvalidValue, format!("{place}.address"), what, remedy));
            }
        }
        for name in ["name", "endpoints"].iter().filter(|name| self.options.contains_key(**name)) {
            let what = format!("`{name}` is none of the options");
            let place = format!("{place}.options.{name}");
            found.push(Refusal::new(Code::InvalidValue, place, what, "take it out"));
        }
        if let Ok(value) = serde_json::to_value(self) {
            reference::review(&value, place, true, found);
        }
    }
}

/// Roughly; the contract says it exactly once variables are replaced.
fn is_address(text: &str) -> bool {
    let graphic = !text.is_empty() && text.len() <= 300 && text.bytes().all(|b| b.is_ascii_graphic());
    graphic && !text.contains('/') && (text.contains(':') || text.contains("${var:"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_upstream_is_told_what_is_wrong_with_it() {
        let rows = [
            (json!({"endpoints": [{"address": "a:1", "weight": 2}], "options": {"balance": "random"}}), ""),
            (json!({"endpoints": [{"address": "${var:ORDERS}"}]}), ""),
            (json!({"endpoints": []}), "upstream.endpoints"),
            (json!({"endpoints": [{"address": "http://a:1"}]}), "upstream.endpoints[0].address"),
            (json!({"endpoints": [{"address": "a"}]}), "upstream.endpoints[0].address"),
            (json!({"endpoints": [{"address": "a:1", "weight": 0}]}), "upstream.endpoints[0].weight"),
            (json!({"endpoints": [{"address": "a:1"}], "options": {"name": "x"}}), "upstream.options.name"),
            (
                json!({"endpoints": [{"address": "a:1"}], "options": {"tls": {"key_file": "x"}}}),
                "upstream.options.tls.key_file",
            ),
        ];
        for (written, place) in rows {
            let mut found = Vec::new();
            serde_json::from_value::<Upstream>(written.clone()).unwrap().review("upstream", &mut found);
            let places: Vec<_> = found.iter().map(|refusal| refusal.place.as_str()).collect();
            assert_eq!(places, if place.is_empty() { vec![] } else { vec![place] }, "{written}");
        }
    }
}
