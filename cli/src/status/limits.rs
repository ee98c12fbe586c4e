//! `tollgate limits`: what keys of quotas have used on a running node, and how an operator changes that.
//!
//! Each verb is one request to `/quotas` of the node's status, which does it at once; what is counted then is shown.

use super::{Failure, Node};
use crate::{
    admin::{Output, with_query},
    exit::{Exit, help},
    time::time,
};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Shows and changes what keys of quotas have used on a running node
///
/// A rule is named by its place (`tollgate limits show` lists them); there is one KEY for each part of its key, in their order:
/// an address for `client_ip`, a name for `route`, `application` and the like, none for `node`.
#[derive(Args)]
#[command(after_long_help = help!(
    "Examples:\n  tollgate limits show\n  \
     tollgate limits show routes/orders/quota/daily 10.0.0.1 --node /run/tollgate/admin.sock\n  \
     tollgate limits grant routes/orders/quota/daily 10.0.0.1 --units 500 --for 24h\n  \
     tollgate limits block routes/orders/quota/daily 10.0.0.1\n\n"
))]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    node: Node,
    /// How the answer is shown
    #[arg(long, value_enum, default_value_t = Output::Table, global = true)]
    output: Output,
}

#[derive(Subcommand)]
enum Verb {
    /// Shows what a key has used; without a rule, the rules there are
    Show {
        /// The place of the rule
        #[arg(value_name = "RULE")]
        rule: Option<String>,
        /// The parts of its key
        #[arg(value_name = "KEY")]
        key: Vec<String>,
    },
    /// Forgets what a key has used, and unblocks it
    Reset(Key),
    /// Lets a key use more, for a time or until its window ends
    Grant {
        #[command(flatten)]
        key: Key,
        /// How many units more
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
        units: u64,
        /// How long; at the longest until its window ends: 24h, 7d, 90m
        #[arg(long = "for", value_name = "TIME", value_parser = time)]
        for_time: Option<Duration>,
    },
    /// Admits a key nothing more, in any window, until it is unblocked
    Block(Key),
    /// Ends a block; what the key has used is forgotten
    Unblock(Key),
}

/// What a verb is about.
#[derive(Args)]
struct Key {
    /// The place of the rule
    #[arg(value_name = "RULE")]
    rule: String,
    /// The parts of its key
    #[arg(value_name = "KEY")]
    key: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Exit {
    match ask(arguments) {
        Ok(value) => {
            arguments.output.show(&value);
            Exit::Done
        }
        Err(failure) => failure.end(),
    }
}

fn ask(arguments: &Arguments) -> Result<Value, Failure> {
    let client = arguments.node.client()?;
    let post = |Key { rule, key }: &Key, action: Value| {
        let mut body = json!({ "rule": rule, "key": key });
        if let (Value::Object(body), Value::Object(action)) = (&mut body, action) {
            body.extend(action);
        }
        client.ask("POST", "/quotas", body.to_string())
    };
    let text = match &arguments.verb {
        Verb::Show { rule: None, .. } => client.get("/quotas"),
        Verb::Show { rule: Some(rule), key } => {
            let parts = key.iter().map(|part| ("key", part.as_str()));
            client.get(&escaped(&with_query("/quotas", [("rule", rule.as_str())].into_iter().chain(parts))))
        }
        Verb::Reset(key) => post(key, json!({ "action": "reset" })),
        Verb::Grant { key, units, for_time } => {
            let mut action = json!({ "action": "grant", "units": units });
            for_time.iter().for_each(|time| action["for_s"] = json!(time.as_secs()));
            post(key, action)
        }
        Verb::Block(key) => post(key, json!({ "action": "block" })),
        Verb::Unblock(key) => post(key, json!({ "action": "unblock" })),
    }?;
    let said = serde_json::from_str(&text).map_err(|_| client.no_answer())?;
    let now_s = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    Ok(if arguments.output == Output::Table { for_people(said, now_s) } else { said })
}

/// A node reads `+` as it stands (RFC 3986), not as a space.
fn escaped(path: &str) -> String {
    path.replace('+', "%20")
}

/// Rules as rows, and the end of a window as what is left of it.
fn for_people(mut said: Value, now_s: u64) -> Value {
    if let Value::Array(rules) = said["rules"].take() {
        return rules.into_iter().map(|rule| json!({ "rule": rule })).collect();
    }
    if let Value::Object(said) = &mut said {
        said.remove("rules");
        if let Some(end_s) = said.remove("window_end").and_then(|end_s| end_s.as_u64()) {
            said.insert("window_ends_in".to_owned(), time_left(end_s.saturating_sub(now_s)).into());
        }
    }
    said
}

/// The two largest units of a time.
fn time_left(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {} s", seconds % 60),
        (0, ..) => format!("{hours} h {} min", minutes % 60),
        _ => format!("{days} d {} h", hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_shown_rows_and_what_is_left() {
        let rules = json!({ "rules": ["defaults/quota/a"] });
        assert_eq!(for_people(rules, 0), json!([{ "rule": "defaults/quota/a" }]));
        let used = json!({ "used": 3, "window_end": 100_000, "key": ["a"] });
        assert_eq!(for_people(used, 99_000), json!({ "used": 3, "window_ends_in": "16 min 40 s", "key": ["a"] }));
        for (seconds, text) in [(0, "0 s"), (59, "59 s"), (7_260, "2 h 1 min"), (90_000, "1 d 1 h")] {
            assert_eq!(time_left(seconds), text);
        }
        assert_eq!(escaped(&with_query("/q", [("key", "a b+c%")])), "/q?key=a%20b%2Bc%25");
    }
}
