//! The user's configuration as it is measured: on loopback, with nothing written and nobody asked outside.
//!
//! Made from the canonical text, so that included files are in it and references stay references.

use super::{super::check, Failure};
use serde_json::{Map, Value, json};
use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
};
use tollgate_model::Configuration;
use tollgate_tuning::search::Keys;

/// A configuration to be measured with different keys.
pub(super) struct Trial {
    value: Value,
    /// The listener that is loaded.
    pub(super) listener: String,
    has_tls: bool,
    /// Keys of `tuning` as they are in force, written or not.
    in_force: BTreeMap<String, String>,
}

impl Trial {
    /// With workers on these CPUs.
    pub(super) fn new(configuration: &Configuration, listener: Option<&str>, cpus: &[usize]) -> Result<Self, Failure> {
        let text = configuration.to_text();
        let mut value: Value = serde_json::from_str(&text).map_err(|error| Failure::refused(format!("{error}")))?;
        let listeners: Vec<Value> = value["listeners"].as_array().cloned().unwrap_or_default();
        let is_plain = |listener: &&Value| listener.get("tls").is_none_or(Value::is_null);
        let chosen = match listener {
            Some(name) => listeners.iter().find(|listener| listener["name"] == *name),
            None => listeners.iter().find(is_plain).or(listeners.first()),
        };
        let Some(chosen) = chosen else {
            return Err(Failure::Refused(format!("there is no listener `{}`", listener.unwrap_or_default())));
        };
        let (name, has_tls) = (chosen["name"].as_str().unwrap_or_default().to_owned(), !is_plain(&chosen));
        for listener in value["listeners"].as_array_mut().into_iter().flatten() {
            listener["bind"] = json!("127.0.0.1:0");
        }
        let keys = value.as_object_mut().ok_or_else(|| Failure::refused("the file is no mapping"))?;
        keys.insert("status".to_owned(), json!("off"));
        keys.insert("quota_store".to_owned(), json!("off"));
        keys.insert("workers".to_owned(), json!(cpus));
        keys.remove("cluster");
        Ok(Self { value, listener: name, has_tls, in_force: check::keys(configuration) })
    }

    pub(super) const fn has_tls(&self) -> bool {
        self.has_tls
    }

    /// Whether something else is in force than these keys say.
    pub(super) fn is_new(&self, keys: &Keys) -> bool {
        let in_force = |key: &str| self.in_force.get(&format!("tuning.{key}"));
        let shown = |value: &str| value.replace("{ spin_us: ", "spin_us ").replace(" }", "");
        keys.iter().any(|(key, value)| in_force(key) != Some(&shown(value)))
    }

    /// As text, with these keys, endpoints at `origin` where they are not on loopback, and access records in `log`.
    pub(super) fn text(&self, keys: &Keys, origin: SocketAddr, log: &str) -> String {
        let mut value = self.value.clone();
        for upstream in value.get_mut("upstreams").and_then(Value::as_array_mut).into_iter().flatten() {
            bring_home(upstream, origin);
        }
        if value["access_log"].get("path").is_some() {
            value["access_log"]["path"] = json!(log);
        }
        if !value["tuning"].is_object() {
            value["tuning"] = Value::Object(Map::new());
        }
        for (key, written) in keys {
            value["tuning"][*key] = read(written);
        }
        format!("{value}\n")
    }
}

/// A value as it is written in the file.
fn read(written: &str) -> Value {
    match written.strip_prefix("{ spin_us: ").and_then(|rest| rest.strip_suffix(" }")) {
        Some(spin) => json!({ "spin_us": spin }),
        None => json!(written),
    }
}

/// Sends an upstream whose endpoints are elsewhere to `origin`; all of it, or its balance would be another.
fn bring_home(upstream: &mut Value, origin: SocketAddr) {
    let endpoints = upstream["endpoints"].as_array().cloned().unwrap_or_default();
    if endpoints.iter().all(|endpoint| is_home(endpoint["address"].as_str().unwrap_or_default())) {
        return;
    }
    upstream["endpoints"] = json!([{ "address": origin.to_string() }]);
    if let Some(keys) = upstream.as_object_mut() {
        // The origin knows no TLS and no checks.
        ["tls", "health"].iter().for_each(|key| drop(keys.remove(*key)));
    }
}

/// Whether an address is on this machine.
fn is_home(address: &str) -> bool {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    address.starts_with("unix:") || host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tollgate_model::NoSource;

    fn configuration(more: &str) -> Configuration {
        let text = format!(
            "version: 1
listeners: [ {{ name: public, bind: 0.0.0.0:8080 }}, {{ name: inner, bind: 10.0.0.1:80 }} ]
access_log: {{ path: /var/log/access }}
upstreams:
  - {{ name: far, tls: {{}}, endpoints: [ {{ address: 10.0.0.9:443 }}, {{ address: 127.0.0.1:9001 }} ] }}
  - {{ name: near, endpoints: [ {{ address: 127.0.0.1:9002 }} ] }}
routes: [ {{ name: all, match: {{ path: '/{{rest*}}' }}, upstream: far }} ]
{more}"
        );
        Configuration::parse("a", &text, &NoSource).unwrap_or_else(|errors| panic!("{errors}"))
    }

    fn trial(more: &str) -> Trial {
        Trial::new(&configuration(more), None, &[0]).unwrap_or_else(|_| panic!("there is a listener"))
    }

    #[test]
    fn nothing_of_a_trial_leaves_the_machine() {
        let trial = trial("tuning: { turn_budget: 64 }\n");
        let keys = vec![("idle", "{ spin_us: 50 }"), ("buffer_bytes", "63KiB")];
        let text = trial.text(&keys, "127.0.0.1:7777".parse().unwrap(), "/tmp/log");
        let tried = Configuration::parse("b", &text, &NoSource).unwrap_or_else(|errors| panic!("{errors}\n{text}"));
        let snapshot = tried.snapshot();
        assert_eq!((trial.listener.as_str(), trial.has_tls()), ("public", false));
        assert!(snapshot.status.is_none() && snapshot.quota_store.is_none() && snapshot.cluster.is_none());
        let fixed = snapshot.tuning.fixed;
        assert_eq!((fixed.turn_budget, fixed.buffer_bytes, fixed.spin.as_micros()), (64, 63 << 10, 50));
        for elsewhere in ["10.0.0", "0.0.0.0", "/var/log"] {
            assert!(!text.contains(elsewhere), "{elsewhere} in {text}");
        }
        assert!(text.contains("127.0.0.1:7777") && text.contains("127.0.0.1:9002"), "{text}");
    }

    #[test]
    fn what_is_in_force_already_is_no_candidate() {
        let trial = trial("tuning: { turn_budget: 128, idle: { spin_us: 50 } }\n");
        assert!(!trial.is_new(&vec![("buffer_bytes", "63KiB")]), "the default");
        assert!(!trial.is_new(&vec![("turn_budget", "128")]) && !trial.is_new(&vec![("idle", "{ spin_us: 50 }")]));
        assert!(trial.is_new(&vec![("turn_budget", "64")]) && trial.is_new(&vec![("task_budget", "8")]));
    }

    #[test]
    fn a_listener_that_is_not_there_is_refused() {
        assert!(Trial::new(&configuration(""), Some("publick"), &[0]).is_err());
    }

    #[test]
    fn an_address_is_at_home_or_not() {
        for address in ["127.0.0.1:80", "[::1]:80", "localhost:80", "unix:/run/x", "127.9.9.9:1"] {
            assert!(is_home(address), "{address}");
        }
        for address in ["10.0.0.1:80", "example.com:443", "[2001:db8::1]:80", "localhost.example.com:80", ""] {
            assert!(!is_home(address), "{address}");
        }
    }
}
