//! The side that sends: takes plans from a controller, one at a time, and answers with what was measured.
//!
//! A second controller is told that the agent is busy. Each is asked for the token before anything else it says is read, and
//! a controller that is gone ends its run.

use super::message::{FORMAT, HELLO_BYTES_MAX, MESSAGE_BYTES_MAX, News, Order, receive, send};
use crate::{
    load::{self, Plan, Stop},
    permission::permit,
};
use std::{
    io,
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

/// Connections of controllers at one time; of them, one runs.
const CONTROLLERS_MAX: usize = 8;
/// How long a controller may take to say who it is, and what it wants.
const PATIENCE: Duration = Duration::from_secs(10);
/// Longest time from when a plan is ready until it begins.
const BEGIN_MAX: Duration = Duration::from_secs(60);

/// How an agent behaves.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where it listens.
    pub bind: SocketAddr,
    /// What controllers must show; needed where `bind` is not loopback.
    pub token: Option<String>,
    /// Whether load may go to hosts that are not its own loopback.
    pub any_host: bool,
}

/// An agent that listens.
#[derive(Debug)]
pub struct Agent {
    listener: TcpListener,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    options: Options,
    /// Held by the run in progress.
    running: Mutex<()>,
    controllers: AtomicUsize,
}

impl Agent {
    /// Begins to listen.
    ///
    /// # Errors
    /// The address is taken, or is not loopback and there is no token.
    pub fn bind(options: Options) -> io::Result<Self> {
        if !options.bind.ip().to_canonical().is_loopback() && options.token.is_none() {
            let what = format!("{} is not loopback: an agent that others can reach needs a token", options.bind);
            return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        }
        let listener = TcpListener::bind(options.bind)?;
        let shared = Shared { options, running: Mutex::default(), controllers: AtomicUsize::new(0) };
        Ok(Self { listener, shared: Arc::new(shared) })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// The kernel does not say.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves controllers, each on a thread of its own; `tell` hears what happens, from these threads.
    ///
    /// # Errors
    /// Connections cannot be accepted any more.
    pub fn serve(self, tell: impl Fn(&str) + Clone + Send + 'static) -> io::Result<()> {
        for stream in self.listener.incoming() {
            let stream = match stream {
                // The controller was gone before it was accepted.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => continue,
                stream => stream?,
            };
            let (shared, tell) = (self.shared.clone(), tell.clone());
            if shared.controllers.fetch_add(1, Relaxed) >= CONTROLLERS_MAX {
                shared.controllers.fetch_sub(1, Relaxed);
                continue;
            }
            thread::spawn(move || {
                let peer = stream.peer_addr().map_or_else(|_| "?".to_owned(), |peer| peer.to_string());
                if let Err(error) = shared.attend(&stream, &peer, &tell) {
                    tell(&format!("controller {peer}: {error}"));
                }
                shared.controllers.fetch_sub(1, Relaxed);
            });
        }
        Ok(())
    }
}

impl Shared {
    /// One controller, from its hello to the end of its run.
    fn attend(&self, stream: &TcpStream, peer: &str, tell: &impl Fn(&str)) -> io::Result<()> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let refuse = |what: &str| {
            send(stream, &News::Failed(what.to_owned()))?;
            Err(io::Error::other(format!("refused: {what}")))
        };
        match receive(stream, HELLO_BYTES_MAX)? {
            Order::Hello { format, .. } if format != FORMAT => {
                return refuse("controller and agent are of different versions");
            }
            Order::Hello { token, .. } if !self.admits(token.as_deref()) => {
                return refuse("the token is not the agent's");
            }
            Order::Hello { .. } => send(stream, &News::Welcome)?,
            _ => return refuse("a hello comes first"),
        }
        let running = match self.running.try_lock() {
            Ok(running) => running,
            Err(std::sync::TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(std::sync::TryLockError::WouldBlock) => return refuse("the agent is busy with another run"),
        };
        let Order::Prepare(mut plan) = receive(stream, MESSAGE_BYTES_MAX)? else { return refuse("a plan comes next") };
        plan.target.addresses.clear();
        if let Err(refusal) = permit(&mut plan.target, self.options.any_host) {
            return refuse(&refusal.to_string());
        }
        if let Err(failure) = plan.check() {
            return refuse(&failure.to_string());
        }
        send(stream, &News::Ready)?;
        stream.set_read_timeout(Some(BEGIN_MAX))?;
        let Order::Begin { in_ms } = receive(stream, HELLO_BYTES_MAX)? else { return refuse("a beginning comes next") };
        thread::sleep(Duration::from_millis(in_ms).min(BEGIN_MAX));
        tell(&format!("controller {peer}: load on {} for {:?}", plan.target, plan.duration));
        let ended = run(stream, &plan);
        tell(&format!("controller {peer}: done"));
        drop(running);
        ended
    }

    fn admits(&self, shown: Option<&str>) -> bool {
        let Some(token) = &self.options.token else { return true };
        let shown = shown.unwrap_or_default();
        // Every byte is looked at, so that how long it takes tells nothing of where they differ.
        let differences = token.bytes().zip(shown.bytes()).fold(0, |sum, (one, other)| sum | (one ^ other));
        token.len() == shown.len() && differences == 0
    }
}

/// Carries a plan out. When the controller asks for it, or is gone, the run ends early.
fn run(stream: &TcpStream, plan: &Plan) -> io::Result<()> {
    stream.set_read_timeout(None)?;
    let stop = Stop::default();
    let writes = Mutex::new(stream);
    let write = |news: &News| send(*writes.lock().unwrap_or_else(PoisonError::into_inner), news);
    thread::scope(|scope| {
        scope.spawn(|| {
            // Anything else than an order, an end above all, means that nobody waits for the run any more.
            let _: io::Result<Order> = receive(stream, HELLO_BYTES_MAX);
            stop.set();
        });
        let watch = |progress: &load::Progress| {
            if write(&News::Tick(Box::new(progress.into()))).is_err() {
                stop.set();
            }
        };
        let news = match load::run(plan, &watch, &stop) {
            Ok(recording) => News::Done(Box::new(recording)),
            Err(failure) => News::Failed(failure.to_string()),
        };
        let written = write(&news);
        // Wakes the thread that waits for an order.
        let _ = stream.shutdown(std::net::Shutdown::Read);
        written
    })
}
