//! `tollgate audit`: what was changed by whom.

use super::Admin;
use crate::exit::Exit;
use clap::Args;
use serde_json::{Value, json};

/// Shows what was changed by whom, the newest first
#[derive(Args)]
pub(crate) struct Arguments {
    /// How many events
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=1000))]
    limit: u16,
    #[command(flatten)]
    admin: Admin,
}

pub(crate) fn run(arguments: &Arguments) -> Exit {
    let admin = &arguments.admin;
    admin.run(|client| {
        let mut page = client.get(&client.of_tenant(&format!("/audit?limit={}", arguments.limit)))?;
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
