//! Tokens by client credentials: how many a second the token endpoint grants with one CPU for all of the control plane.
//!
//! `tollgate control` is pinned to the gateways' CPU, wrk to the load's; the client shows its secret in the form. The gateway,
//! through which clients usually come, is left out: what it costs is measured elsewhere.

use super::{
    admin::Admin,
    figure::Figure,
    plane::{self, OF_TENANT, Plane},
};
use crate::{
    machine,
    rounds::InTurn,
    statistics::Spread,
    testbed::Testbed,
    wrk::{self, Target},
};
use anyhow::{Context as _, Result};
use serde_json::json;
use std::{fs, time::Duration};

const START_MAX: Duration = Duration::from_secs(10);

pub(super) fn run(options: &InTurn) -> Result<Vec<Figure>> {
    let testbed = Testbed::new(&options.testbed)?;
    let folder = testbed.directory().join("tokens");
    fs::create_dir(&folder)?;
    let data = folder.join("data").display().to_string();
    let arguments = ["control", "--data", &data, "--admin", "127.0.0.1:0"];
    let mut plane = Plane::start(&testbed.tollgate()?, &arguments, &[testbed.gateway_cpu()], &folder)?;
    let admin = plane.address("admin API on ", START_MAX)?;
    let token = plane.set_up(admin)?;
    let [id, secret] = client(&mut Admin::connect(admin, &token)?)?;
    let script = folder.join("token.lua");
    fs::write(&script, form_script(&[("client_id", &id), ("client_secret", &secret)]))?;
    let target = Target { url: format!("http://{admin}/oauth2/token"), script: Some(script), field: None };
    let load = |seconds| wrk::ask(&folder, testbed.load_cpu(), &target, options.concurrency, seconds)?.flawless();
    load(1)?;
    let (mut rates, mut costs) = (Vec::new(), Vec::new());
    for round in 1..=options.rounds.rounds {
        let before = machine::cpu_time(plane.pid());
        let outcome = load(options.rounds.seconds)?;
        let cost = (machine::cpu_time(plane.pid()) - before).as_secs_f64() * 1e6 / outcome.requests as f64;
        eprintln!("round {round}: {:.0} tokens/s, {cost:.0} us of CPU each", outcome.per_second);
        rates.push(outcome.per_second);
        costs.push(cost);
    }
    let median = |values: Vec<f64>| Spread::of(values).map(|spread| spread.median).context("no round");
    Ok(vec![
        Figure::new("tokens on one CPU, median", median(rates)?, "/s").at_least(3000.0),
        Figure::new("CPU of a token, median", median(costs)?, "us"),
    ])
}

/// An OAuth client of a new application: identifier and secret.
pub(super) fn client(admin: &mut Admin) -> Result<[String; 2]> {
    plane::apply(admin, &json!([{ "kind": "Application", "name": "shop" }]))?;
    issued(admin, "oauth_client").map(|(id, secret)| [id, secret])
}

/// Another credential of the application `shop`: identifier and secret.
pub(super) fn issued(admin: &mut Admin, kind: &str) -> Result<(String, String)> {
    let made = admin.done("POST", &format!("{OF_TENANT}/applications/shop/credentials"), &json!({ "kind": kind }))?;
    let text = |value: &serde_json::Value| value.as_str().map(str::to_owned).context("a credential is shown once");
    Ok((text(&made["credential"]["id"])?, text(&made["secret"])?))
}

/// A script for wrk that asks for a token.
fn form_script(client: &[(&str, &str)]) -> String {
    let shown: String = client.iter().map(|(name, value)| format!("&{name}={value}")).collect();
    format!(
        "wrk.method = \"POST\"
wrk.headers[\"Content-Type\"] = \"application/x-www-form-urlencoded\"
wrk.body = \"grant_type=client_credentials{shown}\"
"
    )
}
