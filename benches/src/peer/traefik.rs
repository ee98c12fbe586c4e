//! Traefik: one processor for Go, keep-alive on both sides, no access log, nothing sent home.
//!
//! Its rules are tried one after the other, so more than a hundred routes are not natural to it; keys belong to its paid
//! edition. A reload is a new file of routes, which it watches.

use super::{GENERATION, Peer, Setup, Task, UPSTREAM_IDLE_MAX};
use crate::{process::Program, testbed::PATH};
use anyhow::Result;
use serde_json::{Map, Value, json};
use std::path::Path;

pub(super) struct Traefik(pub(super) Program);

impl Peer for Traefik {
    fn name(&self) -> &'static str {
        "traefik"
    }

    fn lacks(&self, task: Task, _secure: bool) -> Option<&'static str> {
        match task {
            Task::Routes(layout) if layout.paths > 1000 => Some("it tries rules one after the other"),
            Task::Policies => Some("its open edition knows no keys"),
            _ => None,
        }
    }

    fn prepare(&self, setup: &Setup) -> Result<Program> {
        // JSON is YAML, which it reads.
        let routes = setup.write("routes.yaml", &routes(setup).to_string())?;
        let path = setup.write("traefik.yaml", &configuration(setup, &routes).to_string())?;
        Ok(self.0.clone().env("GOMAXPROCS", "1").args(["--configFile".into(), path]))
    }

    fn version(&self) -> (Program, &'static str) {
        (self.0.clone().args(["version"]), "Version:")
    }

    fn swap(&self, setup: &Setup, _pid: u32) -> Result<()> {
        setup.write("routes.yaml", &routes(setup).to_string()).map(drop)
    }
}

fn configuration(setup: &Setup, routes: &Path) -> Value {
    json!({
        "global": { "checkNewVersion": false, "sendAnonymousUsage": false },
        "log": { "level": "ERROR" },
        "entryPoints": { "public": { "address": setup.listen.to_string(), "transport": {
            "respondingTimeouts": { "readTimeout": "0s", "writeTimeout": "0s", "idleTimeout": "3600s" } } } },
        "providers": { "file": { "filename": routes, "watch": true }, "providersThrottleDuration": "1ms" },
    })
}

fn routes(setup: &Setup) -> Value {
    let mut routers = Map::new();
    let mut middlewares = Map::new();
    let entry = json!(["public"]);
    let mut all = json!({ "rule": "PathPrefix(`/`)", "service": "origin", "entryPoints": entry });
    match setup.task {
        Task::Routes(layout) => {
            middlewares.insert("rewrite".to_owned(), json!({ "replacePath": { "path": PATH } }));
            for path in 0..layout.paths {
                let mut route = all.clone();
                route["rule"] = format!("Path(`/p{path}`)").into();
                route["middlewares"] = json!(["rewrite"]);
                routers.insert(format!("p{path}"), tls(setup, route));
            }
        }
        Task::Swaps => {
            let header = json!({ GENERATION: setup.generation.to_string() });
            middlewares.insert("generation".to_owned(), json!({ "headers": { "customResponseHeaders": header } }));
            all["middlewares"] = json!(["generation"]);
        }
        _ => {}
    }
    // Else the longest rule goes first.
    all["priority"] = 1.into();
    routers.insert("all".to_owned(), tls(setup, all));
    let servers = setup.endpoints.iter().map(|endpoint| json!({ "url": format!("http://{endpoint}") }));
    let mut balancer = json!({ "servers": servers.collect::<Vec<_>>(), "serversTransport": "origin" });
    if setup.task == Task::Endpoints {
        balancer["strategy"] = "leasttime".into();
    }
    let transport = json!({ "maxIdleConnsPerHost": UPSTREAM_IDLE_MAX, "disableHTTP2": true,
        "forwardingTimeouts": { "idleConnTimeout": "3600s" } });
    let mut http = json!({ "routers": routers, "services": { "origin": { "loadBalancer": balancer } },
        "serversTransports": { "origin": transport } });
    if !middlewares.is_empty() {
        http["middlewares"] = middlewares.into();
    }
    let mut file = json!({ "http": http });
    if let Some(certificate) = &setup.certificate {
        let pair = json!({ "certFile": certificate.chain, "keyFile": certificate.key });
        file["tls"] = json!({ "certificates": [pair], "options": { "default": { "minVersion": "VersionTLS13" } } });
    }
    file
}

/// A router that serves in TLS, if that is what is measured.
fn tls(setup: &Setup, mut router: Value) -> Value {
    if setup.certificate.is_some() {
        router["tls"] = json!({});
    }
    router
}
