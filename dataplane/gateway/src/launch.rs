//! One worker's thread: pinned, with its own ring, listeners, mailbox and log sink.
//!
//! Returns only when the thread has taken all of it, so that whatever can fail fails at start and not later. What the
//! worker does then is `tollgate-worker`'s.

use crate::limits::{BUFFERS_KEPT, COMMANDS_MAX};
use crossbeam::channel;
use std::{io, sync::Arc, thread::JoinHandle};
use tollgate_io::Mailbox;
use tollgate_ring::{BoundListener, Driver, Inbox, Outbox, RingIo, ThreadSpec, mailbox};
use tollgate_telemetry::{LogSink, WorkerMetrics};
use tollgate_worker::{Command, Program, Setup};

/// What one worker is given.
pub(crate) struct WorkerParts {
    pub(crate) index: usize,
    pub(crate) cpu: usize,
    pub(crate) driver: Driver,
    pub(crate) program: Arc<Program>,
    /// With their indexes in the snapshot.
    pub(crate) listeners: Vec<(usize, BoundListener)>,
    pub(crate) metrics: Arc<WorkerMetrics>,
    pub(crate) log: Option<LogSink>,
}

/// Starts the worker; returns when it has taken its parts.
pub(crate) fn launch(parts: WorkerParts) -> io::Result<(JoinHandle<()>, Outbox<Command>)> {
    let (outbox, inbox) = mailbox(COMMANDS_MAX)?;
    let spec = ThreadSpec {
        name: format!("tollgate-{}", parts.index),
        cpu: Some(parts.cpu),
        driver: parts.driver,
        buffers_kept: BUFFERS_KEPT,
    };
    let (started, outcome) = channel::bounded(1);
    let thread = tollgate_ring::launch(spec, move |io| async move {
        let taken = take(io, parts, inbox);
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
    Ok((thread, outbox))
}

/// Hands sockets and mailbox to the runtime of the calling thread.
fn take(
    io: RingIo,
    parts: WorkerParts,
    inbox: Inbox<Command>,
) -> io::Result<(Setup<RingIo>, impl Mailbox<Command> + use<>)> {
    let inbox = inbox.into_mailbox(&io)?;
    let listeners = parts.listeners.into_iter().map(|(index, bound)| Ok((index, bound.into_listener(&io)?)));
    let listeners = listeners.collect::<io::Result<_>>()?;
    Ok((Setup { io, program: parts.program, listeners, metrics: parts.metrics, log: parts.log }, inbox))
}
