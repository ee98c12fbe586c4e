//! `tollgate demo`: a gateway in front of two built-in origins, and requests to try.
//!
//! Real sockets and the same start as `gateway`; only the configuration is made here instead of read. Loopback only.

use crate::{
    exit::{Exit, help},
    run, terminal,
};
use clap::Args;
use std::{
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
};
use tollgate_gateway::{Gateway, NodeSource};
use tollgate_loadtest::{Origin, OriginConfig};
use tollgate_model::Configuration;

/// Runs a gateway in front of two built-in origins and prints requests to try
///
/// Everything is on 127.0.0.1. The gateway's access records go to standard output. Ctrl-C stops it.
#[derive(Args)]
#[command(after_long_help = help!(
    "Examples:\n  tollgate demo\n  tollgate demo --port 18080\n\n"
))]
pub(crate) struct Arguments {
    /// The port the gateway listens on; 0 takes a free one
    #[arg(long, default_value_t = 8080)]
    port: u16,
}

/// The port of the node's status in a gateway's default configuration.
const STATUS_PORT: u16 = 9901;

pub(crate) fn run(arguments: &Arguments) -> Exit {
    match prepare(arguments.port) {
        Ok((config, _origins)) => match Configuration::parse("demo", &config, &NodeSource) {
            Ok(configuration) => run::until_stopped(configuration, |gateway| invite(gateway)),
            Err(errors) => run::not_started(&errors),
        },
        Err(error) => run::not_started(&error),
    }
}

/// Starts the origins and writes the configuration of a gateway in front of them.
fn prepare(port: u16) -> io::Result<(String, [Origin; 2])> {
    if let Err(error) = free(port) {
        let remedy = format!("port {port}: {error}; choose another with `--port PORT`");
        return Err(io::Error::new(error.kind(), remedy));
    }
    // Who asks for any free port runs several demos at once; they would race for the one status port.
    let wanted = if port == 0 { 0 } else { STATUS_PORT };
    let status_port = free(wanted).map_or_else(
        |_| {
            terminal::note(format_args!("port {STATUS_PORT} is taken: the status goes to a free one"));
            0
        },
        |()| wanted,
    );
    let origins = [start("origin-1")?, start("origin-2")?];
    let [first, second] = origins.each_ref().map(Origin::address);
    Ok((config(port, status_port, first, second), origins))
}

/// Whether a gateway could listen on `port` now.
fn free(port: u16) -> io::Result<()> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map(drop)
}

fn start(name: &str) -> io::Result<Origin> {
    Origin::start(OriginConfig { name: name.to_owned(), ..OriginConfig::default() })
}

fn config(port: u16, status_port: u16, first: SocketAddr, second: SocketAddr) -> String {
    format!(
        "version: 1
status: {{ bind: 127.0.0.1:{status_port} }}
listeners:
  - {{ name: demo, bind: 127.0.0.1:{port} }}
upstreams:
  - name: origins
    endpoints: [ {{ address: {first} }}, {{ address: {second} }} ]
routes:
  - {{ name: echo, match: {{ path: /echo }}, upstream: origins }}
  - {{ name: everything, match: {{ path: \"/{{rest*}}\" }}, upstream: origins }}
"
    )
}

/// Says what is running and what to try.
fn invite(gateway: &Gateway) {
    let Some((_, address)) = gateway.listeners().into_iter().next() else {
        return;
    };
    terminal::note(format_args!(
        "
A gateway on http://{address} in front of two origins, which take turns. Try:

  curl http://{address}/hello
  curl -H 'X-Demo: 1' http://{address}/echo
  curl -o /dev/null http://{address}/chunked/100000000

The first says which origin answered, the second what it was sent, the third streams 100 MB.",
    ));
    if let Some(status) = gateway.status_address() {
        terminal::note(format_args!("What the gateway counts: http://{status}/metrics"));
    }
    terminal::note("Below: the access log. Ctrl-C to stop.\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_is_valid() {
        let [first, second] = [9001, 9002].map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        let configuration = Configuration::parse("demo", &config(0, 0, first, second), &NodeSource).unwrap();
        let snapshot = configuration.snapshot();
        assert_eq!((snapshot.upstreams[0].endpoints.len(), snapshot.routes.len()), (2, 2));
    }

    #[test]
    fn a_taken_port_is_told_with_its_remedy() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let error = prepare(taken.local_addr().unwrap().port()).unwrap_err();
        assert!(error.to_string().contains("--port"), "{error}");
    }
}
