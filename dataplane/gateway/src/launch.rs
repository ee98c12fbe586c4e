//! One worker's thread: pinned, with its own ring, listeners, mailbox and log sink.
//!
//! The sockets and mailboxes are made before, on the starting thread, and handed to the worker's runtime here. What the
//! worker does with them is `tollgate-worker`'s.

use crate::{aside::Aside, limits::HANDED_MAX};
use std::{io, iter, sync::Arc, thread::JoinHandle};
use tollgate_io::{Mailbox, Post};
use tollgate_ring::{
    BoundListener, Driver, Inbox, Outbox, RingDetached, RingIo, RingListener, ThreadSpec, Tuning, mailbox,
};
use tollgate_telemetry::{LogSink, WorkerMetrics};
use tollgate_worker::{Command, Handed, Loads, Offload, Parking, Peers, Probes, Program, Publication, Setup};

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
    pub(crate) neighbours: Neighbours,
    pub(crate) probes: Arc<Probes>,
}

/// What lets a worker and the others hand connections to each other, of clients and to upstreams.
pub(crate) struct Neighbours {
    loads: Arc<Loads>,
    /// By worker.
    outboxes: Vec<Outbox<Handed<RingDetached>>>,
    inbox: Inbox<Handed<RingDetached>>,
    parking: Arc<Parking<RingDetached>>,
}

impl Neighbours {
    /// For each of `workers` workers.
    pub(crate) fn of(workers: usize) -> io::Result<Vec<Self>> {
        let (loads, parking) = (Loads::new(workers), Parking::new(workers));
        let mailboxes = iter::repeat_with(|| mailbox(HANDED_MAX)).take(workers).collect::<io::Result<Vec<_>>>()?;
        let (outboxes, inboxes): (Vec<_>, Vec<_>) = mailboxes.into_iter().unzip();
        let each = |inbox| Self { loads: loads.clone(), outboxes: outboxes.clone(), inbox, parking: parking.clone() };
        Ok(inboxes.into_iter().map(each).collect())
    }
}

/// Starts the worker; returns when it has taken its parts.
pub(crate) fn launch(parts: WorkerParts, aside: Aside) -> io::Result<JoinHandle<()>> {
    let tuning = &parts.program.snapshot().tuning.fixed;
    let spec = ThreadSpec {
        name: format!("tollgate-{}", parts.index),
        cpu: Some(parts.cpu),
        driver: parts.driver,
        buffers_kept: tuning.buffers_kept,
        tuning: Tuning {
            ring_entries: tuning.ring_entries,
            buffer_bytes: tuning.buffer_bytes,
            turn_tasks: tuning.turn_budget,
            task_transfers: tuning.task_budget,
            spin: tuning.spin,
        },
    };
    tollgate_ring::launch(spec, |io| {
        let (answers, done) = (aside.answers.into_mailbox(&io)?, aside.done.into_mailbox(&io)?);
        let (setup, inbox, handed) = take(io, parts, aside.offload)?;
        Ok(tollgate_worker::run(setup, inbox, handed, answers, done))
    })
}

/// Hands sockets and mailboxes to the runtime of the calling thread.
fn take(
    io: RingIo,
    parts: WorkerParts,
    offload: Arc<dyn Offload>,
) -> io::Result<(Setup<RingIo>, impl Mailbox<Command<RingListener>> + use<>, impl Mailbox<Handed<RingDetached>> + use<>)>
{
    let Neighbours { loads, outboxes, inbox: handed, parking } = parts.neighbours;
    let inbox = Commands { inbox: parts.inbox.into_mailbox(&io)?, io: io.clone() };
    let listeners = take_sockets(&io, parts.listeners)?;
    let handed = handed.into_mailbox(&io)?;
    let posts = outboxes.into_iter().map(|outbox| Box::new(outbox) as Box<dyn Post<_>>).collect();
    let peers = Peers::new(parts.index, loads, posts);
    let WorkerParts { program, metrics, log, probes, .. } = parts;
    Ok((Setup { io, program, listeners, metrics, log, peers, parking, offload, probes }, inbox, handed))
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
            Command::HandOver => Command::HandOver,
            Command::Stop => Command::Stop,
            Command::Ping(answer) => Command::Ping(answer),
            Command::Publish(Publication { program, listeners, moved, taken }) => {
                let listeners = take_sockets(&self.io, listeners).unwrap_or_else(|error| {
                    eprintln!("tollgate: a worker cannot take a new listener: {error}");
                    Vec::new()
                });
                Command::Publish(Publication { program, listeners, moved, taken })
            }
        })
    }
}
