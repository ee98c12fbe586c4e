//! A keep-alive proxy on the crate `pingora`: one thread, no log, no cache, its own defaults otherwise.
//!
//!     tollgate-pingora-peer LISTEN ORIGIN[,ORIGIN..] [CERTIFICATE KEY]
//!
//! Several origins are asked in turn. It is started by `tollgate-benches` as one of the gateways that are compared, and built
//! by hand in this folder with `cargo build --release`: a workspace of its own, so that what Pingora brings stays out of
//! Tollgate's. The first failure ends it, with a line that says why.

use async_trait::async_trait;
use pingora_core::{
    Error, ErrorType,
    prelude::{HttpPeer, Result},
    server::{Server, configuration::ServerConf},
};
use pingora_proxy::{ProxyHttp, Session, http_proxy_service};
use std::{
    env,
    net::SocketAddr,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

/// Idle upstream connections it may keep, as every gateway of the comparison.
const UPSTREAM_IDLE_MAX: usize = 512;

struct Proxy {
    origins: Vec<SocketAddr>,
    turn: AtomicUsize,
}

#[async_trait]
impl ProxyHttp for Proxy {
    type CTX = ();

    fn new_ctx(&self) {}

    async fn upstream_peer(&self, _session: &mut Session, _context: &mut ()) -> Result<Box<HttpPeer>> {
        let turn = self.turn.fetch_add(1, Relaxed) % self.origins.len();
        Ok(Box::new(HttpPeer::new(self.origins[turn], false, String::new())))
    }
}

fn main() -> ExitCode {
    if env::args().nth(1).as_deref() == Some("--version") {
        println!("pingora {}", version());
        return ExitCode::SUCCESS;
    }
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Of the crate, as it was locked when this was built.
fn version() -> &'static str {
    let (_, entry) = include_str!("../Cargo.lock").split_once("name = \"pingora-core\"\nversion = \"").unwrap_or_default();
    entry.split('"').next().unwrap_or_default()
}

fn serve() -> Result<()> {
    let usage = || Error::explain(ErrorType::InternalError, "usage: LISTEN ORIGIN[,ORIGIN..] [CERTIFICATE KEY]");
    let words: Vec<String> = env::args().skip(1).collect();
    let [listen, origins, certificate @ ..] = words.as_slice() else { return Err(usage()) };
    let origins = origins.split(',').map(str::parse).collect::<Result<Vec<SocketAddr>, _>>().map_err(|_| usage())?;
    let configuration =
        ServerConf { threads: 1, upstream_keepalive_pool_size: UPSTREAM_IDLE_MAX, ..ServerConf::default() };
    let mut server = Server::new_with_opt_and_conf(None, configuration);
    server.bootstrap();
    let mut proxy = http_proxy_service(&Arc::clone(&server.configuration), Proxy { origins, turn: AtomicUsize::new(0) });
    match certificate {
        [] => proxy.add_tcp(listen),
        [chain, key] => proxy.add_tls(listen, chain, key)?,
        _ => return Err(usage()),
    }
    server.add_service(proxy);
    server.run_forever()
}
