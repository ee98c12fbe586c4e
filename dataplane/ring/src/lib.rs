//! The seam on monoio: io_uring, or epoll where the kernel refuses it; pinning, sockets, preflight.
