//! One worker's thread: pinned, with its own ring, listeners, mailbox and log sink.
//!
//! Returns only when the thread has taken all of it, so that whatever can fail fails at start and not later. What the
//! worker does then is `tollgate-worker`'s.

use crate::limits::BUFFERS_KEPT;
use crossbeam::channel;
use std::{io, sync::Arc, thread::JoinHandle};
use tollgate_io::Mailbox;
use tollgate_ring::{BoundListener, Driver, Inbox, RingIo, RingListener, ThreadSpec};
use tollgate_telemetry::{LogSink, WorkerMetrics};
use tollgate_worker::{Command, Program, Publication, Setup};

/// What crosses to a worker's thread: sockets that no runtime has yet.
pub(crate) type GatewayCommand = Command<BoundListener>;

/// What one worker is given.
pub(crate) struct WorkerParts {
    pub(crate) index: usize,
    pub(crate) cpu: usize,
    pub(crate) driver: Driver,
    pub(crate) program: Arc<Program>,
    pub(crate) inbox: Inbox<GatewayCommand>,
    /// With the slots of their listeners.
    pub(crate) listeners: Vec<(u32, BoundListener)>,
    pub(crate) metrics: Arc<WorkerMetrics>,
    pub(crate) log: Option<LogSink>,
}

/// Starts the worker; returns when it has taken its parts.
pub(crate) fn launch(parts: WorkerParts) -> io::Result<JoinHandle<()>> {
    let spec = ThreadSpec {
        name: format!("tollgate-{}", parts.index),
        cpu: Some(parts.cpu),
        driver: parts.driver,
        buffers_kept: BUFFERS_KEPT,
    };
    let (started, outcome) = channel::bounded(1);
    let thread = tollgate_ring::launch(spec, move |io| async move {
        let taken = take(io, parts);
        // The receiver waits for exactly this message below.
        match taken {
            Ok((setup, inbox)) => {
                let _ = started.send(Ok(()));
                tollgate_worker::run(setup, inbox).await;
            }
            Err(error) => drop(started.send(Err(error))),
        }
    })?;
    outcome.recv().unwrap_or_else(|_| Err(io::Error::other("the worker ended before it started")))?;
    Ok(thread)
}

/// Hands sockets and mailbox to the runtime of the calling thread.
fn take(io: RingIo, parts: WorkerParts) -> io::Result<(Setup<RingIo>, impl Mailbox<Command<RingListener>> + use<>)> {
    let inbox = Commands { inbox: parts.inbox.into_mailbox(&io)?, io: io.clone() };
    let listeners = take_sockets(&io, parts.listeners)?;
    Ok((Setup { io, program: parts.program, listeners, metrics: parts.metrics, log: parts.log }, inbox))
}

fn take_sockets(io: &RingIo, sockets: Vec<(u32, BoundListener)>) -> io::Result<Vec<(u32, RingListener)>> {
    sockets.into_iter().map(|(slot, bound)| Ok((slot, bound.into_listener(io)?))).collect()
}

/// A worker's mailbox, whose sockets are handed to its runtime as they come.
struct Commands<M> {
    inbox: M,
    io: RingIo,
}

impl<M: Mailbox<GatewayCommand>> Mailbox<Command<RingListener>> for Commands<M> {
    async fn receive(&self) -> Option<Command<RingListener>> {
        Some(match self.inbox.receive().await? {
            Command::Drain => Command::Drain,
            Command::Stop => Command::Stop,
            Command::Ping(answer) => Command::Ping(answer),
            Command::Publish(Publication { program, listeners, taken }) => {
                let listeners = take_sockets(&self.io, listeners).unwrap_or_else(|error| {
                    eprintln!("tollgate: a worker cannot take a new listener: {error}");
                    Vec::new()
                });
                Command::Publish(Publication { program, listeners, taken })
            }
        })
    }
}
