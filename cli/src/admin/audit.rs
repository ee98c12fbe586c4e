//! `tollgate audit`: what was changed by whom.

use super::{Admin, client::with_query};
use crate::exit::{Exit, help};
use clap::Args;
use serde_json::{Value, json};

/// Shows what was changed by whom, the newest first
#[derive(Args)]
#[command(after_long_help = help!("Examples:\n  tollgate audit\n  tollgate audit --limit 500 --output json\n\n"))]
pub(crate) struct Arguments {
    /// How many events
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=1000))]
    limit: u16,
    #[command(flatten)]
    admin: Admin,
}

pub(crate) fn run(arguments: &Arguments) -> Exit {
    let admin = &arguments.admin;
    let limit = arguments.limit.to_string();
    admin.run(|client| {
        let mut page = client.get(&with_query(&client.of_tenant(&["audit"]), [("limit", limit.as_str())]))?;
        let events = page["items"].take();
        if admin.output != super::Output::Table {
            return Ok(events);
        }
        let row = |event: &Value| {
            let [by, from, action, key] = ["by", "from", "action", "key"].map(|key| event[key].clone());
            json!({ "at_ms": event["at_ms"], "by": by, "from": from, "action": action, "key": key })
        };
        Ok(events.as_array().into_iter().flatten().map(row).collect())
    })
}
