//! A blocking HTTP/1.1 client for what is managed: any method, any status, JSON or a form, over one keep-alive connection.
//!
//! Answers carry a Content-Length or no body; one of another form is an error.

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;
use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

/// Longest silence.
const PATIENCE: Duration = Duration::from_secs(60);
const HEAD_BYTES_MAX: usize = 64 << 10;

/// An answer.
pub(super) struct Reply {
    pub(super) status: u16,
    /// The head, as it came.
    pub(super) head: String,
    pub(super) body: Vec<u8>,
}

impl Reply {
    /// Reads one.
    pub(super) fn read(stream: &mut TcpStream) -> Result<Self> {
        let mut bytes = Vec::new();
        let end = loop {
            if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                break at;
            }
            ensure!(bytes.len() < HEAD_BYTES_MAX, "the head of the answer does not end");
            ensure!(fill(stream, &mut bytes)? > 0, "closed instead of answering");
        };
        let head = std::str::from_utf8(&bytes[..end]).context("a head that is no text")?.to_owned();
        let mut body = bytes.split_off(end + 4);
        let reply = Self { status: status(&head)?, head, body: Vec::new() };
        let length = reply.field("content-length").map_or(Ok(0), str::parse::<usize>)?;
        while body.len() < length {
            ensure!(fill(stream, &mut body)? > 0, "closed inside of an answer");
        }
        Ok(Self { body, ..reply })
    }

    /// The first field of this name.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        let mut fields = self.head.lines().filter_map(|line| line.split_once(':'));
        fields.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

fn fill(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> Result<usize> {
    let mut block = [0; 16 << 10];
    let count = stream.read(&mut block)?;
    bytes.extend_from_slice(&block[..count]);
    Ok(count)
}

fn status(head: &str) -> Result<u16> {
    let status = head.split(' ').nth(1).context("an answer without a status")?;
    Ok(status.parse()?)
}

/// A connection to the admin API, as whom the token is of.
pub(super) struct Admin {
    stream: TcpStream,
    token: String,
}

impl Admin {
    pub(super) fn connect(address: SocketAddr, token: &str) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { stream, token: token.to_owned() })
    }

    /// Sends a request; gives the status and the JSON that comes back, `null` if there is none.
    pub(super) fn ask(&mut self, method: &str, path: &str, body: &Value) -> Result<(u16, Value)> {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let (token, length) = (&self.token, body.len());
        let request = format!(
            "{method} /api/v1{path} HTTP/1.1\r\nHost: admin\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        self.stream.write_all(request.as_bytes())?;
        let reply = Reply::read(&mut self.stream)?;
        let value = if reply.body.is_empty() { Value::Null } else { serde_json::from_slice(&reply.body)? };
        Ok((reply.status, value))
    }

    /// The same of a request that has to be done.
    pub(super) fn done(&mut self, method: &str, path: &str, body: &Value) -> Result<Value> {
        let (status, answer) = self.ask(method, path, body)?;
        if !(200..300).contains(&status) {
            bail!("{method} {path}: {status} {answer}");
        }
        Ok(answer)
    }

    pub(super) fn get(&mut self, path: &str) -> Result<Value> {
        self.done("GET", path, &Value::Null)
    }
}
