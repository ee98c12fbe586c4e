//! What every measurement stands on: the origin in this process, gateways as children, two CPUs, a temporary directory.
//!
//! Gateways get ports that were free a moment ago; one that does not come up is tried again with others. A gateway is
//! used only after it has returned 1,024 correct bytes of the origin.

use crate::{
    client::Client,
    interrupt, machine,
    peer::{self, KEY, KEY_FIELD, Peer, Places, Setup, Task},
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
use std::{
    env, fs,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tollgate_loadtest::{Counts, Origin, OriginConfig};

/// How often a gateway is started before it counts as broken.
const START_ATTEMPTS_MAX: usize = 3;

/// How long a gateway may take until it answers.
const START_WAIT_MAX: Duration = Duration::from_secs(30);

/// What is asked for again and again: the path and its body's length in bytes.
pub(crate) const PATH: &str = "/bytes/1024";
pub(crate) const PATH_BYTES: u64 = 1024;

/// Arguments of all subcommands.
#[derive(Args, Clone, Debug)]
#[group(skip)]
pub struct Options {
    /// Gateways to measure, in this order [default: nginx,haproxy,tollgate; in scenarios all that are installed].
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    only: Vec<String>,
    /// Where to look for gateways before PATH; may be given several times.
    #[arg(long, value_name = "DIRECTORY", env = "TOLLGATE_PEER_DIR", value_delimiter = ':')]
    peer_dir: Vec<PathBuf>,
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

    /// Where gateways are looked for.
    pub(crate) fn places(&self) -> Result<Places> {
        let beside = env::current_exe()?.with_file_name("tollgate");
        let tollgate = self.tollgate.clone().unwrap_or(beside);
        // Where the small program on Pingora is built, seen from the root of the tree.
        let built = PathBuf::from("benches/pingora/target/release");
        let directories = self.peer_dir.iter().cloned().chain([built]).collect();
        Ok(Places { tollgate, directories })
    }

    /// Tollgate's binary, for who needs nothing else of the testbed.
    pub(crate) fn tollgate(&self) -> Result<PathBuf> {
        peer::executable(&self.places()?.tollgate)
    }

    /// The gateways that are named, or all that are installed.
    pub(crate) fn named_or_installed(&self) -> Result<Vec<Box<dyn Peer>>> {
        let names: Vec<&str> = self.only.iter().map(String::as_str).collect();
        if names.is_empty() { self.places()?.installed() } else { self.places()?.all(&names) }
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
    /// What gateways serve with in TLS.
    certificate: Arc<Certificate>,
    is_secure: bool,
    places: Places,
    /// Gateways started so far; each has a folder of its own.
    started: AtomicU32,
}

/// A gateway that runs and answers.
pub(crate) struct Gateway {
    pub(crate) name: &'static str,
    pub(crate) address: SocketAddr,
    /// What wrk is to run instead of asking for [`PATH`].
    pub(crate) script: Option<PathBuf>,
    pub(crate) setup: Setup,
    process: Process,
}

impl Gateway {
    /// A connection, in TLS if that is what is measured.
    pub(crate) fn connect(&self) -> Result<Client> {
        let client = match &self.setup.certificate {
            None => Client::connect(self.address)?,
            Some(certificate) => Client::connect_secure(self.address, certificate.client.clone())?,
        };
        Ok(client.with_field(self.field()))
    }

    /// A header field that every request has to have.
    pub(crate) fn field(&self) -> Option<(&'static str, &'static str)> {
        (self.setup.task == Task::Policies).then_some((KEY_FIELD, KEY))
    }

    /// Where the configuration of a Tollgate can be changed.
    pub(crate) fn socket(&self) -> PathBuf {
        peer::socket(&self.setup)
    }

    /// `http` or `https`.
    pub(crate) fn scheme(&self) -> &'static str {
        if self.setup.certificate.is_some() { "https" } else { "http" }
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
        let default = || ["nginx", "haproxy", "tollgate"].to_vec();
        let names: Vec<&str> = options.only.iter().map(String::as_str).collect();
        let peers = options.places()?.all(&if names.is_empty() { default() } else { names })?;
        Self::with(options, peers)
    }

    /// The same with gateways of the caller's choice.
    pub(crate) fn with(options: &Options, peers: Vec<Box<dyn Peer>>) -> Result<Self> {
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
        let certificate = Arc::new(Certificate::write(directory.path())?);
        let (places, is_secure, started) = (options.places()?, options.tls, AtomicU32::new(0));
        Ok(Self { directory, origin, gateway_cpu, load_cpu, peers, certificate, is_secure, places, started })
    }

    /// Tollgate's binary.
    pub(crate) fn tollgate(&self) -> Result<PathBuf> {
        peer::executable(&self.places.tollgate)
    }

    pub(crate) const fn places(&self) -> &Places {
        &self.places
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
        let tls = if self.is_secure { ", clients in TLS 1.3" } else { "" };
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

    /// Starts a gateway in front of the origin and waits until it answers correctly.
    pub(crate) fn start(&self, peer: &dyn Peer, task: Task) -> Result<Gateway> {
        self.start_as(peer, task, self.is_secure, &[self.origin.address()])
    }

    /// The same, whatever the options say of TLS and with the endpoints given.
    pub(crate) fn start_as(
        &self,
        peer: &dyn Peer,
        task: Task,
        secure: bool,
        endpoints: &[SocketAddr],
    ) -> Result<Gateway> {
        let mut failure = anyhow!("never tried");
        for _ in 0..START_ATTEMPTS_MAX {
            interrupt::check()?;
            match self.try_start(peer, task, secure, endpoints) {
                Ok(gateway) => return Ok(gateway),
                Err(error) => failure = error,
            }
        }
        Err(failure.context(format!("{} does not work", peer.name())))
    }

    fn try_start(&self, peer: &dyn Peer, task: Task, secure: bool, endpoints: &[SocketAddr]) -> Result<Gateway> {
        let name = peer.name();
        let number = self.started.fetch_add(1, Relaxed);
        let directory = self.directory.path().join(format!("{number}-{name}"));
        fs::create_dir_all(&directory)?;
        let [address, status] = free_addresses()?;
        let setup = Setup {
            directory: directory.clone(),
            listen: address,
            status,
            endpoints: endpoints.to_vec(),
            cpu: self.gateway_cpu,
            task,
            certificate: secure.then(|| self.certificate.clone()),
            generation: 1,
        };
        let everywhere = [self.gateway_cpu, self.load_cpu];
        let cpus = if peer.is_pinned() { &everywhere[..1] } else { &everywhere };
        let process = Process::start(name, &peer.prepare(&setup)?, cpus, &directory)?;
        let mut gateway = Gateway { name, address, script: None, setup, process };
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
