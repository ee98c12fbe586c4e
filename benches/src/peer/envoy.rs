//! Envoy: one worker, HTTP/1.1 on both sides, no log; its counters are always on.
//!
//! It writes no request identifiers and no headers of its own, as the others do not. Routes are a table of exact paths, keys
//! and throttles its own filters. A reload is a new file of routes, which it watches (RDS); there is no drain.

use super::{GENERATION, KEY, KEY_FIELD, Peer, Setup, THROTTLE_PER_SECOND, Task};
use crate::{process::Program, testbed::PATH};
use anyhow::Result;
use serde_json::{Value, json};

pub(super) struct Envoy(pub(super) Program);

impl Peer for Envoy {
    fn name(&self) -> &'static str {
        "envoy"
    }

    fn prepare(&self, setup: &Setup) -> Result<Program> {
        let routes = json!({ "version_info": setup.generation.to_string(), "resources": [routes(setup)] });
        setup.write("routes.json", &routes.to_string())?;
        let path = setup.write("envoy.json", &configuration(setup).to_string())?;
        let program = self.0.clone().args(["-c".into(), path]);
        let identity = ["--service-node", "benches", "--service-cluster", "benches"];
        Ok(program.args(["--concurrency", "1", "--disable-hot-restart", "-l", "error"]).args(identity))
    }

    fn version(&self) -> (Program, &'static str) {
        (self.0.clone().args(["--version"]), "version: ")
    }

    fn swap(&self, setup: &Setup, _pid: u32) -> Result<()> {
        self.prepare(setup).map(drop)
    }
}

/// The type's name as it stands in `@type`.
fn of_type(name: &str) -> String {
    format!("type.googleapis.com/envoy.{name}")
}

fn routes(setup: &Setup) -> Value {
    let action = json!({ "cluster": "origin", "timeout": "0s" });
    let mut host = json!({ "name": "all", "domains": ["*"] });
    if let Task::Routes(layout) = setup.task {
        let to = |action: Value| {
            let route =
                json!({ "@type": of_type("config.route.v3.Route"), "match": { "prefix": "/" }, "route": action });
            json!({ "action": { "name": "route", "typed_config": route } })
        };
        let rewritten = json!({ "cluster": "origin", "timeout": "0s",
            "regex_rewrite": { "pattern": { "regex": "^.*$" }, "substitution": PATH } });
        let paths = (0..layout.paths).map(|path| (format!("/p{path}"), to(rewritten.clone())));
        let input = json!({ "@type": of_type("type.matcher.v3.HttpRequestHeaderMatchInput"), "header_name": ":path" });
        host["matcher"] = json!({
            "matcher_tree": {
                "input": { "name": "path", "typed_config": input },
                "exact_match_map": { "map": paths.collect::<serde_json::Map<_, _>>() },
            },
            "on_no_match": to(action),
        });
    } else {
        host["routes"] = json!([{ "match": { "prefix": "/" }, "route": action }]);
    }
    let mut table =
        json!({ "@type": of_type("config.route.v3.RouteConfiguration"), "name": "routes", "virtual_hosts": [host] });
    if setup.task == Task::Swaps {
        let header = json!({ "key": GENERATION, "value": setup.generation.to_string() });
        table["response_headers_to_add"] = json!([{ "header": header }]);
    }
    table
}

/// Filters before the one that forwards.
fn filters(setup: &Setup) -> Vec<Value> {
    let filter = |name: &str, mut config: Value| {
        config["@type"] = of_type(&format!("extensions.filters.http.{name}")).into();
        json!({ "name": name, "typed_config": config })
    };
    let mut filters = Vec::new();
    if setup.task == Task::Policies {
        let key = json!({ "key": KEY, "client": "mobile" });
        let keys = json!({ "credentials": [key], "key_sources": [{ "header": KEY_FIELD }] });
        filters.push(filter("api_key_auth.v3.ApiKeyAuth", keys));
        let whole = json!({ "numerator": 100, "denominator": "HUNDRED" });
        let bucket =
            json!({ "max_tokens": THROTTLE_PER_SECOND, "tokens_per_fill": THROTTLE_PER_SECOND, "fill_interval": "1s" });
        let always = json!({ "runtime_key": "throttle", "default_value": whole });
        let throttle = json!({ "stat_prefix": "throttle", "token_bucket": bucket, "filter_enabled": always,
            "filter_enforced": always });
        filters.push(filter("local_ratelimit.v3.LocalRateLimit", throttle));
    }
    filters.push(filter("router.v3.Router", json!({ "suppress_envoy_headers": true })));
    filters
}

fn configuration(setup: &Setup) -> Value {
    let address = |at: &std::net::SocketAddr| json!({ "socket_address": { "address": at.ip().to_string(), "port_value": at.port() } });
    let mut manager = json!({
        "@type": of_type("extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"),
        "stat_prefix": "public", "codec_type": "HTTP1", "generate_request_id": false, "stream_idle_timeout": "0s",
        "common_http_protocol_options": { "idle_timeout": "3600s" },
        "rds": { "route_config_name": "routes", "config_source": {
            "resource_api_version": "V3",
            "path_config_source": { "path": setup.directory.join("routes.json") } } },
        "http_filters": filters(setup),
    });
    if setup.task == Task::Policies {
        let log = json!({ "@type": of_type("extensions.access_loggers.file.v3.FileAccessLog"),
            "path": setup.directory.join("access.log") });
        manager["access_log"] = json!([{ "name": "file", "typed_config": log }]);
    }
    let mut chain = json!({ "filters": [{ "name": "http", "typed_config": manager }] });
    if let Some(certificate) = &setup.certificate {
        let pair = json!({ "certificate_chain": { "filename": certificate.chain }, "private_key": { "filename": certificate.key } });
        let tls = json!({ "@type": of_type("extensions.transport_sockets.tls.v3.DownstreamTlsContext"),
            "common_tls_context": { "tls_certificates": [pair],
                "tls_params": { "tls_minimum_protocol_version": "TLSv1_3", "tls_maximum_protocol_version": "TLSv1_3" } } });
        chain["transport_socket"] = json!({ "name": "tls", "typed_config": tls });
    }
    let endpoints = setup.endpoints.iter().map(|endpoint| json!({ "endpoint": { "address": address(endpoint) } }));
    let most = json!({ "max_connections": 100_000, "max_pending_requests": 100_000, "max_requests": 100_000 });
    let policy = if setup.task == Task::Endpoints { "LEAST_REQUEST" } else { "ROUND_ROBIN" };
    json!({
        "static_resources": {
            "listeners": [{ "name": "public", "address": address(&setup.listen), "filter_chains": [chain] }],
            "clusters": [{ "name": "origin", "type": "STATIC", "connect_timeout": "5s", "lb_policy": policy,
                "circuit_breakers": { "thresholds": [most] },
                "load_assignment": { "cluster_name": "origin",
                    "endpoints": [{ "lb_endpoints": endpoints.collect::<Vec<_>>() }] } }],
        },
    })
}
