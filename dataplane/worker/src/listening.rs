//! The listening sockets of a worker, and what their connections need to know of the listener behind them.
//!
//! A socket belongs to the task that accepts from it and is closed as soon as that ends; a connection keeps the
//! [`Listening`] it came by, which may be gone from the configuration by then: it ends with its next exchange. A listener
//! that gets another name, or that takes over the address of another, takes over the socket as well: what the kernel has
//! completed for it is served, which no other way can promise.

use crate::{Program, Publication, accept, bell::Bell, state::Worker};
use std::{
    cell::{Cell, RefCell},
    net::SocketAddr,
    rc::Rc,
};
use tollgate_io::{Io, Listener};

/// What the connections of one listener know of it.
pub(crate) struct Listening {
    /// In the snapshots that have it.
    pub(crate) slot: u32,
    /// Where it is counted.
    pub(crate) figures: u32,
    pub(crate) name: String,
    closed: Cell<bool>,
}

impl Listening {
    fn new(program: &Program, slot: u32) -> Rc<Self> {
        let name = program.snapshot.listeners.get(slot).map(|listener| listener.name.clone()).unwrap_or_default();
        Rc::new(Self { slot, figures: program.listener_figures(slot), name, closed: Cell::new(false) })
    }

    /// Whether it takes no connections any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.get()
    }
}

/// One listening socket, and whose it is.
pub(crate) struct Socket<L> {
    pub(crate) listener: L,
    listening: RefCell<Rc<Listening>>,
    /// Rung when it is closed for the kernel, too.
    gone: Rc<Bell>,
}

impl<L: Listener> Socket<L> {
    /// The listener whose connections it takes now.
    pub(crate) fn listening(&self) -> Rc<Listening> {
        self.listening.borrow().clone()
    }

    /// Takes connections for another listener from now on.
    fn pass_to(&self, listening: Rc<Listening>) {
        self.listening.replace(listening).closed.set(true);
    }

    /// Takes no more connections than those that the kernel has completed.
    fn close(&self) {
        if !self.listening.borrow().closed.replace(true) {
            self.listener.close();
        }
    }

    /// Takes no more connections: those that wait are for another process, which has the socket too.
    fn release(&self) {
        if !self.listening.borrow().closed.replace(true) {
            self.listener.release();
        }
    }

    /// Closes it for the kernel.
    pub(crate) fn end(this: Rc<Self>) {
        let gone = this.gone.clone();
        drop(this);
        gone.ring();
    }
}

impl<I: Io> Worker<I> {
    /// Takes connections from these sockets as well.
    pub(crate) fn listen(self: &Rc<Self>, sockets: Vec<(u32, I::Listener)>) {
        let program = self.program();
        for (slot, listener) in sockets {
            let listening = RefCell::new(Listening::new(&program, slot));
            let socket = Rc::new(Socket { listener, listening, gone: Rc::default() });
            self.sockets.borrow_mut().push(socket.clone());
            if self.is_draining() {
                socket.close();
            }
            self.io.spawn(accept::accept(self.clone(), socket));
        }
    }

    /// Opens, passes on and closes sockets as a publication says; then tells that it is taken.
    pub(crate) fn rearrange(self: &Rc<Self>, publication: Publication<I::Listener>) {
        let Publication { program, listeners, moved, taken } = publication;
        let closed = self.close_sockets(|socket| {
            let slot = socket.listening().slot;
            let is_replaced =
                moved.iter().map(|(_, to)| to).chain(listeners.iter().map(|(new, _)| new)).any(|new| *new == slot);
            match moved.iter().find(|(from, _)| *from == slot) {
                Some((_, to)) => socket.pass_to(Listening::new(&program, *to)),
                None => return is_replaced || program.snapshot.listeners.get(slot).is_none(),
            }
            false
        });
        self.listen(listeners);
        if closed.is_empty() {
            return taken();
        }
        self.io.spawn(async move {
            for gone in closed {
                gone.wait().await;
            }
            taken();
        });
    }

    /// The listener of this name, or else the one at this address, if it takes connections, or did when they were handed over.
    pub(crate) fn listening(&self, name: &str, address: SocketAddr) -> Option<Rc<Listening>> {
        let sockets = self.sockets.borrow();
        let named = sockets.iter().find(|socket| socket.listening.borrow().name == name);
        named
            .or_else(|| sockets.iter().find(|socket| socket.listener.local() == address))
            .map(|socket| socket.listening())
            .or_else(|| self.released.borrow().iter().find(|listening| listening.name == name).cloned())
    }

    /// Leaves all sockets to another process. A connection that comes from another worker may still be of one of them.
    pub(crate) fn release_sockets(&self) {
        let released = self.sockets.take();
        self.released.replace(released.iter().map(|socket| socket.listening()).collect());
        released.iter().for_each(|socket| socket.release());
    }

    /// Closes some sockets; what rings when each is gone.
    pub(crate) fn close_sockets(&self, which: impl Fn(&Socket<I::Listener>) -> bool) -> Vec<Rc<Bell>> {
        let mut closed = Vec::new();
        self.sockets.borrow_mut().retain(|socket| {
            let goes = which(socket);
            if goes {
                socket.close();
                closed.push(socket.gone.clone());
            }
            !goes
        });
        closed
    }
}
