//! What is managed in a demo, made through the admin API as a script would: two published APIs, an application with a key
//! and a plan, and a bad revision to go back from.
//!
//! Every text that lets somebody in is random and of this demo alone.

use crate::admin::client::{Client, Failure, path_of, with_query};
use serde_json::{Value, json};
use std::{
    fs::{File, OpenOptions},
    io::{self, Read as _, Write as _},
    net::SocketAddr,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

/// The tenant of a demo, and its owner.
pub(super) const TENANT: &str = "demo";
pub(super) const MEMBER: &str = "ann";
/// Requests a minute that the plan has.
pub(super) const PLAN_REQUESTS: u32 = 5;

const ORDERS: &str = include_str!("orders.yaml");
const GREETINGS: &str = include_str!("greetings.yaml");

/// What lets somebody into a demo.
pub(super) struct Tenant {
    /// The key of the application.
    pub(super) key: String,
    /// The password of the owner, for the console.
    pub(super) password: String,
    /// A file with the header field that the admin API wants, for its owner alone.
    pub(super) authorization: PathBuf,
}

/// Makes all of it, through the admin API at `url`.
pub(super) fn make(url: &str, setup: &str, origins: [SocketAddr; 2], folder: &Path) -> Result<Tenant, Failure> {
    let asked = json!({ "token": setup, "tenant": TENANT, "member": MEMBER });
    let token = text(&Client::with(url, String::new()).send("POST", "/setup", &asked)?["secret"]);
    let client = Client::with(url, token.clone());
    let local = |error: io::Error| Failure::Local(format!("{}: {error}", folder.display()));
    let password = random().map_err(local)?;
    client.send("PUT", "/me/password", &json!({ "password": password }))?;
    apply(
        &client,
        &json!([
            { "kind": "Environment", "name": "production" },
            { "kind": "Plan", "name": "five", "title": "Five requests a minute",
              "throttle": [{ "name": "per-minute", "limit": PLAN_REQUESTS, "per": "minute" }] },
        ]),
    )?;
    publish(&client, "orders@1.0", ORDERS, origins, "the first revision")?;
    publish(&client, "greetings@1.0", GREETINGS, origins, "the first revision")?;
    let bad = GREETINGS.replace("/hello:", "/goodbye:");
    publish(&client, "greetings@1.0", &bad, origins, "a bad revision: /hello is gone")?;
    apply(
        &client,
        &json!([
            { "kind": "Application", "name": "shop" },
            { "kind": "Subscription", "application": "shop", "target": "orders@1.0", "plan": "five" },
            { "kind": "Subscription", "application": "shop", "target": "greetings@1.0", "plan": "five" },
        ]),
    )?;
    let credentials = of_tenant(&["applications", "shop", "credentials"]);
    let key = text(&client.send("POST", &credentials, &json!({ "title": "demo" }))?["secret"]);
    let authorization = folder.join("authorization");
    let mut file = OpenOptions::new();
    let file = file.write(true).create_new(true).mode(0o600).open(&authorization);
    file.and_then(|mut file| writeln!(file, "Authorization: Bearer {token}")).map_err(local)?;
    Ok(Tenant { key, password, authorization })
}

/// A path in the tenant.
fn of_tenant(segments: &[&str]) -> String {
    path_of(["tenants", TENANT].iter().chain(segments).copied())
}

fn apply(client: &Client, documents: &Value) -> Result<(), Failure> {
    client.send("POST", &of_tenant(&["apply"]), &json!({ "documents": documents })).map(drop)
}

/// Imports a document in front of `origins`, and publishes what it became.
fn publish(client: &Client, api: &str, document: &str, origins: [SocketAddr; 2], note: &str) -> Result<(), Failure> {
    let [first, second] = origins.map(|origin| origin.to_string());
    let document = document.replace("ORIGIN-1", &first).replace("ORIGIN-2", &second);
    client.ask("POST", &with_query(&of_tenant(&["apis"]), [("plan", "five")]), document.into_bytes())?;
    let path = of_tenant(&["apis", api, "publications", "production"]);
    client.send("POST", &path, &json!({ "note": note })).map(drop)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// 32 hexadecimal digits of the system's.
fn random() -> io::Result<String> {
    let mut bytes = [0; 16];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
