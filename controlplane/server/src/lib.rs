//! Starts the control plane: store, keys, admin API, pages, token endpoint, and what feeds the gateway of this process.
//!
//! ```text
//! ControlPlane::open(data) -> bind -> overlay ----> Startup of the gateway: file + what is compiled
//!                               |-> serve: axum on one thread, handlers on threads that may block; nodes that poll and ask for shares
//!                               `-> follow: changes of the store -> Compiler -> Feed -> Gateway::patch, nodes
//! ```
//!
//! The control plane never touches a request. It takes no CPU while nobody asks. Signals are the caller's.

mod backup;
mod clients;
mod compiler;
mod data;
mod debugger;
mod error;
mod fleet;
mod follower;
mod left;
mod lending;
mod listening;
mod oauth;
mod published;
mod served;
mod source;
mod touched;
mod usage;

pub use backup::{Restore, backup};
pub use error::ServerError;
pub use lending::Elsewhere;
pub use served::Served;
pub use tollgate_api::file_schema;

use compiler::Compiler;
use data::Data;
use fleet::Nodes;
use follower::Follower;
use oauth::Tokens;
use published::Fixed;
use std::{
    fs::File,
    net::{SocketAddr, TcpListener},
    path::Path,
    sync::{Arc, Mutex, OnceLock, PoisonError, mpsc},
    thread::{self, JoinHandle},
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::{runtime, sync::oneshot};
use tollgate_api::Desk;
use tollgate_gateway::{Gateway, Overlay, Startup};
use tollgate_store::Store;
use tollgate_sync::{Feed, Shares, token_endpoint};

/// Threads that requests may block at one time; more wait.
const BLOCKING_MAX: usize = 20;
/// How often what need not be known any more is forgotten.
const FORGET: Duration = Duration::from_secs(3600);

/// What a control plane is started with.
#[derive(Clone, Debug)]
pub struct Options<'o> {
    /// The data directory; made if it is not there.
    pub data: &'o Path,
    /// Where the admin API listens.
    pub bind: SocketAddr,
    /// `iss` of tokens: the URL under which clients find the token endpoint. `None`: made of the address.
    pub issuer: Option<&'o str>,
    /// A folder with templates of pages, in the place of those that are built in.
    pub templates: Option<&'o Path>,
}

/// A running control plane. Dropping it ends it.
pub struct ControlPlane {
    store: Arc<dyn Store>,
    address: SocketAddr,
    setup_token: Option<String>,
    follower: Arc<Follower>,
    /// What is lent of limits that nodes share.
    shares: Arc<Shares>,
    /// Where the pages send what is tried out, once there is a gateway.
    gateway: Arc<OnceLock<SocketAddr>>,
    /// Where test requests go, once there is a gateway.
    debugger: Arc<debugger::Local>,
    /// Dropped to end the admin API.
    end: Option<oneshot::Sender<()>>,
    /// Dropped to end the collection of usage.
    collecting: Mutex<Option<mpsc::Sender<()>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// Of the data directory; given back by the system.
    _lock: File,
}

impl ControlPlane {
    /// Opens the store, makes what is missing, and serves the admin API.
    ///
    /// # Errors
    /// The data directory or the address cannot be had.
    pub fn start(options: &Options<'_>) -> Result<Self, ServerError> {
        let data = Data(options.data);
        let lock = data.hold()?.ok_or_else(|| ServerError::InUse(options.data.to_owned()))?;
        let store = data.open()?;
        let bound = |cause| ServerError::Bind { address: options.bind, cause };
        let listener = TcpListener::bind(options.bind).map_err(bound)?;
        listener.set_nonblocking(true).map_err(bound)?;
        let address = listener.local_addr().map_err(bound)?;
        let ring = data::key_ring(store.as_ref(), now().as_secs())?;
        let issuer = options.issuer.map_or_else(|| format!("http://{address}"), str::to_owned);
        let fixed = Fixed { issuer: issuer.clone() };
        let tokens = Arc::new(Tokens::new(store.clone(), issuer, ring));
        let (end, ended) = oneshot::channel();
        let feed = Arc::new(Feed::default());
        let shares = Arc::<Shares>::default();
        let compiler = Arc::new(Compiler::new(store.clone(), fixed, feed.clone()));
        let nodes = Arc::new(Nodes { store: store.clone(), compiler: compiler.clone(), feed: feed.clone() });
        let debugger = Arc::<debugger::Local>::default();
        let desk = Desk::new(store.clone(), Some(compiler.clone()), Some(nodes.clone()));
        let desk = desk.with_debugger(debugger.clone());
        let gateway = Arc::<OnceLock<_>>::default();
        let usage = Some(Arc::new(left::Left(debugger.clone())) as Arc<_>);
        let pages = tollgate_console::Options { templates: options.templates, gateway: gateway.clone(), usage };
        let pages = tollgate_console::router(desk.clone(), &pages)?;
        let router = tollgate_api::router(&desk)
            .merge(pages)
            .merge(oauth::router(tokens))
            .merge(tollgate_sync::router(feed.clone(), nodes, shares.clone()));
        let own = token_endpoint(&address.to_string());
        let follower = Arc::new(Follower::new(store.clone(), compiler, feed, own));
        let serving = thread::Builder::new().name("tollgate-admin".to_owned());
        let forgetting = store.clone();
        let serving = serving.spawn(move || serve(listener, router, forgetting, ended)).map_err(ServerError::Thread)?;
        Ok(Self {
            setup_token: tollgate_api::setup_token(store.as_ref())?,
            follower,
            shares,
            gateway,
            debugger,
            store,
            address,
            end: Some(end),
            collecting: Mutex::default(),
            threads: Mutex::new(vec![serving]),
            _lock: lock,
        })
    }

    /// Where the admin API listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// What sets up an installation that has nobody yet.
    #[must_use]
    pub fn setup_token(&self) -> Option<&str> {
        self.setup_token.as_deref()
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// What is compiled, for the configuration of a gateway in this process.
    #[must_use]
    pub fn overlay(&self) -> Overlay {
        let follower = self.follower.clone();
        Arc::new(move |base| follower.overlay(base))
    }

    /// Lends shares of limits to a gateway of this process that is going to be started.
    #[must_use]
    pub fn lend_to(&self, startup: Startup) -> Startup {
        startup.sharing(lending::Here(self.shares.clone()))
    }

    /// Notes that what `overlay` gave was refused: with the next change all of it is tried again.
    pub fn disown(&self) {
        self.follower.disown();
    }

    /// Compiles every change from now on, for nodes elsewhere and for `gateway`, which was started with `overlay`.
    ///
    /// # Errors
    /// There are no threads left.
    pub fn follow(&self, gateway: Option<Arc<Gateway>>) -> Result<(), ServerError> {
        if let Some((_, address)) = gateway.as_ref().and_then(|gateway| gateway.listeners().into_iter().next()) {
            // Set once: a process has one gateway.
            let _ = self.gateway.set(address);
        }
        gateway.iter().for_each(|gateway| self.debugger.set(gateway));
        let follower = self.follower.clone();
        self.follower.adopt();
        let served = gateway.map(|gateway| Arc::new(Served::new(gateway)));
        served.iter().for_each(|served| follower.tell(served, None));
        if let Some(served) = served.clone() {
            let (store, (collecting, ended)) = (self.store.clone(), mpsc::channel());
            *self.collecting.lock().unwrap_or_else(PoisonError::into_inner) = Some(collecting);
            self.spawn("tollgate-usage", move || usage::collect(store.as_ref(), &served, &ended))?;
        }
        self.spawn("tollgate-follow", move || follower.follow(served.as_deref()))
    }

    fn spawn(&self, name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), ServerError> {
        let thread = thread::Builder::new().name(name.to_owned()).spawn(work).map_err(ServerError::Thread)?;
        self.threads.lock().unwrap_or_else(PoisonError::into_inner).push(thread);
        Ok(())
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        self.follower.end();
        drop(self.end.take());
        drop(self.collecting.lock().unwrap_or_else(PoisonError::into_inner).take());
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            if thread.join().is_err() {
                eprintln!("tollgate: a thread of the control plane panicked");
            }
        }
    }
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Serves until `ended` is dropped.
fn serve(listener: TcpListener, router: axum::Router, store: Arc<dyn Store>, ended: oneshot::Receiver<()>) {
    let runtime = runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .max_blocking_threads(BLOCKING_MAX)
        .thread_name("tollgate-admin")
        .enable_io()
        .enable_time()
        .build();
    let served = runtime.and_then(|runtime| {
        runtime.block_on(async {
            tokio::spawn(forget(store));
            listening::serve(tokio::net::TcpListener::from_std(listener)?, router, ended).await;
            Ok(())
        })
    });
    if let Err(error) = served {
        eprintln!("tollgate: the admin API has ended: {error}");
    }
}

async fn forget(store: Arc<dyn Store>) {
    let mut hours = tokio::time::interval(FORGET);
    loop {
        hours.tick().await;
        let store = store.clone();
        let done = tokio::task::spawn_blocking(move || tollgate_api::forget(store.as_ref(), now())).await;
        if let Ok(Err(error)) = done {
            eprintln!("tollgate: what is old cannot be forgotten: {error}");
        }
    }
}
