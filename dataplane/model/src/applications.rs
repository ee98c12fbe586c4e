//! What is written of an application, told by its packed record.
//!
//! The canonical JSON of one, and the hash of its content, which is that of the text: plans by name, since their slots are
//! not the same everywhere, times in seconds. So a text needs no memory, and reading it gives the same record.

use std::fmt::Write as _;

use tollgate_consumer::{Application, Proof};
use tollgate_items::Items;

use crate::{digest, plan::Plan, raw::canonical};

/// The hash of an item.
pub(crate) fn hash(application: &Application, plans: &Items<Plan>) -> u64 {
    digest::written("application", &text(application, plans))
}

/// Canonical JSON. Only `issuer`, `client_id` and `revoked` may have characters that JSON escapes.
pub(crate) fn text(application: &Application, plans: &Items<Plan>) -> String {
    let mut text = format!("{{\"name\":\"{}\"", application.name());
    if !application.tenant().is_empty() {
        put(&mut text, ",\"tenant\":\"", application.tenant());
    }
    let mut comma = ",\"credentials\":[";
    for credential in application.credentials() {
        text.push_str(comma);
        comma = ",";
        put(&mut text, "{\"id\":\"", credential.id);
        match credential.who {
            None => put(&mut text, ",\"sha256\":\"", &hex(&credential.proof)),
            Some(who) => {
                for (key, value) in [(",\"issuer\":\"", who.issuer), (",\"client_id\":\"", who.client_id)] {
                    text.push_str(key);
                    canonical::escape(value, &mut text);
                    text.push('"');
                }
            }
        }
        if let Some(expires_s) = credential.expires_s {
            put(&mut text, ",\"expires\":\"", &expires_s.to_string());
        }
        let mut comma = ",\"scopes\":[\"";
        for scope in credential.scopes.iter() {
            put(&mut text, comma, scope);
            comma = ",\"";
        }
        text.push_str(if comma == ",\"" { "]" } else { "" });
        let mut comma = ",\"revoked\":[\"";
        for jti in credential.revoked.iter() {
            text.push_str(comma);
            canonical::escape(jti, &mut text);
            text.push('"');
            comma = ",\"";
        }
        text.push_str(if comma == ",\"" { "]}" } else { "}" });
    }
    text.push_str(if comma == "," { "]" } else { "" });
    let mut comma = ",\"subscriptions\":[";
    for subscription in application.subscriptions() {
        text.push_str(comma);
        comma = ",";
        put(&mut text, "{\"api\":\"", subscription.api);
        if let Some(plan) = subscription.plan.and_then(|slot| plans.get(slot)) {
            put(&mut text, ",\"plan\":\"", &plan.name);
        }
        text.push('}');
    }
    text.push_str(if comma == "," { "]}" } else { "}" });
    text
}

fn put(text: &mut String, key: &str, value: &str) {
    text.push_str(key);
    text.push_str(value);
    text.push('"');
}

/// In lower case.
pub(crate) fn hex(proof: &Proof) -> String {
    proof.iter().fold(String::with_capacity(2 * proof.len()), |mut digits, byte| {
        // A string takes all.
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}
