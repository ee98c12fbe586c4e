//! monoio on epoll: what carries the bytes where io_uring is refused, and always those of the status port.

mod stream;

use crate::{
    BoundListener, Inbox, Main, Runtime, ThreadSpec,
    clock::Clock,
    mailbox::{Bell, Receiver},
    system,
};
use monoio::{
    LegacyDriver, RuntimeBuilder,
    net::{TcpListener, TcpStream, UnixStream},
};
use std::{io, net::SocketAddr, os::fd::AsRawFd, rc::Rc};
use stream::EpollStream;
use tollgate_io::{BufferPool, Instant, Io, Listener, Wall};

/// Runs `main` to its end on the calling thread, once `ready` has said so.
pub(crate) fn run(spec: &ThreadSpec, main: impl Main, ready: impl FnOnce() -> bool) -> io::Result<()> {
    let mut runtime = RuntimeBuilder::<LegacyDriver>::new().enable_timer().build()?;
    let io = EpollIo(Rc::new(Shared { clock: Clock::start(), buffers: BufferPool::new(spec.buffers_kept) }));
    if ready() {
        runtime.block_on(main.main(io));
    }
    Ok(())
}

/// One thread's access to its runtime.
#[derive(Clone)]
pub(crate) struct EpollIo(Rc<Shared>);

struct Shared {
    clock: Clock,
    buffers: BufferPool,
}

impl Io for EpollIo {
    type Stream = EpollStream;
    type Listener = EpollListener;

    fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        // Detached: a task reports through what it owns.
        drop(monoio::spawn(task));
    }

    fn now(&self) -> Instant {
        self.0.clock.now()
    }

    fn wall(&self, at: Instant) -> Wall {
        self.0.clock.wall(at)
    }

    async fn sleep_until(&self, at: Instant) {
        monoio::time::sleep(at.since(self.now())).await;
    }

    fn entropy(&self) -> u64 {
        self.0.clock.entropy()
    }

    async fn connect(&self, to: SocketAddr) -> io::Result<EpollStream> {
        let stream = TcpStream::connect_addr(to).await?;
        stream.set_nodelay(true)?;
        Ok(EpollStream::new(stream, to, self.clone()))
    }

    fn buffers(&self) -> &BufferPool {
        &self.0.buffers
    }
}

impl Runtime for EpollIo {
    type Mailbox<M: Send + 'static> = Receiver<M, UnixStream>;

    fn listener(&self, bound: BoundListener) -> io::Result<EpollListener> {
        let local = bound.local();
        let socket = bound.into_socket();
        socket.set_nonblocking(true)?;
        Ok(EpollListener { tcp: TcpListener::from_std(socket.into())?, local, io: self.clone() })
    }

    fn mailbox<M: Send + 'static>(&self, inbox: Inbox<M>) -> io::Result<Self::Mailbox<M>> {
        let (queue, bell) = inbox.into_parts();
        bell.set_nonblocking(true)?;
        Ok(Receiver::new(queue, UnixStream::from_std(bell)?))
    }
}

impl Bell for UnixStream {
    async fn rung(&self) -> io::Result<()> {
        self.readable(false).await
    }

    fn silence(&self, into: &mut [u8]) -> io::Result<usize> {
        system::take_arrived(self.as_raw_fd(), into)
    }
}

/// A listening socket of one thread.
pub(crate) struct EpollListener {
    tcp: TcpListener,
    local: SocketAddr,
    io: EpollIo,
}

impl Listener for EpollListener {
    type Stream = EpollStream;

    async fn accept(&self) -> io::Result<EpollStream> {
        let (tcp, peer) = self.tcp.accept().await?;
        Ok(EpollStream::new(tcp, peer, self.io.clone()))
    }

    fn local(&self) -> SocketAddr {
        self.local
    }

    fn close(&self) {
        system::shutdown(self.tcp.as_raw_fd(), None);
    }
}
