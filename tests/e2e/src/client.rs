//! A plain HTTP/1.1 client that sends exactly the bytes it is given.
//!
//! It reads responses simply and trusts them no more than it must: a malformed one is a panic with the bytes in it. It
//! blocks, with a deadline on every read.

use crate::wait::DEADLINE;
use std::{
    io::{ErrorKind, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    time::Duration,
};

/// A connection and what was received on it ahead of the reader.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    ahead: Vec<u8>,
}

/// A response, whole.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Names in lower case, and values, in order.
    pub fields: Vec<(String, String)>,
    /// The content, without its framing.
    pub body: Vec<u8>,
    /// Trailer fields, as `fields`.
    pub trailers: Vec<(String, String)>,
}

impl Response {
    /// The value of a field given in lower case; the first if there are several.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// One GET on a connection of its own.
///
/// # Panics
/// If there is no response.
#[must_use]
pub fn get(address: SocketAddr, target: &str) -> Response {
    let mut connection = Connection::open(address);
    connection.send(format!("GET {target} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"));
    connection.response()
}

/// One GET on a connection of its own, with more `fields`, each with its line end.
///
/// # Panics
/// If there is no response.
#[must_use]
pub fn ask(address: SocketAddr, target: &str, fields: &str) -> Response {
    let mut connection = Connection::open(address);
    connection.send(format!("GET {target} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n{fields}\r\n"));
    connection.response()
}

impl Connection {
    /// Connects.
    ///
    /// # Panics
    /// If it is refused.
    #[must_use]
    pub fn open(address: SocketAddr) -> Self {
        let stream =
            TcpStream::connect_timeout(&address, DEADLINE).unwrap_or_else(|error| panic!("{address}: {error}"));
        stream.set_read_timeout(Some(DEADLINE)).expect("the deadline is not zero");
        stream.set_write_timeout(Some(DEADLINE)).expect("the deadline is not zero");
        stream.set_nodelay(true).expect("a TCP socket has the option");
        Self { stream, ahead: Vec::new() }
    }

    /// Sends bytes.
    ///
    /// # Panics
    /// If the peer does not take them.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).expect("the peer takes what is sent");
    }

    /// Sends bytes that the peer may refuse to take to the end.
    pub fn send_if_taken(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(bytes.as_ref());
    }

    /// Finishes sending.
    ///
    /// # Panics
    /// If the connection is gone.
    pub fn finish(&mut self) {
        self.stream.shutdown(Shutdown::Write).expect("the connection is open");
    }

    /// The response to a GET or POST.
    ///
    /// # Panics
    /// If there is none, or it is malformed.
    pub fn response(&mut self) -> Response {
        let mut response = self.head();
        let content = |fields: &Response, name| fields.field(name).map(str::to_owned);
        if content(&response, "transfer-encoding").is_some_and(|coding| coding == "chunked") {
            self.read_chunks(&mut response);
        } else if let Some(length) = content(&response, "content-length") {
            response.body = self.take(length.parse().expect("Content-Length is a number"));
        } else if !matches!(response.status, 100..200 | 204 | 304) {
            response.body = self.rest();
        }
        response
    }

    /// The next head, of a response without a body as to HEAD or with one that the caller reads.
    ///
    /// # Panics
    /// If there is none, or it is malformed.
    pub fn head(&mut self) -> Response {
        let line = self.line();
        let status = line.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok());
        let status = status.unwrap_or_else(|| panic!("no status line: {line:?}"));
        Response { status, fields: self.fields(), ..Response::default() }
    }

    /// Exactly `count` bytes.
    ///
    /// # Panics
    /// If the peer finishes before.
    pub fn take(&mut self, count: usize) -> Vec<u8> {
        while self.ahead.len() < count {
            assert!(self.fill(), "finished after {} of {count} bytes", self.ahead.len());
        }
        self.ahead.drain(..count).collect()
    }

    /// All that comes until the peer finishes.
    ///
    /// # Panics
    /// If it does not.
    pub fn rest(&mut self) -> Vec<u8> {
        while self.fill() {}
        std::mem::take(&mut self.ahead)
    }

    /// Whether the peer has closed, or does so in time, without sending any more.
    pub fn is_closed(&mut self) -> bool {
        self.rest().is_empty()
    }

    /// Whether the connection is open and silent right now.
    ///
    /// # Panics
    /// If the socket is gone.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.stream.set_read_timeout(Some(Duration::from_millis(1))).expect("not zero");
        let found = self.stream.peek(&mut [0]);
        self.stream.set_read_timeout(Some(DEADLINE)).expect("not zero");
        found.is_err_and(|error| matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut))
    }

    fn read_chunks(&mut self, response: &mut Response) {
        loop {
            let line = self.line();
            let size = line.split(';').next().and_then(|size| usize::from_str_radix(size, 16).ok());
            let size = size.unwrap_or_else(|| panic!("no chunk size: {line:?}"));
            if size == 0 {
                response.trailers = self.fields();
                return;
            }
            response.body.extend(self.take(size));
            assert_eq!(self.line(), "", "a chunk ends where it says");
        }
    }

    fn fields(&mut self) -> Vec<(String, String)> {
        let mut fields = Vec::new();
        loop {
            let line = self.line();
            if line.is_empty() {
                return fields;
            }
            let (name, value) = line.split_once(':').unwrap_or_else(|| panic!("no field: {line:?}"));
            fields.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
    }

    fn line(&mut self) -> String {
        loop {
            if let Some(at) = self.ahead.windows(2).position(|pair| pair == b"\r\n") {
                let line = self.ahead.drain(..at + 2).collect::<Vec<_>>();
                return String::from_utf8_lossy(&line[..at]).into_owned();
            }
            assert!(self.fill(), "finished in a line: {:?}", String::from_utf8_lossy(&self.ahead));
        }
    }

    /// Receives more; false when the peer has finished. A reset counts as finished.
    fn fill(&mut self) -> bool {
        let mut block = [0; 64 * 1024];
        match self.stream.read(&mut block) {
            Ok(count) => {
                self.ahead.extend_from_slice(&block[..count]);
                count > 0
            }
            Err(error) if error.kind() == ErrorKind::ConnectionReset => false,
            Err(error) => panic!("{error} after {:?}", String::from_utf8_lossy(&self.ahead)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tollgate_loadtest::{Origin, OriginConfig};

    #[test]
    fn responses_are_read_in_every_framing() {
        let origin = Origin::start(OriginConfig::default()).unwrap();
        let sized = get(origin.address(), "/bytes/100000");
        assert_eq!((sized.status, sized.body.len()), (200, 100_000));
        assert_eq!(get(origin.address(), "/until-close/100000").body, sized.body);
        let trailed = get(origin.address(), "/trailers/100000");
        assert_eq!((trailed.body, trailed.trailers.is_empty()), (sized.body, false));
        let mut connection = Connection::open(origin.address());
        connection.send("HEAD /bytes/5 HTTP/1.1\r\nHost: test\r\n\r\n");
        assert_eq!(connection.head().field("content-length"), Some("5"));
        assert!(connection.is_open(), "nothing follows a head");
    }
}
