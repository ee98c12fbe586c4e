//! A request that changes a running gateway: one exchange over a connection to where it is managed.
//!
//! It counts as done when the answer is a 200 and whole.

use crate::answer;
use anyhow::{Context as _, Result, ensure};
use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// POSTs `body` to `path` of an address.
pub(crate) fn post(to: SocketAddr, path: &str, content_type: &str, body: &str) -> Result<()> {
    let mut stream = TcpStream::connect(to).with_context(|| format!("connecting to {to}"))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    exchange(&mut stream, &format!("POST {path} HTTP/1.1\r\nHost: {to}"), content_type, body)
}

/// A connection to the status socket of a Tollgate.
pub(crate) fn connect(socket: &Path) -> Result<UnixStream> {
    let stream = UnixStream::connect(socket).with_context(|| format!("connecting to {}", socket.display()))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// PATCHes the configuration of the Tollgate at the other end.
pub(crate) fn patch(stream: &mut (impl Read + Write), body: &str) -> Result<()> {
    exchange(stream, "PATCH /config HTTP/1.1\r\nHost: node", "application/json", body)
}

fn exchange(stream: &mut (impl Read + Write), head: &str, content_type: &str, body: &str) -> Result<()> {
    let length = body.len();
    let fields = format!("Content-Type: {content_type}\r\nContent-Length: {length}");
    stream.write_all(format!("{head}\r\n{fields}\r\n\r\n{body}").as_bytes())?;
    let mut received = Vec::new();
    let mut bytes = [0; 16 * 1024];
    loop {
        let count = stream.read(&mut bytes)?;
        ensure!(count > 0, "the connection was closed instead of an answer");
        received.extend_from_slice(&bytes[..count]);
        let refused = || format!("the change was refused: {}", String::from_utf8_lossy(&received));
        let length = answer::length(&received).with_context(refused)?;
        if length.is_some_and(|length| length.head as u64 + length.body <= received.len() as u64) {
            return Ok(());
        }
    }
}
