//! The node's status: a small HTTP/1.1 server on a thread that is pinned nowhere.
//!
//! It uses the same seam as the workers and keeps its rule: no transfer in flight is dropped. A deadline is a look at
//! all connections every [`STATUS_CHECK`] that aborts the overdue; the end closes the listener, aborts every connection
//! and waits for their tasks. At most [`STATUS_CONNECTIONS_MAX`] connections, a head of at most 8 KiB, no request body.
//! Runs on epoll whatever the workers use: a scrape now and then is not worth locked memory.

mod connection;
mod pages;

use crate::{
    figures::Figures,
    limits::{STATUS_ACCEPT_PAUSE, STATUS_BUFFERS_KEPT, STATUS_CHECK, STATUS_CONNECTIONS_MAX},
};
use connection::Connection;
use crossbeam::channel;
use pages::Pages;
use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    io,
    rc::Rc,
    sync::{Arc, atomic::AtomicBool},
    task::{Poll, Waker},
    thread::JoinHandle,
};
use tollgate_io::{Io, Listener, Mailbox, Stream};
use tollgate_ring::{BoundListener, Driver, Outbox, ThreadSpec, mailbox};
use tollgate_telemetry::Registry;

/// The running thread.
pub(crate) struct StatusThread {
    thread: JoinHandle<()>,
    end: Outbox<()>,
}

impl StatusThread {
    /// Ends the thread and waits for it.
    pub(crate) fn end(self) {
        // Full means that it has been told.
        let _ = self.end.send(());
        if self.thread.join().is_err() {
            eprintln!("tollgate: the thread of the status panicked");
        }
    }
}

/// Starts the thread; returns when it takes connections.
pub(crate) fn launch(
    listener: BoundListener,
    registry: Arc<Registry>,
    figures: Figures,
    draining: Arc<AtomicBool>,
) -> io::Result<StatusThread> {
    let (end, inbox) = mailbox(1)?;
    let spec = ThreadSpec {
        name: "tollgate-status".to_owned(),
        cpu: None,
        driver: Driver::Epoll,
        buffers_kept: STATUS_BUFFERS_KEPT,
    };
    let (started, outcome) = channel::bounded(1);
    let thread = tollgate_ring::launch(spec, move |io| async move {
        let taken = listener.into_listener(&io).and_then(|listener| Ok((listener, inbox.into_mailbox(&io)?)));
        // The receiver waits for exactly this message below.
        match taken {
            Ok((listener, inbox)) => {
                let _ = started.send(Ok(()));
                Rc::new(Server::new(io, listener, Pages { registry, figures, draining })).run(inbox).await;
            }
            Err(error) => drop(started.send(Err(error))),
        }
    })?;
    outcome.recv().unwrap_or_else(|_| Err(io::Error::other("the thread ended before it started")))?;
    Ok(StatusThread { thread, end })
}

/// What all tasks of the thread share.
struct Server<I: Io> {
    io: I,
    listener: I::Listener,
    pages: Pages,
    /// At most [`STATUS_CONNECTIONS_MAX`].
    connections: RefCell<Vec<Rc<Connection<I>>>>,
    ending: Cell<bool>,
    /// Tasks that may have a transfer in flight.
    tasks: Cell<usize>,
    /// Who waits for `tasks` to become 0.
    waiting: RefCell<Option<Waker>>,
}

impl<I: Io> Server<I> {
    fn new(io: I, listener: I::Listener, pages: Pages) -> Self {
        Self {
            io,
            listener,
            pages,
            connections: RefCell::default(),
            ending: Cell::new(false),
            tasks: Cell::new(0),
            waiting: RefCell::default(),
        }
    }

    /// Serves until there is a message in `inbox`, or nobody left who could send one.
    async fn run(self: Rc<Self>, inbox: impl Mailbox<()>) {
        let task = Task::begin(&self);
        self.io.spawn(async move { task.0.accept().await });
        self.io.spawn(self.clone().watch());
        inbox.receive().await;
        self.ending.set(true);
        self.listener.close();
        self.connections.borrow().iter().for_each(|connection| connection.stream.abort());
        self.tasks_ended().await;
    }

    async fn accept(self: &Rc<Self>) {
        while !self.ending.get() {
            match self.listener.accept().await {
                Ok(stream) if !self.ending.get() => self.admit(stream),
                Ok(_) => return,
                Err(_) if self.ending.get() => return,
                Err(_) => self.io.sleep_until(self.io.now() + STATUS_ACCEPT_PAUSE).await,
            }
        }
    }

    fn admit(self: &Rc<Self>, stream: I::Stream) {
        let mut connections = self.connections.borrow_mut();
        if connections.len() >= STATUS_CONNECTIONS_MAX {
            return;
        }
        let connection = Rc::new(Connection::new(self.io.clone(), stream));
        connections.push(connection.clone());
        let task = Task::begin(self);
        self.io.spawn(async move {
            connection.serve(&task.0.pages).await;
            task.0.connections.borrow_mut().retain(|open| !Rc::ptr_eq(open, &connection));
        });
    }

    /// Aborts what is overdue. Ends with the runtime: nothing but sleeping is in flight here.
    async fn watch(self: Rc<Self>) {
        loop {
            self.io.sleep_until(self.io.now() + STATUS_CHECK).await;
            let now = self.io.now();
            self.connections.borrow().iter().filter(|open| open.is_overdue(now)).for_each(|open| open.stream.abort());
        }
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
