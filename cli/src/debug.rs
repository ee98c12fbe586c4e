//! `tollgate debug`: a test request, and what each phase of the gateway made of it.
//!
//! Through an environment, which the control plane finds a gateway for, or at one node by its status. Both answer the same.

use crate::{
    admin::{self, Output},
    exit::{Exit, help},
    status, terminal,
};
use clap::Args;
use serde_json::{Value, json};
use std::{net::IpAddr, time::Duration};

/// How long an answer of a node is waited for: it gives a test request 30 s.
const PATIENCE: Duration = Duration::from_secs(40);

/// Sends a test request and shows what each phase of the gateway made of it
///
/// The request takes the way of every other: its route, policies and endpoint are the real ones. It spends no quota and is not
/// counted as usage. With `--environment` the control plane sends it through an environment and tells the revisions and
/// variables that are served there; without, it goes through the listener of one node.
#[derive(Args)]
#[command(after_long_help = help!(
    "Examples:\n  tollgate debug --environment production /orders/17 -H 'X-API-Key: KEY'\n  \
     tollgate debug --node /run/tollgate/admin.sock -X POST /orders -H 'Content-Type: application/json' -d '{}'\n  \
     tollgate debug /orders/17 --client 203.0.113.9 --output json\n\n"
))]
pub(crate) struct Arguments {
    /// Path and query of the request
    #[arg(value_name = "PATH")]
    path: String,
    /// The environment it goes through
    #[arg(long, short, value_name = "NAME")]
    environment: Option<String>,
    /// The method
    #[arg(long = "request", short = 'X', value_name = "METHOD", default_value = "GET")]
    method: String,
    /// A header field; may be given several times
    #[arg(long = "header", short = 'H', value_name = "NAME: VALUE")]
    headers: Vec<String>,
    /// The content of the request
    #[arg(long = "data", short = 'd', value_name = "TEXT", default_value = "")]
    body: String,
    /// The address of the client in whose name it is sent
    #[arg(long, value_name = "ADDRESS")]
    client: Option<IpAddr>,
    /// The listener of the node it goes through; the first without
    #[arg(long, value_name = "NAME", conflicts_with = "environment")]
    listener: Option<String>,
    #[command(flatten)]
    node: status::Node,
    #[command(flatten)]
    admin: admin::Admin,
}

pub(crate) fn run(arguments: &Arguments) -> Exit {
    let Arguments { path, environment, method, headers, body, client, listener, node, admin } = arguments;
    let mut request = json!({ "method": method, "path": path, "headers": headers, "body": body, "client": client });
    let show = |said: Value| {
        if admin.output == Output::Table {
            terminal::answer(for_people(&said));
            return Value::Null;
        }
        said
    };
    match environment {
        Some(environment) => admin.run(|client| {
            client.send("POST", &client.of_tenant(&["environments", environment, "debug"]), &request).map(show)
        }),
        None => {
            request["listener"] = json!(listener);
            node.run(PATIENCE, |client| client.post("/debug", &request).map(|said| admin.output.show(&show(said))))
        }
    }
}

/// The phases as lines, then the answer as it came.
fn for_people(said: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut lines = Vec::new();
    for published in said["publications"].as_array().into_iter().flatten() {
        let revision = &published["release"]["revision"];
        lines.push(format!("{} revision {revision}", text(&published["api"])));
        let variables = published["variables"].as_object().into_iter().flatten();
        lines.extend(variables.map(|(name, value)| format!("  {name} = {}", text(value))));
    }
    for phase in said["phases"].as_array().into_iter().flatten() {
        let took = phase["took_us"].as_f64().unwrap_or_default();
        let (name, what, verdict) = (text(&phase["phase"]), text(&phase["what"]), text(&phase["verdict"]));
        let verdict = match phase["reason"].as_str() {
            Some(reason) => format!("{verdict}: {reason}"),
            None => verdict,
        };
        let what = if what.is_empty() { verdict } else { format!("{what}  {verdict}") };
        lines.push(format!("{took:>10.1} us  {name:<18} {what}"));
        for (name, value) in phase["facts"].as_object().into_iter().flatten() {
            lines.extend(text(value).lines().map(|line| format!("{:15}{name}: {line}", "")));
        }
    }
    let total = said["took_us"].as_f64().unwrap_or_default();
    lines.push(format!("{total:>10.1} us  in all"));
    let answer = &said["answer"];
    lines.push(format!("\n{}", answer["status"]));
    lines.extend(answer["headers"].as_array().into_iter().flatten().map(text));
    lines.push(format!("\n{}", text(&answer["body"]).trim_end()));
    lines.join("\n").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_shown_a_line_for_each_phase() {
        let said = json!({
            "publications": [{ "api": "orders@1.0", "release": { "revision": 3 }, "variables": { "HOST": "a" } }],
            "phases": [
                { "phase": "route", "what": "t.p.orders.list", "verdict": "passed", "took_us": 1.5, "facts": {} },
                { "phase": "throttle", "what": "plans/gold", "verdict": "refused", "reason": "throttled", "took_us": 0.2,
                  "facts": { "limit": "5", "remaining": "0" } },
            ],
            "took_us": 20.0,
            "answer": { "status": 429, "headers": ["Retry-After: 3"], "body": "{}" },
        });
        let expected = "orders@1.0 revision 3\n  HOST = a\n       1.5 us  route              t.p.orders.list  passed\n       \
                        0.2 us  throttle           plans/gold  refused: throttled\n               limit: 5\n               \
                        remaining: 0\n      20.0 us  in all\n\n429\nRetry-After: 3\n\n{}";
        assert_eq!(for_people(&said), expected);
    }
}
