//! A blocking HTTP/1.1 client with just what the measurements need: GET and PUT over one keep-alive connection.
//!
//! Answers must carry a Content-Length. Bodies pass through one block of memory and are checked byte by byte against the
//! origin's pattern; nothing is stored.

use crate::{answer, interrupt};
use anyhow::{Result, ensure};
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::{Arc, LazyLock},
    time::Duration,
};
use tollgate_loadtest::body_byte;

/// Longest silence of a gateway.
const PATIENCE: Duration = Duration::from_secs(10);

/// Most bytes moved by one call.
const BLOCK_BYTES: usize = 256 * 1024;

/// The origin's pattern repeats within this many bytes.
const PERIOD_BYTES: usize = 64;

/// Longest report of an upload.
const REPORT_BYTES_MAX: u64 = 8 * 1024;

/// What the origin sends, from any byte of its period on.
static PATTERN: LazyLock<Vec<u8>> = LazyLock::new(|| (0..(BLOCK_BYTES + PERIOD_BYTES) as u64).map(body_byte).collect());

/// One connection.
pub(crate) struct Client {
    stream: Box<dyn Stream>,
    /// A header field of every request, with its end of line; or nothing.
    field: String,
}

/// Plain or in TLS.
trait Stream: Read + Write {}

impl<T: Read + Write> Stream for T {}

impl Client {
    pub(crate) fn connect(to: SocketAddr) -> Result<Self> {
        Ok(Self::over(dial(to)?))
    }

    /// The same over TLS.
    pub(crate) fn connect_secure(to: SocketAddr, config: Arc<ClientConfig>) -> Result<Self> {
        let session = ClientConnection::new(config, "localhost".try_into()?)?;
        Ok(Self::over(StreamOwned::new(session, dial(to)?)))
    }

    fn over(stream: impl Stream + 'static) -> Self {
        Self { stream: Box::new(stream), field: String::new() }
    }

    /// The same with a header field in every request.
    pub(crate) fn with_field(self, field: Option<(&str, &str)>) -> Self {
        Self { field: field.map_or_else(String::new, |(name, value)| format!("{name}: {value}\r\n")), ..self }
    }

    /// GETs `/bytes/length`, checks every byte, and tells `progress` how many bytes came.
    pub(crate) fn download(&mut self, length: u64, progress: impl FnMut(u64)) -> Result<()> {
        self.fetch("localhost", &format!("/bytes/{length}"), length, progress).map(drop)
    }

    /// GETs a path that answers as `/bytes/length` does; says what the field `name` of the answer is, if it has one.
    pub(crate) fn field_of(&mut self, path: &str, length: u64, name: &str) -> Result<Option<String>> {
        let head = self.fetch("localhost", path, length, |_| {})?;
        let mut fields = head.lines().filter_map(|line| line.split_once(':'));
        Ok(fields.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned()))
    }

    /// GETs what answers as `/bytes/length` does, and returns the head of the answer.
    pub(crate) fn fetch(
        &mut self,
        host: &str,
        path: &str,
        length: u64,
        mut progress: impl FnMut(u64),
    ) -> Result<String> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{}\r\n", self.field);
        self.stream.write_all(request.as_bytes())?;
        let Head { text, length: told, first } = self.head()?;
        ensure!(told == length, "asked for {length} bytes and was told {told}");
        let mut seen = 0_u64;
        let mut judge = |bytes: &[u8]| -> Result<u64> {
            let from = seen as usize % PERIOD_BYTES;
            ensure!(bytes == &PATTERN[from..from + bytes.len()], "wrong bytes after byte {seen}");
            seen += bytes.len() as u64;
            progress(bytes.len() as u64);
            Ok(seen)
        };
        let mut received = judge(&first)?;
        let mut block = if received < length { vec![0; BLOCK_BYTES] } else { Vec::new() };
        while received < length {
            interrupt::check()?;
            let room = usize::try_from(length - received).unwrap_or(usize::MAX).min(block.len());
            let count = self.stream.read(&mut block[..room])?;
            ensure!(count > 0, "the gateway closed after {received} of {length} bytes");
            received = judge(&block[..count])?;
        }
        Ok(text)
    }

    /// PUTs `length` bytes to `/upload` and compares the origin's count and checksum with its own.
    pub(crate) fn upload(&mut self, length: u64, mut progress: impl FnMut(u64)) -> Result<()> {
        let head = format!("PUT /upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n");
        self.stream.write_all(head.as_bytes())?;
        let (mut checksum, mut left) = (crc32fast::Hasher::new(), length);
        while left > 0 {
            interrupt::check()?;
            let piece = &PATTERN[..usize::try_from(left).unwrap_or(usize::MAX).min(BLOCK_BYTES)];
            self.stream.write_all(piece)?;
            checksum.update(piece);
            left -= piece.len() as u64;
            progress(piece.len() as u64);
        }
        let expected = format!("{{\"bytes\":{length},\"crc32\":\"{:08x}\"}}\n", checksum.finalize());
        let Head { length: told, first: mut body, .. } = self.head()?;
        ensure!(told < REPORT_BYTES_MAX, "a report of {told} bytes");
        let had = body.len();
        body.resize(told as usize, 0);
        self.stream.read_exact(&mut body[had..])?;
        ensure!(body == expected.as_bytes(), "sent {expected} and the origin saw {}", body.escape_ascii());
        Ok(())
    }

    /// Reads the head of a 200.
    fn head(&mut self) -> Result<Head> {
        let mut bytes = Vec::new();
        let length = loop {
            if let Some(length) = answer::length(&bytes)? {
                break length;
            }
            let held = bytes.len();
            bytes.resize(held + 4096, 0);
            let count = self.stream.read(&mut bytes[held..])?;
            bytes.truncate(held + count);
            ensure!(count > 0, "the gateway closed instead of answering");
        };
        let first = bytes.split_off(length.head);
        Ok(Head { text: String::from_utf8(bytes)?, length: length.body, first })
    }
}

/// The head of an answer.
struct Head {
    text: String,
    /// Of the body.
    length: u64,
    /// What of the body came with it.
    first: Vec<u8>,
}

fn dial(to: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&to, PATIENCE)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tollgate_loadtest::{Origin, OriginConfig};

    #[test]
    fn bodies_go_both_ways_and_are_checked() {
        let origin = Origin::start(OriginConfig::default()).unwrap();
        let mut client = Client::connect(origin.address()).unwrap();
        for length in [0, 1024, 3_000_001] {
            let mut seen = 0;
            client.download(length, |count| seen += count).unwrap();
            assert_eq!(seen, length);
            client.upload(length, |_| {}).unwrap();
        }
        assert_eq!(origin.counts().connections, 1);
    }

    #[test]
    fn wrong_bytes_are_an_error() {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let mut client = Client::connect(listener.local_addr().unwrap()).unwrap();
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n01x3";
        listener.accept().unwrap().0.write_all(answer).unwrap();
        assert!(client.download(4, |_| {}).is_err());
    }
}
