//! The node's status: a small HTTP/1.1 server on a thread that is pinned nowhere.
//!
//! It uses the same seam as the workers and keeps its rule: no transfer in flight is dropped. A deadline is a look at
//! all connections every [`STATUS_CHECK`] that aborts the overdue; the end closes the listeners, aborts every connection
//! and waits for their tasks. At most [`STATUS_CONNECTIONS_MAX`] connections, a head of at most 8 KiB. What takes long
//! (judging a change, writing a report) is done on other threads. Runs on epoll whatever the workers use: a scrape now and
//! then is not worth locked memory.

mod access;
mod body;
mod config;
mod connection;
mod debugging;
mod desk;
mod grants;
mod offload;
mod pages;
mod quotas;
mod report;

use crate::{
    changes::{Changes, Live},
    limits::{STATUS_ACCEPT_PAUSE, STATUS_BUFFERS_KEPT, STATUS_CHECK, STATUS_CONNECTIONS_MAX},
    publish::Publisher,
    survival::Survival,
};
use access::Access;
use connection::Connection;
use desk::Desk;
use offload::Waiting;
use pages::Page;
use std::{
    cell::{Cell, RefCell},
    fs,
    future::poll_fn,
    io,
    path::PathBuf,
    rc::Rc,
    sync::Arc,
    task::{Poll, Waker},
    thread::JoinHandle,
};
use tollgate_io::{Io, Listener, Mailbox, Stream};
use tollgate_ring::{BoundListener, Driver, Outbox, ThreadSpec, Tuning, mailbox};
use tollgate_telemetry::Registry;

/// What other threads tell the thread of the status.
pub(crate) enum Message {
    /// To end.
    End,
    /// To leave its sockets to another process.
    Release,
    /// What a connection waits for.
    Answer { ticket: u64, page: Page },
}

/// Where it is served; one or both.
#[derive(Default)]
pub(crate) struct Listeners {
    pub(crate) network: Option<BoundListener>,
    pub(crate) socket: Option<(BoundListener, SocketFile)>,
}

/// The file of a Unix socket, which is removed in the end, unless another process listens at it then.
pub(crate) struct SocketFile(pub(crate) Option<PathBuf>);

impl Drop for SocketFile {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.0.take().map(fs::remove_file);
    }
}

impl Listeners {
    pub(crate) const fn is_empty(&self) -> bool {
        self.network.is_none() && self.socket.is_none()
    }
}

/// What the pages are about.
pub(crate) struct Subject {
    pub(crate) registry: Arc<Registry>,
    pub(crate) publisher: Arc<Publisher>,
    pub(crate) live: Arc<Live>,
    pub(crate) changes: Changes,
    pub(crate) survival: Survival,
}

/// The running thread.
pub(crate) struct StatusThread {
    thread: JoinHandle<()>,
    outbox: Outbox<Message>,
}

impl StatusThread {
    /// Leaves the sockets to another process; connections that are open are answered once more.
    pub(crate) fn release(&self) {
        let _ = self.outbox.send(Message::Release);
    }

    /// Ends the thread and waits for it.
    pub(crate) fn end(self) {
        // It has room for this one, another like it, and an answer to each connection.
        let _ = self.outbox.send(Message::End);
        if self.thread.join().is_err() {
            eprintln!("tollgate: the thread of the status panicked");
        }
    }
}

/// Starts the thread; returns when it takes connections.
pub(crate) fn launch(listeners: Listeners, subject: Subject) -> io::Result<StatusThread> {
    let (outbox, inbox) = mailbox(STATUS_CONNECTIONS_MAX + 2)?;
    let spec = ThreadSpec {
        name: "tollgate-status".to_owned(),
        cpu: None,
        driver: Driver::Epoll,
        buffers_kept: STATUS_BUFFERS_KEPT,
        tuning: Tuning::default(),
    };
    let waiting = outbox.clone();
    let thread = tollgate_ring::launch(spec, move |io| {
        let (socket, file) = listeners.socket.unzip();
        let ways = [(listeners.network, Access::Network), (socket, Access::Socket)];
        let bound = ways.into_iter().filter_map(|(bound, access)| Some((bound?, access)));
        let taken = bound.map(|(bound, access)| Ok((bound.into_listener(&io)?, access)));
        let (taken, inbox) = (taken.collect::<io::Result<_>>()?, inbox.into_mailbox(&io)?);
        Ok(async move {
            let desk = Desk::new(subject, Waiting::new(waiting));
            Rc::new(Server::new(io, taken, desk)).run(inbox, file).await;
        })
    })?;
    Ok(StatusThread { thread, outbox })
}

/// What all tasks of the thread share.
struct Server<I: Io> {
    io: I,
    listeners: Vec<(I::Listener, Access)>,
    desk: Desk,
    /// At most [`STATUS_CONNECTIONS_MAX`].
    connections: RefCell<Vec<Rc<Connection<I>>>>,
    ending: Cell<bool>,
    /// Another process accepts.
    released: Cell<bool>,
    /// Whether somebody looks at them every now and then.
    watching: Cell<bool>,
    /// Tasks that may have a transfer in flight.
    tasks: Cell<usize>,
    /// Who waits for `tasks` to become 0.
    waiting: RefCell<Option<Waker>>,
}

impl<I: Io> Server<I> {
    fn new(io: I, listeners: Vec<(I::Listener, Access)>, desk: Desk) -> Self {
        Self {
            io,
            listeners,
            desk,
            connections: RefCell::default(),
            ending: Cell::new(false),
            released: Cell::new(false),
            watching: Cell::new(false),
            tasks: Cell::new(0),
            waiting: RefCell::default(),
        }
    }

    /// Serves until it is told to end; then `file` is removed.
    async fn run(self: Rc<Self>, inbox: impl Mailbox<Message>, mut file: Option<SocketFile>) {
        for index in 0..self.listeners.len() {
            let task = Task::begin(&self);
            self.io.spawn(async move { task.0.accept(index).await });
        }
        loop {
            match inbox.receive().await {
                Some(Message::Answer { ticket, page }) => self.desk.waiting.take(ticket, page),
                Some(Message::Release) => {
                    // The path is that of a socket which the other process has.
                    file.iter_mut().for_each(|file| file.0 = None);
                    self.release();
                }
                Some(Message::End) | None => break,
            }
        }
        self.ending.set(true);
        self.desk.waiting.give_up();
        self.listeners.iter().for_each(|(listener, _)| listener.close());
        self.connections.borrow().iter().for_each(|connection| connection.stream.abort());
        self.tasks_ended().await;
    }

    /// Takes no more connections, and ends those that are open with their next answer.
    fn release(&self) {
        self.released.set(true);
        self.listeners.iter().for_each(|(listener, _)| listener.release());
        self.connections.borrow().iter().for_each(|connection| connection.be_last());
    }

    async fn accept(self: &Rc<Self>, index: usize) {
        let (listener, access) = &self.listeners[index];
        while !self.ending.get() && !self.released.get() {
            match listener.accept().await {
                Ok(stream) if !self.ending.get() => self.admit(stream, *access),
                Ok(_) => return,
                Err(_) if self.ending.get() || self.released.get() => return,
                Err(_) => self.io.sleep_until(self.io.now() + STATUS_ACCEPT_PAUSE).await,
            }
        }
    }

    fn admit(self: &Rc<Self>, stream: I::Stream, access: Access) {
        let mut connections = self.connections.borrow_mut();
        if connections.len() >= STATUS_CONNECTIONS_MAX {
            return;
        }
        let connection = Rc::new(Connection::new(self.io.clone(), stream, access));
        if self.released.get() {
            connection.be_last();
        }
        connections.push(connection.clone());
        if !self.watching.replace(true) {
            self.io.spawn(self.clone().watch());
        }
        let task = Task::begin(self);
        self.io.spawn(async move {
            connection.serve(&task.0.desk).await;
            task.0.connections.borrow_mut().retain(|open| !Rc::ptr_eq(open, &connection));
        });
    }

    /// Aborts what is overdue, for as long as there are connections: nobody is woken for none.
    async fn watch(self: Rc<Self>) {
        while !self.connections.borrow().is_empty() {
            self.io.sleep_until(self.io.now() + STATUS_CHECK).await;
            let now = self.io.now();
            self.connections.borrow().iter().filter(|open| open.is_overdue(now)).for_each(|open| open.stream.abort());
        }
        self.watching.set(false);
    }

    async fn tasks_ended(&self) {
        poll_fn(|cx| {
            if self.tasks.get() == 0 {
                return Poll::Ready(());
            }
            *self.waiting.borrow_mut() = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

/// Counts a task while it lives.
struct Task<I: Io>(Rc<Server<I>>);

impl<I: Io> Task<I> {
    fn begin(server: &Rc<Server<I>>) -> Self {
        server.tasks.set(server.tasks.get() + 1);
        Self(server.clone())
    }
}

impl<I: Io> Drop for Task<I> {
    fn drop(&mut self) {
        self.0.tasks.set(self.0.tasks.get() - 1);
        if self.0.tasks.get() == 0
            && let Some(waker) = self.0.waiting.take()
        {
            waker.wake();
        }
    }
}
