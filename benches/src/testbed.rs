//! What every measurement stands on: the origin in this process, gateways as children, two CPUs, a temporary directory.
//!
//! Gateways get ports that were free a moment ago; one that does not come up is tried again with others. A gateway is
//! used only after it has returned 1,024 correct bytes of the origin.

use crate::{
    client::Client,
    interrupt, machine,
    peer::{self, Peer, Setup},
    process::Process,
    secure::Certificate,
};
use anyhow::{Context as _, Result, anyhow, bail, ensure};
use clap::Args;
use nix::{
    sched::{CpuSet, sched_setaffinity},
    sys::resource::{Resource, getrlimit, setrlimit},
    unistd::Pid,
};
use rustls::ClientConfig;
use std::{
    env, fs,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tollgate_loadtest::{Counts, Origin, OriginConfig};

/// How often a gateway is started before it counts as broken.
const START_ATTEMPTS_MAX: usize = 3;

/// How long a gateway may take until it answers.
const START_WAIT_MAX: Duration = Duration::from_secs(5);

/// What is asked for again and again: the path and its body's length in bytes.
pub(crate) const PATH: &str = "/bytes/1024";
const PATH_BYTES: u64 = 1024;

/// Arguments of all subcommands.
#[derive(Args, Clone, Debug)]
#[group(skip)]
pub struct Options {
    /// Gateways to measure, in this order.
    #[arg(long, value_delimiter = ',', value_name = "NAMES", default_value = "nginx,haproxy,tollgate")]
    only: Vec<String>,
    /// The tollgate binary [default: the one built beside this program].
    #[arg(long, value_name = "PATH")]
    tollgate: Option<PathBuf>,
    /// CPU for the gateways [default: the first allowed].
    #[arg(long, value_name = "CPU")]
    gateway_cpu: Option<usize>,
    /// CPU for the load and the origin [default: the second allowed]. The gateways' CPU may be named here too: with one
    /// connection, nothing is measured then of what it costs to wake another CPU.
    #[arg(long, value_name = "CPU")]
    load_cpu: Option<usize>,
    /// Clients speak TLS 1.3 with the gateways.
    #[arg(long)]
    tls: bool,
}

impl Options {
    /// The same for who chooses gateways of its own: nothing that is not needed has to be installed.
    pub(crate) fn without_others(&self) -> Self {
        Self { only: vec!["tollgate".to_owned()], ..self.clone() }
    }

    fn binary(&self) -> Result<PathBuf> {
        let beside = env::current_exe()?.with_file_name("tollgate");
        Ok(self.tollgate.clone().unwrap_or(beside))
    }

    /// Tollgate's binary, for who needs nothing else of the testbed.
    pub(crate) fn tollgate(&self) -> Result<PathBuf> {
        peer::executable(&self.binary()?)
    }
}

/// Raises the limit of open files as far as allowed, for this process and its children.
///
/// # Errors
/// The system refused.
pub fn prepare_process() -> Result<()> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    Ok(setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?)
}

/// The origin and the place gateways are started in.
pub(crate) struct Testbed {
    /// First, so that it is removed last but one; the origin needs no files.
    directory: TempDir,
    origin: Origin,
    gateway_cpu: usize,
    load_cpu: usize,
    peers: Vec<Box<dyn Peer>>,
    /// What the gateways serve with, if in TLS.
    certificate: Option<Certificate>,
    tollgate: PathBuf,
}

/// A gateway that runs and answers.
pub(crate) struct Gateway {
    pub(crate) name: &'static str,
    pub(crate) address: SocketAddr,
    /// What wrk is to run instead of asking for [`PATH`].
    pub(crate) script: Option<PathBuf>,
    process: Process,
    client: Option<Arc<ClientConfig>>,
}

impl Gateway {
    /// A connection, in TLS if that is what is measured.
    pub(crate) fn connect(&self) -> Result<Client> {
        match &self.client {
            None => Client::connect(self.address),
            Some(config) => Client::connect_secure(self.address, config.clone()),
        }
    }

    /// `http` or `https`.
    pub(crate) const fn scheme(&self) -> &'static str {
        if self.client.is_some() { "https" } else { "http" }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// What it has printed so far.
    pub(crate) fn output(&self) -> String {
        self.process.output()
    }

    /// What follows `prefix` on a line that it has printed.
    pub(crate) fn announced(&mut self, prefix: &str, patience: Duration) -> Result<String> {
        self.process.announced(prefix, patience)
    }
}

impl Testbed {
    /// Starts the origin and pins this process, its threads and what it starts from now on to the load's CPU.
    pub(crate) fn new(options: &Options) -> Result<Self> {
        let tollgate = options.binary()?;
        let peers = peer::select(&options.only, &tollgate)?;
        let cpus = machine::allowed_cpus()?;
        let cpu = |chosen: Option<usize>, at: usize| chosen.or_else(|| cpus.get(at).copied());
        let (Some(gateway_cpu), Some(load_cpu)) = (cpu(options.gateway_cpu, 0), cpu(options.load_cpu, 1)) else {
            bail!("two CPUs are needed: one for the gateways, one for the load");
        };
        let mut load_cpus = CpuSet::new();
        load_cpus.set(load_cpu)?;
        sched_setaffinity(Pid::from_raw(0), &load_cpus).with_context(|| format!("pinning to CPU {load_cpu}"))?;
        let origin = Origin::start(OriginConfig { cpu: Some(load_cpu), ..OriginConfig::default() })?;
        let directory = TempDir::with_prefix("tollgate-benches-")?;
        let certificate = options.tls.then(|| Certificate::write(directory.path())).transpose()?;
        Ok(Self { directory, origin, gateway_cpu, load_cpu, peers, tollgate, certificate })
    }

    /// Tollgate's binary.
    pub(crate) fn tollgate(&self) -> Result<PathBuf> {
        peer::executable(&self.tollgate)
    }

    /// The gateways that were chosen.
    pub(crate) fn peers(&self) -> impl Iterator<Item = &dyn Peer> {
        self.peers.iter().map(AsRef::as_ref)
    }

    pub(crate) const fn gateway_cpu(&self) -> usize {
        self.gateway_cpu
    }

    pub(crate) fn origin_address(&self) -> SocketAddr {
        self.origin.address()
    }

    pub(crate) const fn load_cpu(&self) -> usize {
        self.load_cpu
    }

    /// What the figures depend on, in one line.
    pub(crate) fn conditions(&self) -> String {
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let Self { gateway_cpu, load_cpu, .. } = self;
        let tls = if self.certificate.is_some() { ", clients in TLS 1.3" } else { "" };
        format!("Linux {}{tls}, gateways on CPU {gateway_cpu}, load and origin on CPU {load_cpu}", kernel.trim())
    }

    /// Where files of the run may go.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Connections and requests that the origin has seen so far.
    pub(crate) fn origin_counts(&self) -> Counts {
        self.origin.counts()
    }

    /// Connections to the origin that are open now.
    pub(crate) fn upstream_connections(&self) -> u64 {
        self.origin.counts().connections_open
    }

    /// Starts a gateway and waits until it answers correctly.
    pub(crate) fn start(&self, peer: &dyn Peer, streaming: bool) -> Result<Gateway> {
        let mut failure = anyhow!("never tried");
        for _ in 0..START_ATTEMPTS_MAX {
            interrupt::check()?;
            match self.try_start(peer, streaming) {
                Ok(gateway) => return Ok(gateway),
                Err(error) => failure = error,
            }
        }
        Err(failure.context(format!("{} does not work", peer.name())))
    }

    fn try_start(&self, peer: &dyn Peer, streaming: bool) -> Result<Gateway> {
        let name = peer.name();
        let directory = self.directory.path().join(name);
        fs::create_dir_all(&directory)?;
        let [address, status] = free_addresses()?;
        let setup = Setup {
            directory: &directory,
            listen: address,
            status,
            origin: self.origin.address(),
            cpu: self.gateway_cpu,
            streaming,
            certificate: self.certificate.as_ref(),
        };
        let everywhere = [self.gateway_cpu, self.load_cpu];
        let cpus = if peer.is_pinned() { &everywhere[..1] } else { &everywhere };
        let process = Process::start(name, &peer.prepare(&setup)?, cpus, &directory)?;
        let mut gateway = Gateway {
            name,
            address,
            script: None,
            process,
            client: self.certificate.as_ref().map(|certificate| certificate.client.clone()),
        };
        gateway.wait_until_ready().with_context(|| format!("{name} said:\n{}", gateway.process.output()))?;
        Ok(gateway)
    }
}

impl Gateway {
    fn wait_until_ready(&mut self) -> Result<()> {
        let until = Instant::now() + START_WAIT_MAX;
        loop {
            interrupt::pause(Duration::from_millis(20))?;
            ensure!(self.process.is_running()?, "it ended at once");
            match self.connect().and_then(|mut client| client.download(PATH_BYTES, |_| {})) {
                Ok(()) => return Ok(()),
                Err(error) if Instant::now() > until => return Err(error.context("no correct answer")),
                Err(_) => {}
            }
        }
    }
}

/// Two different loopback addresses nobody listens on at this moment.
fn free_addresses() -> Result<[SocketAddr; 2]> {
    let listener = || TcpListener::bind(("127.0.0.1", 0));
    let (first, second) = (listener()?, listener()?);
    Ok([first.local_addr()?, second.local_addr()?])
}
