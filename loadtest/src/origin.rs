//! A synthetic HTTP/1.1 upstream on real sockets: one thread, one io_uring (epoll where that is refused).
//!
//! Keep-alive, pipelining, HEAD, `Expect: 100-continue` and HTTP/1.0 are honoured. Bounds stand in `limits`. The path says
//! what it answers: modifiers, which may be combined, then one of the answers:
//!
//! | path | answer |
//! |---|---|
//! | `/`, `/status/CODE` | 1 KiB of text; that status (200 to 599) |
//! | `/bytes/N`, `/chunked/N`, `/trailers/N`, `/until-close/N` | N bytes (up to 1 TiB): sized, chunked, with a trailer, ended by closing |
//! | `/echo`, `/upload` | the request's head as received; `{"bytes":N,"crc32":"xxxxxxxx"}` of its body |
//! | `/echo-upgrade` | 101, then every byte back |
//! | `/reset`, `/truncate/N` | a TCP reset: at once, or after half of N bytes |
//! | anything else | a line with the origin's name, the method and the target |
//! | `/delay/MS/...`, `/hints/...`, `/close/...`, `/early/...` | waits; 103 first; closes afterwards; answers without reading the body, and closes |

mod body;
mod connection;
mod head;
mod limits;
mod plan;
mod runtime;
mod site;
mod wire;

use site::Tally;
pub use site::{Counts, body_byte};
use std::{
    io,
    net::{SocketAddr, TcpStream},
    sync::{
        Arc,
        mpsc::{SyncSender, sync_channel},
    },
    thread::JoinHandle,
};

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
    /// What carries its sockets.
    pub driver: Driver,
}

impl Default for OriginConfig {
    /// Any free loopback port, not pinned.
    fn default() -> Self {
        Self { bind: SocketAddr::from(([127, 0, 0, 1], 0)), name: "origin".to_owned(), cpu: None, driver: Driver::Auto }
    }
}

/// A running origin. Dropping it stops it and closes its connections.
#[derive(Debug)]
pub struct Origin {
    address: SocketAddr,
    tally: Arc<Tally>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Origin {
    /// Starts a thread that serves, and returns once it listens.
    ///
    /// # Errors
    /// The address cannot be bound, the CPU does not exist, the name has control characters, or there is no driver.
    pub fn start(config: OriginConfig) -> io::Result<Self> {
        if config.name.contains(|c: char| c.is_control()) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the name has control characters"));
        }
        let tally = Arc::new(Tally::default());
        let (ready, listening) = sync_channel(1);
        let shared = tally.clone();
        let thread = std::thread::Builder::new()
            .name(format!("origin {}", config.name))
            .spawn(move || runtime::serve(&config, shared, &ready))?;
        match listening.recv() {
            Ok(address) => Ok(Self { address, tally, thread: Some(thread) }),
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
        self.tally.counts()
    }

    /// Serves until the process ends or serving fails.
    ///
    /// # Errors
    /// The driver failed.
    pub fn run(mut self) -> io::Result<()> {
        self.thread.take().map_or(Ok(()), join)
    }

    /// Stops serving and closes all connections; returns when the thread has ended.
    ///
    /// # Errors
    /// Serving had failed.
    pub fn stop(mut self) -> io::Result<()> {
        self.end()
    }

    fn end(&mut self) -> io::Result<()> {
        let Some(thread) = self.thread.take() else {
            return Ok(());
        };
        self.tally.stop();
        // The thread sleeps in accept: a connection wakes it. A refused one means that it has ended already.
        drop(TcpStream::connect(self.address));
        join(thread)
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

fn join(thread: JoinHandle<io::Result<()>>) -> io::Result<()> {
    thread.join().unwrap_or_else(|_| Err(io::Error::other("the origin's thread panicked")))
}
