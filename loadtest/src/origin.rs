//! A synthetic HTTP/1.1 upstream on real sockets: a thread with an io_uring (epoll where that is refused), or one per CPU.
//!
//! Keep-alive, pipelining, HEAD, `Expect: 100-continue` and HTTP/1.0 are honoured. Bounds stand in `limits`. The path says
//! what it answers: modifiers, which may be combined, then one of the answers.
//! [`PATHS`] is the table of them. Delays have the kernel's resolution: never early, and about 0.1 ms late on an idle CPU.
//! Chance comes out of the seed: one worker that gets the same requests in the same order waits and fails alike.

mod alarm;
mod body;
mod chance;
mod connection;
mod delay;
mod head;
mod limits;
mod plan;
mod runtime;
mod site;
mod trickle;
mod wire;

use runtime::Worker;
use site::{Control, Tally};
pub use site::{Counts, body_byte};
use std::{
    io,
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        mpsc::{SyncSender, sync_channel},
    },
    thread::JoinHandle,
};

/// The paths that an origin understands, and what it answers to each.
pub const PATHS: &[(&str, &str)] = &[
    ("/, /status/CODE", "1 KiB of text; that status (200 to 599)"),
    ("/bytes/N, /chunked/N, /trailers/N", "N bytes (up to 1 TiB): sized, chunked, chunked with a trailer"),
    ("/until-close/N", "N bytes, ended by closing"),
    ("/slow/N/PIECE/TIME", "N bytes, PIECE of them every TIME"),
    ("/events/N/TIME", "N server-sent events, one every TIME, each with when it was sent"),
    ("/echo, /upload", "the request's head as received; length and CRC-32 of its body"),
    ("/echo-upgrade", "101, then every byte back"),
    ("/reset, /truncate/N", "a TCP reset: at once, or after half of N bytes"),
    ("/stall/TIME", "answers at once, and all requests after it wait until TIME is over"),
    ("anything else", "a line with the origin's name, the method and the target"),
    ("/delay/TIME/...", "waits before it answers"),
    ("/delay/uniform/A-B/...", "... for a time between the two"),
    ("/delay/normal/MEAN-DEVIATION/...", "... normally distributed, never below 0"),
    ("/delay/exponential/MEAN/...", "... exponentially distributed"),
    ("/delay/lognormal/MEDIAN-SIGMA/...", "... its logarithm normally distributed, SIGMA a plain number"),
    ("/delay/pareto/MINIMUM-SHAPE/...", "... with a heavy tail, SHAPE a plain number above 0"),
    ("/flaky/PERCENT/...", "that share of the requests is answered 503"),
    ("/close/..., /early/...", "closes afterwards; answers without reading the body, and closes"),
    ("/hints/...", "103 first"),
];

/// Which driver carries the sockets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Driver {
    /// io_uring, or epoll where it is refused.
    #[default]
    Auto,
    /// io_uring only.
    IoUring,
    /// epoll only.
    Epoll,
}

/// How to start an [`Origin`].
#[derive(Clone, Debug)]
pub struct OriginConfig {
    /// Address to listen on; port 0 takes any free one.
    pub bind: SocketAddr,
    /// Name it answers with, in text and in the `Server` field.
    pub name: String,
    /// CPU its thread is pinned to.
    pub cpu: Option<usize>,
    /// What chance begins with.
    pub seed: u64,
    /// What carries its sockets.
    pub driver: Driver,
}

impl Default for OriginConfig {
    /// Any free loopback port, not pinned.
    fn default() -> Self {
        Self {
            bind: SocketAddr::from(([127, 0, 0, 1], 0)),
            name: "origin".to_owned(),
            cpu: None,
            seed: 0,
            driver: Driver::Auto,
        }
    }
}

/// A running origin. Dropping it stops it and closes its connections.
#[derive(Debug)]
pub struct Origin {
    address: SocketAddr,
    control: Arc<Control>,
    workers: Vec<(Arc<Tally>, Thread)>,
}

type Thread = JoinHandle<io::Result<()>>;

impl Origin {
    /// Starts a thread that serves, and returns once it listens.
    ///
    /// # Errors
    /// The address cannot be bound, the CPU does not exist, the name has control characters, or there is no driver.
    pub fn start(config: OriginConfig) -> io::Result<Self> {
        let cpu = config.cpu;
        Self::with_workers(config, &[cpu])
    }

    /// Starts a thread on each of `cpus`, all on one port, and returns once they listen. `config.cpu` is not used.
    ///
    /// # Errors
    /// As [`start`](Self::start), and there is no CPU.
    pub fn on_cpus(config: OriginConfig, cpus: &[usize]) -> io::Result<Self> {
        let cpus: Vec<_> = cpus.iter().copied().map(Some).collect();
        Self::with_workers(config, &cpus)
    }

    fn with_workers(mut config: OriginConfig, cpus: &[Option<usize>]) -> io::Result<Self> {
        let invalid = |why: &str| Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        if config.name.contains(|c: char| c.is_control()) {
            return invalid("the name has control characters");
        }
        if cpus.is_empty() {
            return invalid("no CPU to serve on");
        }
        let shares_port = cpus.len() > 1;
        if shares_port {
            // Sharing would join whoever listens there already.
            drop(TcpListener::bind(config.bind)?);
        }
        let mut origin = Self { address: config.bind, control: Arc::new(Control::new()), workers: Vec::new() };
        for (number, &cpu) in cpus.iter().enumerate() {
            config.cpu = cpu;
            // The second worker listens where the first one found a port.
            config.bind = origin.address;
            origin.add(config.clone(), number, shares_port)?;
        }
        Ok(origin)
    }

    fn add(&mut self, config: OriginConfig, number: usize, shares_port: bool) -> io::Result<()> {
        let tally = Arc::new(Tally::default());
        let (ready, listening) = sync_channel(1);
        let thread = std::thread::Builder::new().name(format!("origin {}", config.name));
        let worker = Worker { config, number, shares_port, control: self.control.clone(), tally: tally.clone() };
        let thread = thread.spawn(move || runtime::serve(&worker, &ready))?;
        match listening.recv() {
            Ok(address) => {
                self.address = address;
                self.workers.push((tally, thread));
                Ok(())
            }
            Err(_) => Err(join(thread).err().unwrap_or_else(|| io::Error::other("the origin ended early"))),
        }
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it has seen so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.workers.iter().fold(Counts::default(), |counts, (tally, _)| counts.and(tally.counts()))
    }

    /// Has all requests wait that come within `time` from now, until it is over, as when the whole process stands still.
    /// What is being answered goes on.
    pub fn stall(&self, time: std::time::Duration) {
        self.control.stall(time);
    }

    /// Serves until the process ends or serving fails.
    ///
    /// # Errors
    /// The driver failed.
    pub fn run(mut self) -> io::Result<()> {
        self.join()
    }

    /// Stops serving and closes all connections; returns when the threads have ended.
    ///
    /// # Errors
    /// Serving had failed.
    pub fn stop(mut self) -> io::Result<()> {
        self.end()
    }

    fn end(&mut self) -> io::Result<()> {
        self.control.stop();
        let listens = |(tally, thread): &(Arc<Tally>, Thread)| !tally.has_closed() && !thread.is_finished();
        while self.workers.iter().any(listens) {
            // Workers sleep in accept: a connection wakes one of those that still listen. One that fails has met a listener
            // that was being closed, and says nothing of the others.
            let _ = TcpStream::connect(self.address);
        }
        self.join()
    }

    fn join(&mut self) -> io::Result<()> {
        self.workers.drain(..).map(|(_, thread)| join(thread)).fold(Ok(()), Result::and)
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        // Nobody is left to be told that serving had failed.
        let _ = self.end();
    }
}

/// Where the serving thread announces that it listens.
type Ready = SyncSender<SocketAddr>;

fn join(thread: Thread) -> io::Result<()> {
    thread.join().unwrap_or_else(|_| Err(io::Error::other("the origin's thread panicked")))
}
