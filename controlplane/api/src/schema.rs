//! Schemas of what is sent and answered, by the names that endpoints call them.
//!
//! Records of the domain say theirs themselves, comments included; what only this API has is said here. An answer named
//! `[X]` is a page of X.

use serde_json::{Map, Value, json};
use tollgate_domain::{
    Api, ApiSpec, Application, AuditEvent, Credential, Environment, Member, Plan, Product, Publication, Revision,
    Subscription, Tenant,
};
use utoipa::{
    ToSchema,
    openapi::{RefOr, schema::Schema},
};

/// What texts with a form of their own take, as patterns.
const PATTERNS: [(&str, &str); 5] = [
    ("Name", "^[a-z0-9][a-z0-9-]{0,62}$"),
    ("Version", "^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$"),
    ("ApiName", "^[a-z0-9][a-z0-9-]{0,62}@[A-Za-z0-9][A-Za-z0-9._-]{0,31}$"),
    ("Target", "^[a-z0-9][a-z0-9-]{0,62}(@[A-Za-z0-9][A-Za-z0-9._-]{0,31})?$"),
    ("Digest", "^[0-9a-f]{64}$"),
];

/// All of them.
pub(crate) fn all() -> Value {
    let mut found: Vec<(String, RefOr<Schema>)> = Vec::new();
    macro_rules! records {
        ($($record:ty),*) => {
            $(
                found.push((<$record>::name().into_owned(), <$record as utoipa::PartialSchema>::schema()));
                <$record as ToSchema>::schemas(&mut found);
            )*
        };
    }
    records!(
        Api,
        ApiSpec,
        Application,
        AuditEvent,
        Credential,
        Environment,
        Member,
        Plan,
        Product,
        Publication,
        Revision,
        Subscription,
        Tenant
    );
    let mut all: Map<_, _> = found.into_iter().map(|(name, schema)| (name, json!(schema))).collect();
    // No answer tells a hash.
    if let Some(credential) = all.get_mut("Credential") {
        credential["properties"].as_object_mut().and_then(|properties| properties.remove("hash"));
        if let Some(required) = credential["required"].as_array_mut() {
            required.retain(|name| name != "hash");
        }
    }
    for (name, pattern) in PATTERNS {
        if let Some(schema) = all.get_mut(name) {
            schema["pattern"] = json!(pattern);
        }
    }
    if let Value::Object(own) = own() {
        all.extend(own);
    }
    Value::Object(all)
}

/// A schema by its name; `[X]` is a page of X.
pub(crate) fn reference(name: &str) -> Value {
    match name.strip_prefix('[').and_then(|name| name.strip_suffix(']')) {
        None => json!({ "$ref": format!("#/components/schemas/{name}") }),
        Some(item) => json!({
            "type": "object",
            "required": ["items", "next"],
            "properties": {
                "items": { "type": "array", "items": reference(item) },
                "next": { "type": ["string", "null"], "description": "`cursor` of the next page; null: this is the last." },
            },
        }),
    }
}

/// An object with these properties, some of which are required.
fn object(required: &[&str], properties: Value) -> Value {
    let mut object = json!({ "type": "object", "required": required });
    object["properties"] = properties;
    object
}

fn own() -> Value {
    let text = || json!({ "type": "string" });
    let maybe = || json!({ "type": ["string", "null"] });
    let number = || json!({ "type": ["integer", "null"], "minimum": 0 });
    let open = || json!({ "type": "object" });
    let mut own = requests(&text, &maybe, &number);
    let answers = json!({
        "Document": object(&["digest", "text"], json!({ "digest": text(), "text": text() })),
        "Imported": object(&["api", "notes"], json!({
            "api": reference("Api"),
            "notes": { "type": "array", "items": object(&["place", "line", "message"], json!({
                "place": text(), "line": { "type": "integer" }, "message": text(),
            })) },
        })),
        "RevisionHead": object(&["api", "number", "digest", "made"], json!({
            "api": text(), "number": { "type": "integer" }, "digest": text(), "made": reference("Made"),
        })),
        "Issued": object(&["credential", "secret"], json!({ "credential": reference("Credential"), "secret": text() })),
        "Token": object(&["id", "member", "made"], json!({
            "id": text(), "member": text(), "title": maybe(), "expires_s": number(), "made": reference("Made"),
        })),
        "IssuedToken": object(&["token", "secret"], json!({ "token": reference("Token"), "secret": text() })),
        "Me": object(&["tenant", "member", "roles", "operator", "may"], json!({
            "tenant": text(), "member": text(), "roles": { "type": "array", "items": reference("Role") },
            "operator": { "type": "boolean" },
            "may": { "type": "object", "additionalProperties": { "enum": ["own", "all"] } },
        })),
        "Changes": object(&["changes"], json!({
            "changes": { "type": "array", "items": object(&["kind", "name", "change"], json!({
                "kind": text(), "name": text(), "change": { "enum": ["created", "changed", "unchanged", "deleted"] },
                "differences": { "type": "array", "items": object(&["place"], json!({
                    "place": text(), "before": {}, "after": {},
                })) },
            })) },
        })),
        "KeySet": object(&["keys"], json!({
            "keys": { "type": "array", "items": object(&["jwk", "made_s"], json!({
                "jwk": open(), "made_s": { "type": "integer", "minimum": 0 }, "retired_s": number(),
            })) },
        })),
        "Found": open(),
        "FoundApi": open(),
        "Node": object(&["name", "state", "draining", "workers", "workers_behind"], node(&text, &maybe, &number)),
        "AddedNode": object(&["node", "secret"], json!({ "node": reference("Node"), "secret": text() })),
        "Running": object(&["change", "nodes", "running", "refused", "away"], json!({
            "change": { "type": "integer" }, "nodes": { "type": "integer" }, "running": { "type": "integer" },
            "refused": { "type": "integer" }, "away": { "type": "integer" },
        })),
        "Debugged": object(&["environment", "route", "status", "took_us", "phases", "answer", "publications"], debugged(&text, &maybe)),
        "Usage": object(&["application", "api", "hour_s", "ok", "throttled", "errors"], usage(&text)),
        "Problem": object(&["type", "title", "status", "code", "detail", "request_id"], json!({
            "type": text(), "title": text(), "status": { "type": "integer" }, "code": text(), "detail": text(),
            "request_id": text(),
            "errors": { "type": "array", "items": object(&["code", "place", "what", "remedy"], json!({
                "code": text(), "place": text(), "what": text(), "remedy": text(),
            })) },
        })),
    });
    if let (Value::Object(own), Value::Object(answers)) = (&mut own, answers) {
        own.extend(answers);
    }
    own
}

fn node(text: &dyn Fn() -> Value, maybe: &dyn Fn() -> Value, number: &dyn Fn() -> Value) -> Value {
    let count = || json!({ "type": "integer", "minimum": 0 });
    json!({
        "name": text(), "title": maybe(), "made": reference("Made"),
        "state": { "enum": ["current", "behind", "refused", "away", "unseen"] },
        "version": maybe(), "generation": number(), "digest": maybe(), "behind_generations": number(),
        "behind_s": number(), "last_seen_s": number(), "refused": maybe(), "draining": { "type": "boolean" },
        "workers": count(), "workers_behind": count(), "uptime_s": number(),
    })
}

fn debugged(text: &dyn Fn() -> Value, maybe: &dyn Fn() -> Value) -> Value {
    let micros = || json!({ "type": "number", "minimum": 0, "description": "Microseconds." });
    let count = || json!({ "type": "integer", "minimum": 0 });
    let open = || json!({ "type": "object" });
    json!({
        "environment": text(), "route": maybe(), "status": count(), "reason": maybe(), "took_us": micros(),
        "phases": { "type": "array", "items": object(&["phase", "what", "verdict", "took_us", "facts"], json!({
            "phase": text(), "what": text(), "reason": maybe(), "took_us": micros(), "facts": open(),
            "verdict": { "enum": ["passed", "refused", "would_refuse", "not_asked", "answered"] },
        })) },
        "answer": object(&["status", "headers", "body", "body_bytes"], json!({
            "status": count(), "headers": { "type": "array", "items": text() }, "body": text(), "body_bytes": count(),
        })),
        "publications": { "type": "array", "items": open() },
    })
}

fn usage(text: &dyn Fn() -> Value) -> Value {
    let count = |what: &str| json!({ "type": "integer", "minimum": 0, "description": what });
    json!({
        "application": text(), "api": text(), "hour_s": count("When the hour began, in Unix seconds."),
        "ok": count("Requests that were answered."), "throttled": count("Requests that a limit refused."),
        "errors": count("Requests that were answered with a status of 500 or more, or not at all."),
    })
}

fn requests(text: &dyn Fn() -> Value, maybe: &dyn Fn() -> Value, number: &dyn Fn() -> Value) -> Value {
    let canary = || json!({ "oneOf": [{ "type": "null" }, reference("Canary")] });
    json!({
        "Note": object(&[], json!({ "note": maybe() })),
        "Copy": object(&["to"], json!({ "to": text() })),
        "Step": object(&["to"], json!({
            "to": reference("Lifecycle"), "deprecation": { "oneOf": [{ "type": "null" }, reference("Deprecation")] },
        })),
        "Publish": object(&[], json!({ "revision": number(), "canary": canary(), "note": maybe() })),
        "Rollback": object(&[], json!({ "to": number(), "note": maybe() })),
        "Subscribe": object(&["plan"], json!({ "plan": text(), "note": maybe() })),
        "Decision": object(&["state"], json!({ "state": reference("SubscriptionState"), "note": maybe() })),
        "Issue": object(&[], json!({ "kind": reference("CredentialKind"), "title": maybe(), "expires_s": number() })),
        "Rotate": object(&[], json!({ "overlap_s": number(), "expires_s": number() })),
        "RotateKeys": object(&[], json!({ "algorithm": { "enum": [null, "EdDSA", "ES256"] } })),
        "Setup": object(&["token", "tenant", "member"], json!({ "token": text(), "tenant": text(), "member": text() })),
        "Password": object(&["password"], json!({ "password": text() })),
        "AddNode": object(&["name"], json!({ "name": text(), "title": maybe() })),
        "IssueToken": object(&[], json!({ "title": maybe(), "expires_s": number() })),
        "DebugRequest": object(&["path"], json!({
            "method": text(), "path": text(), "headers": { "type": "array", "items": text() }, "body": text(),
            "client": { "type": ["string", "null"], "description": "An address." },
        })),
        "Documents": object(&["documents"], json!({
            "documents": { "type": "array", "items": object(&["kind"], json!({
                "kind": { "enum": crate::apply::KINDS },
            })) },
        })),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tollgate_domain::{ApiName, Digest, Name, Target, version::Version};

    #[test]
    fn patterns_take_what_is_taken() {
        let long = |count| "a".repeat(count);
        let mut texts =
            ["a", "0", "a-b", "-a", "a-", "", "A", "a_b", "a.b", "1.0", ".1", "ä", "a\n", "a@1", "a@", "@1", "a@1@1"]
                .map(str::to_owned)
                .to_vec();
        texts.extend([32, 33, 63, 64].map(long));
        texts.extend([format!("{}@{}", long(63), long(32)), format!("a@{}", long(33)), "g".repeat(64), "A".repeat(64)]);
        for (name, pattern) in PATTERNS {
            let schema = jsonschema::validator_for(&json!({ "pattern": pattern })).unwrap();
            for text in &texts {
                let is_taken = match name {
                    "Name" => text.parse::<Name>().is_ok(),
                    "Version" => text.parse::<Version>().is_ok(),
                    "ApiName" => text.parse::<ApiName>().is_ok(),
                    "Target" => text.parse::<Target>().is_ok(),
                    _ => Digest::try_from(text.clone()).is_ok(),
                };
                assert_eq!(schema.is_valid(&json!(text)), is_taken, "{name} {text:?}");
            }
        }
    }
}
