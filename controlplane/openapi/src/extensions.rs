//! Extensions (`x-...`) that say what a gateway should do: our own, and those of others that can be said in our words.
//!
//! One file for each vendor. Each is given a value and adds to [`Policies`], the words of the gateway's configuration; what
//! it knows and cannot say is a note, and so is an extension that nobody here knows. Where two say the same thing, our own
//! counts, then whoever is read first.

mod apigateway;
mod kong;
mod wso2;

use crate::{
    document::At,
    error::Note,
    export::EXTENSION,
    server::{self, Endpoint, Stage},
};
use serde_json::{Map, Value, json};

/// Policies in the words of the gateway's configuration.
pub type Policies = Map<String, Value>;

/// What extensions say of the API as a whole.
#[derive(Debug, Default)]
pub(crate) struct Vendor {
    pub(crate) name: Option<String>,
    pub(crate) base_path: Option<String>,
    pub(crate) endpoints: Vec<Endpoint>,
    pub(crate) policies: Policies,
}

/// What is gathered from the extensions of one value.
pub(crate) struct Gathered<'n> {
    policies: Policies,
    notes: &'n mut Vec<Note>,
}

/// Reads the extensions of an operation.
pub(crate) fn read(at: &At<'_>, notes: &mut Vec<Note>) -> Policies {
    let mut gathered = Gathered { policies: own(at), notes };
    for (key, at) in at.entries().filter(|(key, _)| key.starts_with("x-") && *key != EXTENSION) {
        let is_known = kong::plugin(key, &at, &mut gathered)
            || wso2::policy(key, &at, &mut gathered)
            || apigateway::policy(key, &at, &mut gathered);
        if !is_known {
            gathered.note(&at, "an extension that is not known here");
        }
    }
    gathered.policies
}

/// Reads the extensions of a document.
pub(crate) fn api(root: &At<'_>, notes: &mut Vec<Note>) -> Vendor {
    let mut vendor = Vendor::default();
    let mut gathered = Gathered { policies: own(root), notes };
    for (key, at) in root.entries().filter(|(key, _)| key.starts_with("x-") && *key != EXTENSION) {
        let is_known = kong::plugin(key, &at, &mut gathered)
            || kong::api(key, &at, &mut vendor)
            || wso2::policy(key, &at, &mut gathered)
            || wso2::api(key, &at, &mut vendor)
            || apigateway::api(key)
            || apigateway::policy(key, &at, &mut gathered);
        if !is_known {
            gathered.note(&at, "an extension that is not known here");
        }
    }
    vendor.policies = gathered.policies;
    vendor
}

/// What our own extension says.
fn own(at: &At<'_>) -> Policies {
    let policies = at.get(EXTENSION).and_then(|own| own.get("policies")).map(|policies| policies.value());
    if let Some(Value::Object(policies)) = policies { policies } else { Policies::new() }
}

impl Gathered<'_> {
    fn note(&mut self, at: &At<'_>, message: &str) {
        self.notes.push(Note { place: at.place().to_owned(), line: at.line(), message: message.to_owned() });
    }

    /// Sets a policy that nobody has set.
    fn set(&mut self, at: &At<'_>, policy: &str, value: Value) {
        if self.policies.contains_key(policy) {
            self.note(at, &format!("`{policy}` is said already"));
        } else {
            self.policies.insert(policy.to_owned(), value);
        }
    }

    /// Adds a rule to a list of them.
    fn add(&mut self, policy: &str, rule: Value) {
        // Else it is `off`, in our own words.
        if let Value::Array(rules) = self.policies.entry(policy).or_insert_with(|| json!([])) {
            rules.push(rule);
        }
    }

    /// Adds a limit of requests by time: a bucket up to an hour, a counter by calendar above.
    fn limit(&mut self, at: &At<'_>, name: &str, (limit, unit): (u64, &str), key: &Value) {
        let policy = match unit {
            "second" | "minute" | "hour" => "throttle",
            "day" | "month" => "quota",
            _ => return self.note(at, &format!("a limit by {unit} is not known here")),
        };
        if limit == 0 {
            return self.note(at, "a limit of 0: block the API instead");
        }
        self.add(policy, json!({ "name": name, "key": key, "limit": limit, "per": unit }));
    }
}

/// The origin of a URL as an endpoint.
fn endpoint(url: &str, stage: Stage) -> Option<Endpoint> {
    let (origin, _) = server::split(url)?;
    Some(Endpoint { origin: origin?.to_owned(), stage })
}
