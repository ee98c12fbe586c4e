//! `ip` of several layers as one: a client must be let in by each, so the lists of those denied are added up, and of those
//! allowed what they have in common is left.

use ipnet::IpNet;
use serde_json::{Map, Value, json};
use std::net::IpAddr;

/// `None` if one of `layers` is no such policy.
pub(crate) fn join(layers: &[&Value]) -> Option<Value> {
    let (mut allow, mut deny): (Option<Vec<IpNet>>, Vec<Value>) = (None, Vec::new());
    let mut joined = Map::new();
    for layer in layers {
        let layer = layer.as_object()?;
        if layer.keys().any(|key| key != "allow" && key != "deny") {
            return None;
        }
        let denied = layer.get("deny").map_or(Some(&[][..]), |list| list.as_array().map(Vec::as_slice))?;
        deny.extend(denied.iter().filter(|entry| !deny.contains(entry)).cloned().collect::<Vec<_>>());
        let Some(list) = layer.get("allow") else { continue };
        let own = list.as_array()?.iter().map(|entry| network(entry.as_str()?)).collect::<Option<Vec<_>>>()?;
        allow = Some(match allow {
            None => {
                joined.insert("allow".to_owned(), list.clone());
                own
            }
            Some(before) => {
                let both = common(&before, &own);
                joined.insert("allow".to_owned(), both.iter().map(|network| json!(network.to_string())).collect());
                both
            }
        });
    }
    if allow.is_some_and(|allow| allow.is_empty()) {
        // Nobody is let in by all of them, and an empty list is none.
        joined.remove("allow");
        deny = vec![json!("0.0.0.0/0"), json!("::/0")];
    }
    if !deny.is_empty() {
        joined.insert("deny".to_owned(), deny.into());
    }
    Some(joined.into())
}

/// Two networks have either nothing in common, or the smaller of them.
fn common(before: &[IpNet], own: &[IpNet]) -> Vec<IpNet> {
    let pairs = before.iter().flat_map(|one| own.iter().map(move |other| (one, other)));
    let mut both: Vec<IpNet> = pairs
        .filter_map(|(one, other)| match (one.contains(other), other.contains(one)) {
            (true, _) => Some(*other),
            (_, true) => Some(*one),
            _ => None,
        })
        .collect();
    both.sort_unstable();
    both.dedup();
    both
}

fn network(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_layer_lets_a_client_in() {
        let rows = [
            (json!({"deny": ["10.0.0.1"]}), json!({"deny": ["10.0.0.2"]}), json!({"deny": ["10.0.0.1", "10.0.0.2"]})),
            (
                json!({"deny": ["10.0.0.1"]}),
                json!({"allow": ["10.0.0.2"]}),
                json!({"deny": ["10.0.0.1"], "allow": ["10.0.0.2"]}),
            ),
            (
                json!({"allow": ["10.0.0.0/8", "192.0.2.1"]}),
                json!({"allow": ["10.1.0.0/16", "192.0.2.0/24", "::1"]}),
                json!({"allow": ["10.1.0.0/16", "192.0.2.1/32"]}),
            ),
            (json!({"allow": ["10.0.0.1"]}), json!({"allow": ["10.0.0.2"]}), json!({"deny": ["0.0.0.0/0", "::/0"]})),
        ];
        for (one, other, expected) in rows {
            assert_eq!(join(&[&one, &other]), Some(expected), "{one} {other}");
        }
        assert_eq!(join(&[&json!({"allow": ["x"]})]), None);
        assert_eq!(join(&[&json!({"odd": []})]), None);
    }
}
