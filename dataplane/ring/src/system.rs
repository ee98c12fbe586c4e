//! The few system calls std does not offer, each wrapped safely.

use std::{io, mem::size_of, os::fd::RawFd};
use tollgate_io::{Half, Peek};

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
pub(crate) fn shutdown(fd: RawFd, half: Option<Half>) {
    let how = match half {
        Some(Half::Read) => libc::SHUT_RD,
        Some(Half::Write) => libc::SHUT_WR,
        None => libc::SHUT_RDWR,
    };
    // SAFETY: no memory is passed; the caller owns `fd` for the duration of the call.
    unsafe { libc::shutdown(fd, how) };
}

/// Looks at what a receive would find, without waiting and without taking it.
pub(crate) fn peek(fd: RawFd) -> Peek {
    let mut byte = 0_u8;
    // SAFETY: the kernel writes at most one byte to `byte`, which outlives the call; the caller owns `fd`.
    let got = unsafe { libc::recv(fd, (&raw mut byte).cast(), 1, libc::MSG_PEEK | libc::MSG_DONTWAIT) };
    match got {
        0 => Peek::Finished,
        1.. => Peek::Bytes,
        _ if io::Error::last_os_error().kind() == io::ErrorKind::WouldBlock => Peek::Silent,
        _ => Peek::Broken,
    }
}

/// Takes up to `into.len()` bytes that have already arrived. Zero: the peer has finished.
pub(crate) fn take_arrived(fd: RawFd, into: &mut [u8]) -> io::Result<usize> {
    // SAFETY: the kernel writes at most `into.len()` bytes to `into`, borrowed for the call; the caller owns `fd`.
    let got = unsafe { libc::recv(fd, into.as_mut_ptr().cast(), into.len(), libc::MSG_DONTWAIT) };
    usize::try_from(got).map_err(|_| io::Error::last_os_error())
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
