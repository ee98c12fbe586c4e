//! A TCP stream on the thread's runtime: the seam's `Stream` over monoio's.
//!
//! Buffers and slices of a transfer belong to its operation until it completes; that is what the unsafe code here rests
//! on. At most one receive and one send are in flight, which the caller answers for. No timeouts, no retries.

use super::EpollIo;
use crate::system;
use monoio::{
    buf::{IoBuf, IoBufMut, IoVecBuf},
    io::{AsyncReadRent, AsyncWriteRent},
    net::TcpStream,
};
use std::{
    cell::{RefCell, UnsafeCell},
    io,
    net::SocketAddr,
    os::fd::{AsRawFd, RawFd},
};
use tollgate_io::{Buffer, Half, Io, PIECES_MAX, Peek, SendList, Stream};

/// A connected TCP stream.
pub(crate) struct EpollStream {
    /// monoio takes `&mut` for transfers; see [`EpollStream::tcp`].
    tcp: UnsafeCell<TcpStream>,
    peer: SocketAddr,
    io: EpollIo,
}

impl EpollStream {
    pub(super) const fn new(tcp: TcpStream, peer: SocketAddr, io: EpollIo) -> Self {
        Self { tcp: UnsafeCell::new(tcp), peer, io }
    }

    /// The stream, to start one operation with.
    #[expect(
        clippy::mut_from_ref,
        reason = "see the safety comment: the reference does not outlive the call it is for"
    )]
    fn tcp(&self) -> &mut TcpStream {
        // SAFETY: the stream never leaves its thread, and every caller uses the reference only to start an operation or
        // to read the descriptor; monoio's operations hold a counted handle to the descriptor and their own buffer, not
        // this reference, so no two uses of it overlap in time.
        unsafe { &mut *self.tcp.get() }
    }

    fn fd(&self) -> RawFd {
        self.tcp().as_raw_fd()
    }
}

impl Stream for EpollStream {
    async fn recv(&self, into: Option<Buffer>) -> io::Result<Buffer> {
        let buffer = match into {
            Some(buffer) => buffer,
            None => {
                self.readable().await?;
                self.io.buffers().take()
            }
        };
        let (result, RecvBuffer(buffer)) = self.tcp().read(RecvBuffer(buffer)).await;
        result.map(|_| buffer)
    }

    async fn send(&self, list: SendList) -> (io::Result<usize>, SendList) {
        let (result, mut list) = if list.slices().len() > 1 {
            let (result, gather) = self.tcp().writev(Gather::new(list)).await;
            (result, gather.finish())
        } else {
            let (result, Contiguous(list)) = self.tcp().write(Contiguous(list)).await;
            (result, list)
        };
        if let Ok(sent) = result {
            list.advance(sent);
        }
        (result, list)
    }

    async fn readable(&self) -> io::Result<()> {
        self.tcp().readable(false).await
    }

    fn has_news(&self) -> bool {
        true
    }

    fn peek(&self) -> Peek {
        system::peek(self.fd())
    }

    fn shutdown(&self, half: Half) {
        system::shutdown(self.fd(), Some(half));
    }

    fn abort(&self) {
        system::shutdown(self.fd(), None);
    }

    fn peer(&self) -> SocketAddr {
        self.peer
    }
}

/// The spare room of a buffer, lent to the kernel.
struct RecvBuffer(Buffer);

// SAFETY: the storage is on the heap and is not reallocated while the operation owns the buffer, so pointer and length
// stay valid until it completes; `set_init` is called with what the kernel wrote, at most `bytes_total`.
unsafe impl IoBufMut for RecvBuffer {
    fn write_ptr(&mut self) -> *mut u8 {
        self.0.spare_mut().as_mut_ptr()
    }

    fn bytes_total(&mut self) -> usize {
        self.0.spare_len()
    }

    unsafe fn set_init(&mut self, count: usize) {
        self.0.grow(count);
    }
}

/// The one piece that is left of a list, lent to the kernel.
struct Contiguous(SendList);

// SAFETY: the piece lies in the heap storage of a buffer that the list owns, and neither is changed while the operation
// owns the list.
unsafe impl IoBuf for Contiguous {
    fn read_ptr(&self) -> *const u8 {
        self.0.first().as_ptr()
    }

    fn bytes_init(&self) -> usize {
        self.0.first().len()
    }
}

/// All pieces that are left of a list, lent to the kernel.
struct Gather {
    list: SendList,
    /// On the heap, since the operation may move before the kernel has read it.
    vectors: Box<[libc::iovec; PIECES_MAX]>,
    count: usize,
}

thread_local! {
    #[expect(clippy::vec_box, reason = "the kernel is given the address of a vector, so it must not move with the list")]
    /// Vectors of finished sends, so that a send allocates nothing. As many as sends were ever in flight at once.
    static VECTORS: RefCell<Vec<Box<[libc::iovec; PIECES_MAX]>>> = const { RefCell::new(Vec::new()) };
}

const EMPTY: libc::iovec = libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 };

impl Gather {
    fn new(list: SendList) -> Self {
        let mut vectors = VECTORS.with_borrow_mut(Vec::pop).unwrap_or_else(|| Box::new([EMPTY; PIECES_MAX]));
        let mut count = 0;
        for (vector, slice) in vectors.iter_mut().zip(list.slices()) {
            *vector = libc::iovec { iov_base: slice.as_ptr().cast_mut().cast(), iov_len: slice.len() };
            count += 1;
        }
        Self { list, vectors, count }
    }
    fn finish(self) -> SendList {
        VECTORS.with_borrow_mut(|vectors| vectors.push(self.vectors));
        self.list
    }
}

// SAFETY: the first `count` vectors point into the heap storage of buffers that `list` owns; list and vectors are owned
// by the operation until it completes, and neither is changed while it does.
unsafe impl IoVecBuf for Gather {
    fn read_iovec_ptr(&self) -> *const libc::iovec {
        self.vectors.as_ptr()
    }

    fn read_iovec_len(&self) -> usize {
        self.count
    }
}
