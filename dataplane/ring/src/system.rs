//! The few system calls std does not offer, each wrapped safely.

use rustix::{
    io::Errno,
    net::{RecvFlags, SendAncillaryBuffer, SendFlags, Shutdown},
};
use std::{
    io::{self, IoSlice},
    mem::size_of,
    os::fd::AsFd,
    time::Duration,
};
use tollgate_io::{Half, PIECES_MAX, Peek, SendList};

/// Pins the calling thread to one CPU.
pub(crate) fn pin_to(cpu: usize) -> io::Result<()> {
    if cpu >= libc::CPU_SETSIZE as usize {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("there is no CPU {cpu}")));
    }
    // SAFETY: `set` is a plain bit array owned by this frame; zero is its empty value, and `cpu` is within its size.
    let set = unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(cpu, &mut set);
        set
    };
    // SAFETY: the kernel reads `size_of(set)` bytes of `set`, which outlives the call. 0 means the calling thread.
    check(unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set) })
}

/// Keeps signals away from the calling thread: they belong to the main thread, and would interrupt the ring's wait.
pub(crate) fn block_signals() -> io::Result<()> {
    // SAFETY: `set` is initialized by sigfillset before it is read, and outlives both calls.
    let error = unsafe {
        let mut set = std::mem::MaybeUninit::uninit();
        libc::sigfillset(set.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_BLOCK, set.as_ptr(), std::ptr::null_mut())
    };
    if error == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(error)) }
}

/// Ends one or both directions of a socket; an error means that it is already broken, which is what was wanted.
pub(crate) fn shutdown(socket: impl AsFd, half: Option<Half>) {
    let how = match half {
        Some(Half::Read) => Shutdown::Read,
        Some(Half::Write) => Shutdown::Write,
        None => Shutdown::Both,
    };
    let _ = rustix::net::shutdown(socket, how);
}

/// Breaks a connection with a reset. A shutdown would send a FIN first, and the peer take that for a proper end; to connect
/// to nowhere sends the RST at once and wakes whoever waits (tcp(7), connect(2)). Should the kernel refuse it, closing resets.
pub(crate) fn reset(socket: impl AsFd) {
    let _ = rustix::net::sockopt::set_socket_linger(&socket, Some(Duration::ZERO));
    let _ = rustix::net::connect_unspec(&socket);
}

/// Looks at what a receive would find, without waiting and without taking it.
pub(crate) fn peek(socket: impl AsFd) -> Peek {
    match rustix::net::recv(socket, &mut [0_u8; 1], RecvFlags::PEEK | RecvFlags::DONTWAIT) {
        Ok((0, _)) => Peek::Finished,
        Ok(_) => Peek::Bytes,
        Err(Errno::WOULDBLOCK) => Peek::Silent,
        Err(_) => Peek::Broken,
    }
}

/// Takes up to `into.len()` bytes that have already arrived. Zero: the peer has finished.
pub(crate) fn take_arrived(socket: impl AsFd, into: &mut [u8]) -> io::Result<usize> {
    // Straight to the kernel: libc would make each call a point where the thread can be cancelled, a tenth of a
    // microsecond per request.
    Ok(rustix::net::recv(socket, into, RecvFlags::DONTWAIT)?.0)
}

/// Sends as much of `list` as there is room for now. A broken connection is an error, not a signal.
pub(crate) fn send_now(socket: impl AsFd, list: &SendList) -> io::Result<usize> {
    const FLAGS: SendFlags = SendFlags::DONTWAIT.union(SendFlags::NOSIGNAL);
    if list.slices().len() == 1 {
        return Ok(rustix::net::send(socket, list.first(), FLAGS)?);
    }
    let mut slices = [IoSlice::new(&[]); PIECES_MAX];
    let mut count = 0;
    for (slot, slice) in slices.iter_mut().zip(list.slices()) {
        *slot = IoSlice::new(slice);
        count += 1;
    }
    Ok(rustix::net::sendmsg(socket, &slices[..count], &mut SendAncillaryBuffer::default(), FLAGS)?)
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
