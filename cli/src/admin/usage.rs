//! `tollgate usage`: what applications have used of APIs.

use super::{Admin, client::with_query};
use crate::{
    exit::{Exit, help},
    time::time,
};
use clap::Args;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// What is counted of requests.
const COUNTS: [&str; 3] = ["ok", "throttled", "errors"];

/// Shows what applications have used of APIs: requests answered, refused by a limit, and failed
///
/// Counts come from all gateways, a few seconds after the requests from that of the control plane itself and up to half a minute
/// after them from nodes elsewhere, and are kept by the hour for 90 days. THROTTLED were refused by a limit, ERRORS answered with
/// a status of 500 or more, or not at all.
#[derive(Args)]
#[command(after_long_help = help!(
    "Examples:\n  tollgate usage\n  tollgate usage --application shop --since 7d\n  \
     tollgate usage --api orders@1.0 --hours --output json\n\n"
))]
pub(crate) struct Arguments {
    /// Of this application
    #[arg(long, value_name = "NAME")]
    application: Option<String>,
    /// Of this API
    #[arg(long, value_name = "NAME@VERSION")]
    api: Option<String>,
    /// Since so long ago, to the full hour: 24h, 7d
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = time)]
    since: Duration,
    /// Each hour by itself
    #[arg(long)]
    hours: bool,
    #[command(flatten)]
    admin: Admin,
}

pub(crate) fn run(arguments: &Arguments) -> Exit {
    let Arguments { application, api, since, hours, admin } = arguments;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let from = now.saturating_sub(*since).as_secs().to_string();
    let named = [("application", application), ("api", api)];
    let named = named.iter().filter_map(|(name, value)| Some((*name, value.as_deref()?)));
    admin.run(|client| {
        let path = with_query(&client.of_tenant(&["usage"]), named.chain([("from", from.as_str())]));
        let rows = client.list(&path)?;
        Ok(if *hours { Value::Array(rows) } else { summed(&rows) })
    })
}

/// One row for each application and API.
fn summed(rows: &[Value]) -> Value {
    let mut sums: BTreeMap<[&str; 2], [u64; 3]> = BTreeMap::new();
    for row in rows {
        let sum = sums.entry(["application", "api"].map(|key| row[key].as_str().unwrap_or_default())).or_default();
        let counts = COUNTS.map(|key| row[key].as_u64().unwrap_or_default());
        sum.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
    }
    let row = |([application, api], counts): ([&str; 2], [u64; 3])| {
        let [ok, throttled, errors] = counts;
        json!({ "application": application, "api": api, "ok": ok, "throttled": throttled, "errors": errors })
    };
    sums.into_iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_are_summed_up_by_application_and_api() {
        let row = |application: &str, hour_s: u64, ok: u64| json!({ "application": application, "api": "a@1", "hour_s": hour_s, "ok": ok, "throttled": 1, "errors": 0 });
        let sums = summed(&[row("x", 0, 1), row("y", 0, 2), row("x", 3600, 4)]);
        let sum = |application: &str, ok: u64, throttled: u64| json!({ "application": application, "api": "a@1", "ok": ok, "throttled": throttled, "errors": 0 });
        assert_eq!(sums, json!([sum("x", 5, 2), sum("y", 2, 1)]));
    }
}
