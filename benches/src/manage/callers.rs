//! What knowing the caller adds to a request: a key with its plan, and a token that was seen before, beside nginx.
//!
//! The gateways are whole `tollgate serve`s, with what they serve published through the admin API: an API that wants a
//! subscription, an application with one, a plan with a throttle and a quota; access log and metrics are on. nginx knows
//! nobody and logs nothing. Requests are the same for both of a pair, the token's being the longer ones.

use super::{
    admin::{Admin, Reply},
    figure::Figure,
    plane::{self, OF_TENANT},
    tokens,
};
use crate::{
    peer::{Serve, Task, Tollgate},
    report,
    rounds::InTurn,
    statistics::Spread,
    testbed::{Gateway, PATH, Testbed},
};
use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use std::{fs, io::Write as _, net::TcpStream, time::Duration};

const START_MAX: Duration = Duration::from_secs(10);
/// Until what was published is served.
const LIVE_TRIES: u32 = 500;

pub(super) fn run(options: &InTurn) -> Result<Vec<Figure>> {
    let testbed = Testbed::new(&options.testbed)?;
    let (key, key_field) = serving(&testbed, "key")?;
    let (token, token_field) = serving(&testbed, "token")?;
    let nginx = |name, field: &str| {
        let mut gateway = testbed.start(&testbed.places().nginx()?, Task::Proxy)?;
        gateway.name = name;
        asking(&testbed, gateway, field, PATH)
    };
    let mut gateways = vec![nginx("nginx", &key_field)?, key, nginx("nginx-token", &token_field)?, token];
    let samples = options.rounds.measure(&testbed, &mut gateways, &[options.concurrency])?;
    println!("\n{}; {}\n", testbed.conditions(), options.rounds.text());
    println!("{}", report::tables(&samples, &[options.concurrency], "nginx"));
    let ratio = |what: &str, name, base, most| {
        let ratios = samples.iter().filter(|sample| sample.gateway == name);
        let ratios = ratios.filter_map(|sample| report::ratio(sample, samples.iter(), base));
        let spread = Spread::of(ratios).context("no round")?;
        let figure = Figure::new(format!("{what} ({})", spread.text(3)), spread.median, "");
        anyhow::Ok(figure.at_most(most))
    };
    Ok(vec![
        ratio("key + plan / nginx", "key", "nginx", 0.86)?,
        ratio("cached token / nginx with the same request", "token", "nginx-token", 0.90)?,
        ratio("cached token / nginx with the key's request", "token", "nginx", 0.90)?,
    ])
}

/// A gateway with an API that wants to know who calls, and the field that says it.
fn serving(testbed: &Testbed, name: &'static str) -> Result<(Gateway, String)> {
    let serve = Serve { name, gateway: Tollgate::at(testbed.tollgate()?) };
    let mut gateway = testbed.start(&serve, Task::Proxy)?;
    let admin = gateway.announced("admin API on ", START_MAX)?.parse()?;
    let token = plane::set_up(admin, &gateway.announced("setup token ", START_MAX)?)?;
    let mut client = Admin::connect(admin, &token)?;
    publish(&mut client, &testbed.origin_address().to_string())?;
    let [id, secret] = tokens::client(&mut client)?;
    let subscription = json!({ "kind": "Subscription", "application": "shop", "target": "bytes@1.0", "plan": "gold" });
    plane::apply(&mut client, &json!([subscription]))?;
    let field = if name == "key" {
        format!("X-API-Key: {}", tokens::issued(&mut client, "api_key")?.1)
    } else {
        format!("Authorization: Bearer {}", granted(&gateway, &id, &secret)?)
    };
    let path = format!("/api{PATH}");
    live(&gateway, &path, &field)?;
    Ok((asking(testbed, gateway, &field, &path)?, field))
}

/// Publishes an API in front of the origin.
fn publish(admin: &mut Admin, origin: &str) -> Result<()> {
    let plan = json!({
        "kind": "Plan", "name": "gold",
        "throttle": [{ "name": "burst", "limit": 10_000_000, "per": "second" }],
        "quota": [{ "name": "monthly", "limit": 100_000_000_000_u64, "per": "month" }],
    });
    let api = json!({
        "kind": "Api", "name": "bytes", "version": "1.0", "base_path": "/api", "plans": ["gold"],
        "versioning": { "unversioned": true },
        "upstream": { "endpoints": [{ "address": origin }] },
        "operations": [{ "name": "bytes", "method": "GET", "path": "/bytes/{count}" }],
    });
    plane::apply(admin, &json!([{ "kind": "Environment", "name": "production" }, plan, api]))?;
    let path = format!("{OF_TENANT}/apis/bytes@1.0/publications/production");
    admin.done("POST", &path, &json!({})).map(drop)
}

/// A token of the gateway's own token endpoint.
fn granted(gateway: &Gateway, id: &str, secret: &str) -> Result<String> {
    let form = format!("grant_type=client_credentials&client_id={id}&client_secret={secret}");
    let head = format!(
        "POST /oauth2/token HTTP/1.1\r\nHost: test\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\n\r\n{form}",
        form.len()
    );
    let reply = ask(gateway, &head)?;
    let token: Value = serde_json::from_slice(&reply.body).with_context(|| reply.text())?;
    Ok(token["access_token"].as_str().with_context(|| reply.text())?.to_owned())
}

fn live(gateway: &Gateway, path: &str, field: &str) -> Result<()> {
    for _ in 0..LIVE_TRIES {
        if ask(gateway, &format!("GET {path} HTTP/1.1\r\nHost: test\r\n{field}\r\n\r\n"))?.status == 200 {
            return Ok(());
        }
        crate::interrupt::pause(Duration::from_millis(10))?;
    }
    let reply = ask(gateway, &format!("GET {path} HTTP/1.1\r\nHost: test\r\n{field}\r\n\r\n"))?;
    ensure!(reply.status == 200, "{path}: {} {}", reply.status, reply.text());
    Ok(())
}

fn ask(gateway: &Gateway, request: &str) -> Result<Reply> {
    let mut stream = TcpStream::connect(gateway.address)?;
    stream.set_read_timeout(Some(START_MAX))?;
    stream.write_all(request.as_bytes())?;
    Reply::read(&mut stream)
}

/// The same gateway, which is asked for `path` with a field more.
fn asking(testbed: &Testbed, mut gateway: Gateway, field: &str, path: &str) -> Result<Gateway> {
    let script = testbed.directory().join(format!("{}.lua", gateway.name));
    let (name, value) = field.split_once(": ").context("a field has a name and a value")?;
    fs::write(&script, format!("wrk.path = \"{path}\"\nwrk.headers[\"{name}\"] = \"{value}\"\n"))?;
    gateway.script = Some(script);
    Ok(gateway)
}
